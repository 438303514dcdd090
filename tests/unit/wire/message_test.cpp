// Goal: messages as a whole (RFC 7296 3.1, 3.14; RFC 7383 2.5): the header and the datagram agree,
// the sealed body is last and found, and no cut of a message is taken for one. Method: bytes by
// hand.
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::hex;

namespace {

constexpr std::string_view kSpis = "0102030405060708 1112131415161718";

Header header_of(ExchangeType exchange, std::uint32_t message_id) {
  Header header;
  header.initiator_spi = IkeSpi{0x0102030405060708};
  header.responder_spi = IkeSpi{0x1112131415161718};
  header.exchange = exchange;
  header.message_id = MessageId{message_id};
  header.flags.initiator = true;
  return header;
}

Bytes message_bytes(std::string_view after_spis) {
  return hex(std::string(kSpis) + std::string(after_spis));
}

void check_malformed_message(const Bytes& bytes, std::string_view field, std::size_t offset) {
  const auto message = parse_message(bytes);
  REQUIRE_FALSE(message.has_value());
  CHECK(std::string(message.error().field) == field);
  CHECK(message.error().offset == offset);
}

// One of every payload, so that cuts fall everywhere.
Payloads every_payload() {
  const Transform cipher{.type = 1,
                         .id = 12,
                         .key_bits = 256,
                         .unknown_attributes = {{.type = 78, .value = hex("0102")}}};
  const Transform prf{.type = 2, .id = 5, .key_bits = {}, .unknown_attributes = {}};
  const Proposal ike{
      .number = 1, .protocol = ProtocolId::ike, .spi = {}, .transforms = {cipher, prf}};
  const Proposal esp{
      .number = 2, .protocol = ProtocolId::esp, .spi = hex("11223344"), .transforms = {cipher}};
  const TrafficSelector v6{
      .addresses = Cidr::parse("2001:db8::/64")->range(), .protocol = 6, .ports = {80, 81}};
  return {SaPayload{.proposals = {ike, esp}},
          KePayload{.group = 31, .data = Bytes(32, 0x5a)},
          IdPayload{.role = Role::initiator, .type = IdType::fqdn, .data = to_bytes("a.example")},
          CertificatePayload{.encoding = 4, .data = hex("30820101")},
          CertificateRequestPayload{.encoding = 4, .data = Bytes(20, 0x11)},
          AuthPayload{.method = AuthMethod::shared_key_mic, .data = Bytes(32, 0x22)},
          NoncePayload{.data = Bytes(32, 0x33)},
          NotifyPayload{.protocol = ProtocolId::esp,
                        .spi = hex("11223344"),
                        .type = NotifyType::rekey_sa,
                        .data = hex("aa")},
          DeletePayload{.protocol = ProtocolId::esp, .spis = {ChildSpi{1}, ChildSpi{2}}},
          VendorIdPayload{.data = to_bytes("vendor")},
          TsPayload{.role = Role::initiator, .selectors = {TrafficSelector{}, v6}},
          TsPayload{.role = Role::responder, .selectors = {v6}},
          ConfigurationPayload{.type = 1, .items = {{.type = 1, .data = hex("0a000001")}}},
          EapPayload{.data = hex("01070005 01")},
          UnknownPayload{.type = PayloadType{200}, .critical = true, .data = hex("99")}};
}

}  // namespace

TEST_CASE("a message of two payloads in both directions", "[message]") {
  const Header header = header_of(ExchangeType::informational, 2);
  const Payloads payloads{
      NotifyPayload{.protocol = {}, .spi = {}, .type = NotifyType::initial_contact, .data = {}},
      VendorIdPayload{.data = to_bytes("ab")}};
  const Bytes expected = message_bytes(
      "29 20 25 08 00000002 0000002a"
      "2b 00 0008 00 00 4000"
      "00 00 0006 6162");
  CHECK(to_hex(write_message(header, payloads).value()) == to_hex(expected));
  const Message message = parse_message(expected).value();
  CHECK(message.payloads == payloads);
  CHECK_FALSE(message.sealed.has_value());
  Header complete = header;
  complete.next_payload = PayloadType::notify;
  complete.length = 42;
  CHECK(message.header == complete);
}

TEST_CASE("a message without payloads", "[message]") {
  const Bytes expected = message_bytes("00 20 25 08 00000000 0000001c");
  CHECK(write_message(header_of(ExchangeType::informational, 0), {}).value() == expected);
  CHECK(parse_message(expected)->payloads.empty());
}

TEST_CASE("what the header says of payload and length is computed, not taken", "[message]") {
  Header header = header_of(ExchangeType::informational, 0);
  header.next_payload = PayloadType::eap;
  header.length = 77;
  CHECK(write_message(header, {}).value() == message_bytes("00 20 25 08 00000000 0000001c"));
}

TEST_CASE("a sealed body is found behind its payload header", "[message]") {
  const Bytes bytes = message_bytes(
      "2e 20 23 08 00000001 00000024"
      "23 00 0008 a1a2a3a4");
  const Message message = parse_message(bytes).value();
  CHECK(message.payloads.empty());
  CHECK(message.sealed ==
        SealedBody{.first_inner = PayloadType::id_initiator, .fragment = {}, .offset = 32});
  const auto head = write_sealed_head(header_of(ExchangeType::ike_auth, 1),
                                      PayloadType::id_initiator, std::nullopt, 4);
  CHECK(to_hex(head.value()) == to_hex(ByteView(bytes).first(32)));
}

TEST_CASE("a fragment is found behind its numbers", "[message]") {
  const Bytes bytes = message_bytes(
      "35 20 23 08 00000001 00000028"
      "23 00 000c 0001 0002 a1a2a3a4");
  CHECK(parse_message(bytes)->sealed ==
        SealedBody{.first_inner = PayloadType::id_initiator,
                   .fragment = FragmentNumber{.number = 1, .total = 2},
                   .offset = 36});
  const auto head =
      write_sealed_head(header_of(ExchangeType::ike_auth, 1), PayloadType::id_initiator,
                        FragmentNumber{.number = 1, .total = 2}, 4);
  CHECK(to_hex(head.value()) == to_hex(ByteView(bytes).first(36)));
}

TEST_CASE("payloads in clear may stand before the sealed one", "[message]") {
  const Bytes bytes = message_bytes(
      "2b 20 23 08 00000001 0000002a"
      "2e 00 0006 6162"
      "00 00 0008 a1a2a3a4");
  const Message message = parse_message(bytes).value();
  CHECK(message.payloads == Payloads{VendorIdPayload{.data = to_bytes("ab")}});
  CHECK(message.sealed ==
        SealedBody{.first_inner = PayloadType::none, .fragment = {}, .offset = 38});
}

TEST_CASE("nothing may follow the sealed payload", "[message]") {
  check_malformed_message(message_bytes("2e 20 23 08 00000001 00000028"
                                        "2b 00 0008 a1a2a3a4 00 00 0004"),
                          "bytes after the encrypted payload", 36);
  check_malformed_message(message_bytes("2e 20 23 08 00000001 00000020 23 00 0005"),
                          "encrypted payload length", 30);
  check_malformed_message(message_bytes("2e 20 23 08 00000001 0000001e 23 00"),
                          "encrypted payload header", 30);
}

TEST_CASE("faults of a fragment's numbers", "[message]") {
  const auto fragment = [](const char* inner, const char* numbers) {
    return message_bytes("35 20 23 08 00000001 00000024" + std::string(inner) + "00 0008" +
                         numbers);
  };
  CHECK(parse_message(fragment("23", "0001 0001")).has_value());
  CHECK(parse_message(fragment("00", "0002 0002")).has_value());
  check_malformed_message(fragment("23", "0000 0000"), "fragment total", 34);
  check_malformed_message(fragment("23", "0001 0000"), "fragment total", 34);
  check_malformed_message(fragment("23", "0000 0001"), "fragment number", 32);
  check_malformed_message(fragment("00", "0003 0002"), "fragment number", 32);
  check_malformed_message(fragment("23", "0002 0002"), "next payload of a later fragment", 28);
  check_malformed_message(message_bytes("35 20 23 08 00000001 00000022 00 00 0006 0001"),
                          "fragment total", 34);
}

TEST_CASE("header and datagram must agree", "[message]") {
  check_malformed_message(message_bytes("00 20 25 08 00000000 0000001b"), "message length", 24);
  check_malformed_message(message_bytes("00 20 25 08 00000000 0000001d"), "message length", 24);
  check_malformed_message(message_bytes("00 20 25 08 00000000 0000001c 00"), "message length", 24);
  check_malformed_message(message_bytes("00 20 25 08 00000000 0000001d 00"),
                          "bytes after the last payload", 28);
  check_malformed_message(message_bytes("00 10 25 08 00000000 0000001c"), "major version", 17);
  check_malformed_message(message_bytes("00 30 25 08 00000000 0000001c"), "major version", 17);
  CHECK(parse_message(message_bytes("00 2f 25 08 00000000 0000001c")).has_value());
}

TEST_CASE("every payload together reads as it was written", "[message]") {
  const Header header = header_of(ExchangeType::ike_auth, 1);
  const Payloads payloads = every_payload();
  const auto bytes = write_message(header, payloads);
  REQUIRE(bytes.has_value());
  CHECK(parse_message(*bytes)->payloads == payloads);
}

// The last payload of a whole message says that none follows; a cut one promises more, so no cut
// can pass, even where it falls between two payloads.
TEST_CASE("no cut of a message is a message", "[message]") {
  const Bytes whole = write_message(header_of(ExchangeType::ike_auth, 1), every_payload()).value();
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

TEST_CASE("no payload body passes for a longer one", "[message]") {
  // The same cuts with every length put right: what is left may be valid, but is never misread.
  for (const Payload& payload : every_payload()) {
    const Bytes whole = write_chain({&payload, 1}).value();
    for (std::size_t size = 4; size < whole.size(); ++size) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      cut[2] = static_cast<std::uint8_t>(size >> 8);
      cut[3] = static_cast<std::uint8_t>(size);
      const auto read = parse_chain(type_of(payload), cut);
      if (read) {
        CHECK(write_chain(*read).value() == cut);
      } else {
        CHECK(read.error().offset <= size);
      }
    }
  }
}

}  // namespace ipsec::wire
