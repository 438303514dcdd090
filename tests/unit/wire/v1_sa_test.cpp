// Goal: SA payloads read and write as RFC 2408 3.4 to 3.6 draws them, and each rule has the bytes
// that break it; attributes are numbers in either form. Method: bytes written by hand, with the
// place and the name of the fault.
#include "tests/unit/wire/v1_wire_check.h"

namespace ipsec::wire::v1 {

using test::hex;

namespace {

SaPayload one_transform(Transform transform) {
  return {.proposals = {{.number = 1,
                         .protocol = ProtocolId::isakmp,
                         .spi = {},
                         .transforms = {std::move(transform)}}}};
}

// Behind the generic header, DOI and situation, that the text leaves out.
void check_v1_sa_malformed(const std::string& proposals, std::string_view field,
                           std::size_t offset) {
  Bytes bytes = hex("00 00 0000 00000001 00000001" + proposals);
  bytes[3] = static_cast<std::uint8_t>(bytes.size());
  INFO(proposals);
  check_malformed(PayloadType::sa, bytes, field, offset);
}

}  // namespace

TEST_CASE("v1: an offer of phase 1 in both directions", "[v1][sa]") {
  const Transform aes{
      .number = 1,
      .id = 1,
      .attributes = {
          attribute_of(Phase1Attribute::encryption, 7), attribute_of(Phase1Attribute::hash, 4),
          attribute_of(Phase1Attribute::auth_method,
                       std::to_underlying(AuthMethod::pre_shared_key)),
          attribute_of(Phase1Attribute::group_description, 14),
          attribute_of(Phase1Attribute::key_length, 256),
          attribute_of(Phase1Attribute::life_type, std::to_underlying(LifeType::seconds)),
          attribute_of(Phase1Attribute::life_duration, 86'400)}};
  const Transform des{.number = 2,
                      .id = 1,
                      .attributes = {attribute_of(Phase1Attribute::encryption, 5),
                                     attribute_of(Phase1Attribute::prf, 3)}};
  SaPayload sa = one_transform(aes);
  sa.proposals[0].transforms.push_back(des);
  check_golden(sa,
               "00 00 004c"              // generic payload header
               "00000001 00000001"       // IPsec DOI, SIT_IDENTITY_ONLY
               "00 00 0040 01 01 00 02"  // last; length 64; number 1, ISAKMP, no SPI, 2 of
               "03 00 0028 01 01 0000"   // more; length 40; number 1, KEY_IKE
               "8001 0007 8002 0004"     //   AES-CBC, SHA2-256
               "8003 0001 8004 000e"     //   pre-shared key, group 14
               "800e 0100 800b 0001"     //   256 bits, seconds
               "000c 0004 00015180"      //   86400 in the long form
               "00 00 0010 02 01 0000"   // last; length 16; number 2, KEY_IKE
               "8001 0005 800d 0003");   //   3DES, a PRF
}

TEST_CASE("v1: AH, ESP and IPCOMP of one number stay a bundle", "[v1][sa]") {
  const auto transform = [](std::uint8_t id, EncapsulationMode mode) {
    return Transform{.number = 1,
                     .id = id,
                     .attributes = {attribute_of(Phase2Attribute::encapsulation_mode,
                                                 std::to_underlying(mode))}};
  };
  const SaPayload sa{
      .proposals = {{.number = 1,
                     .protocol = ProtocolId::ah,
                     .spi = hex("0a0b0c0d"),
                     .transforms = {transform(5, EncapsulationMode::tunnel)}},
                    {.number = 1,
                     .protocol = ProtocolId::esp,
                     .spi = hex("11223344"),
                     .transforms = {transform(12, EncapsulationMode::udp_tunnel_draft)}},
                    {.number = 2,
                     .protocol = ProtocolId::ipcomp,
                     .spi = hex("0002"),
                     .transforms = {transform(2, EncapsulationMode::transport)}}}};
  check_golden(sa,
               "00 00 0052 00000001 00000001"
               "02 00 0018 01 02 04 01 0a0b0c0d 00 00 000c 01 05 0000 8004 0001"
               "02 00 0018 01 03 04 01 11223344 00 00 000c 01 0c 0000 8004 f003"
               "00 00 0016 02 04 02 01 0002 00 00 000c 01 02 0000 8004 0002");
}

TEST_CASE("v1: the SPI of an ISAKMP proposal may have up to 16 octets", "[v1][sa]") {
  for (const std::size_t size : {0U, 1U, 8U, 16U}) {
    SaPayload sa = one_transform({});
    sa.proposals[0].spi = Bytes(size, 0xcc);
    const Payload payload = sa;
    const auto written = write_chain({&payload, 1});
    REQUIRE(written.has_value());
    CHECK(parse_chain(PayloadType::sa, *written)->front().payload == payload);
  }
}

TEST_CASE("v1: proposals of a protocol nobody knows are kept", "[v1][sa]") {
  SaPayload sa = one_transform({.number = 0, .id = 255, .attributes = {}});
  sa.proposals[0].number = 0;
  sa.proposals[0].protocol = ProtocolId{9};
  sa.proposals[0].spi = hex("010203");
  check_golden(sa,
               "00 00 001f 00000001 00000001"
               "00 00 0013 00 09 03 01 010203 00 00 0008 00 ff 0000");
}

TEST_CASE("v1: the reserved octets of proposals and transforms are ignored", "[v1][sa]") {
  const Bytes bytes =
      hex("00 00 001c 00000001 00000001 00 ff 0010 01 01 00 01 00 ff 0008 01 01 ffff");
  CHECK(parse_chain(PayloadType::sa, bytes)->front().payload ==
        Payload{one_transform({.number = 1, .id = 1, .attributes = {}})});
}

TEST_CASE("v1: another DOI or situation is not understood", "[v1][sa]") {
  check_malformed(PayloadType::sa, "00 00 0004", "SA DOI", 4);
  check_malformed(PayloadType::sa, "00 00 0008 00000000", "SA DOI", 4);
  check_malformed(PayloadType::sa, "00 00 0008 00000002", "SA DOI", 4);
  check_malformed(PayloadType::sa, "00 00 000a 00000001 0000", "SA situation", 8);
  for (const char* situation : {"00000000", "00000002", "00000003", "01000001"}) {
    check_malformed(PayloadType::sa, "00 00 000c 00000001" + std::string(situation), "SA situation",
                    8);
  }
}

TEST_CASE("v1: faults of a proposal have a name and a place", "[v1][sa]") {
  check_v1_sa_malformed("", "SA proposal header", 12);
  check_v1_sa_malformed("00 00 00", "SA proposal header", 14);
  check_v1_sa_malformed("00 00 0003", "SA proposal length", 14);
  check_v1_sa_malformed("00 00 0005", "SA proposal length", 14);
  check_v1_sa_malformed("00 00 0004", "SA proposal number", 16);
  check_v1_sa_malformed("00 00 0005 01", "SA proposal protocol", 17);
  check_v1_sa_malformed("00 00 0006 01 01", "SA proposal SPI size", 18);
  check_v1_sa_malformed("00 00 0007 01 01 00", "SA proposal transform count", 19);
  check_v1_sa_malformed("00 00 0008 01 01 00 00", "SA transform header", 20);
  check_v1_sa_malformed("00 00 000b 01 03 04 01 112233", "SA proposal SPI", 20);
  check_v1_sa_malformed("00 00 0009 01 09 ff 01 11", "SA proposal SPI", 20);
  const std::string transform = "00 00 0008 01 01 0000";
  check_v1_sa_malformed("01 00 0010 01 01 00 01" + transform, "next payload of an SA proposal", 12);
  check_v1_sa_malformed("03 00 0010 01 01 00 01" + transform, "next payload of an SA proposal", 12);
  check_v1_sa_malformed("02 00 0010 01 01 00 01" + transform, "SA proposal header", 28);
  check_v1_sa_malformed("00 00 0010 01 01 00 01" + transform + "00",
                        "bytes after the last SA proposal", 28);
  for (const char* count : {"00", "02", "ff"}) {
    check_v1_sa_malformed("00 00 0010 01 01 00" + std::string(count) + transform,
                          "SA proposal transform count", 19);
  }
}

TEST_CASE("v1: SPI sizes that the protocol does not have", "[v1][sa]") {
  const struct {
    const char* protocol;
    std::size_t size;
  } rows[] = {{"01", 17}, {"02", 0}, {"02", 2}, {"03", 3}, {"03", 5},
              {"03", 16}, {"04", 0}, {"04", 1}, {"04", 3}};
  for (const auto& row : rows) {
    const std::string spi = to_hex(Bytes(row.size, 0x77));
    const std::string size = to_hex(Bytes{static_cast<std::uint8_t>(row.size)});
    const std::string length = to_hex(Bytes{static_cast<std::uint8_t>(16 + row.size)});
    check_v1_sa_malformed(
        "00 00 00" + length + "01" + row.protocol + size + "01" + spi + "00 00 0008 01 01 0000",
        "SA proposal SPI size", 18);
  }
}

TEST_CASE("v1: faults of a transform have a name and a place", "[v1][sa]") {
  const auto check = [](std::string_view size, std::string_view transform, std::string_view field,
                        std::size_t offset) {
    check_v1_sa_malformed("00 00 00" + std::string(size) + "01 01 00 01" + std::string(transform),
                          field, offset);
  };
  check("0b", "00 00 00", "SA transform header", 22);
  check("0c", "00 00 0003", "SA transform length", 22);
  check("0c", "00 00 0005", "SA transform length", 22);
  check("0c", "00 00 0004", "SA transform number", 24);
  check("0d", "00 00 0005 01", "SA transform id", 25);
  check("0f", "00 00 0007 01 01 00", "SA transform reserved octets", 26);
  check("10", "02 00 0008 01 01 0000", "next payload of an SA transform", 20);
  check("10", "03 00 0008 01 01 0000", "SA transform header", 28);
  check("11", "00 00 0008 01 01 0000 00", "bytes after the last SA transform", 28);
  check("11", "00 00 0009 01 01 0000 80", "transform attribute type", 28);
  check("13", "00 00 000b 01 01 0000 8001 00", "transform attribute value", 30);
  check("13", "00 00 000b 01 01 0000 0001 00", "transform attribute length", 30);
  check("14", "00 00 000c 01 01 0000 000c 0001", "transform attribute length", 30);
  check("15", "00 00 000d 01 01 0000 000c ffff 00", "transform attribute length", 30);
}

TEST_CASE("v1: numbers take the short form where they fit", "[v1][sa]") {
  CHECK(attribute_of(1, 0) == Attribute{.type = 1, .value = std::uint16_t{0}});
  CHECK(attribute_of(2, 0xffff) == Attribute{.type = 2, .value = std::uint16_t{0xffff}});
  CHECK(attribute_of(12, 0x10000) == Attribute{.type = 12, .value = hex("00010000")});
  CHECK(attribute_of(12, 0xfedcba98) == Attribute{.type = 12, .value = hex("fedcba98")});
}

TEST_CASE("v1: numbers are read in both forms", "[v1][sa]") {
  CHECK(number_of({.type = 1, .value = std::uint16_t{0xabcd}}) == 0xabcd);
  CHECK(number_of({.type = 1, .value = hex("07")}) == 7);
  CHECK(number_of({.type = 1, .value = hex("00015180")}) == 86'400);
  CHECK(number_of({.type = 1, .value = hex("ffeeddccbbaa9988")}) == 0xffee'ddcc'bbaa'9988);
  CHECK_FALSE(number_of({.type = 1, .value = Bytes{}}).has_value());
  CHECK_FALSE(number_of({.type = 1, .value = Bytes(9)}).has_value());
}

TEST_CASE("v1: the first attribute of a type is found", "[v1][sa]") {
  const Transform transform{.number = 1,
                            .id = 1,
                            .attributes = {attribute_of(Phase1Attribute::hash, 2),
                                           attribute_of(Phase1Attribute::key_length, 128),
                                           attribute_of(Phase1Attribute::key_length, 256)}};
  CHECK(find(transform, Phase1Attribute::key_length) == &transform.attributes[1]);
  CHECK(find(transform, Phase2Attribute::life_duration) == &transform.attributes[0]);
  CHECK(find(transform, Phase1Attribute::encryption) == nullptr);
}

TEST_CASE("v1: each unit of life has its own duration", "[v1][sa]") {
  const auto type = [](LifeType unit) {
    return attribute_of(Phase2Attribute::life_type, std::to_underlying(unit));
  };
  const auto duration = [](std::uint32_t number) {
    return attribute_of(Phase2Attribute::life_duration, number);
  };
  Transform transform{.number = 1,
                      .id = 12,
                      .attributes = {type(LifeType::seconds), duration(3'600),
                                     type(LifeType::kilobytes), duration(4'608'000)}};
  CHECK(phase2_life(transform, LifeType::seconds) == 3'600);
  CHECK(phase2_life(transform, LifeType::kilobytes) == 4'608'000);
  CHECK_FALSE(phase1_life(transform, LifeType::seconds).has_value());
  transform.attributes = {duration(60), type(LifeType::seconds)};
  CHECK(phase2_life(transform, LifeType::seconds) == 60);
  CHECK_FALSE(phase2_life(transform, LifeType::kilobytes).has_value());
  transform.attributes = {type(LifeType::kilobytes), type(LifeType::seconds), duration(60)};
  CHECK_FALSE(phase2_life(transform, LifeType::seconds).has_value());
  transform.attributes = {attribute_of(Phase1Attribute::life_type, 1),
                          attribute_of(Phase1Attribute::life_duration, 28'800)};
  CHECK(phase1_life(transform, LifeType::seconds) == 28'800);
}

}  // namespace ipsec::wire::v1
