#include "tests/support/v1_message_oracle.h"

#include "ike/base/limits.h"
#include "ike/wire/v1/identity.h"

namespace ipsec::wire::v1 {
namespace {

std::string broken_by(const Malformed& error, ByteView bytes) {
  if (error.field.empty()) return "a refusal names its field";
  if (error.offset > bytes.size()) return "a refusal points into the bytes";
  return {};
}

struct WithinLimits {
  bool operator()(const SaPayload& sa) const {
    for (const Proposal& proposal : sa.proposals) {
      if (proposal.transforms.empty() ||
          proposal.transforms.size() > limits::kV1TransformsPerProposal) {
        return false;
      }
      for (const Transform& transform : proposal.transforms) {
        if (transform.attributes.size() > limits::kV1AttributesPerTransform) return false;
      }
    }
    return !sa.proposals.empty() && sa.proposals.size() <= limits::kV1Proposals;
  }
  bool operator()(const NoncePayload& nonce) const {
    return nonce.data.size() >= limits::kV1NonceBytesMin &&
           nonce.data.size() <= limits::kNonceBytesMax;
  }
  bool operator()(const DeletePayload& deletion) const {
    return deletion.isakmp_sas.size() + deletion.child_sas.size() <= limits::kSpisPerDelete;
  }
  template <typename Unlimited>
  bool operator()(const Unlimited&) const {
    return true;
  }
};

// The numbers and meanings that callers take from a payload.
struct BrokenMeaning {
  std::string operator()(const IdPayload& id) const {
    if (const auto selector = selector_of(id)) {
      const auto again = id_of(*selector);
      if (!again) return "a selector that was read can be said";
      if (selector_of(*again) != selector) return "a selector said reads the same";
    }
    if (const auto identity = identity_of(id)) {
      const auto again = id_of(*identity);
      if (!again || identity_of(*again) != identity) return "an identity said reads the same";
    }
    return {};
  }
  std::string operator()(const SaPayload& sa) const {
    for (const Proposal& proposal : sa.proposals) {
      for (const Transform& transform : proposal.transforms) {
        if (auto broken = broken_by_transform(transform); !broken.empty()) return broken;
      }
    }
    return {};
  }
  template <typename Plain>
  std::string operator()(const Plain&) const {
    return {};
  }

 private:
  static std::string broken_by_transform(const Transform& transform) {
    for (const Attribute& attribute : transform.attributes) {
      const Attribute* first = find(transform, attribute.type);
      if (first == nullptr || first->type != attribute.type) return "an attribute is found";
      const auto number = number_of(attribute);
      if (!number || *number > 0xffff'ffff) continue;
      if (number_of(attribute_of(attribute.type, static_cast<std::uint32_t>(*number))) != number) {
        return "a number said reads the same";
      }
    }
    for (const LifeType unit : {LifeType::seconds, LifeType::kilobytes}) {
      if (phase2_life(transform, unit) && !find(transform, Phase2Attribute::life_duration)) {
        return "a life has a duration";
      }
    }
    return {};
  }
};

// From `begin` on, one directly behind the other, and inside the bytes.
std::string broken_by_places(const PlacedPayloads& placed, std::size_t begin, ByteView bytes) {
  std::size_t at = begin;
  for (const Placed& one : placed) {
    if (one.offset != at) return "payloads lie one behind the other";
    at += one.size;
    if (one.size < 4 || at > bytes.size()) return "payloads lie inside the bytes";
    if (body_of(bytes, one).size() + 4 != one.size) return "a body is all but its header";
  }
  if (placed.empty()) return {};
  const ByteView behind = bytes_behind(bytes, placed, 0);
  if (behind.data() != bytes.data() + placed.front().offset + placed.front().size ||
      behind.data() + behind.size() != bytes.data() + at) {
    return "what is behind the first ends with the last";
  }
  return {};
}

std::string broken_by(const PlacedPayloads& placed, std::size_t begin, ByteView bytes) {
  if (placed.size() > limits::kPayloadsPerMessage) return "payloads are limited";
  if (auto broken = broken_by_places(placed, begin, bytes); !broken.empty()) return broken;
  const Payloads payloads = payloads_of(placed);
  for (const Payload& payload : payloads) {
    if (!std::visit(WithinLimits{}, payload)) return name_of(type_of(payload)) + " is limited";
    if (auto broken = std::visit(BrokenMeaning{}, payload); !broken.empty()) return broken;
  }
  const auto written = write_chain(payloads);
  if (!written) return "what was read can be written: " + written.error().what;
  const auto again = parse_chain(first_type(payloads), *written);
  if (!again) return "what was written can be read: " + describe(Error{again.error()});
  PlacedPayloads expected = placed;
  for (Placed& one : expected) one.offset -= begin;
  if (*again != expected) return "what was written reads the same";
  if (write_chain(payloads_of(*again)) != written) {
    return "what reads the same is written the same";
  }
  return {};
}

std::string broken_by_clear(const Message& message) {
  const auto written = write_message(message.header, payloads_of(message.payloads));
  if (!written) return "the message can be written: " + written.error().what;
  const auto again = parse_message(*written);
  if (!again) return "the message written can be read: " + describe(Error{again.error()});
  // Padding is not written.
  Message expected = message;
  expected.header.length = static_cast<std::uint32_t>(written->size());
  if (written->size() > message.header.length ||
      written->size() + limits::kV1ClearPaddingBytes < message.header.length) {
    return "writing drops the padding alone";
  }
  return *again == expected ? std::string{} : "the message written reads the same";
}

std::string broken_by_sealed(const Message& message, ByteView datagram) {
  const SealedBody& sealed = *message.sealed;
  if (!message.payloads.empty()) return "nothing of an encrypted message is in clear";
  if (sealed.offset != kHeaderSize) return "the sealed body lies behind the header";
  const ByteView body = datagram.subspan(sealed.offset);
  auto written = write_sealed_head(message.header, sealed.first_inner, body.size());
  if (!written) return "the sealed head can be written: " + written.error().what;
  append(*written, body);
  const auto again = parse_message(*written);
  if (!again) return "the sealed head can be read: " + describe(Error{again.error()});
  return *again == message ? std::string{} : "the sealed head written reads the same";
}

}  // namespace

std::string broken_message_rule(ByteView datagram) {
  const auto message = parse_message(datagram);
  if (!message) return broken_by(message.error(), datagram);
  if (message->header.length != datagram.size()) return "the header says the length";
  if (message->header.flags.encrypted != message->sealed.has_value()) {
    return "an encrypted message has a sealed body";
  }
  if (message->sealed) return broken_by_sealed(*message, datagram);
  if (auto broken = broken_by(message->payloads, kHeaderSize, datagram); !broken.empty()) {
    return broken;
  }
  return broken_by_clear(*message);
}

std::string broken_chain_rule(PayloadType first, ByteView bytes) {
  const auto payloads = parse_chain(first, bytes);
  return payloads ? broken_by(*payloads, 0, bytes) : broken_by(payloads.error(), bytes);
}

Payloads payloads_of(const PlacedPayloads& placed) {
  Payloads payloads;
  for (const Placed& one : placed) payloads.push_back(one.payload);
  return payloads;
}

}  // namespace ipsec::wire::v1
