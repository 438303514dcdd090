// An engine that is "left" (192.0.2.1, 10.1/16), and by hand the far end of its one tunnel
// (tests/support/v1_hand.h), with real cryptography.
#pragma once

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/crypto/openssl_provider.h"
#include "tests/support/v1_hand.h"

namespace ipsec::test {

inline const crypto::Provider& openssl() {
  static const auto provider = std::move(crypto::OpensslProvider::create().value());
  return *provider;
}

enum class Begins : std::uint8_t { engine, hand };
inline constexpr std::array kBegins{Begins::engine, Begins::hand};

struct Fixture {
  explicit Fixture(Begins who, V1Hand::Wishes wishes = {}, core::TunnelConfig left = {})
      : hand(openssl(), 2, wishes) {
    if (!left.id) left = v1_left_config(wishes.aggressive);
    if (who == Begins::hand) left.start = core::Start::respond;
    host.feed(core::SetTunnel{std::make_shared<const core::TunnelConfig>(std::move(left))}, now);
  }
  // To the end of phase 1; a quick mode of the engine's stays in `host.sent`.
  [[nodiscard]] bool shake_hands() { return hand.shake_hands(host, now); }
  void feed(Bytes bytes) { host.feed(hand.arriving(std::move(bytes)), now); }
  void wait(Duration span) {
    now += span;
    CHECK(host.settle(now));
  }
  // The only message that the engine has sent meanwhile; empty where there was none, or several.
  [[nodiscard]] Bytes heard() {
    auto sent = std::exchange(host.sent, {});
    return sent.size() == 1 ? std::move(sent.front().bytes) : Bytes{};
  }
  // The same, opened.
  [[nodiscard]] std::optional<V1Hand::Opened> opened() {
    const Bytes bytes = heard();
    return bytes.empty() ? std::nullopt : hand.open(bytes);
  }
  [[nodiscard]] std::string state() const { return established_state(host.engine()); }
  [[nodiscard]] std::vector<core::ChildStatus> children() const {
    for (const auto& ike : host.tunnel(1).ike) {
      if (ike.current) return ike.children;
    }
    return {};
  }
  [[nodiscard]] core::IkeStatus ike() const {
    for (auto& one : host.tunnel(1).ike) {
      if (one.current) return one;
    }
    return {};
  }

  Host host{openssl(), 1};
  V1Hand hand;
  Time now{};
};

// The hand's in its quick modes.
inline const Bytes& hand_nonce() {
  static const Bytes nonce(20, 0x4e);
  return nonce;
}
inline constexpr std::uint32_t kQuickId = 0x1001;
inline constexpr ChildSpi kHandSpi{0xd0000001};

template <typename T>
const T* find_in(const wire::v1::PlacedPayloads& payloads) {
  for (const auto& placed : payloads) {
    if (const T* found = std::get_if<T>(&placed.payload)) return found;
  }
  return nullptr;
}

inline Bytes nonce_of(const V1Hand::Opened& opened) {
  const auto* nonce = find_in<wire::v1::NoncePayload>(opened.payloads);
  return nonce != nullptr ? nonce->data : Bytes{};
}

inline ChildSpi spi_of(const V1Hand::Opened& opened) {
  const auto* sa = find_in<wire::v1::SaPayload>(opened.payloads);
  if (sa == nullptr) return {};
  Reader reader(sa->proposals.front().spi);
  return ChildSpi{reader.u32("SPI")};
}

// That the hand asks for.
inline void make_child(Fixture& it) {
  it.host.sent.clear();
  it.feed(it.hand.quick_1(kQuickId, it.hand.quick_payloads(kHandSpi, Bytes(16, 3), {})));
  const auto answer = it.opened();
  REQUIRE(answer);
  it.hand.quick(kQuickId).responder_nonce = nonce_of(*answer);
  it.feed(it.hand.quick_3(kQuickId));
  REQUIRE(it.children().size() == 1);
  it.host.sent.clear();
}

}  // namespace ipsec::test
