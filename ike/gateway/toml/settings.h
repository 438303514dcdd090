// ipsecd.toml: what is set for the daemon as a whole.
//
//   public_pool = ["198.51.100.1"]
//   [limits]
//   tunnels_per_gateway = 10000
//   [log.tunnels]
//   hq = "debug"
//
// NOTE: Contract. All of it or nothing: what reads has only known keys with values that they take.
#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "ike/gateway/settings.h"
#include "ike/gateway/toml/document.h"

namespace ipsec::gateway::toml {

// All complaints at once, but for those of broken syntax, where the first hides the rest. An empty
// text leaves everything at its default.
[[nodiscard]] std::expected<DaemonSettings, std::vector<Complaint>> read_settings(
    std::string_view text);

}  // namespace ipsec::gateway::toml
