#include "tests/support/message_oracle.h"

#include "ike/base/limits.h"

namespace ipsec::wire {
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
          proposal.transforms.size() > limits::kTransformsPerProposal) {
        return false;
      }
      for (const Transform& transform : proposal.transforms) {
        if (transform.unknown_attributes.size() > limits::kAttributesPerTransform) return false;
      }
    }
    return !sa.proposals.empty() && sa.proposals.size() <= limits::kProposals;
  }
  bool operator()(const NoncePayload& nonce) const {
    return nonce.data.size() >= limits::kNonceBytesMin &&
           nonce.data.size() <= limits::kNonceBytesMax;
  }
  bool operator()(const DeletePayload& deletion) const {
    return deletion.spis.size() <= limits::kSpisPerDelete;
  }
  bool operator()(const TsPayload& ts) const { return ts.selectors.size() <= limits::kSelectors; }
  bool operator()(const ConfigurationPayload& configuration) const {
    return configuration.items.size() <= limits::kConfigurationItems;
  }
  template <typename Unlimited>
  bool operator()(const Unlimited&) const {
    return true;
  }
};

std::string broken_by(const Payloads& payloads) {
  if (payloads.size() > limits::kPayloadsPerMessage) return "payloads are limited";
  for (const Payload& payload : payloads) {
    if (!std::visit(WithinLimits{}, payload)) return name_of(type_of(payload)) + " is limited";
  }
  const auto written = write_chain(payloads);
  if (!written) return "what was read can be written: " + written.error().what;
  const auto again = parse_chain(first_type(payloads), *written);
  if (!again) return "what was written can be read: " + describe(Error{again.error()});
  if (*again != payloads) return "what was written reads the same";
  if (write_chain(*again) != written) return "what reads the same is written the same";
  return {};
}

std::string broken_by_clear(const Message& message) {
  const auto written = write_message(message.header, message.payloads);
  if (!written) return "the message can be written: " + written.error().what;
  const auto again = parse_message(*written);
  if (!again) return "the message written can be read: " + describe(Error{again.error()});
  // Reading drops what has no meaning (unknown selectors, an ignored count): it may have shrunk.
  Message expected = message;
  expected.header.length = static_cast<std::uint32_t>(written->size());
  if (written->size() > message.header.length) return "writing adds nothing";
  return *again == expected ? std::string{} : "the message written reads the same";
}

std::string broken_by_sealed(const Message& message, ByteView datagram) {
  const SealedBody& sealed = *message.sealed;
  if (sealed.offset > datagram.size()) return "the sealed body lies inside the datagram";
  if (!message.payloads.empty()) return {};  // never sent by us, so there is no writer
  const ByteView body = datagram.subspan(sealed.offset);
  auto written =
      write_sealed_head(message.header, sealed.first_inner, sealed.fragment, body.size());
  if (sealed.first_inner == PayloadType::encrypted ||
      sealed.first_inner == PayloadType::encrypted_fragment) {
    return written ? "an envelope inside an envelope is not written" : "";
  }
  if (!written) return "the sealed head can be written: " + written.error().what;
  if (written->size() != sealed.offset) return "the sealed head ends where the body begins";
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
  if (auto broken = broken_by(message->payloads); !broken.empty()) return broken;
  return message->sealed ? broken_by_sealed(*message, datagram) : broken_by_clear(*message);
}

std::string broken_chain_rule(PayloadType first, ByteView bytes) {
  const auto payloads = parse_chain(first, bytes);
  return payloads ? broken_by(*payloads) : broken_by(payloads.error(), bytes);
}

}  // namespace ipsec::wire
