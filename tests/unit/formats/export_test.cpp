// Each format whole, held against a text in golden/; and what a format refuses, or warns of.
//
// The texts are written anew with IPSEC_WRITE_GOLDEN=1 in the environment: run this program once
// with it, and read the difference before committing it.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "ike/gateway/formats/export.h"
#include "ike/gateway/formats/vendors.h"
#include "tests/unit/gateway/site.h"

namespace ipsec::gateway::formats {
namespace {

const Tunnel& tunnel_of(const Site& site) {
  return *site.inventory.get<Tunnel>(site.id(Kind::tunnel, "hq"));
}

std::expected<Text, std::string> rendered(const Site& site, Format format, Side side = Side::peer,
                                          Secrets secrets = Secrets::shown) {
  return render(site.inventory, tunnel_of(site), format, side, secrets);
}

std::string whole(const std::expected<Text, std::string>& text) {
  if (!text) return "error: " + text.error() + "\n";
  std::string out = text->text;
  for (const std::string& warning : text->warnings) out += "warning: " + warning + "\n";
  return out;
}

void compare(const std::string& name, const std::string& text) {
  const std::string path = fmt::format("{}/{}.txt", IPSEC_GOLDEN_DIR, name);
  if (std::getenv("IPSEC_WRITE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  INFO(path);
  CHECK(text == golden.str());
}

void compare_all(const Site& site, std::string_view what) {
  for (const Format format : kFormats) {
    compare(fmt::format("{}-{}", name_of(format), what), whole(rendered(site, format)));
  }
}

// One that says much: rules, names as identities, algorithms, limits.
void say_much(Site& site) {
  REQUIRE(site.set(Kind::tunnel, "hq",
                   {{"local_cidrs", {}},
                    {"peer_cidrs", {}},
                    {"rules",
                     {"10.0.1.0/24=192.168.2.0/24,192.168.3.0/24", "10.0.2.0/24=192.168.2.0/24"}},
                    {"ike.encryption", {"aes128"}},
                    {"ike.integrity", {"sha1"}},
                    {"ike.dh", {"2"}},
                    {"ike.local_id", {"cloud.example.com"}},
                    {"ike.peer_id", {"office@example.com"}},
                    {"ike.lifetime_s", {"28800"}},
                    {"ipsec.encryption", {"aes128", "3des"}},
                    {"ipsec.integrity", {"sha1"}},
                    {"ipsec.pfs", {"none"}},
                    {"ipsec.lifetime_s", {"3600"}},
                    {"ipsec.lifetime_kb", {"4608000"}},
                    {"dpd.delay_s", {"30"}}}) == std::vector<std::string>{});
}

void make_v1(Site& site) {
  Object object = tunnel_of(site);
  auto& tunnel = std::get<Tunnel>(object);
  tunnel.ike.version = IkeVersion::v1;
  tunnel.ike.mode = IkeMode::aggressive;
  tunnel.ike.encryption = tunnel.ipsec.encryption = {find_encryption("aes256")};
  tunnel.ike.integrity = tunnel.ipsec.integrity = {find_integrity("sha1")};
  tunnel.ike.dh = {find_group("modp1536")};
  tunnel.peer_cidrs.push_back(Cidr::parse("192.168.3.0/24").value());
  site.inventory.put(std::make_shared<const Object>(std::move(object)));
}

}  // namespace

TEST_CASE("golden: a tunnel of defaults") { compare_all(Site(), "auto"); }

TEST_CASE("golden: a tunnel that names everything") {
  Site site;
  say_much(site);
  compare_all(site, "named");
}

TEST_CASE("golden: a tunnel with IKEv1") {
  Site site;
  make_v1(site);
  compare_all(site, "v1");
}

TEST_CASE("golden: our own side") {
  Site site;
  REQUIRE(site.set(Kind::gateway, "gw", {{"local_address", {"10.0.9.5"}}}).empty());
  for (const Format format : {Format::swanctl, Format::ipsec_conf, Format::literal}) {
    compare(fmt::format("{}-ours", name_of(format)), whole(rendered(site, format, Side::ours)));
  }
}

// M137, line by line, for what the row's own example is: a tunnel that says nothing.
TEST_CASE("the literal form has each line of the row in its order") {
  const Site site;
  const auto text = rendered(site, Format::literal, Side::ours).value().text;
  const std::string id = tunnel_of(site).meta.id.to_string();
  const std::string wanted = "conn hq-" + id + R"(
  keyingtries=3
  authby=psk
  auto=start
  type=tunnel
  pfs=no
  # IPSecProtocol follow
  keyexchange=ikev2
  esp=aes128-sha1-modp1024!
  ike=aes128-sha1-modp1024!
  ikelifetime=86400s
  lifetime=86400s
  left=198.51.100.1
  leftid=198.51.100.1
  leftsubnet=10.0.1.0/24
  leftnexthop=%defaultroute
  right=203.0.113.9
  rightid=203.0.113.9
  rightsubnet=192.168.2.0/24
  rightnexthop=%defaultroute
  dpdaction=hold
  dpddelay=8s
  dpdtimeout=13s
)";
  CHECK(text.contains(wanted));
  // M138.
  for (const char* key :
       {"# keyexchange:", "# left, right:", "# leftid, rightid:", "# leftsubnet, rightsubnet:"}) {
    CHECK(text.contains(key));
  }
}

TEST_CASE("keys are shown to whoever asks for them alone") {
  const Site site;
  for (const Format format : kFormats) {
    INFO(name_of(format));
    const auto hidden = rendered(site, format, Side::peer, Secrets::left_out).value().text;
    CHECK_FALSE(hidden.contains("correct-horse-battery"));
    CHECK(hidden.contains("PUT-THE-PRE-SHARED-KEY-HERE"));
    CHECK(rendered(site, format).value().text.contains("correct-horse-battery"));
  }
}

TEST_CASE("what a product cannot say is refused with its reason") {
  Site site;
  REQUIRE(site.set(Kind::tunnel, "hq", {{"ipsec.protocol", {"ah"}}}).empty());
  CHECK(rendered(site, Format::fortigate).error() ==
        "tunnel 'hq' cannot be told as fortigate: FortiGate has no AH; set ipsec.protocol to esp");
  CHECK(rendered(site, Format::juniper_srx).has_value());

  REQUIRE(site.set(Kind::tunnel, "hq",
                   {{"ipsec.protocol", {}}, {"ike.encryption", {"chacha20poly1305"}}})
              .empty());
  CHECK(rendered(site, Format::huawei).error() ==
        "tunnel 'hq' cannot be told as huawei: Huawei has none of chacha20poly1305 for "
        "ike.encryption; name another in the tunnel");

  REQUIRE(site.set(Kind::tunnel, "hq", {{"peer_cidrs", {"2001:db8::/48"}}}).empty());
  CHECK(
      rendered(site, Format::cisco_asa).error() ==
      "tunnel 'hq' cannot be told as cisco-asa: it has ranges of IPv6, and this form is for IPv4; "
      "use swanctl");
}

TEST_CASE("a gateway without an address leaves a placeholder and a warning") {
  Site site;
  REQUIRE(site.set(Kind::gateway, "gw", {{"public_address", {}}}).empty());
  const auto text = rendered(site, Format::cisco_asa).value();
  CHECK(text.text.contains("tunnel-group GATEWAY-ADDRESS type ipsec-l2l"));
  REQUIRE_FALSE(text.warnings.empty());
  CHECK(text.warnings.front().starts_with("gateway 'gw' has no address yet"));
  CHECK(rendered(site, Format::swanctl).value().text.contains("remote_addrs = %any"));
}

TEST_CASE("a peer from anywhere calls, and is not called") {
  Site site;
  REQUIRE(site.change([](Draft& it) {
    it.create(Kind::peer, "roaming", {{"address", {"0.0.0.0"}}});
    it.create(Kind::tunnel, "road",
              {{"gateway", {"gw"}},
               {"peer", {"roaming"}},
               {"local_cidrs", {"10.0.2.0/24"}},
               {"peer_cidrs", {"192.168.9.0/24"}},
               {"psk", {"correct-horse-battery"}},
               {"ike.peer_id", {"192.168.9.1"}}});
  }) == std::vector<std::string>{});
  const auto& road = *site.inventory.get<Tunnel>(site.id(Kind::tunnel, "road"));
  const auto told = [&](Format format, Side side) {
    return render(site.inventory, road, format, side, Secrets::shown);
  };
  const auto theirs = told(Format::swanctl, Side::peer).value().text;
  CHECK(theirs.contains("local_addrs = %any\n"));
  CHECK(theirs.contains("start_action = start\n"));
  CHECK(told(Format::swanctl, Side::ours).value().text.contains("start_action = none\n"));
  CHECK(told(Format::cisco_ios, Side::peer).has_value());
  CHECK(told(Format::cisco_ios, Side::ours).error().contains("may come from any address"));
}

TEST_CASE("formats are known by name, and the nearest is suggested") {
  for (const Format format : kFormats) CHECK(parse_format(name_of(format)) == format);
  CHECK(parse_format("cisco-asd")
            .error()
            .starts_with("no format 'cisco-asd'; is 'cisco-asa' meant?"));
  CHECK(parse_format("").error().starts_with("no format ''; there are ipsec.conf, swanctl"));
}

// M126.
TEST_CASE("every vendor of the list has an export") {
  for (const char* name :
       {"Huawei", "H3C", "Hillstone", "Sangfor", "Cisco", "Juniper", "strongSwan"}) {
    const auto vendors = all_vendors();
    CHECK(std::ranges::find(vendors, name, &Vendor::name) != vendors.end());
  }
  for (const Format format : kFormats) {
    const auto vendors = all_vendors();
    CHECK(std::ranges::find(vendors, format, &Vendor::format) != vendors.end());
  }
}

}  // namespace ipsec::gateway::formats
