#include "ike/wire/message.h"

#include <utility>

#include "ike/base/limits.h"
#include "ike/wire/payload_codec.h"

namespace ipsec::wire {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kVersionOffset = 17;
constexpr std::size_t kLengthOffset = 24;
constexpr std::size_t kPayloadHeaderSize = 4;
constexpr std::size_t kFragmentNumberSize = 4;

// RFC 7383 2.5
//  |        Fragment Number        |        Total Fragments        |
// Numbers run from 1 to the total. Only the first piece knows what the message begins with.
FragmentNumber read_fragment_number(Reader& body, const Structure& structure) {
  FragmentNumber which;
  const std::size_t start = body.offset();
  which.number = body.u16("fragment number");
  which.total = body.u16("fragment total");
  if (which.total == 0) body.fail_at("fragment total", start + 2);
  if (which.number == 0 || which.number > which.total) body.fail_at("fragment number", start);
  if (which.number > 1 && structure.first != 0) {
    body.fail_at("next payload of a later fragment", structure.start);
  }
  return which;
}

// RFC 7296 3.14, RFC 7383 2.5. The "next payload" of SK and SKF names the first one inside, so
// neither can be followed by another: it must be the last.
SealedBody read_sealed(Reader& reader, PayloadType type) {
  SealedBody sealed;
  Structure structure =
      read_structure(reader, "encrypted payload header", "encrypted payload length");
  sealed.first_inner = PayloadType{structure.first};
  if (type == PayloadType::encrypted_fragment) {
    sealed.fragment = read_fragment_number(structure.body, structure);
  }
  sealed.offset = structure.body.offset();
  reader.expect_end("bytes after the encrypted payload");
  return sealed;
}

// RFC 7296 3.2. The critical bit of payloads we understand is ignored (2.5); for the others it is
// kept, since who reads the message must refuse it whole.
PayloadType read_payload(Reader& reader, PayloadType type, Payloads& payloads) {
  if (payloads.size() == limits::kPayloadsPerMessage) reader.fail("payload count");
  Structure structure = read_structure(reader, "payload header", "payload length");
  Reader& body = structure.body;
  payloads.push_back(parse_payload(type, (structure.second & kCriticalBit) != 0, body));
  body.expect_end("bytes inside the payload");
  return PayloadType{structure.first};
}

// Reads payloads up to the end or to a sealed one, whose type it returns.
PayloadType read_clear_payloads(Reader& reader, PayloadType first, Payloads& payloads) {
  PayloadType type = first;
  while (reader.ok() && type != PayloadType::none && !is_sealed(type)) {
    type = read_payload(reader, type, payloads);
  }
  return type;
}

void check_header(Writer& writer, const Header& header) {
  if (header.major_version != kVersion) writer.fail("major version");
}

// Room for the bodies most messages have, to spare the vector its first steps.
constexpr std::size_t kTypicalSize = 1024;

void write_payloads(Writer& writer, std::span<const Payload> payloads) {
  if (payloads.size() > limits::kPayloadsPerMessage) writer.fail("payload count");
  while (!payloads.empty()) {
    write_payload(writer, first_type(payloads.subspan(1)), payloads.front());
    payloads = payloads.subspan(1);
  }
}

}  // namespace

std::expected<Message, Malformed> parse_message(ByteView datagram) {
  const auto header = parse_header(datagram);
  if (!header) return std::unexpected(header.error());
  Reader reader(datagram);
  reader.skip(kHeaderSize, "header");
  if (header->length != datagram.size() || datagram.size() > limits::kMessageBytes) {
    reader.fail_at("message length", kLengthOffset);
  }
  if (header->major_version != kVersion) reader.fail_at("major version", kVersionOffset);

  Message message{.header = *header, .payloads = {}, .sealed = {}};
  const PayloadType type = read_clear_payloads(reader, header->next_payload, message.payloads);
  if (is_sealed(type)) message.sealed = read_sealed(reader, type);
  reader.expect_end("bytes after the last payload");
  if (const auto status = reader.status(); !status) return std::unexpected(status.error());
  return message;
}

std::expected<Payloads, Malformed> parse_chain(PayloadType first, ByteView bytes) {
  Reader reader(bytes);
  if (bytes.size() > limits::kReassembledBytes) reader.fail("length of the payload chain");
  Payloads payloads;
  const PayloadType type = read_clear_payloads(reader, first, payloads);
  if (is_sealed(type)) reader.fail("encrypted payload inside a payload chain");
  reader.expect_end("bytes after the last payload");
  if (const auto status = reader.status(); !status) return std::unexpected(status.error());
  return payloads;
}

std::expected<Bytes, Misuse> write_message(const Header& header,
                                           std::span<const Payload> payloads) {
  Writer writer(kTypicalSize);
  check_header(writer, header);
  Header complete = header;
  complete.next_payload = first_type(payloads);
  write_header(writer, complete);
  write_payloads(writer, payloads);
  if (writer.size() > limits::kMessageBytes) writer.fail("message length");
  writer.patch_u32(kLengthOffset, static_cast<std::uint32_t>(writer.size()));
  return writer.take();
}

std::expected<Bytes, Misuse> write_chain(std::span<const Payload> payloads) {
  Writer writer(kTypicalSize);
  write_payloads(writer, payloads);
  if (writer.size() > limits::kReassembledBytes) writer.fail("length of the payload chain");
  return writer.take();
}

PayloadType first_type(std::span<const Payload> payloads) {
  return payloads.empty() ? PayloadType::none : type_of(payloads.front());
}

std::expected<Bytes, Misuse> write_sealed_head(const Header& header, PayloadType first_inner,
                                               std::optional<FragmentNumber> fragment,
                                               std::size_t body_size) {
  Writer writer(kHeaderSize + kPayloadHeaderSize + kFragmentNumberSize);
  check_header(writer, header);
  const std::size_t head_size = kPayloadHeaderSize + (fragment ? kFragmentNumberSize : 0);
  if (body_size > limits::kMessageBytes - kHeaderSize - head_size) {
    writer.fail("encrypted payload length");
  }
  if (is_sealed(first_inner)) writer.fail("encrypted payload inside an encrypted payload");
  Header complete = header;
  complete.next_payload = fragment ? PayloadType::encrypted_fragment : PayloadType::encrypted;
  complete.length = static_cast<std::uint32_t>(kHeaderSize + head_size + body_size);
  write_header(writer, complete);
  writer.u8(static_cast<std::uint8_t>(first_inner));
  writer.zeros(1);
  writer.u16(static_cast<std::uint16_t>(head_size + body_size));
  if (fragment) {
    if (fragment->number == 0 || fragment->number > fragment->total) {
      writer.fail("fragment number");
    }
    if (fragment->number > 1 && first_inner != PayloadType::none) {
      writer.fail("next payload of a later fragment");
    }
    writer.u16(fragment->number);
    writer.u16(fragment->total);
  }
  return writer.take();
}

}  // namespace ipsec::wire
