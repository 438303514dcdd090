// Files as people write them: what is taken, and that all else is listed with its line and a
// reason.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "ike/gateway/access.h"
#include "ike/gateway/formats/beside.h"
#include "ike/gateway/formats/import.h"
#include "tests/unit/gateway/site.h"

namespace ipsec::gateway::formats {
namespace {

using Lines = std::vector<std::string>;

std::string toml_of(const Imported& imported) {
  return toml::write(imported.declarations, toml::Secrets::shown);
}

Lines untaken(const Imported& imported) {
  Lines out;
  for (const Untaken& it : imported.untaken) {
    out.push_back(fmt::format("{}: {}: {}", it.place.line, it.what, it.why));
  }
  return out;
}

bool has(const Lines& lines, std::string_view beginning) {
  return std::ranges::any_of(lines, [&](const auto& it) { return it.starts_with(beginning); });
}

constexpr std::string_view kSwanctl = R"(# branch offices
connections {
  branch {
    version = 2
    local_addrs = 198.51.100.1   # ours
    remote_addrs = 203.0.113.9, 203.0.113.10
    proposals = aes128-sha256-modp2048
    rekey_time = 8h
    dpd_delay = 30s
    if_id_in = 42
    local { auth = psk
      id = "cloud.example.com"
    }
    remote {
      auth = psk
      id = @branch.example.com
    }
    children {
      lan {
        local_ts = 10.0.1.0/24,10.0.2.0/24
        remote_ts = 192.168.2.0/24
        esp_proposals = aes128gcm16-modp2048
        rekey_time = 1h
        start_action = start
      }
      voice {
        local_ts = 10.0.3.0/24
        remote_ts = 192.168.9.0-192.168.9.255
        esp_proposals = aes128gcm16-modp2048
        rekey_time = 1h
        start_action = start
      }
      web {
        local_ts = 10.0.1.0/24[tcp/80]
        remote_ts = 192.168.7.0/24
      }
    }
  }
  people {
    remote_addrs = %any
    local {
      auth = pubkey
      certs = moon.pem
    }
    remote {
      auth = eap-mschapv2
    }
  }
}
secrets {
  ike-branch {
    id-1 = cloud.example.com
    id-2 = @branch.example.com
    secret = "a \"key\" with \\ and # in it"
  }
  eap-bob {
    id = bob
    secret = whatever
  }
}
include conf.d/*.conf
)";

}  // namespace

TEST_CASE("swanctl.conf: objects to create, and all that was left") {
  const auto read = read_swanctl(kSwanctl);
  REQUIRE(read.has_value());
  CHECK(toml_of(*read) == R"([[vpc]]
name = "imported"
cidrs = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]

[[subnet]]
name = "imported-10-0-1-0-24"
vpc = "imported"
cidr = "10.0.1.0/24"

[[subnet]]
name = "imported-10-0-2-0-24"
vpc = "imported"
cidr = "10.0.2.0/24"

[[subnet]]
name = "imported-10-0-3-0-24"
vpc = "imported"
cidr = "10.0.3.0/24"

[[gateway]]
name = "imported"
vpc = "imported"
subnet = "imported-10-0-1-0-24"
public_address = "198.51.100.1"

[[peer]]
name = "branch"
address = "203.0.113.9"

[[tunnel]]
name = "branch"
gateway = "imported"
peer = "branch"
rules = ["10.0.1.0/24=192.168.2.0/24", "10.0.2.0/24=192.168.2.0/24", "10.0.3.0/24=192.168.9.0/24"]
psk = "a \"key\" with \\ and # in it"
ike.encryption = ["aes128"]
ike.integrity = ["sha256"]
ike.dh = ["modp2048"]
ike.local_id = "cloud.example.com"
ike.peer_id = "branch.example.com"
ike.lifetime_s = 28800
ipsec.encryption = ["aes128gcm16"]
ipsec.pfs = ["modp2048"]
ipsec.lifetime_s = 3600
dpd.delay_s = 30
)");
  CHECK(
      untaken(*read) ==
      Lines{"6: branch: remote_addrs: only the first of several addresses is taken",
            "10: branch: if_id_in: tunnels are policy-based here, without interfaces of their own",
            "33: branch: web: local_ts: '10.0.1.0/24[tcp/80]' names a protocol or port; tunnels "
            "here join whole ranges",
            "39: people: authenticates with 'eap-mschapv2'; here a pre-shared key does, and "
            "certificates are not for this gateway yet",
            "43: people: local: certs: certificates are not for this gateway yet",
            "56: secrets: eap-bob: only pre-shared keys of IKE are taken",
            "61: include conf.d/*.conf: included files are not followed: import them as well"});
}

// A plan that cannot be read back, and objects that nobody could create: a fuzzer found them.
TEST_CASE("a connection's name becomes one that TOML and this gateway take") {
  const auto named = [](const std::string& name) {
    const auto read = read_ipsec_conf("conn " + name +
                                          "\n authby=psk\n auto=add\n left=198.51.100.1\n"
                                          " leftsubnet=10.0.1.0/24\n right=203.0.113.9\n"
                                          " rightsubnet=192.168.2.0/24\n",
                                      ": PSK \"a-long-key\"\n");
    REQUIRE(read.has_value());
    CHECK(toml::read(toml_of(*read)).has_value());
    const std::string made = read->declarations.back().name;
    CHECK(why_no_name(made) == std::nullopt);
    return made;
  };
  CHECK(named("Z\xfcrich") == "Z-rich");
  CHECK(named("Z\xc3\xbcrich") == "Z\xc3\xbcrich");
  CHECK(named("b\xed\xa0\x80") == "b---");
  // Cut between characters.
  CHECK(named(std::string(99, 'a') + "\xc3\xbc") == std::string(99, 'a'));
  CHECK(named("\xfd\xff") == "t--");
  CHECK(named("tun-e1dab15677711405") == "ttun-e1dab15677711405");
}

TEST_CASE("swanctl.conf: broken syntax is told with its line") {
  const auto wrong = [](std::string_view text) {
    const auto read = read_swanctl(text);
    return read ? std::string() : toml::describe(read.error(), "f.conf").substr(0, 60);
  };
  CHECK(wrong("connections {\n a {\n").starts_with("f.conf:3:1: section 'a' is not closed"));
  CHECK(wrong("}\n").starts_with("f.conf:1:1: a '}' too many"));
  CHECK(wrong("a {\n b \n}\n").starts_with("f.conf:3:1: expected '=' or '{' behind 'b'"));
  CHECK(wrong("a {\n b = \"x\n").starts_with("f.conf:3:1: a quote is not closed"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "a {";
  CHECK(wrong(deep).starts_with("f.conf:1:1: sections lie too deep"));
  CHECK(wrong(std::string((std::size_t{16} << 20U) + 1, '\n')).contains("longer than"));
}

constexpr std::string_view kIpsecConf = R"(version 2.0
config setup
  charondebug="ike 2"
conn %default
  authby=secret
  keyexchange=ikev2
  left=198.51.100.1       # us
  leftid=@cloud.example.com
  ikelifetime=8h
conn algorithms
  ike=aes256-sha256-modp2048,aes128-sha1-modp1024!
  esp=aes256gcm16!
conn hq
  also=algorithms
  right=203.0.113.9
  leftsubnet=10.0.1.0/24
  rightsubnet=192.168.2.0/24
  auto=start
  mark=7
conn hq-voice
  also=algorithms
  right=203.0.113.9
  leftsubnet=10.0.2.0/24
  rightsubnet=192.168.3.0/24
  auto=start
conn old
  keyexchange=ikev1
  aggressive=yes
  right=203.0.113.77
  rightid="@#6b6579"
  leftsubnet=10.0.1.0/24
  rightsubnet=192.168.77.0/24
  auto=add
  leftid=%any
conn people
  authby=pubkey
  right=%any
  auto=add
conn lost
  also=nowhere
  auto=add
)";
constexpr std::string_view kSecrets = R"(# keys
@cloud.example.com 203.0.113.9 : PSK "first key"
: PSK 0x616263
bob : EAP "whatever"
)";

TEST_CASE("ipsec.conf: inheritance, quotes, joined conns, and what was left") {
  const auto read = read_ipsec_conf(kIpsecConf, kSecrets);
  REQUIRE(read.has_value());
  const std::string text = toml_of(*read);
  INFO(text);
  CHECK(text.contains(R"(
[[tunnel]]
name = "hq"
gateway = "imported"
peer = "hq"
rules = ["10.0.1.0/24=192.168.2.0/24", "10.0.2.0/24=192.168.3.0/24"]
psk = "first key"
ike.encryption = ["aes256", "aes128"]
ike.integrity = ["sha256", "sha1"]
ike.dh = ["modp2048", "modp1024"]
ike.local_id = "cloud.example.com"
ike.lifetime_s = 28800
ipsec.encryption = ["aes256gcm16"]
ipsec.pfs = ["none"]
)"));
  CHECK(text.contains(R"(
name = "old"
gateway = "imported"
peer = "old"
local_cidrs = ["10.0.1.0/24"]
peer_cidrs = ["192.168.77.0/24"]
psk = "abc"
start = "respond"
ike.version = "1"
ike.mode = "aggressive"
ike.peer_id = "key:key"
ike.lifetime_s = 28800
)"));
  const Lines left = untaken(*read);
  CHECK(has(left, "10: conn algorithms: auto=ignore"));
  CHECK(has(left, "19: conn hq: mark: marks are not set"));
  CHECK(has(left, "35: conn people: leftauth: it authenticates with pubkey"));
  CHECK(has(left, "39: conn lost: also=nowhere: there is no such conn"));
  CHECK(has(left, "4: ipsec.secrets line 4: EAP: only pre-shared keys"));
  CHECK(left.size() == 5);
  // Two suites became lists: more than was said, and that is told.
  CHECK(std::ranges::any_of(read->notes,
                            [](const auto& it) { return it.starts_with("'hq' has proposals"); }));
}

TEST_CASE("ipsec.conf: %default stands behind what a conn says, whatever the order") {
  const auto read = read_ipsec_conf(
      "conn a\n also=b\n auto=start\n left=198.51.100.1\n leftsubnet=10.0.1.0/24\n"
      "conn b\n also=a\n authby=psk\n right=203.0.113.9\n lifetime=1h\nconn %default\n "
      "lifetime=2h\n"
      " rightsubnet=192.168.2.0/24\n",
      ": PSK \"k\"\n");
  REQUIRE(read.has_value());
  CHECK(toml_of(*read).contains("ipsec.lifetime_s = 3600"));
}

TEST_CASE("ipsec.conf: broken syntax is told with its line") {
  const auto wrong = [](std::string_view text) {
    const auto read = read_ipsec_conf(text, "");
    return read ? std::string() : toml::describe(read.error(), "f").substr(0, 60);
  };
  CHECK(wrong("conn a\nleft=1.2.3.4\n").starts_with("f:2:1: expected `conn NAME`"));
  CHECK(wrong(" left=1.2.3.4\n").starts_with("f:1:1: a setting outside of all sections"));
  CHECK(wrong("conn a\n left\n").starts_with("f:2:1: expected KEY=VALUE"));
  CHECK(wrong("conn a\n left=\"x\n").starts_with("f:2:1: a quote is not closed"));
}

TEST_CASE("a second import stands beside the first, whose ranges and gateways stay") {
  const auto conn = [](std::string_view name, std::string_view left, std::string_view range,
                       std::string_view right) {
    return fmt::format(
        "conn {0}\n  left={1}\n  leftsubnet={2}\n  right={3}\n  rightsubnet={3}/32\n"
        "  keyexchange=ikev2\n  authby=secret\n  auto=start\n",
        name, left, range, right);
  };
  constexpr std::string_view kAnyKey = ": PSK \"a-key-for-all-of-them\"\n";
  Site site;
  const auto import = [&](std::string_view text) {
    auto read = read_ipsec_conf(text, kAnyKey);
    REQUIRE(read.has_value());
    fit_beside(*read, site.inventory, kDefaultAccount);
    const auto refusals = site.change([&](Draft& draft) {
      for (const auto& it : read->declarations) draft.declare(it.kind, it.name, it.fields);
    });
    CHECK(refusals == Lines{});
    return std::move(read->notes);
  };
  const auto value = [&](Kind kind, std::string_view name, std::string_view field) {
    return get_field(*site.inventory.find(site.id(kind, name)), field);
  };
  const auto name_of_gateway = [&](std::string_view tunnel) {
    const auto* it = site.inventory.get<Tunnel>(site.id(Kind::tunnel, tunnel));
    return site.inventory.get<Gateway>(it->gateway)->meta.name;
  };

  import(conn("first", "198.51.100.7", "10.71.0.0/24", "203.0.113.71"));
  import(conn("second", "198.51.100.7", "10.72.0.0/24", "203.0.113.72"));
  CHECK(value(Kind::vpc, "imported", "cidrs") == FieldValue{"10.71.0.0/24", "10.72.0.0/24"});
  CHECK(name_of_gateway("second") == "imported");
  CHECK(value(Kind::tunnel, "first", "local_cidrs") == FieldValue{"10.71.0.0/24"});

  SECTION("another address is another gateway, also to the same peer") {
    import(conn("third", "198.51.100.8", "10.73.0.0/24", "203.0.113.71"));
    CHECK(name_of_gateway("third") == "imported-2");
    CHECK(name_of_gateway("first") == "imported");
    CHECK(value(Kind::gateway, "imported-2", "public_address") == FieldValue{"198.51.100.8"});
  }
  SECTION("a range within an earlier one is no subnet of its own") {
    import(conn("within", "198.51.100.8", "10.72.0.64/26", "203.0.113.73"));
    CHECK(value(Kind::vpc, "imported", "cidrs") == FieldValue{"10.71.0.0/24", "10.72.0.0/24"});
    const auto* gateway = site.inventory.get<Gateway>(site.id(Kind::gateway, "imported-2"));
    CHECK(gateway->subnet == site.id(Kind::subnet, "imported-10-72-0-0-24"));
  }
  SECTION("a gateway that no import made keeps its name and its address") {
    REQUIRE(site.create(
                Kind::gateway, "imported-2",
                {{"vpc", {"prod"}}, {"subnet", {"edge"}}, {"public_address", {"198.51.100.99"}}}) ==
            Lines{});
    import(conn("third", "198.51.100.8", "10.73.0.0/24", "203.0.113.74"));
    CHECK(name_of_gateway("third") == "imported-3");
    CHECK(value(Kind::gateway, "imported-2", "public_address") == FieldValue{"198.51.100.99"});
  }
  SECTION("the same file once more changes nothing") {
    import(conn("second", "198.51.100.7", "10.72.0.0/24", "203.0.113.72"));
    CHECK(site.plan.steps.empty());
  }
}

TEST_CASE("an imported tunnel that the model refuses is refused with the model's reason") {
  std::string text(kIpsecConf);
  const std::string_view v1 = "keyexchange=ikev1\n";
  text.insert(text.find(v1) + v1.size(), "  ike=aes256gcm16-prfsha256-modp2048!\n");
  const auto read = read_ipsec_conf(text, kSecrets);
  REQUIRE(read.has_value());
  Site site;
  site.inventory = Inventory();
  const auto refusals = site.change([&](Draft& draft) {
    for (const auto& it : read->declarations) draft.declare(it.kind, it.name, it.fields);
  });
  CHECK(has(refusals, "tunnel 'old': ike.encryption 'aes256gcm16': IKEv1 has no number"));
}

}  // namespace ipsec::gateway::formats
