#include "ike/daemon/event_words.h"

#include <variant>

#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

std::string phase_of(const core::Failure& failure) { return is_phase2(failure.stage) ? "2" : "1"; }

std::string nat_in_words(const core::NatState& nat) {
  if (!nat.any()) return "";
  if (nat.local && nat.remote) return ", NAT at both ends";
  return nat.local ? ", NAT at our end" : ", NAT at the peer's end";
}

struct Words {
  EventWords operator()(const core::IkeUp& it) const {
    return {"1", "ike-up",
            fmt::format("IKE SA with {} at {}, from {}, {}{}", it.peer.to_string(),
                        it.remote.to_string(), it.local.to_string(), core::describe(it.algorithms),
                        nat_in_words(it.nat))};
  }
  EventWords operator()(const core::IkeRekeyed&) const {
    return {"1", "ike-rekeyed", "the IKE SA has new keys"};
  }
  EventWords operator()(const core::IkeDown& it) const {
    return {"1", "ike-down", fmt::format("the IKE SA ended: {}", it.reason)};
  }
  EventWords operator()(const core::ChildUp& it) const {
    return {"2", "child-up",
            fmt::format("{} with {}, SPIs 0x{:08x} in, 0x{:08x} out", core::describe(it.selectors),
                        core::describe(it.algorithms), it.inbound.value, it.outbound.value)};
  }
  EventWords operator()(const core::ChildRekeyed&) const {
    return {"2", "child-rekeyed", "an IPsec SA has new keys"};
  }
  EventWords operator()(const core::ChildDown&) const {
    return {"2", "child-down", "an IPsec SA ended"};
  }
  EventWords operator()(const core::TryFailed& it) const {
    return {phase_of(it.failure), "try-failed",
            fmt::format("try {} failed: {}", it.tries, core::describe(it.failure))};
  }
  EventWords operator()(const core::PeerMoved& it) const {
    return {"1", "peer-moved",
            fmt::format("the peer moved from {} to {}", it.from.to_string(), it.to.to_string())};
  }
  EventWords operator()(const core::ExchangeFailed& it) const {
    return {phase_of(it.failure), "exchange-failed", core::describe(it.failure)};
  }
  EventWords operator()(const core::Resumed& it) const {
    const auto lost =
        it.lost == 0 ? std::string()
                     : fmt::format(", {} of them to be made anew: the kernel lost them", it.lost);
    return {"1", "resumed",
            fmt::format("goes on as the ipsecd before this one left it, with {} IPsec SAs{}",
                        it.children, lost)};
  }
};

}  // namespace

EventWords words_for(const core::Event& event) { return std::visit(Words{}, event); }

TunnelId tunnel_of(const core::Event& event) {
  return std::visit([](const auto& it) { return it.tunnel; }, event);
}

}  // namespace ipsec::daemon
