// Goal: SA payloads read and write as RFC 7296 3.3 draws them, and each rule of it has the bytes
// that break it. Method: bytes written by hand, with the place and the name of the fault.
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::hex;

namespace {

Transform transform(std::uint8_t type, std::uint16_t id,
                    std::optional<std::uint16_t> key_bits = {}) {
  return {.type = type, .id = id, .key_bits = key_bits, .unknown_attributes = {}};
}

SaPayload single(Transform of) {
  return {
      .proposals = {
          {.number = 1, .protocol = ProtocolId::ike, .spi = {}, .transforms = {std::move(of)}}}};
}

void check_sa_malformed(std::string_view bytes, std::string_view field, std::size_t offset) {
  INFO(bytes);
  check_malformed(PayloadType::sa, bytes, field, offset);
}

}  // namespace

TEST_CASE("an IKE offer in both directions", "[sa]") {
  const SaPayload sa{.proposals = {{.number = 1,
                                    .protocol = ProtocolId::ike,
                                    .spi = {},
                                    .transforms = {transform(1, 12, 256), transform(3, 12),
                                                   transform(2, 5), transform(4, 14)}}}};
  check_golden(sa,
               "00 00 0030"               // generic payload header
               "00 00 002c 01 01 00 04"   // last; length 44; number 1, IKE, no SPI, 4 transforms
               "03 00 000c 01 00 000c"    // more; length 12; encryption, AES-CBC
               "800e 0100"                //   key length 256 in the short form
               "03 00 0008 03 00 000c"    // integrity HMAC-SHA2-256-128
               "03 00 0008 02 00 0005"    // PRF HMAC-SHA2-256
               "00 00 0008 04 00 000e");  // last; group 14
}

TEST_CASE("two ESP proposals in both directions", "[sa]") {
  const SaPayload sa{.proposals = {{.number = 1,
                                    .protocol = ProtocolId::esp,
                                    .spi = hex("11223344"),
                                    .transforms = {transform(1, 20, 128)}},
                                   {.number = 2,
                                    .protocol = ProtocolId::ah,
                                    .spi = hex("aabbccdd"),
                                    .transforms = {transform(3, 2), transform(5, 0)}}}};
  check_golden(sa,
               "00 00 0038"
               "02 00 0018 01 03 04 01 11223344"
               "00 00 000c 01 00 0014 800e 0080"
               "00 00 001c 02 02 04 02 aabbccdd"
               "03 00 0008 03 00 0002"
               "00 00 0008 05 00 0000");
}

TEST_CASE("an IKE rekey carries an SPI of eight octets", "[sa]") {
  SaPayload sa = single(transform(1, 28));
  sa.proposals[0].spi = hex("0102030405060708");
  check_golden(sa, "00 00 001c 00 00 0018 01 01 08 01 0102030405060708 00 00 0008 01 00 001c");
}

TEST_CASE("an answer repeats the number it had in the offer", "[sa]") {
  SaPayload sa = single(transform(1, 28));
  sa.proposals[0].number = 7;
  check_golden(sa, "00 00 0014 00 00 0010 07 01 00 01 00 00 0008 01 00 001c");
}

TEST_CASE("proposals of a protocol nobody knows are kept", "[sa]") {
  SaPayload sa = single(transform(99, 65535));
  sa.proposals[0].protocol = ProtocolId{9};
  sa.proposals[0].spi = hex("0102");
  check_golden(sa, "00 00 0016 00 00 0012 01 09 02 01 0102 00 00 0008 63 00 ffff");
}

TEST_CASE("attributes nobody knows are kept, in their own form", "[sa]") {
  Transform odd = transform(1, 12, 128);
  odd.unknown_attributes = {{.type = 77, .value = std::uint16_t{0xabcd}},
                            {.type = 78, .value = hex("010203")},
                            {.type = 78, .value = Bytes{}}};
  check_golden(single(odd),
               "00 00 0027 00 00 0023 01 01 00 01"
               "00 00 001b 01 00 000c 800e 0080 804d abcd 004e 0003 010203 004e 0000");
}

TEST_CASE("a key length in the long form is no key length", "[sa]") {
  Transform odd = transform(1, 12);
  odd.unknown_attributes = {{.type = kKeyLengthAttribute, .value = hex("0100")}};
  check_golden(single(odd),
               "00 00 001a 00 00 0016 01 01 00 01"
               "00 00 000e 01 00 000c 000e 0002 0100");
}

TEST_CASE("faults of a proposal have a name and a place", "[sa]") {
  check_sa_malformed("00 00 0004", "SA proposal header", 4);
  check_sa_malformed("00 00 0007 00 00 00", "SA proposal header", 6);
  check_sa_malformed("00 00 0008 00 00 0003", "SA proposal length", 6);
  check_sa_malformed("00 00 0008 00 00 0005", "SA proposal length", 6);
  check_sa_malformed("00 00 0008 00 00 0004", "SA proposal number", 8);
  check_sa_malformed("00 00 0009 00 00 0005 01", "SA proposal protocol", 9);
  check_sa_malformed("00 00 000a 00 00 0006 01 01", "SA proposal SPI size", 10);
  check_sa_malformed("00 00 000b 00 00 0007 01 01 00", "SA proposal transform count", 11);
  check_sa_malformed("00 00 000c 00 00 0008 01 01 00 00", "SA transform header", 12);
  // An SPI that runs past its proposal.
  check_sa_malformed("00 00 000f 00 00 000b 01 03 04 01 112233", "SA proposal SPI", 12);
  check_sa_malformed("00 00 000d 00 00 0009 01 09 ff 01 11", "SA proposal SPI", 12);
}

TEST_CASE("SPI sizes that the protocol does not have", "[sa]") {
  const std::string_view tail = "00 00 0008 01 00 000c";
  const struct {
    std::string_view head;
    const char* spi;
  } rows[] = {
      {"00 00 0018 00 00 0014 01 01 04 01", "11223344"},  // IKE
      {"00 00 0014 00 00 0010 01 03 00 01", ""},          // ESP
      {"00 00 0016 00 00 0012 01 02 02 01", "1122"},      // AH
  };
  for (const auto& row : rows) {
    check_sa_malformed(std::string(row.head) + row.spi + std::string(tail), "SA proposal SPI size",
                       10);
  }
}

TEST_CASE("the marker of the last proposal must tell the truth", "[sa]") {
  const std::string body = "01 01 00 01 00 00 0008 01 00 000c";
  check_sa_malformed("00 00 0014 01 00 0010" + body, "last substructure of an SA proposal", 4);
  check_sa_malformed("00 00 0014 03 00 0010" + body, "last substructure of an SA proposal", 4);
  check_sa_malformed("00 00 0014 02 00 0010" + body, "SA proposal header", 20);
  check_sa_malformed("00 00 0024 00 00 0010" + body + "00 00 0010" + body,
                     "bytes after the last SA proposal", 20);
}

TEST_CASE("proposal numbers count from one without a gap", "[sa]") {
  const auto offer = [](const char* first, const char* second) {
    const std::string rest = "01 00 01 00 00 0008 01 00 000c";
    return "00 00 0024 02 00 0010" + std::string(first) + rest + "00 00 0010" + second + rest;
  };
  check_sa_malformed(offer("02", "03"), "SA proposal number", 8);
  check_sa_malformed(offer("00", "01"), "SA proposal number", 8);
  check_sa_malformed(offer("01", "01"), "SA proposal number", 24);
  check_sa_malformed(offer("01", "03"), "SA proposal number", 24);
  check_sa_malformed("00 00 0014 00 00 0010 00 01 00 01 00 00 0008 01 00 000c",
                     "SA proposal number", 8);
  CHECK(parse_chain(PayloadType::sa, hex(offer("01", "02"))).has_value());
}

TEST_CASE("the number of transforms must be that announced", "[sa]") {
  for (const char* count : {"00", "02", "ff"}) {
    check_sa_malformed(
        "00 00 0014 00 00 0010 01 01 00" + std::string(count) + "00 00 0008 01 00 000c",
        "SA proposal transform count", 11);
  }
}

TEST_CASE("faults of a transform have a name and a place", "[sa]") {
  const auto with = [](const char* size, const char* proposal_size, const char* tail) {
    return "00 00" + std::string(size) + "00 00" + proposal_size + "01 01 00 01" + tail;
  };
  check_sa_malformed(with("0010", "000c", "00 00 0003"), "SA transform length", 14);
  check_sa_malformed(with("0010", "000c", "00 00 0005"), "SA transform length", 14);
  check_sa_malformed(with("0010", "000c", "00 00 0004"), "transform type", 16);
  check_sa_malformed(with("0011", "000d", "00 00 0005 01"), "transform reserved octet", 17);
  check_sa_malformed(with("0013", "000f", "00 00 0007 01 00 00"), "transform id", 18);
  check_sa_malformed(with("0014", "0010", "02 00 0008 01 00 000c"),
                     "last substructure of an SA transform", 12);
  check_sa_malformed(with("0014", "0010", "03 00 0008 01 00 000c"), "SA transform header", 20);
  check_sa_malformed(with("001c", "0018", "00 00 0008 01 00 000c 00 00 0008 01 00 000c"),
                     "bytes after the last SA transform", 20);
}

TEST_CASE("faults of an attribute have a name and a place", "[sa]") {
  const auto with = [](const char* sizes, const char* attributes) {
    const std::string s(sizes);
    return "00 00" + s.substr(0, 4) + "00 00" + s.substr(4, 4) + "01 01 00 01 00 00" +
           s.substr(8, 4) + "01 00 000c" + attributes;
  };
  check_sa_malformed(with("001500110009", "80"), "transform attribute type", 20);
  check_sa_malformed(with("00170013000b", "800e 01"), "transform attribute value", 22);
  check_sa_malformed(with("00170013000b", "004e 01"), "transform attribute length", 22);
  check_sa_malformed(with("00190015000d", "004e 0002 01"), "transform attribute length", 22);
  check_sa_malformed(with("00180014000c", "004e ffff"), "transform attribute length", 22);
  check_sa_malformed(with("001c00180010", "800e 0080 800e 0100"), "repeated key length attribute",
                     24);
}

}  // namespace ipsec::wire
