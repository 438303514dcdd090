// SA payloads of IKEv1 in the words of proposal_describe.cpp. A transform is a whole suite there,
// so suites are joined by ", " and nothing is by '/'.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/core/proposal_v1_suites.h"

namespace ipsec::core::proposal_v1 {
namespace {

using wire::v1::EncapsulationMode;
using wire::v1::Phase1Attribute;
using wire::v1::Phase2Attribute;
using wire::v1::Proposal;
using wire::v1::ProtocolId;
using wire::v1::SaPayload;
using wire::v1::Transform;

// A peer may send thousands; honest ones have some 20.
constexpr std::size_t kSuitesShown = 32;

using Parts = std::vector<std::string>;

template <typename Row>
void add_row(Parts& parts, const Row* row, std::string_view type,
             std::optional<std::uint64_t> number) {
  if (row != nullptr) {
    parts.emplace_back(row->name);
    return;
  }
  if (number) parts.push_back(fmt::format("{} {}", type, *number));
}

void add_cipher(Parts& parts, FindCipher find, std::optional<std::uint64_t> number,
                std::optional<std::uint64_t> key_bits) {
  if (!number) return;
  const EncryptionRow* const row = cipher_of(find, *number, key_bits);
  add_row(parts, row, "encryption", number);
  if (row == nullptr && key_bits) parts.back() += fmt::format(" with {} bits", *key_bits);
}

template <typename Find>
auto row_of(Find find, std::optional<std::uint64_t> number) -> decltype(find(*number)) {
  return number ? find(*number) : nullptr;
}

// The numbers that administrators meet: the peer is set to certificates (RFC 2409 appendix A), or
// to XAUTH beside the key (draft-beaulieu-ike-xauth).
std::string name_of_method(std::uint64_t method) {
  switch (method) {
    case 3:
      return "rsa signatures";
    case 65001:
      return "xauth with pre-shared key";
    default:
      return fmt::format("authentication {}", method);
  }
}

std::string name_of(EncapsulationMode mode) {
  switch (mode) {
    case EncapsulationMode::tunnel:
      return "tunnel";
    case EncapsulationMode::transport:
      return "transport";
    case EncapsulationMode::udp_tunnel:
      return "udp tunnel";
    case EncapsulationMode::udp_transport:
      return "udp transport";
    case EncapsulationMode::udp_tunnel_draft:
      return "udp tunnel (draft)";
    case EncapsulationMode::udp_transport_draft:
      return "udp transport (draft)";
  }
  return fmt::format("mode {}", std::to_underlying(mode));
}

std::string line_of(const Parts& parts, bool understood) {
  if (parts.empty()) return "no algorithms";
  return fmt::format("{}{}", fmt::join(parts, "-"), understood ? "" : " with unknown attributes");
}

std::string ike_line(const Transform& transform) {
  Parts parts;
  add_cipher(parts, find_v1_phase1, number_in(transform, Phase1Attribute::encryption),
             number_in(transform, Phase1Attribute::key_length));
  const auto hash = number_in(transform, Phase1Attribute::hash);
  add_row(parts, row_of(hash_of, hash), "hash", hash);
  const auto group = number_in(transform, Phase1Attribute::group_description);
  add_row(parts, row_of(group_of, group), "group", group);
  const auto method = number_in(transform, Phase1Attribute::auth_method);
  // A pre-shared key goes without saying.
  if (method && *method != std::to_underlying(wire::v1::AuthMethod::pre_shared_key)) {
    parts.push_back(name_of_method(*method));
  }
  return line_of(parts, !misunderstood_in_ike(transform));
}

std::string child_line(const Transform& transform, bool ah) {
  Parts parts;
  const auto auth = number_in(transform, Phase2Attribute::auth_algorithm);
  if (ah) {
    add_row(parts, find_v1_ah(transform.id), "transform", transform.id);
  } else {
    add_cipher(parts, find_v1_esp, transform.id, number_in(transform, Phase2Attribute::key_length));
    add_row(parts, row_of(auth_of, auth), "integrity", auth);
  }
  const auto group = number_in(transform, Phase2Attribute::group_description);
  add_row(parts, row_of(group_of, group), "group", group);
  const auto esn = number_in(transform, Phase2Attribute::extended_sequence_numbers);
  if (esn) parts.push_back(*esn == kExtendedSequenceNumbers ? "esn" : fmt::format("esn {}", *esn));
  const auto mode = number_in(transform, Phase2Attribute::encapsulation_mode);
  // So does a tunnel.
  if (mode && *mode != std::to_underlying(EncapsulationMode::tunnel)) {
    parts.push_back(name_of(EncapsulationMode{static_cast<std::uint16_t>(*mode)}));
  }
  return line_of(parts, !misunderstood_in_child(transform));
}

std::string line_of(const Proposal& proposal, const Transform& transform) {
  switch (proposal.protocol) {
    case ProtocolId::isakmp:
      return ike_line(transform);
    case ProtocolId::esp:
      return child_line(transform, false);
    case ProtocolId::ah:
      return "ah:" + child_line(transform, true);
    case ProtocolId::ipcomp:
      return fmt::format("ipcomp:{}", transform.id);
    default:
      return fmt::format("protocol {}:{}", std::to_underlying(proposal.protocol), transform.id);
  }
}

}  // namespace

std::string describe(const SaPayload& payload) {
  Parts lines;
  std::size_t left_out = 0;
  const Proposal* before = nullptr;
  for (const Proposal& proposal : payload.proposals) {
    const bool bundled = before != nullptr && before->number == proposal.number;
    before = &proposal;
    for (const Transform& transform : proposal.transforms) {
      if (lines.size() == kSuitesShown) {
        ++left_out;
        continue;
      }
      const bool first = &transform == &proposal.transforms.front();
      lines.push_back((bundled && first ? "with " : "") + line_of(proposal, transform));
    }
  }
  if (lines.empty()) return "nothing";
  if (left_out > 0) lines.push_back(fmt::format("and {} more", left_out));
  return fmt::format("{}", fmt::join(lines, ", "));
}

}  // namespace ipsec::core::proposal_v1
