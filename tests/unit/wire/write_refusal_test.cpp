// Goal: what would be read back as something else is not written. Method: one value for each
// refusal; those about numbers of things are in limits_test.cpp.
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::hex;

namespace {

Proposal proposal() {
  return {.number = 1,
          .protocol = ProtocolId::ike,
          .spi = {},
          .transforms = {{.type = 1, .id = 12, .key_bits = 128, .unknown_attributes = {}}}};
}

void check_head_refused(PayloadType first_inner, FragmentNumber fragment, std::string_view field) {
  const auto head = write_sealed_head(Header{}, first_inner, fragment, 16);
  REQUIRE_FALSE(head.has_value());
  CHECK(head.error().what == "value cannot be written: " + std::string(field));
}

}  // namespace

TEST_CASE("SA payloads that cannot be said", "[refusal]") {
  check_refused(SaPayload{}, "SA proposal count");
  Proposal bare = proposal();
  bare.transforms.clear();
  check_refused(SaPayload{.proposals = {bare}}, "SA transform count");
  for (const std::size_t size : {1U, 4U, 9U, 256U}) {
    Proposal odd = proposal();
    odd.spi = Bytes(size);
    check_refused(SaPayload{.proposals = {odd}}, "SA proposal SPI size");
  }
  Proposal foreign = proposal();
  foreign.protocol = ProtocolId{9};
  foreign.spi = Bytes(256);
  check_refused(SaPayload{.proposals = {foreign}}, "SA proposal SPI size");
}

TEST_CASE("proposal numbers that are not in order", "[refusal]") {
  const auto numbered = [](std::vector<std::uint8_t> numbers) {
    SaPayload sa;
    for (const std::uint8_t number : numbers) {
      sa.proposals.push_back(proposal());
      sa.proposals.back().number = number;
    }
    return sa;
  };
  for (const auto& numbers : std::vector<std::vector<std::uint8_t>>{
           {0}, {0, 1}, {2, 3}, {1, 1}, {1, 3}, {2, 1}, {1, 2, 4}}) {
    check_refused(numbered(numbers), "SA proposal number");
  }
}

TEST_CASE("attributes that would be read as others", "[refusal]") {
  const auto with = [](Attribute attribute) {
    SaPayload sa{.proposals = {proposal()}};
    sa.proposals[0].transforms[0].unknown_attributes = {std::move(attribute)};
    return sa;
  };
  check_refused(with({.type = kKeyLengthAttribute, .value = std::uint16_t{128}}),
                "key length among the unknown attributes");
  check_refused(with({.type = 0x8000, .value = Bytes{}}), "transform attribute type");
  const Payload large = with({.type = 78, .value = Bytes(65'536)});
  CHECK(write_chain({&large, 1}).error().what ==
        "length does not fit its field: transform attribute length");
}

TEST_CASE("identities that are not the address they claim", "[refusal]") {
  check_refused(IdPayload{.role = {}, .type = IdType::ipv4, .data = Bytes(16)},
                "length of an address ID");
  check_refused(IdPayload{.role = {}, .type = IdType::ipv6, .data = Bytes(4)},
                "length of an address ID");
}

TEST_CASE("notifies that cannot be said", "[refusal]") {
  const auto notify = [](ProtocolId protocol, std::size_t spi_size) {
    return NotifyPayload{
        .protocol = protocol, .spi = Bytes(spi_size), .type = NotifyType::rekey_sa, .data = {}};
  };
  check_refused(notify(ProtocolId::none, 256), "notify SPI size");
  check_refused(notify(ProtocolId::esp, 8), "notify SPI size");
  check_refused(notify(ProtocolId::ah, 3), "notify SPI size");
  check_refused(notify(ProtocolId::esp, 0), "notify protocol without an SPI");
  check_refused(notify(ProtocolId::ike, 0), "notify protocol without an SPI");
}

TEST_CASE("deletions that cannot be said", "[refusal]") {
  check_refused(DeletePayload{.protocol = ProtocolId::none, .spis = {}}, "delete protocol");
  check_refused(DeletePayload{.protocol = ProtocolId::ike, .spis = {ChildSpi{1}}},
                "delete SPIs of an IKE SA");
}

TEST_CASE("selectors that cannot be said", "[refusal]") {
  const auto selector = [](std::uint8_t protocol, PortRange ports) {
    return TsPayload{
        .role = Role::initiator,
        .selectors = {{.addresses = Cidr{}.range(), .protocol = protocol, .ports = ports}}};
  };
  check_refused(selector(6, {2, 1}), "TS start port above end");
  check_refused(selector(0, {1, 2}), "TS ports without a protocol");
}

TEST_CASE("CP attributes and EAP messages that cannot be said", "[refusal]") {
  check_refused(ConfigurationPayload{.type = 1, .items = {{.type = 0x8000, .data = {}}}},
                "CP attribute type");
  check_refused(EapPayload{}, "EAP length");
  check_refused(EapPayload{.data = hex("03010005")}, "EAP length");
}

TEST_CASE("unknown payloads of a known type", "[refusal]") {
  for (const PayloadType type :
       {PayloadType::none, PayloadType::sa, PayloadType::notify, PayloadType::encrypted,
        PayloadType::eap, PayloadType::encrypted_fragment}) {
    check_refused(UnknownPayload{.type = type, .critical = false, .data = {}},
                  "type of an unknown payload");
  }
}

TEST_CASE("messages of another version", "[refusal]") {
  Header header;
  header.major_version = 1;
  CHECK(write_message(header, {}).error().what == "value cannot be written: major version");
  CHECK_FALSE(write_sealed_head(header, PayloadType::none, std::nullopt, 0).has_value());
}

TEST_CASE("sealed heads that would not be read", "[refusal]") {
  check_head_refused(PayloadType::none, {.number = 0, .total = 1}, "fragment number");
  check_head_refused(PayloadType::none, {.number = 1, .total = 0}, "fragment number");
  check_head_refused(PayloadType::none, {.number = 3, .total = 2}, "fragment number");
  check_head_refused(PayloadType::auth, {.number = 2, .total = 2},
                     "next payload of a later fragment");
  check_head_refused(PayloadType::encrypted, {.number = 1, .total = 1},
                     "encrypted payload inside an encrypted payload");
}

}  // namespace ipsec::wire
