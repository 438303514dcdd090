// Goal: each limit of limits.h lets its number pass and one more not, on both sides. Method: values
// at the limit through the writer; one past it by repeating bytes, since the writer refuses to make
// it.
#include "ike/base/limits.h"
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::hex;

namespace {

void put_u16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

// A payload header and a fixed head, then `count` times `item`.
Bytes repeated(std::string_view head, std::string_view item, std::size_t count) {
  Bytes bytes = concat({hex("00 00 0000"), hex(head)});
  for (std::size_t i = 0; i < count; ++i) append(bytes, hex(item));
  put_u16(bytes, 2, bytes.size());
  return bytes;
}

void check_round_trip(const Payload& payload) {
  const auto written = write_chain({&payload, 1});
  REQUIRE(written.has_value());
  CHECK(parse_chain(type_of(payload), *written)->front() == payload);
}

SaPayload sa_of(std::size_t proposals, std::size_t transforms, std::size_t attributes) {
  Transform transform{.type = 1, .id = 12, .key_bits = {}, .unknown_attributes = {}};
  transform.unknown_attributes.resize(attributes, {.type = 9, .value = std::uint16_t{1}});
  SaPayload sa;
  for (std::size_t i = 1; i <= proposals; ++i) {
    sa.proposals.push_back({.number = static_cast<std::uint8_t>(i),
                            .protocol = ProtocolId::ike,
                            .spi = {},
                            .transforms = std::vector<Transform>(transforms, transform)});
  }
  return sa;
}

}  // namespace

TEST_CASE("payloads in one message", "[limits]") {
  Payloads payloads(limits::kPayloadsPerMessage, VendorIdPayload{});
  const Bytes chain = write_chain(payloads).value();
  CHECK(parse_chain(PayloadType::vendor_id, chain).value() == payloads);
  payloads.emplace_back(VendorIdPayload{});
  CHECK(write_chain(payloads).error().what == "value cannot be written: payload count");
  Bytes more = concat({hex("2b 00 0004"), chain});
  check_malformed(PayloadType::vendor_id, more, "payload count", chain.size());
}

TEST_CASE("proposals in one SA payload", "[limits]") {
  check_round_trip(sa_of(limits::kProposals, 1, 0));
  check_refused(sa_of(limits::kProposals + 1, 1, 0), "SA proposal count");
  Bytes bytes =
      repeated("", "02 00 0010 00 01 00 01 00 00 0008 01 00 000c", limits::kProposals + 1);
  for (std::size_t i = 0; i <= limits::kProposals; ++i) {
    bytes[4 + 16 * i + 4] = static_cast<std::uint8_t>(i + 1);
  }
  check_malformed(PayloadType::sa, bytes, "SA proposal count", 4 + 16 * limits::kProposals);
}

TEST_CASE("transforms in one proposal", "[limits]") {
  constexpr std::size_t kMost = limits::kTransformsPerProposal;
  check_round_trip(sa_of(1, kMost, 0));
  check_refused(sa_of(1, kMost + 1, 0), "SA transform count");
  Bytes bytes = repeated("00 00 0000 01 01 00 00", "03 00 0008 01 00 000c", kMost + 1);
  put_u16(bytes, 6, bytes.size() - 4);
  bytes[11] = kMost + 1;
  check_malformed(PayloadType::sa, bytes, "SA transform count", 12 + 8 * kMost);
}

TEST_CASE("attributes in one transform", "[limits]") {
  constexpr std::size_t kMost = limits::kAttributesPerTransform;
  check_round_trip(sa_of(1, 1, kMost));
  check_refused(sa_of(1, 1, kMost + 1), "transform attribute count");
  SaPayload with_key_length = sa_of(1, 1, kMost);
  with_key_length.proposals[0].transforms[0].key_bits = 128;
  check_refused(with_key_length, "transform attribute count");
  Bytes bytes = repeated("00 00 0000 01 01 00 01 00 00 0000 01 00 000c", "8009 0001", kMost + 1);
  put_u16(bytes, 6, bytes.size() - 4);
  put_u16(bytes, 14, bytes.size() - 12);
  check_malformed(PayloadType::sa, bytes, "transform attribute count", 20 + 4 * kMost);
}

TEST_CASE("octets of a nonce", "[limits]") {
  for (const std::size_t size : {limits::kNonceBytesMin, limits::kNonceBytesMax}) {
    check_round_trip(NoncePayload{.data = Bytes(size, 0x7e)});
  }
  for (const std::size_t size : {limits::kNonceBytesMin - 1, limits::kNonceBytesMax + 1}) {
    check_refused(NoncePayload{.data = Bytes(size, 0x7e)}, "nonce length");
    check_malformed(PayloadType::nonce, repeated("", "7e", size), "nonce length", 4);
  }
}

TEST_CASE("SPIs in one DELETE", "[limits]") {
  constexpr std::size_t kMost = limits::kSpisPerDelete;
  DeletePayload deletion{.protocol = ProtocolId::esp, .spis = {}};
  deletion.spis.resize(kMost, ChildSpi{0x11223344});
  check_round_trip(deletion);
  deletion.spis.emplace_back();
  check_refused(deletion, "delete SPI count");
  Bytes bytes = repeated("03 04 0000", "11223344", kMost + 1);
  put_u16(bytes, 6, kMost + 1);
  check_malformed(PayloadType::delete_, bytes, "delete SPI count", 6);
}

TEST_CASE("selectors in one TS payload", "[limits]") {
  TsPayload ts{.role = Role::initiator, .selectors = {}};
  ts.selectors.resize(limits::kSelectors);
  check_round_trip(ts);
  ts.selectors.emplace_back();
  check_refused(ts, "TS count");
}

TEST_CASE("items in one CP payload", "[limits]") {
  ConfigurationPayload configuration{.type = 1, .items = {}};
  configuration.items.resize(limits::kConfigurationItems);
  check_round_trip(configuration);
  configuration.items.emplace_back();
  check_refused(configuration, "CP attribute count");
  check_malformed(PayloadType::configuration,
                  repeated("01 000000", "0001 0000", limits::kConfigurationItems + 1),
                  "CP attribute count", 8 + 4 * limits::kConfigurationItems);
}

TEST_CASE("octets of a message", "[limits]") {
  Header header;
  Payload vendor = VendorIdPayload{.data = Bytes(limits::kMessageBytes - kHeaderSize - 4)};
  const auto largest = write_message(header, {&vendor, 1});
  REQUIRE(largest.has_value());
  CHECK(largest->size() == limits::kMessageBytes);
  CHECK(parse_message(*largest)->payloads.front() == vendor);

  std::get<VendorIdPayload>(vendor).data.push_back(0);
  CHECK(write_message(header, {&vendor, 1}).error().what ==
        "value cannot be written: message length");
  Bytes too_large = *largest;
  too_large.push_back(0);
  too_large[25] = 1;  // 0x10000, as the header's 32 bits can say
  too_large[26] = too_large[27] = 0;
  const auto refused = parse_message(too_large);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == Malformed{"message length", 24});
}

TEST_CASE("octets of a payload and of a chain", "[limits]") {
  Payload vendor = VendorIdPayload{.data = Bytes(65'535 - 4)};
  const auto largest = write_chain({&vendor, 1});
  REQUIRE(largest.has_value());
  CHECK(parse_chain(PayloadType::vendor_id, *largest)->front() == vendor);

  std::get<VendorIdPayload>(vendor).data.push_back(0);
  CHECK(write_chain({&vendor, 1}).error().what == "length does not fit its field: payload length");
  const Payloads two{VendorIdPayload{.data = Bytes(40'000)},
                     VendorIdPayload{.data = Bytes(40'000)}};
  CHECK(write_chain(two).error().what == "value cannot be written: length of the payload chain");
  check_malformed(PayloadType::vendor_id, Bytes(limits::kReassembledBytes + 1),
                  "length of the payload chain", 0);
}

TEST_CASE("octets of a sealed body", "[limits]") {
  const Header header;
  const std::size_t most = limits::kMessageBytes - kHeaderSize - 4;
  const auto head = write_sealed_head(header, PayloadType::none, std::nullopt, most);
  REQUIRE(head.has_value());
  CHECK(parse_message(concat({*head, Bytes(most)}))->sealed->offset == kHeaderSize + 4);
  for (const std::size_t size : {most + 1, SIZE_MAX}) {
    CHECK(write_sealed_head(header, PayloadType::none, std::nullopt, size).error().what ==
          "value cannot be written: encrypted payload length");
  }
  const FragmentNumber one{.number = 1, .total = 1};
  CHECK(write_sealed_head(header, PayloadType::none, one, most - 4).has_value());
  CHECK_FALSE(write_sealed_head(header, PayloadType::none, one, most - 3).has_value());
}

}  // namespace ipsec::wire
