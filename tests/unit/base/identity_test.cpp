// Goal: identities go through text unharmed, and hostile ones cannot write into a log.
#include <catch2/catch.hpp>

#include "ike/base/identity.h"

using ipsec::Identity;
using ipsec::IdType;

TEST_CASE("identities parse by their form and print back", "[identity]") {
  const auto check = [](const char* text, IdType type, const char* printed) {
    const auto identity = Identity::parse(text);
    REQUIRE(identity.has_value());
    CHECK(identity->type == type);
    CHECK(identity->to_string() == printed);
    CHECK(Identity::parse(identity->to_string()) == identity);
  };
  check("192.0.2.1", IdType::ipv4, "192.0.2.1");
  check("2001:db8::1", IdType::ipv6, "2001:db8::1");
  check("vpn.example.com", IdType::fqdn, "vpn.example.com");
  check("@vpn.example.com", IdType::fqdn, "vpn.example.com");
  check("ops@example.com", IdType::rfc822, "ops@example.com");
  check("key:site-7", IdType::key_id, "key:site-7");
  check("key:0x00ff", IdType::key_id, "key:0x00ff");
}

TEST_CASE("what is no identity is refused", "[identity]") {
  for (const char* bad : {"", "@", "key:", "key:0x", "key:0x0", "a b", "a\nb", "tab\t"}) {
    CHECK_FALSE(Identity::parse(bad).has_value());
  }
  CHECK_FALSE(Identity::parse(std::string(256, 'a')).has_value());
}

TEST_CASE("a peer's bytes cannot steer a terminal", "[identity]") {
  const Identity hostile{IdType::fqdn, ipsec::to_bytes(std::string_view("a\x1b[2Jb\n"))};
  CHECK(hostile.to_string() == "a\\x1b[2Jb\\x0a");
  CHECK(Identity{IdType::ipv4, {1, 2, 3}}.to_string() == "type 1:0x010203");
  CHECK(Identity{static_cast<IdType>(77), {0xab}}.to_string() == "type 77:0xab");
}
