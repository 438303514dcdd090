#include "ike/wire/structure.h"

namespace ipsec::wire {
namespace {

constexpr std::uint16_t kShortForm = 0x8000;  // the AF bit

}  // namespace

Structure read_structure(Reader& reader, std::string_view head_field,
                         std::string_view length_field) {
  constexpr std::size_t kHead = 4;
  const std::size_t start = reader.offset();
  const std::uint8_t first = reader.u8(head_field);
  const std::uint8_t second = reader.u8(head_field);
  const std::size_t length = reader.u16(head_field);
  if (length < kHead || length - kHead > reader.remaining()) {
    reader.fail_at(length_field, start + 2);
  }
  return {start, first, second, reader.sub(reader.ok() ? length - kHead : 0, length_field)};
}

bool more_follow(Reader& reader, const Structure& structure, std::uint8_t more,
                 std::string_view field) {
  if (structure.first != kLast && structure.first != more) {
    reader.fail_at(field, structure.start);
  }
  return structure.first == more;
}

ByteView read_counted(Reader& reader, std::string_view length_field) {
  const std::size_t start = reader.offset();
  const std::size_t length = reader.u16(length_field);
  if (length > reader.remaining()) reader.fail_at(length_field, start);
  return reader.bytes(length, length_field);
}

// RFC 2408 3.3, RFC 7296 3.3.5
//  |A|       Attribute Type        |    AF=0  Attribute Length     |
//  |F|                             |    AF=1  Attribute Value      |
//  |                   AF=0  Attribute Value                       |
Attribute read_attribute(Reader& reader) {
  const std::uint16_t type = reader.u16("transform attribute type");
  if ((type & kShortForm) == 0) {
    return {type, to_bytes(read_counted(reader, "transform attribute length"))};
  }
  return {static_cast<std::uint16_t>(type & ~kShortForm), reader.u16("transform attribute value")};
}

void write_attribute(Writer& writer, const Attribute& attribute) {
  if (attribute.type >= kShortForm) writer.fail("transform attribute type");
  if (const auto* number = std::get_if<std::uint16_t>(&attribute.value)) {
    writer.u16(attribute.type | kShortForm);
    writer.u16(*number);
    return;
  }
  const ByteView data = std::get<Bytes>(attribute.value);
  writer.u16(attribute.type);
  const auto length = writer.length_u16(writer.size() + 2, "transform attribute length");
  writer.bytes(data);
}

}  // namespace ipsec::wire
