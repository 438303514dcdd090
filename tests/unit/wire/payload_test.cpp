// Goal: every payload but SA and TS reads and writes as RFC 7296 3.4 to 3.16 draws it. Method:
// bytes written by hand from the drawings, compared in both directions.
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::hex;

TEST_CASE("KE in both directions", "[payload]") {
  check_golden(KePayload{.group = 31, .data = hex("a0a1a2a3")},
               "00 00 000c"  // generic payload header
               "001f 0000"   // group, reserved
               "a0a1a2a3");
  check_golden(KePayload{.group = 14, .data = {}}, "00 00 0008 000e 0000");
}

TEST_CASE("ID in both directions and for both roles", "[payload]") {
  const IdPayload fqdn{
      .role = Role::initiator, .type = IdType::fqdn, .data = to_bytes("gw.example")};
  check_golden(fqdn, "00 00 0012 02 000000 67772e6578616d706c65");
  const IdPayload address{.role = Role::responder, .type = IdType::ipv4, .data = hex("c0000201")};
  check_golden(address, "00 00 000c 01 000000 c0000201");
  const IdPayload address6{.role = Role::responder,
                           .type = IdType::ipv6,
                           .data = hex("20010db8000000000000000000000001")};
  check_golden(address6, "00 00 0018 05 000000 20010db8000000000000000000000001");
  const IdPayload unknown{.role = Role::initiator, .type = IdType{201}, .data = {}};
  check_golden(unknown, "00 00 0008 c9 000000");
}

TEST_CASE("CERT and CERTREQ in both directions", "[payload]") {
  check_golden(CertificatePayload{.encoding = 4, .data = hex("3082")}, "00 00 0007 04 3082");
  check_golden(CertificateRequestPayload{.encoding = 4, .data = {}}, "00 00 0005 04");
}

TEST_CASE("AUTH in both directions", "[payload]") {
  check_golden(AuthPayload{.method = AuthMethod::shared_key_mic, .data = hex("d0d1d2")},
               "00 00 000b 02 000000 d0d1d2");
}

TEST_CASE("NONCE in both directions", "[payload]") {
  check_golden(NoncePayload{.data = hex("000102030405060708090a0b0c0d0e0f")},
               "00 00 0014 000102030405060708090a0b0c0d0e0f");
}

TEST_CASE("NOTIFY in both directions", "[payload]") {
  check_golden(NotifyPayload{.protocol = ProtocolId::none,
                             .spi = {},
                             .type = NotifyType::cookie,
                             .data = hex("c00c1e")},
               "00 00 000b 00 00 4006 c00c1e");
  check_golden(NotifyPayload{.protocol = ProtocolId::esp,
                             .spi = hex("11223344"),
                             .type = NotifyType::rekey_sa,
                             .data = {}},
               "00 00 000c 03 04 4009 11223344");
  check_golden(NotifyPayload{.protocol = ProtocolId::none,
                             .spi = {},
                             .type = NotifyType::no_proposal_chosen,
                             .data = {}},
               "00 00 0008 00 00 000e");
}

TEST_CASE("a NOTIFY without an SPI has no protocol, whatever it says", "[payload]") {
  const auto read = parse_chain(PayloadType::notify, hex("00 00 0008 01 00 000e"));
  REQUIRE(read.has_value());
  CHECK(std::get<NotifyPayload>(read->front()).protocol == ProtocolId::none);
}

TEST_CASE("a NOTIFY with an SPI of the IKE SA is kept", "[payload]") {
  check_golden(NotifyPayload{.protocol = ProtocolId::ike,
                             .spi = hex("0102030405060708"),
                             .type = NotifyType::initial_contact,
                             .data = {}},
               "00 00 0010 01 08 4000 0102030405060708");
}

TEST_CASE("DELETE in both directions", "[payload]") {
  check_golden(DeletePayload{.protocol = ProtocolId::ike, .spis = {}}, "00 00 0008 01 00 0000");
  check_golden(DeletePayload{.protocol = ProtocolId::esp,
                             .spis = {ChildSpi{0x11223344}, ChildSpi{0xaabbccdd}}},
               "00 00 0010 03 04 0002 11223344 aabbccdd");
  check_golden(DeletePayload{.protocol = ProtocolId::ah, .spis = {}}, "00 00 0008 02 04 0000");
}

TEST_CASE("a DELETE of the IKE SA may count it", "[payload]") {
  const auto read = parse_chain(PayloadType::delete_, hex("00 00 0008 01 00 0001"));
  REQUIRE(read.has_value());
  CHECK(read->front() == Payload{DeletePayload{}});
}

TEST_CASE("VENDOR in both directions", "[payload]") {
  check_golden(VendorIdPayload{.data = to_bytes("ab")}, "00 00 0006 6162");
  check_golden(VendorIdPayload{}, "00 00 0004");
}

TEST_CASE("CP in both directions", "[payload]") {
  const ConfigurationPayload request{
      .type = 1, .items = {{.type = 1, .data = {}}, {.type = 3, .data = hex("c0000235")}}};
  check_golden(request,
               "00 00 0014 01 000000"
               "0001 0000"
               "0003 0004 c0000235");
  check_golden(ConfigurationPayload{.type = 4, .items = {}}, "00 00 0008 04 000000");
}

TEST_CASE("the reserved bit of a CP attribute is ignored", "[payload]") {
  const auto read = parse_chain(PayloadType::configuration, hex("00 00 000c 01 000000 8001 0000"));
  REQUIRE(read.has_value());
  CHECK(std::get<ConfigurationPayload>(read->front()).items.at(0).type == 1);
}

TEST_CASE("EAP in both directions", "[payload]") {
  check_golden(EapPayload{.data = hex("01 07 0005 01")}, "00 00 0009 01 07 0005 01");
  check_golden(EapPayload{.data = hex("03 07 0004")}, "00 00 0008 03 07 0004");
}

TEST_CASE("unknown payloads are kept with their critical bit", "[payload]") {
  const UnknownPayload ignorable{.type = PayloadType{200}, .critical = false, .data = hex("0102")};
  check_golden(ignorable, "00 00 0006 0102");
  const UnknownPayload critical{.type = PayloadType{54}, .critical = true, .data = {}};
  check_golden(critical, "00 80 0004");
  // IKEv1's numbers mean nothing here.
  check_golden(UnknownPayload{.type = PayloadType{13}, .critical = false, .data = {}},
               "00 00 0004");
}

TEST_CASE("the critical bit of a known payload is ignored", "[payload]") {
  // RFC 7296 2.5 and 3.2; it is not sent either.
  const auto read = parse_chain(PayloadType::vendor_id, hex("00 80 0006 6162"));
  REQUIRE(read.has_value());
  CHECK(to_hex(write_chain(*read).value()) == "000000066162");
}

TEST_CASE("reserved octets and bits are ignored and written as zero", "[payload]") {
  const struct {
    PayloadType type;
    std::string_view soiled;
    std::string_view clean;
  } rows[] = {
      {PayloadType::key_exchange, "00 7f 0009 001f ffff aa", "00 00 0009 001f 0000 aa"},
      {PayloadType::id_initiator, "00 7f 0009 02 ffffff 61", "00 00 0009 02 000000 61"},
      {PayloadType::auth, "00 7f 0009 02 ffffff aa", "00 00 0009 02 000000 aa"},
      {PayloadType::configuration, "00 7f 0008 01 ffffff", "00 00 0008 01 000000"},
      {PayloadType::ts_initiator, "00 7f 0008 00 ffffff", "00 00 0008 00 000000"},
      {PayloadType::sa, "00 7f 0014 00 ff 0010 01 01 00 01 00 ff 0008 01 ff 0014",
       "00 00 0014 00 00 0010 01 01 00 01 00 00 0008 01 00 0014"},
  };
  for (const auto& row : rows) {
    const auto read = parse_chain(row.type, hex(row.soiled));
    REQUIRE(read.has_value());
    CHECK(to_hex(write_chain(*read).value()) == to_hex(hex(row.clean)));
  }
}

}  // namespace ipsec::wire
