// Random SAs, policies and specs of the room xfrm, and the oracle of its codecs.
#pragma once

#include <string>

#include "tests/support/random.h"
#include "xfrm/messages.h"
#include "xfrm/policy_set.h"

namespace ipsec::xfrm {

// What the writer keeps, all the rest at its neutral value: an inbound SA has no sequence number of
// its own, an outbound one no window.
struct RandomSa {
  SaSpec spec;
  ReplayState replay;
  std::uint32_t offload_interface = 0;
  bool first_use_told = false;
};
[[nodiscard]] RandomSa random_sa(test::Random& random);
[[nodiscard]] MessageFeatures random_features(test::Random& random);
[[nodiscard]] Selector random_selector(test::Random& random);
[[nodiscard]] PolicyRecord random_policy(test::Random& random);

[[nodiscard]] Bytes written(const RandomSa& sa, const MessageFeatures& features);
[[nodiscard]] Bytes written(const PolicyRecord& policy);

// All fields, keys too.
[[nodiscard]] bool same(const SaSpec& a, const SaSpec& b);

// Every parser on any bytes: what they take for an SA or policy is written and read back as the
// same. Empty where all holds, else the broken rule.
[[nodiscard]] std::string broken_rule(ByteView message);

}  // namespace ipsec::xfrm
