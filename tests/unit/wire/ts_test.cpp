// Goal: traffic selectors read and write as RFC 7296 3.13 draws them. Method: bytes written by
// hand; the ports differ in every octet, since a codec that swaps them on one side only has been
// seen.
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::hex;

namespace {

AddressRange range(const char* first, const char* last) {
  return AddressRange::make(Address::parse(first).value(), Address::parse(last).value()).value();
}

// A payload of one selector of type 7: what stands between its head and its addresses varies.
std::string ipv4_selector(const std::string& protocol, const std::string& ports,
                          const std::string& addresses = "0a000100 0a0001ff") {
  return "00 00 0018 01 000000 07" + protocol + "0010" + ports + addresses;
}

void check_ts_malformed(const std::string& bytes, std::string_view field, std::size_t offset) {
  INFO(bytes);
  check_malformed(PayloadType::ts_responder, bytes, field, offset);
}

}  // namespace

TEST_CASE("selectors of both families in both directions", "[ts]") {
  const TsPayload ts{
      .role = Role::initiator,
      .selectors = {{.addresses = range("10.0.1.0", "10.0.1.255"), .protocol = 0, .ports = {}},
                    {.addresses = range("2001:db8::", "2001:db8::ff"),
                     .protocol = 6,
                     .ports = {0x0102, 0x0304}}}};
  check_golden(ts,
               "00 00 0040 02 000000"
               "07 00 0010 0000 ffff 0a000100 0a0001ff"
               "08 06 0028 0102 0304"
               "20010db8000000000000000000000000 20010db80000000000000000000000ff");
}

TEST_CASE("start port comes before end port", "[ts]") {
  const TsPayload ts{.role = Role::responder,
                     .selectors = {{.addresses = range("10.0.1.0", "10.0.1.255"),
                                    .protocol = 17,
                                    .ports = {0x1234, 0x5678}}}};
  check_golden(ts, ipv4_selector("11", "1234 5678"));
}

TEST_CASE("opaque ports are kept as they are", "[ts]") {
  for (const std::uint8_t protocol : {std::uint8_t{17}, std::uint8_t{0}}) {
    const TsPayload ts{.role = Role::responder,
                       .selectors = {{.addresses = range("10.0.1.0", "10.0.1.255"),
                                      .protocol = protocol,
                                      .ports = PortRange::opaque()}}};
    check_golden(ts, ipv4_selector(protocol == 0 ? "00" : "11", "ffff 0000"));
  }
}

TEST_CASE("a single address and the whole space are ranges too", "[ts]") {
  const TsPayload ts{
      .role = Role::responder,
      .selectors = {{.addresses = range("192.0.2.1", "192.0.2.1"), .protocol = 0, .ports = {}}}};
  check_golden(ts, ipv4_selector("00", "0000 ffff", "c0000201 c0000201"));
  check_golden(TsPayload{.role = Role::responder, .selectors = {TrafficSelector{}}},
               ipv4_selector("00", "0000 ffff", "00000000 ffffffff"));
}

TEST_CASE("selectors of an unknown type are left out", "[ts]") {
  const auto read =
      parse_chain(PayloadType::ts_initiator, hex("00 00 0028 03 000000"
                                                 "09 00 0004"
                                                 "07 00 0010 0000 ffff 0a000100 0a0001ff"
                                                 "fb 00 000c 0102030405060708"));
  REQUIRE(read.has_value());
  const auto& ts = std::get<TsPayload>(read->front());
  REQUIRE(ts.selectors.size() == 1);
  CHECK(ts.selectors[0].to_string() == "10.0.1.0/24");
}

TEST_CASE("no selector at all is a value: nothing can be narrowed to it", "[ts]") {
  check_golden(TsPayload{.role = Role::initiator, .selectors = {}}, "00 00 0008 00 000000");
}

TEST_CASE("faults of a selector have a name and a place", "[ts]") {
  check_ts_malformed("00 00 0004", "TS count", 4);
  check_ts_malformed("00 00 0006 01 00", "TS reserved octets", 5);
  check_ts_malformed("00 00 0008 01 000000", "TS header", 8);
  check_ts_malformed("00 00 000b 01 000000 07 00 00", "TS header", 10);
  check_ts_malformed("00 00 000c 01 000000 09 00 0003", "TS length", 10);
  check_ts_malformed("00 00 000c 01 000000 09 00 0005", "TS length", 10);
  // Types 7 and 8 have one length each.
  check_ts_malformed("00 00 0017 01 000000 07 00 000f 0000 ffff 0a000100 0a0001", "TS length", 10);
  check_ts_malformed("00 00 0019 01 000000 07 00 0011 0000 ffff 0a000100 0a0001ff 00", "TS length",
                     10);
  check_ts_malformed("00 00 0018 01 000000 08 00 0010 0000 ffff 0a000100 0a0001ff", "TS length",
                     10);
  check_ts_malformed(
      "00 00 0030 01 000000 07 00 0028 0000 ffff"
      "20010db8000000000000000000000000 20010db80000000000000000000000ff",
      "TS length", 10);
}

TEST_CASE("the count must be that of the selectors", "[ts]") {
  check_ts_malformed("00 00 0018 00 000000 07 00 0010 0000 ffff 0a000100 0a0001ff",
                     "bytes after the last TS", 8);
  check_ts_malformed("00 00 0018 02 000000 07 00 0010 0000 ffff 0a000100 0a0001ff", "TS header",
                     24);
}

TEST_CASE("ranges run upwards", "[ts]") {
  check_ts_malformed(ipv4_selector("00", "0000 ffff", "0a000101 0a000100"),
                     "TS start address above end", 16);
  check_ts_malformed(ipv4_selector("06", "01bb 01ba"), "TS start port above end", 12);
  check_ts_malformed(ipv4_selector("06", "ffff 0001"), "TS start port above end", 12);
}

TEST_CASE("without a protocol there are no ports", "[ts]") {
  check_ts_malformed(ipv4_selector("00", "01bb 01bb"), "TS ports without a protocol", 12);
}

}  // namespace ipsec::wire
