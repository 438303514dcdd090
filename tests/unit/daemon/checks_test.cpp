#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "ike/daemon/checks.h"

using ipsec::Address;
using ipsec::Family;
using ipsec::control::Finding;
using ipsec::daemon::Device;
using ipsec::daemon::gather;
using ipsec::daemon::judge;
using ipsec::daemon::Machine;
using ipsec::daemon::SystemFacts;
using Grade = ipsec::control::Finding::Grade;

namespace {

Address at(const char* text) { return *Address::parse(text); }

Device device(const char* name, const char* address) {
  Device out;
  out.name = name;
  out.mtu_bytes = 1500;
  if (*address != '\0') out.addresses.push_back(at(address));
  out.ipv4 = {{"forwarding", 1},       {"rp_filter", 0},      {"send_redirects", 0},
              {"accept_redirects", 0}, {"disable_policy", 0}, {"disable_xfrm", 0}};
  out.ipv6 = {{"forwarding", 1}, {"disable_policy", 0}};
  return out;
}

// A machine where nothing is wrong.
SystemFacts sound() {
  SystemFacts facts;
  facts.kernel.extended_sequence_numbers = true;
  facts.tunnels = {{"hq", at("198.51.100.1"), at("203.0.113.9"), {Family::v4}}};
  facts.devices = {device("all", ""), device("eth0", "198.51.100.1"), device("eth1", "10.0.1.1")};
  facts.routes = ipsec::daemon::parse_routes_v4(
      "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\tFE6433C6\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
  facts.ports = {{500, true, false}, {4500, true, false}};
  facts.ip_forward = 1;
  facts.ipv6_forwarding = 1;
  facts.acquire_expires_s = 30;
  return facts;
}

Device& eth0(SystemFacts& facts) { return facts.devices[1]; }

const Finding* find(const std::vector<Finding>& findings, std::string_view what) {
  const auto found = std::ranges::find(findings, what, &Finding::what);
  return found == findings.end() ? nullptr : &*found;
}

Finding finding(const SystemFacts& facts, std::string_view what) {
  const auto findings = judge(facts);
  const Finding* const found = find(findings, what);
  INFO(what);
  REQUIRE(found != nullptr);
  return *found;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// A made-up /proc and /sys.
class Tree {
 public:
  Tree() {
    std::string name = (std::filesystem::temp_directory_path() / "machine-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
  }
  ~Tree() {
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((root / file).parent_path());
    std::ofstream(root / file) << text;
  }

  std::filesystem::path root;
};

}  // namespace

TEST_CASE("a sound machine has nothing to mend", "[checks]") {
  for (const Finding& it : judge(sound())) {
    INFO(it.what << ": " << it.found);
    CHECK(it.grade <= Grade::note);
    if (it.grade == Grade::good) CHECK(it.advice.empty());
  }
}

TEST_CASE("what the kernel lacks comes with the module that brings it", "[checks]") {
  auto facts = sound();
  facts.kernel.missing = {{"ESP over IPv4", "esp4"}, {"AES-GCM", ""}};
  const auto esp = finding(facts, "ESP over IPv4");
  CHECK(esp.grade == Grade::warning);
  CHECK(contains(esp.advice, "modprobe esp4"));
  CHECK(contains(esp.advice, "/etc/modules-load.d/"));
  CHECK_FALSE(contains(finding(facts, "AES-GCM").advice, "modprobe"));
  CHECK(find(judge(facts), "kernel") == nullptr);
}

TEST_CASE("forwarding that is off is bad where tunnels need it", "[checks]") {
  auto facts = sound();
  CHECK(finding(facts, "net.ipv4.ip_forward").grade == Grade::good);
  CHECK(find(judge(facts), "net.ipv6.conf.all.forwarding") == nullptr);
  facts.ip_forward = 0;
  facts.ipv6_forwarding = 0;
  facts.tunnels[0].families = {Family::v4, Family::v6};
  const auto v4 = finding(facts, "net.ipv4.ip_forward");
  CHECK(v4.grade == Grade::bad);
  CHECK(contains(v4.advice, "sysctl -w net.ipv4.ip_forward=1"));
  CHECK(finding(facts, "net.ipv6.conf.all.forwarding").grade == Grade::bad);

  facts.ip_forward = 1;
  eth0(facts).ipv4["forwarding"] = 0;
  CHECK(finding(facts, "net.ipv4.conf.eth0.forwarding").grade == Grade::bad);
}

TEST_CASE("the greater of a device's and everybody's rp_filter counts", "[checks]") {
  constexpr auto kName = "net.ipv4.conf.eth0.rp_filter";
  auto facts = sound();
  facts.devices[0].ipv4["rp_filter"] = 1;
  CHECK(finding(facts, kName).grade == Grade::warning);
  CHECK(contains(finding(facts, kName).advice, "net.ipv4.conf.eth0.rp_filter=2"));
  eth0(facts).ipv4["rp_filter"] = 2;
  CHECK(finding(facts, kName).grade == Grade::good);
  // A device without a tunnel is nobody's business.
  CHECK(find(judge(facts), "net.ipv4.conf.eth1.rp_filter") == nullptr);
}

TEST_CASE("strict rp_filter is fatal where the way back leaves elsewhere", "[checks]") {
  auto facts = sound();
  eth0(facts).ipv4["rp_filter"] = 1;
  facts.routes[0].device = "eth1";
  const auto found = finding(facts, "net.ipv4.conf.eth0.rp_filter");
  CHECK(found.grade == Grade::bad);
  CHECK(contains(found.found, "eth1"));
}

TEST_CASE("a name with a dot in it is said in slashes", "[checks]") {
  auto facts = sound();
  eth0(facts).name = "eth0.7";
  eth0(facts).ipv4["rp_filter"] = 1;
  facts.routes[0].device = "eth0.7";
  CHECK(finding(facts, "net/ipv4/conf/eth0.7/rp_filter").grade == Grade::warning);
}

TEST_CASE("redirects are told of as the kernel combines its settings", "[checks]") {
  constexpr auto kSend = "net.ipv4.conf.eth0.send_redirects";
  constexpr auto kAccept = "net.ipv4.conf.eth0.accept_redirects";
  auto facts = sound();
  facts.devices[0].ipv4["send_redirects"] = 1;
  facts.devices[0].ipv4["accept_redirects"] = 1;
  CHECK(finding(facts, kSend).grade == Grade::warning);
  CHECK(finding(facts, kAccept).grade == Grade::good);
  eth0(facts).ipv4["forwarding"] = 0;
  CHECK(finding(facts, kAccept).grade == Grade::warning);
  CHECK(contains(finding(facts, kAccept).advice, "net.ipv4.conf.all.accept_redirects=0"));
}

TEST_CASE("a device that passes policies by is bad", "[checks]") {
  auto facts = sound();
  eth0(facts).ipv4["disable_xfrm"] = 1;
  facts.devices[0].ipv4["disable_policy"] = 1;
  eth0(facts).ipv6["disable_policy"] = 1;
  CHECK(finding(facts, "net.ipv4.conf.eth0.disable_xfrm").grade == Grade::bad);
  CHECK(finding(facts, "net.ipv4.conf.eth0.disable_policy").grade == Grade::bad);
  CHECK(finding(facts, "net.ipv6.conf.eth0.disable_policy").grade == Grade::bad);
}

TEST_CASE("ports are ours alone, or it is said whose problem that is", "[checks]") {
  auto facts = sound();
  facts.ports = {{500, true, true}, {4500, false, false}};
  CHECK(finding(facts, "UDP 500").grade == Grade::bad);
  CHECK(contains(finding(facts, "UDP 500").advice, "ss -lunp"));
  CHECK(finding(facts, "UDP 4500").found == "nobody listens");
}

TEST_CASE("how long a packet may wait for its tunnel has sane values", "[checks]") {
  constexpr auto kName = "net.core.xfrm_acq_expires";
  auto facts = sound();
  CHECK(finding(facts, kName).grade == Grade::good);
  for (const std::uint64_t value : {0U, 11U, 301U}) {
    facts.acquire_expires_s = value;
    CHECK(finding(facts, kName).grade == Grade::warning);
  }
}

TEST_CASE("what firewalls must let through is always said", "[checks]") {
  auto facts = sound();
  CHECK(finding(facts, "firewall").grade == Grade::note);
  facts.nftables = {"filter"};
  const auto found = finding(facts, "firewall");
  CHECK(found.grade == Grade::warning);
  CHECK(contains(found.found, "nftables: filter"));
  for (const char* part : {"UDP 500", "UDP 4500", "50", "51"}) CHECK(contains(found.advice, part));
}

TEST_CASE("a table of connections that is nearly full is a warning", "[checks]") {
  auto facts = sound();
  CHECK(find(judge(facts), "conntrack") == nullptr);
  facts.conntrack_max = 1000;
  facts.conntrack_count = 899;
  CHECK(finding(facts, "conntrack").grade == Grade::note);
  facts.conntrack_count = 900;
  CHECK(finding(facts, "conntrack").grade == Grade::warning);
}

TEST_CASE("a clock of its own is noted", "[checks]") {
  auto facts = sound();
  facts.clock_synchronised = false;
  CHECK(finding(facts, "clock").grade == Grade::note);
}

TEST_CASE("facts are read from the files of the machine", "[checks]") {
  const Tree tree;
  tree.write("proc/sys/net/ipv4/ip_forward", "1\n");
  tree.write("proc/sys/net/core/xfrm_acq_expires", "165\n");
  tree.write("proc/sys/net/ipv4/conf/made0/rp_filter", "2\n");
  tree.write("proc/sys/net/ipv6/conf/made0/disable_policy", "1\n");
  tree.write("sys/class/net/made0/mtu", "1492\n");
  tree.write("proc/net/udp",
             "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
             "timeout inode ref pointer drops\n"
             "  1: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0     "
             "   0 4711 2 0 0\n"
             "  2: 00000000:1194 00000000:0000 07 00000000:00000000 00:00000000 00000000     0     "
             "   0 4712 2 0 0\n");
  tree.write("proc/net/ip_tables_names", "nat\nfilter\n");
  std::filesystem::create_directories(tree.root / "proc/self/fd");
  std::filesystem::create_symlink("socket:[4711]", tree.root / "proc/self/fd/3");

  const auto facts = gather(Machine(tree.root), {}, {});
  CHECK(facts.ip_forward == 1);
  CHECK_FALSE(facts.ipv6_forwarding);
  CHECK(facts.acquire_expires_s == 165);
  REQUIRE(facts.devices.size() == 1);
  CHECK(facts.devices[0].name == "made0");
  CHECK(facts.devices[0].mtu_bytes == 1492);
  CHECK(facts.devices[0].setting(Family::v4, "rp_filter") == 2);
  CHECK(facts.devices[0].setting(Family::v6, "disable_policy") == 1);
  REQUIRE(facts.ports.size() == 2);
  CHECK((facts.ports[0].ours && !facts.ports[0].others));
  CHECK((!facts.ports[1].ours && facts.ports[1].others));
  CHECK(facts.iptables == std::vector<std::string>{"filter", "nat"});
}

TEST_CASE("the longest prefix and then the least metric lead the way", "[checks]") {
  const auto routes = ipsec::daemon::parse_routes_v4(
      "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
      "wan0 00000000 FE6433C6 0003 0 0 100 00000000 0 0 0\n"
      "wan1 00000000 FD6433C6 0003 0 0 50 00000000 0 0 0\n"
      "lan0 0001000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
      "* 0000A8C0 00000000 0201 0 0 0 0000FFFF 0 0 0\n"
      "lan1 0002000A nonsense 0001 0 0 0 00FFFFFF 0 0 0\n");
  REQUIRE(routes.size() == 4);
  const auto* lan = route_to(routes, at("10.0.1.7"));
  REQUIRE(lan != nullptr);
  CHECK(lan->device == "lan0");
  CHECK_FALSE(lan->next_hop);
  const auto* out = route_to(routes, at("10.0.2.7"));
  REQUIRE(out != nullptr);
  CHECK(out->device == "wan1");
  CHECK(out->next_hop == at("198.51.100.253"));
  CHECK(route_to(routes, at("192.168.3.4")) == nullptr);
  CHECK(route_to(routes, at("2001:db8::1")) == nullptr);
}

TEST_CASE("routes of IPv6 are read as the kernel writes them", "[checks]") {
  const auto routes = ipsec::daemon::parse_routes_v6(
      "20010db8000000010000000000000000 40 00000000000000000000000000000000 00 "
      "fe800000000000000000000000000001 00000400 00000001 00000000 00000003 lan0\n"
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
      "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n");
  REQUIRE(routes.size() == 2);
  CHECK(routes[0].destination.to_string() == "2001:db8:0:1::/64");
  CHECK(routes[0].next_hop == at("fe80::1"));
  REQUIRE(route_to(routes, at("2001:db8:0:1::9")) != nullptr);
  CHECK(route_to(routes, at("2001:db8:0:2::9")) == nullptr);
}
