// Goal: what would be refused, or read back as something else, is not written. Method: one value
// for each refusal; those about numbers of things are in v1_limits_test.cpp, those of IDs in
// v1_id_test.cpp.
#include "tests/unit/wire/v1_wire_check.h"

namespace ipsec::wire::v1 {

namespace {

SaPayload offer_with_spi(ProtocolId protocol, std::size_t spi_size) {
  return {.proposals = {{.number = 1,
                         .protocol = protocol,
                         .spi = Bytes(spi_size),
                         .transforms = {Transform{}}}}};
}

}  // namespace

TEST_CASE("v1: SA payloads that cannot be said", "[v1][refusal]") {
  check_refused(SaPayload{}, "SA proposal count");
  SaPayload bare = offer_with_spi(ProtocolId::isakmp, 0);
  bare.proposals[0].transforms.clear();
  check_refused(bare, "SA transform count");
  check_refused(offer_with_spi(ProtocolId::isakmp, 17), "SA proposal SPI size");
  for (const std::size_t size : {0U, 3U, 8U}) {
    check_refused(offer_with_spi(ProtocolId::ah, size), "SA proposal SPI size");
    check_refused(offer_with_spi(ProtocolId::esp, size), "SA proposal SPI size");
    check_refused(offer_with_spi(ProtocolId::ipcomp, size), "SA proposal SPI size");
  }
  check_refused(offer_with_spi(ProtocolId{9}, 256), "SA proposal SPI size");
}

TEST_CASE("v1: attributes that would be read as others", "[v1][refusal]") {
  SaPayload sa = offer_with_spi(ProtocolId::isakmp, 0);
  auto& attributes = sa.proposals[0].transforms[0].attributes;
  attributes = {{.type = 0x8000, .value = std::uint16_t{1}}};
  check_refused(sa, "transform attribute type");
  attributes = {{.type = 1, .value = Bytes(65'536)}};
  const Payload large = sa;
  CHECK(write_chain({&large, 1}).error().what ==
        "length does not fit its field: transform attribute length");
}

TEST_CASE("v1: notifications that cannot be said", "[v1][refusal]") {
  const auto notification = [](ProtocolId protocol, std::size_t spi_size) {
    return NotificationPayload{.doi = Doi::ipsec,
                               .protocol = protocol,
                               .spi = Bytes(spi_size),
                               .type = NotifyType::initial_contact,
                               .data = {}};
  };
  check_refused(notification(ProtocolId::isakmp, 17), "notification SPI size");
  check_refused(notification(ProtocolId::esp, 8), "notification SPI size");
  check_refused(notification(ProtocolId::ah, 3), "notification SPI size");
  check_refused(notification(ProtocolId::none, 256), "notification SPI size");
  NotificationPayload foreign = notification(ProtocolId::isakmp, 16);
  foreign.doi = Doi{2};
  check_refused(foreign, "notification DOI");
}

TEST_CASE("v1: deletions that cannot be said", "[v1][refusal]") {
  DeletePayload deletion;
  deletion.doi = Doi{2};
  check_refused(deletion, "delete DOI");
  for (const ProtocolId protocol : {ProtocolId::none, ProtocolId::ipcomp, ProtocolId{9}}) {
    deletion = {};
    deletion.protocol = protocol;
    check_refused(deletion, "delete protocol");
  }
  deletion = {};
  deletion.child_sas = {ChildSpi{1}};
  check_refused(deletion, "delete SPIs of another protocol");
  deletion = {};
  deletion.protocol = ProtocolId::esp;
  deletion.isakmp_sas = {CookiePair{}};
  check_refused(deletion, "delete SPIs of another protocol");
}

TEST_CASE("v1: unknown payloads of a known type", "[v1][refusal]") {
  for (const std::uint8_t type :
       std::to_array<std::uint8_t>({0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 21, 130, 131})) {
    INFO(int{type});
    check_refused(UnknownPayload{.type = PayloadType{type}, .data = {}},
                  "type of an unknown payload");
  }
}

TEST_CASE("v1: messages of another version, or encrypted ones in clear", "[v1][refusal]") {
  Header header;
  header.major_version = 2;
  CHECK(write_message(header, {}).error().what == "value cannot be written: major version");
  CHECK(write_sealed_head(header, PayloadType::hash, 0).error().what ==
        "value cannot be written: major version");
  header = {};
  header.flags.encrypted = true;
  CHECK(write_message(header, {}).error().what ==
        "value cannot be written: encryption flag of a message in clear");
}

}  // namespace ipsec::wire::v1
