// Goal: each limit of limits.h lets its number pass in IKEv1 and one more not, on both sides.
// Method: values at the limit through the writer; one past it by repeating bytes, since the writer
// refuses to make it. The limits of padding are in v1_message_test.cpp.
#include "ike/base/limits.h"
#include "tests/unit/wire/v1_wire_check.h"

namespace ipsec::wire::v1 {

using test::hex;

namespace {

void put_v1_u16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

// A payload header and a fixed head, then `count` times `item`.
Bytes v1_repeated(std::string_view head, std::string_view item, std::size_t count) {
  Bytes bytes = concat({hex("00 00 0000"), hex(head)});
  for (std::size_t i = 0; i < count; ++i) append(bytes, hex(item));
  put_v1_u16(bytes, 2, bytes.size());
  return bytes;
}

void check_v1_round_trip(const Payload& payload) {
  const auto written = write_chain({&payload, 1});
  REQUIRE(written.has_value());
  CHECK(parse_chain(type_of(payload), *written)->front().payload == payload);
}

SaPayload v1_sa_of(std::size_t proposals, std::size_t transforms, std::size_t attributes) {
  Transform transform{.number = 1, .id = 12, .attributes = {}};
  transform.attributes.resize(attributes, attribute_of(9, 1));
  const Proposal proposal{.number = 1,
                          .protocol = ProtocolId::isakmp,
                          .spi = {},
                          .transforms = std::vector<Transform>(transforms, transform)};
  return {.proposals = std::vector<Proposal>(proposals, proposal)};
}

constexpr std::string_view kDoiAndSituation = "00000001 00000001";
constexpr std::size_t kProposalsAt = 12;

}  // namespace

TEST_CASE("v1: payloads in one message", "[v1][limits]") {
  Payloads payloads(limits::kPayloadsPerMessage, VendorIdPayload{});
  const Bytes chain = write_chain(payloads).value();
  CHECK(parse_chain(PayloadType::vendor_id, chain)->size() == limits::kPayloadsPerMessage);
  payloads.emplace_back(VendorIdPayload{});
  CHECK(write_chain(payloads).error().what == "value cannot be written: payload count");
  const Bytes more = concat({hex("0d 00 0004"), chain});
  check_malformed(PayloadType::vendor_id, more, "payload count", chain.size());
}

TEST_CASE("v1: proposals in one SA payload", "[v1][limits]") {
  constexpr std::size_t kMost = limits::kV1Proposals;
  check_v1_round_trip(v1_sa_of(kMost, 1, 0));
  check_refused(v1_sa_of(kMost + 1, 1, 0), "SA proposal count");
  const Bytes bytes =
      v1_repeated(kDoiAndSituation, "02 00 0010 01 01 00 01 00 00 0008 01 0c 0000", kMost + 1);
  check_malformed(PayloadType::sa, bytes, "SA proposal count", kProposalsAt + 16 * kMost);
}

// As many as their count can say: one more does not pass for none.
TEST_CASE("v1: transforms in one proposal", "[v1][limits]") {
  constexpr std::size_t kMost = limits::kV1TransformsPerProposal;
  check_v1_round_trip(v1_sa_of(1, kMost, 0));
  check_refused(v1_sa_of(1, kMost + 1, 0), "SA transform count");
  Bytes bytes = v1_repeated(std::string(kDoiAndSituation) + "00 00 0000 01 01 00 00",
                            "03 00 0008 01 0c 0000", kMost + 1);
  put_v1_u16(bytes, kProposalsAt + 2, bytes.size() - kProposalsAt);
  check_malformed(PayloadType::sa, bytes, "SA transform count", kProposalsAt + 8 + 8 * kMost);
}

TEST_CASE("v1: attributes in one transform", "[v1][limits]") {
  constexpr std::size_t kMost = limits::kV1AttributesPerTransform;
  check_v1_round_trip(v1_sa_of(1, 1, kMost));
  check_refused(v1_sa_of(1, 1, kMost + 1), "transform attribute count");
  Bytes bytes =
      v1_repeated(std::string(kDoiAndSituation) + "00 00 0000 01 01 00 01 00 00 0000 01 0c 0000",
                  "8009 0001", kMost + 1);
  put_v1_u16(bytes, kProposalsAt + 2, bytes.size() - kProposalsAt);
  put_v1_u16(bytes, kProposalsAt + 10, bytes.size() - kProposalsAt - 8);
  check_malformed(PayloadType::sa, bytes, "transform attribute count",
                  kProposalsAt + 16 + 4 * kMost);
}

TEST_CASE("v1: octets of a nonce", "[v1][limits]") {
  for (const std::size_t size : {limits::kV1NonceBytesMin, limits::kNonceBytesMax}) {
    check_v1_round_trip(NoncePayload{.data = Bytes(size, 0x7e)});
  }
  for (const std::size_t size : {limits::kV1NonceBytesMin - 1, limits::kNonceBytesMax + 1}) {
    check_refused(NoncePayload{.data = Bytes(size, 0x7e)}, "nonce length");
    check_malformed(PayloadType::nonce, v1_repeated("", "7e", size), "nonce length", 4);
  }
}

TEST_CASE("v1: SPIs in one deletion", "[v1][limits]") {
  constexpr std::size_t kMost = limits::kSpisPerDelete;
  DeletePayload children;
  children.protocol = ProtocolId::esp;
  children.child_sas.resize(kMost, ChildSpi{0x11223344});
  check_v1_round_trip(children);
  children.child_sas.emplace_back();
  check_refused(children, "delete SPI count");
  DeletePayload associations;
  associations.isakmp_sas.resize(kMost, {IkeSpi{1}, IkeSpi{2}});
  check_v1_round_trip(associations);
  associations.isakmp_sas.emplace_back();
  check_refused(associations, "delete SPI count");
  Bytes bytes = v1_repeated("00000001 03 04 0000", "11223344", kMost + 1);
  put_v1_u16(bytes, 10, kMost + 1);
  check_malformed(PayloadType::delete_, bytes, "delete SPI count", 10);
}

TEST_CASE("v1: octets of a payload, a message and a chain", "[v1][limits]") {
  const Payload longest = VendorIdPayload{.data = Bytes(limits::kMessageBytes - 4, 0x61)};
  check_v1_round_trip(longest);
  const Payload longer = VendorIdPayload{.data = Bytes(limits::kMessageBytes - 3, 0x61)};
  CHECK(write_chain({&longer, 1}).error().what == "length does not fit its field: payload length");
  const Payload half = VendorIdPayload{.data = Bytes(limits::kMessageBytes / 2 - 4, 0x61)};
  CHECK(write_chain(std::vector{half, half}).has_value());
  CHECK(write_chain(std::vector{half, half, half}).error().what ==
        "value cannot be written: length of the payload chain");
  CHECK(write_message(Header{}, {&longest, 1}).error().what ==
        "value cannot be written: message length");
  const Bytes too_long(limits::kMessageBytes + 1);
  check_malformed(PayloadType::none, too_long, "length of the payload chain", 0);
}

TEST_CASE("v1: octets of an encrypted message", "[v1][limits]") {
  constexpr std::size_t kMost = limits::kMessageBytes - kHeaderSize;
  CHECK(write_sealed_head(Header{}, PayloadType::hash, kMost).has_value());
  CHECK(write_sealed_head(Header{}, PayloadType::hash, kMost + 1).error().what ==
        "value cannot be written: message length");
  Bytes bytes = write_sealed_head(Header{}, PayloadType::hash, kMost).value();
  bytes.resize(limits::kMessageBytes);
  CHECK(parse_message(bytes).has_value());
  bytes.push_back(0);
  bytes[25] = 1;  // 65536
  bytes[26] = 0;
  bytes[27] = 0;
  CHECK(parse_message(bytes).error() == Malformed{"message length", 24});
}

}  // namespace ipsec::wire::v1
