// Why something failed, so that a person can mend it: stage, cause, both sides' view.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ike/base/error.h"
#include "ike/wire/payloads.h"

namespace ipsec::core {

// Where it failed. In IKEv1 phase 1 opens until both sides have said what they can do, and what
// comes of the key and the identities is its proof.
enum class Stage : std::uint8_t { ike_sa_init, ike_auth, child, v1_opening, v1_proof, v1_quick };

// "phase 2 failed" to the user; the others are "phase 1 failed".
[[nodiscard]] constexpr bool is_phase2(Stage stage) {
  return stage == Stage::child || stage == Stage::v1_quick;
}
// Where keys and identities decide.
[[nodiscard]] constexpr bool is_about_keys(Stage stage) {
  return stage == Stage::ike_auth || stage == Stage::v1_proof;
}

enum class Cause : std::uint8_t {
  peer_silent,
  no_proposal_chosen,
  invalid_ke,
  authentication_failed,
  identity_unknown,
  selectors_unacceptable,
  malformed_message,
  protocol_violation,
  kernel_refused,
  peer_refused,  // a notify with no row of its own here
  no_configuration,
  internal,
};

struct Failure {
  Stage stage = Stage::ike_sa_init;
  Cause cause = Cause::internal;
  std::string ours;    // what we offered, were or expected
  std::string theirs;  // what the peer offered, was or said
  std::string detail;  // "3 keys tried", "IKE_SA_INIT sent 3 times, last to 203.0.113.2:500"
  bool operator==(const Failure&) const = default;
};

[[nodiscard]] std::string_view name_of(Stage stage);
[[nodiscard]] std::string_view name_of(Cause cause);
// What to look at, for people: "check the pre-shared key on both sides".
[[nodiscard]] std::string_view hint_for(Cause cause, Stage stage);
// The whole list of what a failure of that phase can come from (acceptance rows M85, M86).
[[nodiscard]] std::string_view checklist_for(Stage stage);
// One line, whatever bytes a peer put into its part: what happened, both views, what to do.
[[nodiscard]] std::string describe(const Failure& failure);

// Subjects of NoCommonGround, which tell the notifies apart; any other is about algorithms.
inline constexpr std::string_view kIkeAlgorithms = "IKE algorithms";
inline constexpr std::string_view kIpsecAlgorithms = "IPsec algorithms";
inline constexpr std::string_view kKeyExchangeGroup = "key exchange group";
inline constexpr std::string_view kTrafficSelectors = "traffic selectors";
inline constexpr std::string_view kIdentities = "identities";

// The one place where an error becomes a notify for the peer (RFC 7296 2.21, 3.10.1). What goes on
// inside (the kernel, the configuration, our own faults) is not told apart: it yields the plainest
// refusal of its stage.
[[nodiscard]] wire::NotifyType notify_for(const Error& error, Stage stage);
// And the reverse: what a peer's error notify means here.
[[nodiscard]] Cause cause_of(wire::NotifyType type);
// What an error of our own making means.
[[nodiscard]] Cause cause_of(const Error& error);

}  // namespace ipsec::core
