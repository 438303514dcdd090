// Goal: every failure has a name, a hint that helps, and the notify its RFC section asks for.
#include "ike/core/failure.h"

#include <set>

#include <catch2/catch.hpp>

namespace ipsec::core {
namespace {

using wire::NotifyType;

constexpr std::array kStages{Stage::ike_sa_init, Stage::ike_auth, Stage::child,
                             Stage::v1_opening,  Stage::v1_proof, Stage::v1_quick};

std::vector<Cause> all_causes() {
  std::vector<Cause> causes;
  for (int i = 0; i <= static_cast<int>(Cause::internal); ++i) {
    causes.push_back(static_cast<Cause>(i));
  }
  return causes;
}

TEST_CASE("every cause has a name of its own and a hint at every stage") {
  std::set<std::string_view> names;
  for (const Cause cause : all_causes()) {
    INFO("cause " << static_cast<int>(cause));
    REQUIRE(names.insert(name_of(cause)).second);
    for (const Stage stage : kStages) REQUIRE(hint_for(cause, stage).size() > 20);
  }
}

TEST_CASE("hints say what to compare (M85, M86)") {
  using Catch::Contains;
  const auto hint = [](Cause cause, Stage stage) { return std::string(hint_for(cause, stage)); };
  REQUIRE_THAT(hint(Cause::authentication_failed, Stage::ike_auth), Contains("pre-shared key"));
  REQUIRE_THAT(hint(Cause::no_proposal_chosen, Stage::ike_sa_init), Contains("IKE policy"));
  REQUIRE_THAT(hint(Cause::no_proposal_chosen, Stage::child), Contains("IPsec policy"));
  REQUIRE_THAT(hint(Cause::invalid_ke, Stage::child), Contains("PFS"));
  REQUIRE_THAT(hint(Cause::peer_silent, Stage::ike_sa_init), Contains("UDP 500"));
  REQUIRE_THAT(hint(Cause::peer_silent, Stage::ike_auth), Contains("UDP 4500"));
  REQUIRE_THAT(hint(Cause::selectors_unacceptable, Stage::ike_auth), Contains("CIDRs"));
  // What IKEv1 peers answer with silence.
  REQUIRE_THAT(hint(Cause::peer_silent, Stage::v1_opening), Contains("mode (main or aggressive)"));
  REQUIRE_THAT(hint(Cause::peer_silent, Stage::v1_proof), Contains("pre-shared key"));
  REQUIRE_THAT(hint(Cause::peer_silent, Stage::v1_quick), Contains("PFS group"));
  REQUIRE_THAT(hint(Cause::authentication_failed, Stage::v1_proof), Contains("mode"));
  REQUIRE_THAT(hint(Cause::no_proposal_chosen, Stage::v1_quick), Contains("IPsec policy"));
  REQUIRE(hint(Cause::identity_unknown, Stage::v1_proof) ==
          hint(Cause::identity_unknown, Stage::ike_auth));

  const std::string phase_1(checklist_for(Stage::ike_auth));
  for (const char* item : {"gateway IP", "peer IP", "CIDRs", "pre-shared key", "IKE parameters"}) {
    REQUIRE_THAT(phase_1, Contains(item));
  }
  REQUIRE(checklist_for(Stage::v1_proof) == phase_1);
  for (const Stage stage : {Stage::child, Stage::v1_quick}) {
    REQUIRE_THAT(std::string(checklist_for(stage)), Contains("IPsec parameters"));
  }
}

TEST_CASE("a failure is one line with both views") {
  const Failure failure{Stage::child, Cause::no_proposal_chosen, "aes256", "des\n2026 forged line",
                        "2 tries"};
  REQUIRE(describe(failure) ==
          "CHILD_SA failed: no-proposal-chosen (2 tries); ours: aes256; theirs: des?2026 forged "
          "line; compare protocol (ESP or AH), encryption, authentication and PFS group of the "
          "IPsec policy on both sides");
  REQUIRE(describe(Failure{Stage::ike_sa_init, Cause::peer_refused, "", "", ""}) ==
          "IKE_SA_INIT failed: peer-refused; look into the peer's log for the reason of its "
          "notify");
}

TEST_CASE("errors become notifies") {
  const auto notify = [](Error error, Stage stage) { return notify_for(error, stage); };
  REQUIRE(notify(Malformed{"x", 0}, Stage::ike_auth) == NotifyType::invalid_syntax);
  REQUIRE(notify(PeerViolation{}, Stage::child) == NotifyType::invalid_syntax);
  REQUIRE(notify(NoCommonGround{std::string(kIkeAlgorithms), "", ""}, Stage::ike_sa_init) ==
          NotifyType::no_proposal_chosen);
  REQUIRE(notify(NoCommonGround{std::string(kIpsecAlgorithms), "", ""}, Stage::child) ==
          NotifyType::no_proposal_chosen);
  REQUIRE(notify(NoCommonGround{std::string(kTrafficSelectors), "", ""}, Stage::child) ==
          NotifyType::ts_unacceptable);
  REQUIRE(notify(NoCommonGround{std::string(kKeyExchangeGroup), "", ""}, Stage::child) ==
          NotifyType::invalid_ke_payload);
  REQUIRE(notify(NoCommonGround{std::string(kIdentities), "", ""}, Stage::ike_auth) ==
          NotifyType::authentication_failed);
}

TEST_CASE("what goes on inside is not told to a peer") {
  const std::array<Error, 3> inner{Error{KernelError{"add SA", 12}}, Error{ConfigError{"a", "b"}},
                                   Error{Misuse{"x"}}};
  for (const Error& error : inner) {
    REQUIRE(notify_for(error, Stage::ike_sa_init) == NotifyType::no_proposal_chosen);
    REQUIRE(notify_for(error, Stage::ike_auth) == NotifyType::authentication_failed);
    REQUIRE(notify_for(error, Stage::child) == NotifyType::temporary_failure);
  }
}

TEST_CASE("a peer's notify has a cause") {
  REQUIRE(cause_of(NotifyType::no_proposal_chosen) == Cause::no_proposal_chosen);
  REQUIRE(cause_of(NotifyType::invalid_ke_payload) == Cause::invalid_ke);
  REQUIRE(cause_of(NotifyType::authentication_failed) == Cause::authentication_failed);
  REQUIRE(cause_of(NotifyType::ts_unacceptable) == Cause::selectors_unacceptable);
  REQUIRE(cause_of(NotifyType::single_pair_required) == Cause::selectors_unacceptable);
  REQUIRE(cause_of(NotifyType::invalid_syntax) == Cause::malformed_message);
  REQUIRE(cause_of(NotifyType::invalid_major_version) == Cause::protocol_violation);
  REQUIRE(cause_of(NotifyType::temporary_failure) == Cause::peer_refused);
  REQUIRE(cause_of(static_cast<NotifyType>(8191)) == Cause::peer_refused);
}

TEST_CASE("what we tell a peer means to it what the error meant to us") {
  for (const std::string_view subject :
       {kIkeAlgorithms, kIpsecAlgorithms, kKeyExchangeGroup, kTrafficSelectors}) {
    const Error error = NoCommonGround{std::string(subject), "", ""};
    REQUIRE(cause_of(notify_for(error, Stage::child)) == cause_of(error));
  }
  REQUIRE(cause_of(Error{KernelError{"add SA", 12}}) == Cause::kernel_refused);
  REQUIRE(cause_of(Error{Misuse{"x"}}) == Cause::internal);
  REQUIRE(cause_of(Error{ConfigError{"a", "b"}}) == Cause::no_configuration);
  REQUIRE(cause_of(Error{NoCommonGround{std::string(kIdentities), "", ""}}) ==
          Cause::identity_unknown);
}

}  // namespace
}  // namespace ipsec::core
