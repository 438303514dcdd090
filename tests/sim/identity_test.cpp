// Goal: each form of identity carries a tunnel through whole exchanges, begun by either side, and
// one form is not taken for another that has the same bytes.
#include <catch2/catch.hpp>

#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using ipsec::Identity;
using ipsec::core::Cause;
using ipsec::core::Start;
using ipsec::sim::Pair;

namespace {

struct Row {
  const char* left;
  const char* right;
};

constexpr Row kForms[] = {{"192.0.2.1", "203.0.113.2"},
                          {"2001:db8::1", "203.0.113.2"},
                          {"left.example.com", "right.example.com"},
                          {"left@example.com", "right@example.com"},
                          {"key:site-left", "key:site-right"},
                          {"key:0x00ff10", "key:0x00ff11"},
                          {"left@example.com", "key:site-right"}};

void name(Pair& pair, const Row& row) {
  pair.left_config.local_identity = *Identity::parse(row.left);
  pair.right_config.local_identity = *Identity::parse(row.right);
  pair.left_config.remote_identity = pair.right_config.local_identity;
  pair.right_config.remote_identity = pair.left_config.local_identity;
}

}  // namespace

TEST_CASE("every form of identity brings a tunnel up, begun by either side", "[sim]") {
  for (const Row& row : kForms) {
    for (const std::size_t asks : {Pair::kLeft, Pair::kRight}) {
      Pair pair;
      name(pair, row);
      (asks == Pair::kLeft ? pair.right_config : pair.left_config).start = Start::respond;
      pair.configure();
      INFO(row.left << " and " << row.right << ", begun by " << asks);
      REQUIRE(pair.up_within(2s));
      CHECK(pair.left().tunnel(1).ike.front().peer_id == Identity::parse(row.right));
      CHECK(pair.right().tunnel(1).ike.front().peer_id == Identity::parse(row.left));
      pair.world.order(asks, 1, ipsec::core::Order::rekey_ike);
      pair.world.run_for(30s);
      CHECK(pair.at_rest() == Pair::Problems{});
      CHECK(pair.left().tunnel(1).ike.front().peer_id == Identity::parse(row.right));
    }
  }
}

// From anywhere the identity alone says which tunnel and which key.
TEST_CASE("a peer from anywhere is known by its email address or key id", "[sim]") {
  for (const char* who : {"left@example.com", "key:site-left"}) {
    Pair pair;
    name(pair, {who, "right.example.com"});
    pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
    pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
    // Another tunnel from anywhere, whose identity has the same bytes in another form.
    auto other = pair.right_config;
    other.id = ipsec::TunnelId{2};
    other.remote_identity->type = ipsec::IdType::fqdn;
    other.credential =
        ipsec::core::make_shared_key_credential(ipsec::Secret::copy_of(std::string_view("other")));
    other.children.front().reqid = ipsec::Reqid{2};
    pair.world.configure(Pair::kRight, other);
    pair.configure();
    INFO(who);
    REQUIRE(pair.up_within(2s));
    CHECK(pair.right().tunnel(2).ike.empty());
    pair.world.run_for(60s);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("the same bytes in another form are another identity", "[sim]") {
  for (const ipsec::IdType form :
       {ipsec::IdType::fqdn, ipsec::IdType::rfc822, ipsec::IdType::der_asn1_dn}) {
    Pair pair;
    name(pair, {"key:site-left", "key:site-right"});
    pair.right_config.remote_identity->type = form;
    pair.right_config.start = Start::respond;
    pair.configure();
    pair.world.run_for(10s);
    INFO(static_cast<int>(form));
    CHECK(pair.left().usable(1).empty());
    CHECK(pair.left().count<ipsec::core::TryFailed>() > 0);
    REQUIRE(pair.left().tunnel(1).last_failure.has_value());
    CHECK(pair.left().tunnel(1).last_failure->cause == Cause::authentication_failed);
    const auto why = [&] {
      for (const auto& event : pair.right().events) {
        const auto* failed = std::get_if<ipsec::core::ExchangeFailed>(&event);
        if (failed != nullptr) return failed->failure;
      }
      return ipsec::core::Failure{};
    }();
    CHECK(why.cause == Cause::identity_unknown);
    CHECK(why.theirs == "key:site-left");
  }
}
