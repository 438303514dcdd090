#include "ike/wire/v1/header.h"

#include "ike/base/reader.h"

namespace ipsec::wire::v1 {
namespace {

// RFC 2408 3.1. The other bits are sent as zero and ignored on receipt.
constexpr std::uint8_t kEncryptionBit = 0x01;
constexpr std::uint8_t kCommitBit = 0x02;
constexpr std::uint8_t kAuthenticationOnlyBit = 0x04;

Flags flags_from(std::uint8_t octet) {
  return {.encrypted = (octet & kEncryptionBit) != 0,
          .commit = (octet & kCommitBit) != 0,
          .authentication_only = (octet & kAuthenticationOnlyBit) != 0};
}

std::uint8_t octet_of(const Flags& flags) {
  return static_cast<std::uint8_t>((flags.encrypted ? kEncryptionBit : 0) |
                                   (flags.commit ? kCommitBit : 0) |
                                   (flags.authentication_only ? kAuthenticationOnlyBit : 0));
}

}  // namespace

// RFC 2408 3.1
//   0                   1                   2                   3
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                     Initiator Cookie (8)                      |
//  |                     Responder Cookie (8)                      |
//  |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
//  |                           Message ID                          |
//  |                            Length                             |
std::expected<Header, Malformed> parse_header(ByteView datagram) {
  Reader reader(datagram);
  Header header;
  header.initiator_cookie = IkeSpi{reader.u64("initiator cookie")};
  header.responder_cookie = IkeSpi{reader.u64("responder cookie")};
  header.next_payload = PayloadType{reader.u8("next payload of the header")};
  const std::uint8_t version = reader.u8("version");
  header.major_version = version >> 4;
  header.minor_version = version & 0x0f;
  header.exchange = ExchangeType{reader.u8("exchange type")};
  header.flags = flags_from(reader.u8("flags"));
  header.message_id = MessageId{reader.u32("message id")};
  header.length = reader.u32("message length");
  if (const auto status = reader.status(); !status) return std::unexpected(status.error());
  return header;
}

void write_header(Writer& writer, const Header& header) {
  if (header.major_version > 0x0f) writer.fail("major version");
  if (header.minor_version > 0x0f) writer.fail("minor version");
  writer.u64(header.initiator_cookie.value);
  writer.u64(header.responder_cookie.value);
  writer.u8(static_cast<std::uint8_t>(header.next_payload));
  writer.u8(static_cast<std::uint8_t>(header.major_version << 4 | header.minor_version));
  writer.u8(static_cast<std::uint8_t>(header.exchange));
  writer.u8(octet_of(header.flags));
  writer.u32(header.message_id.value);
  writer.u32(header.length);
}

}  // namespace ipsec::wire::v1
