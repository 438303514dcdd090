// Goal: IKEv1 messages as a whole (RFC 2408 3, RFC 2409 5): those in clear and those encrypted,
// where their payloads lie, and what may follow the last one. Method: bytes by hand.
#include "ike/base/limits.h"
#include "tests/support/v1_message_oracle.h"
#include "tests/unit/wire/v1_wire_check.h"

namespace ipsec::wire::v1 {

using test::hex;

namespace {

constexpr std::string_view kCookies = "0102030405060708 1112131415161718";

Header v1_header_of(ExchangeType exchange, std::uint32_t message_id) {
  Header header;
  header.initiator_cookie = IkeSpi{0x0102030405060708};
  header.responder_cookie = IkeSpi{0x1112131415161718};
  header.exchange = exchange;
  header.message_id = MessageId{message_id};
  return header;
}

Bytes v1_bytes(std::string_view after_cookies) {
  return hex(std::string(kCookies) + std::string(after_cookies));
}

void check_malformed_v1(const Bytes& bytes, std::string_view field, std::size_t offset) {
  const auto message = parse_message(bytes);
  REQUIRE_FALSE(message.has_value());
  CHECK(std::string(message.error().field) == field);
  CHECK(message.error().offset == offset);
}

SaPayload esp_offer() {
  const Transform transform{
      .number = 1, .id = 12, .attributes = {attribute_of(Phase2Attribute::encapsulation_mode, 1)}};
  return {.proposals = {{.number = 1,
                         .protocol = ProtocolId::esp,
                         .spi = hex("11223344"),
                         .transforms = {transform}}}};
}

// One of every payload, so that cuts fall everywhere.
Payloads every_v1_payload() {
  return {esp_offer(),
          KePayload{.data = Bytes(32, 0x5a)},
          IdPayload{.type = IdType::fqdn, .protocol = 0, .port = 0, .data = to_bytes("a.example")},
          CertificatePayload{.encoding = 4, .data = hex("30820101")},
          CertificateRequestPayload{.encoding = 4, .data = Bytes(20, 0x11)},
          HashPayload{.data = Bytes(20, 0x22)},
          SignaturePayload{.data = Bytes(32, 0x44)},
          NoncePayload{.data = Bytes(16, 0x33)},
          NotificationPayload{.doi = Doi::ipsec,
                              .protocol = ProtocolId::esp,
                              .spi = hex("11223344"),
                              .type = NotifyType::responder_lifetime,
                              .data = hex("aa")},
          DeletePayload{.doi = Doi::ipsec,
                        .protocol = ProtocolId::esp,
                        .isakmp_sas = {},
                        .child_sas = {ChildSpi{1}, ChildSpi{2}}},
          DeletePayload{.doi = Doi::isakmp,
                        .protocol = ProtocolId::isakmp,
                        .isakmp_sas = {{IkeSpi{3}, IkeSpi{4}}},
                        .child_sas = {}},
          VendorIdPayload{.data = to_bytes("vendor")},
          NatDiscoveryPayload{.draft = false, .hash = Bytes(20, 0x66)},
          NatDiscoveryPayload{.draft = true, .hash = Bytes(20, 0x77)},
          NatOriginalAddressPayload{.draft = false, .address = Address::v4(0xc0000201)},
          NatOriginalAddressPayload{.draft = true, .address = Address::any(Family::v6)},
          UnknownPayload{.type = PayloadType{200}, .data = hex("99")}};
}

}  // namespace

TEST_CASE("v1: the first message of main mode in both directions", "[v1][message]") {
  Header header = v1_header_of(ExchangeType::identity_protection, 0);
  header.responder_cookie = IkeSpi{};
  const Transform transform{.number = 1,
                            .id = 1,
                            .attributes = {attribute_of(Phase1Attribute::encryption, 7),
                                           attribute_of(Phase1Attribute::life_duration, 86'400)}};
  const Payloads payloads{SaPayload{.proposals = {{.number = 1,
                                                   .protocol = ProtocolId::isakmp,
                                                   .spi = {},
                                                   .transforms = {transform}}}},
                          VendorIdPayload{.data = hex("afcad71368a1f1c96b8696fc77570100")}};
  const Bytes expected =
      hex("0102030405060708 0000000000000000 01 10 02 00 00000000 00000058"
          "0d 00 0028 00000001 00000001"  // SA, then VID; IPsec, SIT_IDENTITY_ONLY
          "00 00 001c 01 01 00 01"        // number 1, ISAKMP, no SPI, one transform
          "00 00 0014 01 01 0000"         // number 1, KEY_IKE
          "8001 0007 000c 0004 00015180"  // AES-CBC, a day
          "00 00 0014 afcad71368a1f1c96b8696fc77570100");  // dead peer detection (RFC 3706)
  CHECK(to_hex(write_message(header, payloads).value()) == to_hex(expected));
  const Message message = parse_message(expected).value();
  header.next_payload = PayloadType::sa;
  header.length = 0x58;
  CHECK(message.header == header);
  CHECK(payloads_of(message.payloads) == payloads);
  CHECK_FALSE(message.sealed.has_value());
  // RFC 2409 5: HASH_I covers SAi_b, the body without the generic header.
  CHECK(message.payloads[0].offset == 28);
  CHECK(message.payloads[0].size == 40);
  CHECK(to_hex(body_of(expected, message.payloads[0])) ==
        to_hex(ByteView(expected).subspan(32, 36)));
}

TEST_CASE("v1: a chain of quick mode, and the bytes its hash covers", "[v1][message]") {
  const Payloads payloads{
      HashPayload{.data = Bytes(20, 0x5a)},
      esp_offer(),
      NoncePayload{.data = Bytes(16, 0x33)},
      KePayload{.data = hex("0102030405060708")},
      IdPayload{
          .type = IdType::ipv4_subnet, .protocol = 0, .port = 0, .data = hex("0a000100 ffffff00")},
      IdPayload{.type = IdType::ipv4, .protocol = 6, .port = 443, .data = hex("0a000201")}};
  const std::string hash = "01 00 0018 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
  const std::string behind_hash =
      "0a 00 0024 00000001 00000001"     // SA, then NONCE
      "00 00 0018 01 03 04 01 11223344"  //   ESP
      "00 00 000c 01 0c 0000 8004 0001"  //   AES-CBC, tunnel
      "04 00 0014 33333333333333333333333333333333"
      "05 00 000c 0102030405060708"              // KE, then ID
      "05 00 0010 04 00 0000 0a000100 ffffff00"  // 10.0.1.0/24
      "00 00 000c 01 06 01bb 0a000201";          // 10.0.2.1, TCP port 443
  const Bytes chain = hex(hash + behind_hash);
  CHECK(to_hex(write_chain(payloads).value()) == to_hex(chain));
  for (const std::string_view padding : {"", "00000000", "a1b2c303", "01"}) {
    const Bytes padded = concat({chain, hex(padding)});
    const PlacedPayloads read = parse_chain(PayloadType::hash, padded).value();
    CHECK(payloads_of(read) == payloads);
    CHECK(to_hex(bytes_behind(padded, read, 0)) == to_hex(hex(behind_hash)));
    CHECK(to_hex(bytes_behind(padded, read, 4)) == to_hex(hex("00 00 000c 01 06 01bb 0a000201")));
    CHECK(bytes_behind(padded, read, 5).empty());
    CHECK(to_hex(body_of(padded, read[4])) == to_hex(hex("04 00 0000 0a000100 ffffff00")));
  }
}

// Two messages with the same payloads that differ in octets nobody reads have different hashes.
TEST_CASE("v1: the bytes are those that came, reserved ones included", "[v1][message]") {
  const Bytes chain = hex("00 00 000c 01 aaaaaa c0000201");
  const auto read = parse_chain(PayloadType::nat_original_address, chain).value();
  CHECK(to_hex(body_of(chain, read[0])) == to_hex(hex("01 aaaaaa c0000201")));
}

TEST_CASE("v1: an informational exchange that asks whether the peer lives", "[v1][message]") {
  const Payloads payloads{HashPayload{.data = Bytes(4, 0x5a)},
                          NotificationPayload{.doi = Doi::ipsec,
                                              .protocol = ProtocolId::isakmp,
                                              .spi = hex(kCookies),
                                              .type = NotifyType::r_u_there,
                                              .data = hex("00000539")}};
  const Bytes chain =
      hex("0b 00 0008 5a5a5a5a"
          "00 00 0020 00000001 01 10 8d28 0102030405060708 1112131415161718 00000539");
  CHECK(to_hex(write_chain(payloads).value()) == to_hex(chain));
  CHECK(payloads_of(parse_chain(PayloadType::hash, chain).value()) == payloads);
}

TEST_CASE("v1: of an encrypted message only the header is read", "[v1][message]") {
  const Bytes bytes = v1_bytes("08 10 20 01 deadbeef 00000020 a1a2a3a4");
  const Message message = parse_message(bytes).value();
  CHECK(message.payloads.empty());
  CHECK(message.header.flags.encrypted);
  CHECK(message.sealed == SealedBody{.first_inner = PayloadType::hash, .offset = 28});
  const auto head =
      write_sealed_head(v1_header_of(ExchangeType::quick_mode, 0xdeadbeef), PayloadType::hash, 4);
  CHECK(to_hex(head.value()) == to_hex(ByteView(bytes).first(28)));
}

TEST_CASE("v1: what the header says of payload and length is computed", "[v1][message]") {
  Header header = v1_header_of(ExchangeType::informational_v1, 0);
  header.next_payload = PayloadType::hash;
  header.length = 77;
  const Bytes bytes = write_message(header, {}).value();
  CHECK(bytes == v1_bytes("00 10 05 00 00000000 0000001c"));
  CHECK(parse_message(bytes)->payloads.empty());
}

TEST_CASE("v1: header and datagram must agree", "[v1][message]") {
  for (const char* flags : {"00", "01"}) {
    const std::string head = "00 10 05" + std::string(flags) + "00000000";
    check_malformed_v1(v1_bytes(head + "0000001b"), "message length", 24);
    check_malformed_v1(v1_bytes(head + "0000001d"), "message length", 24);
    check_malformed_v1(v1_bytes(head + "0000001c 00"), "message length", 24);
  }
  check_malformed_v1(v1_bytes("00 20 05 00 00000000 0000001c"), "major version", 17);
  check_malformed_v1(v1_bytes("00 00 05 01 00000000 0000001c"), "major version", 17);
  CHECK(parse_message(v1_bytes("00 1f 05 00 00000000 0000001c")).has_value());
}

TEST_CASE("v1: a message in clear may be filled up to four octets", "[v1][message]") {
  const std::string payload = "00 00 0005 61";
  for (std::size_t count = 0; count <= limits::kV1ClearPaddingBytes + 1; ++count) {
    Bytes bytes = v1_bytes("0d 10 05 00 00000000 00000000" + payload);
    append(bytes, Bytes(count, 0xee));
    bytes[27] = static_cast<std::uint8_t>(bytes.size());
    if (count > limits::kV1ClearPaddingBytes) {
      check_malformed_v1(bytes, "bytes after the last payload", 33);
      continue;
    }
    const PlacedPayloads read = parse_message(bytes)->payloads;
    REQUIRE(read.size() == 1);
    CHECK(read[0] == Placed{VendorIdPayload{.data = hex("61")}, 28, 5});
  }
}

TEST_CASE("v1: padding of a chain may be anything, and has an end", "[v1][message]") {
  const Bytes payload = hex("00 00 0005 61");
  for (const auto octet : {std::uint8_t{0x00}, std::uint8_t{0x0d}, std::uint8_t{0xff}}) {
    Bytes padded = payload;
    append(padded, Bytes(limits::kV1PaddingBytes, octet));
    const PlacedPayloads read = parse_chain(PayloadType::vendor_id, padded).value();
    CHECK(read == PlacedPayloads{{VendorIdPayload{.data = hex("61")}, 0, 5}});
    padded.push_back(octet);
    check_malformed(PayloadType::vendor_id, padded, "padding after the last payload", 5);
  }
  CHECK(parse_chain(PayloadType::none, {}).value().empty());
}

TEST_CASE("v1: a reserved octet that is not zero betrays a wrong key", "[v1][message]") {
  check_malformed(PayloadType::hash, "00 01 0005 61", "payload reserved", 1);
  check_malformed(PayloadType::hash, "0d 00 0005 61 00 80 0004", "payload reserved", 6);
  check_malformed_v1(v1_bytes("0d 10 05 00 00000000 00000020 00 ff 0004"), "payload reserved", 29);
}

TEST_CASE("v1: faults of the generic payload header", "[v1][message]") {
  const PayloadType any = PayloadType::vendor_id;
  check_malformed(any, "", "payload header", 0);
  check_malformed(any, "00", "payload header", 1);
  check_malformed(any, "00 00 00", "payload header", 2);
  for (const char* length : {"0000", "0001", "0003", "0005", "ffff"}) {
    check_malformed(any, "00 00" + std::string(length), "payload length", 2);
  }
  check_malformed(any, "0d 00 0005 aa 00 00 0003", "payload length", 7);
  check_malformed(any, "0d 00 0004", "payload header", 4);
}

TEST_CASE("v1: every payload together reads as it was written", "[v1][message]") {
  const Payloads payloads = every_v1_payload();
  const auto bytes = write_message(v1_header_of(ExchangeType::quick_mode, 1), payloads);
  REQUIRE(bytes.has_value());
  CHECK(payloads_of(parse_message(*bytes)->payloads) == payloads);
}

// The last payload of a whole message says that none follows; a cut one promises more.
TEST_CASE("v1: no cut of a message is a message", "[v1][message]") {
  const Bytes whole =
      write_message(v1_header_of(ExchangeType::quick_mode, 1), every_v1_payload()).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(parse_message(cut).has_value());
    if (size < kHeaderSize) continue;
    cut[26] = static_cast<std::uint8_t>(size >> 8);
    cut[27] = static_cast<std::uint8_t>(size);
    const auto with_true_length = parse_message(cut);
    REQUIRE_FALSE(with_true_length.has_value());
    CHECK(with_true_length.error().offset <= size);
  }
}

TEST_CASE("v1: no payload body passes for a longer one", "[v1][message]") {
  // The same cuts with every length put right: what is left may be valid, but is never misread.
  for (const Payload& payload : every_v1_payload()) {
    const Bytes whole = write_chain({&payload, 1}).value();
    for (std::size_t size = 4; size < whole.size(); ++size) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      cut[2] = static_cast<std::uint8_t>(size >> 8);
      cut[3] = static_cast<std::uint8_t>(size);
      const auto read = parse_chain(type_of(payload), cut);
      if (read) {
        CHECK(write_chain(payloads_of(*read)).value() == cut);
      } else {
        CHECK(read.error().offset <= size);
      }
    }
  }
}

}  // namespace ipsec::wire::v1
