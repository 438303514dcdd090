#include "ike/wire/v1/message.h"

#include "ike/base/limits.h"
#include "ike/wire/v1/payload_codec.h"

namespace ipsec::wire::v1 {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kVersionOffset = 17;
constexpr std::size_t kLengthOffset = 24;

// RFC 2408 3.2. The reserved octet must be zero and is looked at (5.3), unlike those of IKEv2: in a
// decrypted chain another value is the plainest sign that the key, and so the pre-shared key, was
// not the peer's.
PayloadType read_payload(Reader& reader, PayloadType type, PlacedPayloads& payloads) {
  if (payloads.size() == limits::kPayloadsPerMessage) reader.fail("payload count");
  Structure structure = read_structure(reader, "payload header", "payload length");
  if (structure.second != 0) reader.fail_at("payload reserved", structure.start + 1);
  Reader& body = structure.body;
  const std::size_t size = kPayloadHeaderSize + body.remaining();
  payloads.push_back({parse_payload(type, body), structure.start, size});
  body.expect_end("bytes inside the payload");
  return PayloadType{structure.first};
}

PlacedPayloads read_payloads(Reader& reader, PayloadType first) {
  PlacedPayloads payloads;
  PayloadType type = first;
  while (reader.ok() && type != PayloadType::none) type = read_payload(reader, type, payloads);
  return payloads;
}

void check_header(Writer& writer, const Header& header) {
  if (header.major_version != kVersion) writer.fail("major version");
}

// Room for what most messages have, to spare the vector its first steps.
constexpr std::size_t kTypicalSize = 512;

void write_payloads(Writer& writer, std::span<const Payload> payloads) {
  if (payloads.size() > limits::kPayloadsPerMessage) writer.fail("payload count");
  while (!payloads.empty()) {
    write_payload(writer, first_type(payloads.subspan(1)), payloads.front());
    payloads = payloads.subspan(1);
  }
}

}  // namespace

ByteView body_of(ByteView bytes, const Placed& placed) {
  return bytes.subspan(placed.offset + kPayloadHeaderSize, placed.size - kPayloadHeaderSize);
}

ByteView bytes_behind(ByteView bytes, std::span<const Placed> payloads, std::size_t index) {
  const std::size_t begin = payloads[index].offset + payloads[index].size;
  return bytes.subspan(begin, payloads.back().offset + payloads.back().size - begin);
}

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
  if (header->flags.encrypted) {
    message.sealed = SealedBody{.first_inner = header->next_payload, .offset = kHeaderSize};
  } else {
    message.payloads = read_payloads(reader, header->next_payload);
    if (reader.remaining() > limits::kV1ClearPaddingBytes) {
      reader.fail("bytes after the last payload");
    }
  }
  if (const auto status = reader.status(); !status) return std::unexpected(status.error());
  return message;
}

// The padding of RFC 2409, appendix B, is zeros up to the block; other peers end theirs with its
// length, or take random bytes and more than a block of them. None of it is authenticated, and no
// payload needs it: it is passed over.
std::expected<PlacedPayloads, Malformed> parse_chain(PayloadType first, ByteView bytes) {
  Reader reader(bytes);
  if (bytes.size() > limits::kMessageBytes) reader.fail("length of the payload chain");
  PlacedPayloads payloads = read_payloads(reader, first);
  if (reader.remaining() > limits::kV1PaddingBytes) reader.fail("padding after the last payload");
  if (const auto status = reader.status(); !status) return std::unexpected(status.error());
  return payloads;
}

std::expected<Bytes, Misuse> write_message(const Header& header,
                                           std::span<const Payload> payloads) {
  Writer writer(kTypicalSize);
  check_header(writer, header);
  if (header.flags.encrypted) writer.fail("encryption flag of a message in clear");
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
  if (writer.size() > limits::kMessageBytes) writer.fail("length of the payload chain");
  return writer.take();
}

PayloadType first_type(std::span<const Payload> payloads) {
  return payloads.empty() ? PayloadType::none : type_of(payloads.front());
}

std::expected<Bytes, Misuse> write_sealed_head(const Header& header, PayloadType first_inner,
                                               std::size_t body_size) {
  Writer writer(kHeaderSize);
  check_header(writer, header);
  if (body_size > limits::kMessageBytes - kHeaderSize) writer.fail("message length");
  Header complete = header;
  complete.flags.encrypted = true;
  complete.next_payload = first_inner;
  complete.length = static_cast<std::uint32_t>(kHeaderSize + body_size);
  write_header(writer, complete);
  return writer.take();
}

}  // namespace ipsec::wire::v1
