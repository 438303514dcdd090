#include "ike/wire/header.h"

namespace ipsec::wire {
namespace {

// RFC 7296 3.1: |X|X|R|V|I|X|X|X|; the X bits are sent as zero and ignored on receipt.
constexpr std::uint8_t kInitiatorBit = 0x08;
constexpr std::uint8_t kHigherVersionBit = 0x10;
constexpr std::uint8_t kResponseBit = 0x20;

Flags flags_from(std::uint8_t octet) {
  return {.initiator = (octet & kInitiatorBit) != 0,
          .response = (octet & kResponseBit) != 0,
          .higher_version = (octet & kHigherVersionBit) != 0};
}

std::uint8_t octet_of(const Flags& flags) {
  return static_cast<std::uint8_t>((flags.initiator ? kInitiatorBit : 0) |
                                   (flags.response ? kResponseBit : 0) |
                                   (flags.higher_version ? kHigherVersionBit : 0));
}

}  // namespace

// RFC 7296 3.1
//   0                   1                   2                   3
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                    IKE SA Initiator's SPI (8)                 |
//  |                    IKE SA Responder's SPI (8)                 |
//  |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
//  |                           Message ID                          |
//  |                            Length                             |
std::expected<Header, Malformed> parse_header(ByteView datagram) {
  Reader reader(datagram);
  Header header;
  header.initiator_spi = IkeSpi{reader.u64("initiator SPI")};
  header.responder_spi = IkeSpi{reader.u64("responder SPI")};
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
  writer.u64(header.initiator_spi.value);
  writer.u64(header.responder_spi.value);
  writer.u8(static_cast<std::uint8_t>(header.next_payload));
  writer.u8(static_cast<std::uint8_t>(header.major_version << 4 | header.minor_version));
  writer.u8(static_cast<std::uint8_t>(header.exchange));
  writer.u8(octet_of(header.flags));
  writer.u32(header.message_id.value);
  writer.u32(header.length);
}

}  // namespace ipsec::wire
