#include "tests/support/control_examples.h"

#include <utility>

namespace ipsec::control::test {
namespace {

using namespace std::chrono_literals;

constexpr Moment at(std::chrono::seconds later) {
  return Moment(std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)) + 10h + later;
}

Fields some_fields() {
  return {{"gateway", {"gw"}},
          {"peer_cidrs", {"192.168.2.0/24", "192.168.3.0/24"}},
          {"psk", {"0123 \"quoted\" \\ \xc3\xa9"}},
          {"enabled", {"false"}},
          {"start", {}},
          {"ike.version", {"2"}},
          {"ike.dh", {"14", "x25519"}},
          {"ike.lifetime_s", {"7200"}},
          {"ipsec.replay_window", {"0"}},
          {"remarks", {"two\nlines"}}};
}

FailureView a_failure() {
  return {at(5s),   "ike-auth", "authentication-failed", "a key", "other",
          "detail", "in words", "look at the key"};
}

TunnelStatusView a_status() {
  return {"tun-0123456789abcdef",
          "hq",
          "Running",
          "phase2-failed",
          "outbound",
          "up",
          "connecting",
          1,
          4,
          at(10s),
          at(11s),
          7,
          at(22s),
          a_failure(),
          {"sha1", "group 2"},
          Phase1View{"203.0.113.1:4500", "198.51.100.2:4500", "hq.example", "aes256gcm-x25519",
                     "0123456789abcdef", "fedcba9876543210", "both", "strongSwan", 12, 1, 23'400,
                     at(11s)},
          {{{"10.0.1.0/24"}, {"192.168.2.0/24"}, "aes256gcm", "c0000001", "c0000002", 17, at(12s)}},
          {1, 2, 3, 18'446'744'073'709'551'615U},
          1,
          2,
          "192.168.2.0/24 in table 100: another stands there",
          "a note"};
}

SaView an_sa() {
  return {"hq",
          "in",
          "esp",
          "c0000001",
          17,
          "198.51.100.2",
          "203.0.113.1",
          "aes256gcm16",
          at(0s),
          at(1s),
          1'000'000,
          900,
          3,
          4,
          5};
}

PlanReply a_plan() {
  return {true,
          {{"change",
            Kind::tunnel,
            "tun-0123456789abcdef",
            "hq",
            {{"ike.lifetime_s", {"86400"}, {"7200"}},
             {"local_cidrs", {"10.0.1.0/24"}, {"10.0.1.0/24", "10.0.2.0/24"}},
             {"enabled", {"true"}, {"false"}},
             {"remarks", {}, {"new"}},
             {"name", {"old"}, {"hq"}}},
            true,
            true}},
          {"sha1 is weak"}};
}

}  // namespace

EventView an_event() {
  return {at(3s), 12, "tun-0123456789abcdef", "hq", "1", "ike-up", "phase 1 is up"};
}

ObjectView an_object() {
  return {Kind::tunnel,  "tun-0123456789abcdef",
          "hq",          at(0s),
          some_fields(), {{"gateway_name", "gw"}, {"peer_address", "198.51.100.2"}},
          a_status()};
}

std::vector<Request> all_requests() {
  std::vector<Operation> operations{
      Version{},
      List{Kind::peer, "offi"},
      Show{Kind::tunnel, {"hq", "tun-01"}, true},
      Create{Kind::tunnel, "hq", some_fields(), true},
      Set{Kind::tunnel, {"hq", "b"}, some_fields(), true},
      Rename{Kind::vpc, "a", "b"},
      Delete{Kind::gateway, {"gw"}, true},
      Apply{"[[vpc]]\nname = \"v\"\n", "site.toml", true, true},
      Dump{true},
      Import{"ipsec.conf", "conn x\n", ": PSK \"k\"\n", "/etc/ipsec.conf"},
      Export{"hq", "swanctl", true, true},
      Command{Order::up, {"hq"}},
      Command{Order::down, {"hq"}},
      Command{Order::reconnect, {"a", "b"}},
      Command{Order::rekey, {"a"}},
      Command{Order::rekey_ike, {"a"}},
      Status{{"hq"}},
      ListSas{{"hq"}},
      Routes{{"hq"}, true},
      Diagnose{"hq"},
      Events{{"hq"}, 3600, 10, true},
      ListLimits{},
      ListVendors{},
      Check{},
      Audit{5},
      Reload{},
      Stop{true},
      SetLogLevel{"debug", "hq"},
      ListCounters{},
      Upgrade{},
  };
  std::vector<Request> requests;
  std::uint64_t id = 9'007'199'254'740'991U;
  for (Operation& operation : operations) {
    requests.push_back({id++, "customer-7", std::move(operation)});
  }
  return requests;
}

std::vector<Reply> all_replies() {
  std::vector<Result> results{
      DoneReply{{"a warning"}},
      VersionReply{"0.1.0", 1, 4711, at(0s), "6.12", 9, {"no AH"}},
      ObjectsReply{Kind::tunnel, {an_object()}},
      a_plan(),
      TextReply{"text\n", {"left out"}},
      StatusReply{{a_status()}},
      SasReply{{an_sa()}},
      RoutesReply{{{"hq", "a", "100", "192.168.2.0/24", "10.0.0.1", 100, 1400, "conflict",
                    "another stands there"}}},
      EventsReply{{an_event()}, true},
      FindingsReply{{{"ESP", Finding::Grade::good, "yes", ""},
                     {"AH", Finding::Grade::note, "no", "load ah4"},
                     {"forwarding", Finding::Grade::warning, "0", "sysctl"},
                     {"UDP 500", Finding::Grade::bad, "taken", "stop it"}}},
      LimitsReply{{{"tunnels_per_gateway", 20, "tunnels of a gateway"}}},
      VendorsReply{{{"cisco", "ASA", "asa", "9.x"}}},
      AuditReply{{{at(9s), "root", "create tunnel hq"}}},
      CountersReply{{{"messages", "malformed", 3}}},
  };
  std::vector<Reply> replies;
  for (Result& result : results) replies.push_back({7, std::move(result)});
  for (const auto code : {ErrorCode::usage, ErrorCode::not_found, ErrorCode::refused,
                          ErrorCode::failed, ErrorCode::forbidden, ErrorCode::unavailable}) {
    replies.push_back(
        {8, std::unexpected(
                Error{code, "no", {{"tunnel 'hq'", "psk", "", "is short", "longer", "all"}}})});
  }
  return replies;
}

}  // namespace ipsec::control::test
