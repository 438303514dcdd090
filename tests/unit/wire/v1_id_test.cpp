// Goal: what an ID payload of IKEv1 says is understood, and what IKEv1 cannot say is not said
// (RFC 2407 4.6.2). Method: bytes by hand, and values there and back.
#include "ike/wire/v1/identity.h"
#include "tests/unit/wire/v1_wire_check.h"

namespace ipsec::wire::v1 {

using test::hex;

namespace {

IdPayload id(IdType type, std::string_view data, std::uint8_t protocol = 0,
             std::uint16_t port = 0) {
  return {.type = type, .protocol = protocol, .port = port, .data = hex(data)};
}

TrafficSelector selector(std::string_view first, std::string_view last, std::uint8_t protocol = 0,
                         PortRange ports = {}) {
  const auto range =
      AddressRange::make(Address::parse(first).value(), Address::parse(last).value());
  return {.addresses = range.value(), .protocol = protocol, .ports = ports};
}

constexpr std::string_view kV6 = "20010db8000000000000000000000001";
constexpr std::string_view kV6Later = "20010db8000000000000000000000009";

}  // namespace

TEST_CASE("v1: an ID in both directions", "[v1][id]") {
  check_golden(id(IdType::ipv4, "c0000201", 17, 500), "00 00 000c 01 11 01f4 c0000201");
  check_golden(id(IdType::user_fqdn, "6140622e63"), "00 00 000d 03 00 0000 6140622e63");
  check_golden(id(IdType{200}, ""), "00 00 0008 c8 00 0000");
}

TEST_CASE("v1: faults of ID", "[v1][id]") {
  check_malformed(PayloadType::id, "00 00 0004", "ID type", 4);
  check_malformed(PayloadType::id, "00 00 0005 02", "ID protocol", 5);
  check_malformed(PayloadType::id, "00 00 0007 02 00 00", "ID port", 6);
  const struct {
    IdType type;
    std::size_t size;
  } rows[] = {{IdType::ipv4, 4},  {IdType::ipv4_subnet, 8},  {IdType::ipv4_range, 8},
              {IdType::ipv6, 16}, {IdType::ipv6_subnet, 32}, {IdType::ipv6_range, 32}};
  for (const auto& row : rows) {
    for (const std::size_t size : {row.size - 1, row.size + 1, 24UL, 0UL}) {
      Bytes bytes = concat({hex("00 00 0000 00 00 0000"), Bytes(size)});
      bytes[3] = static_cast<std::uint8_t>(bytes.size());
      bytes[4] = std::to_underlying(row.type);
      check_malformed(PayloadType::id, bytes, "length of an address ID", 8);
      IdPayload wrong = id(row.type, "");
      wrong.data = Bytes(size);
      check_refused(wrong, "length of an address ID");
    }
  }
}

TEST_CASE("v1: addresses, subnets and ranges are selectors", "[v1][id]") {
  CHECK(selector_of(id(IdType::ipv4, "0a000105")) == selector("10.0.1.5", "10.0.1.5"));
  CHECK(selector_of(id(IdType::ipv4_subnet, "0a000100 ffffff00")) ==
        selector("10.0.1.0", "10.0.1.255"));
  CHECK(selector_of(id(IdType::ipv4_subnet, "00000000 00000000")) ==
        selector("0.0.0.0", "255.255.255.255"));
  CHECK(selector_of(id(IdType::ipv4_subnet, "0a000105 ffffffff")) ==
        selector("10.0.1.5", "10.0.1.5"));
  CHECK(selector_of(id(IdType::ipv4_range, "0a000105 0a000109")) ==
        selector("10.0.1.5", "10.0.1.9"));
  CHECK(selector_of(id(IdType::ipv6, kV6)) == selector("2001:db8::1", "2001:db8::1"));
  CHECK(selector_of(id(IdType::ipv6_subnet,
                       "20010db8000000000000000000000000"
                       "ffffffffffffffff0000000000000000")) ==
        selector("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"));
  CHECK(selector_of(id(IdType::ipv6_range, std::string(kV6) + std::string(kV6Later))) ==
        selector("2001:db8::1", "2001:db8::9"));
}

TEST_CASE("v1: host bits of a subnet are no fault", "[v1][id]") {
  CHECK(selector_of(id(IdType::ipv4_subnet, "0a000105 ffffff00")) ==
        selector("10.0.1.0", "10.0.1.255"));
}

TEST_CASE("v1: protocol and port of a selector", "[v1][id]") {
  CHECK(selector_of(id(IdType::ipv4, "0a000105", 6, 443)) ==
        selector("10.0.1.5", "10.0.1.5", 6, {443, 443}));
  CHECK(selector_of(id(IdType::ipv4, "0a000105", 6, 0)) == selector("10.0.1.5", "10.0.1.5", 6));
  CHECK_FALSE(selector_of(id(IdType::ipv4, "0a000105", 0, 443)).has_value());
}

TEST_CASE("v1: what is no selector", "[v1][id]") {
  for (const char* mask : {"ff00ff00", "00ffffff", "fffffffd", "7fffffff", "00000001"}) {
    CHECK_FALSE(selector_of(id(IdType::ipv4_subnet, "0a000100" + std::string(mask))).has_value());
  }
  CHECK_FALSE(selector_of(id(IdType::ipv6_subnet,
                             "20010db8000000000000000000000000"
                             "ffffffffffffffff0000000000000001"))
                  .has_value());
  CHECK_FALSE(selector_of(id(IdType::ipv4_range, "0a000109 0a000105")).has_value());
  CHECK_FALSE(selector_of(id(IdType::fqdn, "0a000109")).has_value());
  CHECK_FALSE(selector_of(id(IdType::key_id, "0a000109 0a000105")).has_value());
  // A value made by hand whose size is that of the other family.
  CHECK_FALSE(selector_of(id(IdType::ipv6, "0a000105")).has_value());
  CHECK_FALSE(selector_of(id(IdType::ipv6_range, "0a000105 0a000109")).has_value());
}

TEST_CASE("v1: selectors are said in the narrowest words", "[v1][id]") {
  CHECK(id_of(selector("10.0.1.5", "10.0.1.5")) == id(IdType::ipv4, "0a000105"));
  CHECK(id_of(selector("10.0.1.0", "10.0.1.255")) == id(IdType::ipv4_subnet, "0a000100 ffffff00"));
  CHECK(id_of(selector("0.0.0.0", "255.255.255.255")) ==
        id(IdType::ipv4_subnet, "00000000 00000000"));
  CHECK(id_of(selector("10.0.1.4", "10.0.1.5")) == id(IdType::ipv4_subnet, "0a000104 fffffffe"));
  CHECK(id_of(selector("10.0.1.5", "10.0.1.6")) == id(IdType::ipv4_range, "0a000105 0a000106"));
  CHECK(id_of(selector("2001:db8::1", "2001:db8::1")) == id(IdType::ipv6, kV6));
  CHECK(
      id_of(selector("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff")) ==
      id(IdType::ipv6_subnet, "20010db8000000000000000000000000 ffffffffffffffff0000000000000000"));
  CHECK(id_of(selector("2001:db8::1", "2001:db8::9")) ==
        id(IdType::ipv6_range, std::string(kV6) + std::string(kV6Later)));
  CHECK(id_of(selector("10.0.1.5", "10.0.1.5", 17, {53, 53})) ==
        id(IdType::ipv4, "0a000105", 17, 53));
  CHECK(id_of(selector("10.0.1.5", "10.0.1.5", 17)) == id(IdType::ipv4, "0a000105", 17, 0));
}

TEST_CASE("v1: ports that IKEv1 has no words for", "[v1][id]") {
  const auto with = [](std::uint8_t protocol, PortRange ports) {
    return id_of(selector("10.0.1.5", "10.0.1.5", protocol, ports));
  };
  CHECK_FALSE(with(6, {80, 81}).has_value());
  CHECK_FALSE(with(6, {0, 65534}).has_value());
  CHECK_FALSE(with(6, {0, 0}).has_value());
  CHECK_FALSE(with(6, PortRange::opaque()).has_value());
  CHECK_FALSE(with(0, {80, 80}).has_value());
  CHECK(with(6, {65535, 65535}).has_value());
}

TEST_CASE("v1: identities of phase 1 there and back", "[v1][id]") {
  const struct {
    IdPayload id;
    const char* text;
  } rows[] = {{id(IdType::ipv4, "c0000201"), "192.0.2.1"},
              {id(IdType::ipv6, kV6), "2001:db8::1"},
              {id(IdType::fqdn, "612e62"), "a.b"},
              {id(IdType::user_fqdn, "6140622e63"), "a@b.c"},
              {id(IdType::key_id, "6b"), "key:k"}};
  for (const auto& row : rows) {
    const Identity identity = Identity::parse(row.text).value();
    CHECK(identity_of(row.id) == identity);
    CHECK(id_of(identity) == row.id);
  }
  const IdPayload name = id(IdType::der_asn1_dn, "3000");
  CHECK(id_of(identity_of(name).value()) == name);
}

TEST_CASE("v1: protocol and port beside an identity do not matter", "[v1][id]") {
  CHECK(identity_of(id(IdType::ipv4, "c0000201", 17, 4500)) == Identity::parse("192.0.2.1"));
}

TEST_CASE("v1: what is no identity of IKEv1", "[v1][id]") {
  CHECK_FALSE(identity_of(id(IdType::ipv4_subnet, "0a000100 ffffff00")).has_value());
  CHECK_FALSE(identity_of(id(IdType::ipv6_range, std::string(kV6) + std::string(kV6))).has_value());
  CHECK_FALSE(identity_of(id(IdType{12}, "61")).has_value());
  CHECK_FALSE(identity_of(id(IdType::ipv4, "c00002")).has_value());
  CHECK_FALSE(id_of(Identity{.type = ipsec::IdType{4}, .data = Bytes(8)}).has_value());
  CHECK_FALSE(id_of(Identity{.type = ipsec::IdType{13}, .data = Bytes(8)}).has_value());
  CHECK_FALSE(id_of(Identity{.type = ipsec::IdType::ipv6, .data = Bytes(4)}).has_value());
}

}  // namespace ipsec::wire::v1
