// An engine that is "left" (192.0.2.1, 10.1/16) and the far end of its one tunnel, for tests that
// say things no honest peer would.
#pragma once

#include <utility>

#include "ike/v2/payload_access.h"
#include "tests/support/bare_peer.h"
#include "tests/support/fake_crypto.h"

namespace ipsec::test {

inline core::TunnelConfig left_config() {
  return tunnel_between(1, "192.0.2.1", "203.0.113.2", "10.1.0.0/16", "10.2.0.0/16");
}

inline core::TunnelConfig right_config() {
  return tunnel_between(1, "203.0.113.2", "192.0.2.1", "10.2.0.0/16", "10.1.0.0/16");
}

inline core::SetTunnel set(core::TunnelConfig config) {
  return {std::make_shared<const core::TunnelConfig>(std::move(config))};
}

inline Endpoint left_end() { return {Address::parse("192.0.2.1").value(), kIkePort}; }
inline Endpoint right_end() { return {Address::parse("203.0.113.2").value(), kIkePort}; }

// The engine answers; `peer` asks.
struct Fixture {
  explicit Fixture(core::TunnelConfig left = left_config(),
                   core::TunnelConfig right = right_config())
      : peer(crypto, right, 2) {
    left.start = core::Start::respond;
    host.feed(set(std::move(left)), now);
  }
  [[nodiscard]] bool shake_hands() {
    peer.begin(now);
    const bool up = peer.shake_hands(host, now);
    host.sent.clear();
    host.events.clear();
    return up;
  }
  void feed(Bytes bytes, const Endpoint& from = right_end()) {
    host.feed(core::Datagram{left_end(), from, std::move(bytes)}, now);
  }
  [[nodiscard]] std::string state() const { return established_state(host.engine()); }
  // The one notify of the one clear answer; none where there is no such answer.
  [[nodiscard]] std::optional<wire::NotifyPayload> clear_answer() const {
    if (host.sent.size() != 1) return std::nullopt;
    const auto message = wire::parse_message(host.sent.front().bytes);
    if (!message || message->sealed || message->payloads.size() != 1) return std::nullopt;
    const auto* notify = std::get_if<wire::NotifyPayload>(message->payloads.data());
    return notify != nullptr ? std::optional(*notify) : std::nullopt;
  }

  crypto::FakeProvider crypto{1};
  Host host{crypto, 1};
  BarePeer peer;
  Time now{};
};

}  // namespace ipsec::test
