#include "ike/core/failure.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace ipsec::core {
namespace {

struct CauseRow {
  Cause cause;
  std::string_view name;
  std::string_view at_init;
  std::string_view at_auth;             // empty: as the one before
  std::string_view at_child;            // empty: as the one before
  std::string_view at_v1_opening = {};  // empty: as at_init
  std::string_view at_v1_proof = {};    // empty: as at_auth
  std::string_view at_v1_quick = {};    // empty: as at_child
};

constexpr std::string_view kKeysOfV1 =
    "compare the pre-shared key on both sides character by character, check that local ID and peer "
    "ID here are peer ID and local ID there, and that both sides have the same mode (main or "
    "aggressive)";

constexpr std::array kCauses{
    CauseRow{Cause::peer_silent, "peer-silent",
             "check the gateway's and the peer gateway's IP addresses on both sides, that the peer "
             "is up, and that every firewall on the way lets UDP 500 and 4500 through",
             "the peer answered on UDP 500 only: check that firewalls and NATs on the way let UDP "
             "4500 and fragmented packets through, and look for a wrong pre-shared key or ID in "
             "the peer's log",
             "the peer stopped answering: check its log and the path to it",
             "check the gateway's and the peer gateway's IP addresses on both sides, that the peer "
             "is up, that every firewall on the way lets UDP 500 and 4500 through, and that the "
             "peer has IKEv1, the same mode (main or aggressive) and the same IKE policy for this "
             "gateway's address: many peers do not answer what they have not",
             "compare the pre-shared key on both sides character by character, and check that "
             "local ID and peer ID here are peer ID and local ID there; behind a NAT, that UDP "
             "4500 gets through",
             "compare the IPsec policy with its PFS group and the CIDRs on both sides: many peers "
             "do not answer what they have not"},
    CauseRow{Cause::no_proposal_chosen, "no-proposal-chosen",
             "compare IKE version, encryption, authentication and DH group of the IKE policy on "
             "both sides, and check that the peer has a tunnel for this gateway's address",
             "",
             "compare protocol (ESP or AH), encryption, authentication and PFS group of the IPsec "
             "policy on both sides",
             "compare IKE version, mode (main or aggressive), encryption, authentication and DH "
             "group of the IKE policy on both sides, and check that the peer has a tunnel for this "
             "gateway's address"},
    CauseRow{Cause::invalid_ke, "invalid-ke-group",
             "set the same DH group in the IKE policy on both sides", "",
             "set the same PFS group in the IPsec policy on both sides, or disable PFS on both"},
    CauseRow{Cause::authentication_failed, "authentication-failed",
             "compare the pre-shared key on both sides character by character, and check that "
             "local ID and peer ID here are peer ID and local ID there",
             "", "", kKeysOfV1, kKeysOfV1},
    CauseRow{Cause::identity_unknown, "identity-unknown",
             "set the peer ID here to the local ID of the peer and the reverse; a peer behind NAT "
             "usually names its private address",
             "", ""},
    CauseRow{Cause::selectors_unacceptable, "selectors-unacceptable",
             "compare the CIDRs on both sides: the local CIDRs here must be the peer CIDRs there "
             "and the reverse, with the same prefix lengths",
             "", ""},
    CauseRow{Cause::malformed_message, "malformed-message",
             "check that no device on the way changes UDP 500 or 4500, and the software versions "
             "of both sides",
             "compare the pre-shared key on both sides, check that no device on the way changes "
             "UDP 4500, and the software versions of both sides",
             "check the software versions of both sides"},
    CauseRow{Cause::protocol_violation, "protocol-violation",
             "compare the IKE version on both sides, and the peer's software version with its "
             "vendor's list of faults",
             "", ""},
    CauseRow{Cause::kernel_refused, "kernel-refused",
             "check that this machine's kernel has ESP or AH and the algorithms of the IPsec "
             "policy, and that the daemon may administer the network (CAP_NET_ADMIN)",
             "", ""},
    CauseRow{Cause::peer_refused, "peer-refused",
             "look into the peer's log for the reason of its notify", "", ""},
    CauseRow{Cause::no_configuration, "no-configuration",
             "create a tunnel here for the peer's address and ID, or correct the peer gateway's IP "
             "and the peer ID of the one there is",
             "", ""},
    CauseRow{Cause::internal, "internal",
             "this is a fault of the daemon: report it with the connection log", "", ""},
};

const CauseRow& row_of(Cause cause) {
  const auto* const row =
      std::ranges::find_if(kCauses, [&](const CauseRow& r) { return r.cause == cause; });
  return row == kCauses.end() ? kCauses.back() : *row;
}

// A peer's text must not begin a line of its own in a log.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
  return line;
}

wire::NotifyType plain_refusal(Stage stage) {
  if (stage == Stage::ike_sa_init) return wire::NotifyType::no_proposal_chosen;
  if (stage == Stage::ike_auth) return wire::NotifyType::authentication_failed;
  // RFC 7296 2.25: the peer tries again after a while, which is right for a kernel that is short of
  // memory and harmless otherwise.
  return wire::NotifyType::temporary_failure;
}

struct NotifyFor {
  Stage stage;

  wire::NotifyType operator()(const Malformed& /*e*/) const {
    return wire::NotifyType::invalid_syntax;
  }
  wire::NotifyType operator()(const PeerViolation& /*e*/) const {
    return wire::NotifyType::invalid_syntax;
  }
  wire::NotifyType operator()(const NoCommonGround& e) const {
    if (e.subject == kTrafficSelectors) return wire::NotifyType::ts_unacceptable;
    if (e.subject == kKeyExchangeGroup) return wire::NotifyType::invalid_ke_payload;
    if (e.subject == kIdentities) return wire::NotifyType::authentication_failed;
    return wire::NotifyType::no_proposal_chosen;
  }
  wire::NotifyType operator()(const KernelError& /*e*/) const { return plain_refusal(stage); }
  wire::NotifyType operator()(const ConfigError& /*e*/) const { return plain_refusal(stage); }
  wire::NotifyType operator()(const Misuse& /*e*/) const { return plain_refusal(stage); }
};

struct CauseOf {
  Cause operator()(const Malformed& /*e*/) const { return Cause::malformed_message; }
  Cause operator()(const PeerViolation& /*e*/) const { return Cause::protocol_violation; }
  Cause operator()(const NoCommonGround& e) const {
    if (e.subject == kTrafficSelectors) return Cause::selectors_unacceptable;
    if (e.subject == kKeyExchangeGroup) return Cause::invalid_ke;
    if (e.subject == kIdentities) return Cause::identity_unknown;
    return Cause::no_proposal_chosen;
  }
  Cause operator()(const KernelError& /*e*/) const { return Cause::kernel_refused; }
  Cause operator()(const ConfigError& /*e*/) const { return Cause::no_configuration; }
  Cause operator()(const Misuse& /*e*/) const { return Cause::internal; }
};

}  // namespace

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::ike_sa_init:
      return "IKE_SA_INIT";
    case Stage::ike_auth:
      return "IKE_AUTH";
    case Stage::child:
      return "CHILD_SA";
    case Stage::v1_opening:
      return "phase 1";
    case Stage::v1_proof:
      return "phase 1 authentication";
    case Stage::v1_quick:
      break;
  }
  return "quick mode";
}

std::string_view name_of(Cause cause) { return row_of(cause).name; }

std::string_view hint_for(Cause cause, Stage stage) {
  const CauseRow& row = row_of(cause);
  if (stage == Stage::v1_opening && !row.at_v1_opening.empty()) return row.at_v1_opening;
  if (stage == Stage::v1_proof && !row.at_v1_proof.empty()) return row.at_v1_proof;
  if (stage == Stage::v1_quick && !row.at_v1_quick.empty()) return row.at_v1_quick;
  if (is_phase2(stage) && !row.at_child.empty()) return row.at_child;
  const bool opened = stage != Stage::ike_sa_init && stage != Stage::v1_opening;
  if (opened && !row.at_auth.empty()) return row.at_auth;
  return row.at_init;
}

std::string_view checklist_for(Stage stage) {
  if (is_phase2(stage)) return "check the IPsec parameters and the CIDRs on both sides";
  return "check the gateway IP, the peer IP, both CIDRs, the pre-shared key and the IKE parameters "
         "on both sides";
}

std::string describe(const Failure& failure) {
  std::string text = fmt::format("{} failed: {}", name_of(failure.stage), name_of(failure.cause));
  if (!failure.detail.empty()) text += fmt::format(" ({})", one_line(failure.detail));
  if (!failure.ours.empty()) text += fmt::format("; ours: {}", one_line(failure.ours));
  if (!failure.theirs.empty()) text += fmt::format("; theirs: {}", one_line(failure.theirs));
  return text + fmt::format("; {}", hint_for(failure.cause, failure.stage));
}

wire::NotifyType notify_for(const Error& error, Stage stage) {
  return std::visit(NotifyFor{stage}, error);
}

Cause cause_of(wire::NotifyType type) {
  using enum wire::NotifyType;
  switch (type) {
    case no_proposal_chosen:
      return Cause::no_proposal_chosen;
    case invalid_ke_payload:
      return Cause::invalid_ke;
    case authentication_failed:
      return Cause::authentication_failed;
    case ts_unacceptable:
    case single_pair_required:
    case invalid_selectors:
      return Cause::selectors_unacceptable;
    case invalid_syntax:
      return Cause::malformed_message;
    case invalid_major_version:
    case unsupported_critical_payload:
    case invalid_message_id:
      return Cause::protocol_violation;
    default:
      return Cause::peer_refused;
  }
}

Cause cause_of(const Error& error) { return std::visit(CauseOf{}, error); }

}  // namespace ipsec::core
