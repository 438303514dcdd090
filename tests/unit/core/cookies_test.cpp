// Goal: a cookie proves that its holder receives at an address, for one to two lives of a secret.
#include "ike/core/cookies.h"

#include <set>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/support/counting_random.h"
#include "tests/support/fake_crypto.h"

namespace ipsec::core {
namespace {

constexpr Time kStart{std::chrono::seconds{5}};
constexpr Duration kAge = limits::kCookieSecretAge;
constexpr IkeSpi kSpi{42};
const Endpoint kPeer{*Address::parse("203.0.113.2"), 500};
const Bytes kNonce(32, 0x11);

class Fixture {
 public:
  void refresh(Time now) { cookies_.refresh(crypto_, random_, now); }
  [[nodiscard]] Bytes make() const { return cookies_.make(kPeer, kSpi, kNonce); }
  [[nodiscard]] bool check(ByteView cookie) const {
    return cookies_.check(cookie, kPeer, kSpi, kNonce);
  }
  [[nodiscard]] const Cookies& cookies() const { return cookies_; }

 private:
  crypto::FakeProvider crypto_{1};
  CountingRandom random_;
  Cookies cookies_;
};

TEST_CASE("before the first refresh there are no cookies") {
  const Fixture fixture;
  REQUIRE(fixture.make().empty());
  REQUIRE_FALSE(fixture.check({}));
  REQUIRE_FALSE(fixture.check(Bytes(33)));
  REQUIRE_FALSE(fixture.check(Bytes(1)));
}

TEST_CASE("a cookie is good for the one it was made for") {
  Fixture fixture;
  fixture.refresh(kStart);
  const Bytes cookie = fixture.make();
  REQUIRE_FALSE(cookie.empty());
  REQUIRE(cookie.size() <= limits::kCookieBytesMax);
  REQUIRE(fixture.check(cookie));

  const Cookies& cookies = fixture.cookies();
  const Endpoint other_address{*Address::parse("203.0.113.3"), 500};
  const Endpoint other_port{kPeer.address, 501};
  REQUIRE_FALSE(cookies.check(cookie, other_address, kSpi, kNonce));
  REQUIRE_FALSE(cookies.check(cookie, other_port, kSpi, kNonce));
  REQUIRE_FALSE(cookies.check(cookie, kPeer, IkeSpi{43}, kNonce));
  REQUIRE_FALSE(cookies.check(cookie, kPeer, kSpi, Bytes(32, 0x12)));
  REQUIRE_FALSE(cookies.check(cookie, kPeer, kSpi, Bytes(31, 0x11)));
}

TEST_CASE("a changed, shortened or lengthened cookie is none") {
  Fixture fixture;
  fixture.refresh(kStart);
  const Bytes cookie = fixture.make();
  for (std::size_t i = 0; i < cookie.size(); ++i) {
    Bytes changed = cookie;
    changed[i] ^= 1;
    REQUIRE_FALSE(fixture.check(changed));
    REQUIRE_FALSE(fixture.check(ByteView(cookie).first(i)));
  }
  Bytes longer = cookie;
  longer.push_back(0);
  REQUIRE_FALSE(fixture.check(longer));
}

TEST_CASE("a nonce cannot continue as an address") {
  Fixture fixture;
  fixture.refresh(kStart);
  // The nonce takes over the address's first bytes; only its length tells the two apart.
  const Endpoint v6{*Address::parse("2001:db8::1"), 500};
  const Bytes swallowed = concat({kNonce, v6.address.bytes().first(12)});
  const Endpoint v4{*Address::from_bytes(v6.address.bytes().last(4)), 500};
  REQUIRE_FALSE(
      fixture.cookies().check(fixture.cookies().make(v6, kSpi, kNonce), v4, kSpi, swallowed));
}

TEST_CASE("the secret changes at its age, and one change is forgiven") {
  Fixture fixture;
  fixture.refresh(kStart);
  const Bytes first = fixture.make();
  fixture.refresh(kStart + kAge - Duration{1});
  REQUIRE(fixture.make() == first);

  fixture.refresh(kStart + kAge);
  const Bytes second = fixture.make();
  REQUIRE(second != first);
  REQUIRE(second.front() != first.front());
  REQUIRE(fixture.check(first));
  REQUIRE(fixture.check(second));

  fixture.refresh(kStart + 2 * kAge);
  REQUIRE_FALSE(fixture.check(first));
  REQUIRE(fixture.check(second));
}

TEST_CASE("after a quiet time even the last secret's cookies are too old") {
  Fixture fixture;
  fixture.refresh(kStart);
  const Bytes cookie = fixture.make();
  fixture.refresh(kStart + 2 * kAge);
  REQUIRE_FALSE(fixture.check(cookie));
  REQUIRE(fixture.check(fixture.make()));
}

TEST_CASE("versions come round without confusion") {
  Fixture fixture;
  Bytes before;
  for (int i = 0; i < 600; ++i) {
    fixture.refresh(kStart + i * kAge);
    const Bytes cookie = fixture.make();
    REQUIRE(fixture.check(cookie));
    if (!before.empty()) REQUIRE(fixture.check(before));
    before = cookie;
  }
}

}  // namespace
}  // namespace ipsec::core
