// What the daemon answers: a struct an answer, in the words that people read. Times are seconds
// since 1970 here and RFC 3339 in JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ike/control/types/requests.h"

namespace ipsec::control {

using Moment = std::chrono::sys_seconds;

// --- errors ---

enum class ErrorCode : std::uint8_t {
  usage,        // the request itself is wrong
  not_found,    // no such object
  refused,      // against a rule; see details
  failed,       // could not be done now
  forbidden,    // not by this user
  unavailable,  // the daemon is stopping, or does not know that
};

// One thing that stands against a change: object, value, rule, what to do.
struct Problem {
  std::string object;  // "tunnel 'hq'"
  std::string field;
  std::string value;
  std::string why;
  std::string advice;
  std::string text;  // all of it in a line; for a file with place, source line and mark
  bool operator==(const Problem&) const = default;
};

struct Error {
  ErrorCode code = ErrorCode::failed;
  std::string message;  // one line with the next step
  std::vector<Problem> problems;
  bool operator==(const Error&) const = default;
};

// --- status ---

// A failure as people read it; see core::Failure.
struct FailureView {
  Moment at{};
  std::string stage;
  std::string cause;
  std::string ours;
  std::string theirs;
  std::string detail;
  std::string text;
  std::string check;  // what to look at
  bool operator==(const FailureView&) const = default;
};

struct Phase1View {
  std::string local;  // ADDRESS:PORT
  std::string remote;
  std::string peer_id;
  std::string algorithms;
  std::string our_spi;
  std::string peer_spi;
  std::string nat;  // "none", "here", "there", "both"
  std::string peer_vendor;
  // Our requests on the path to the peer: how many, how many had to be sent again, and how long the
  // newest took there and back.
  std::uint64_t requests = 0;
  std::uint64_t resent = 0;
  std::optional<std::uint64_t> round_trip_us;
  Moment since{};
  bool operator==(const Phase1View&) const = default;
};

struct ChildView {
  std::vector<std::string> local;
  std::vector<std::string> remote;
  std::string algorithms;
  std::string inbound_spi;
  std::string outbound_spi;
  std::uint32_t reqid = 0;
  Moment since{};
  bool operator==(const ChildView&) const = default;
};

struct TrafficView {
  std::uint64_t in_bytes = 0;
  std::uint64_t in_packets = 0;
  std::uint64_t out_bytes = 0;
  std::uint64_t out_packets = 0;
  bool operator==(const TrafficView&) const = default;
};

struct TunnelStatusView {
  std::string id;
  std::string name;
  std::string resource;    // Creating, Running, Deleting
  std::string connection;  // connecting, connected, phase1-failed, phase2-failed; idle, disabled
  std::string traffic;     // none, outbound, inbound, normal
  std::string phase1;      // down, connecting, up
  std::string phase2;
  std::uint32_t pairs_up = 0;  // "n of m CIDR pairs"
  std::uint32_t pairs = 0;
  Moment since{};                    // in this connection state
  std::optional<Moment> resumed_at;  // by a daemon after the one that brought it up
  std::uint32_t tries = 0;
  std::optional<Moment> next_try;
  std::optional<FailureView> last_failure;
  std::vector<std::string> weak;  // algorithms in use
  std::optional<Phase1View> ike;
  std::vector<ChildView> children;
  TrafficView counters;
  std::uint32_t routes_ok = 0;  // of those that are to be there
  std::uint32_t routes = 0;
  std::string route_trouble;  // what one of the others lacks
  std::string note;           // why it cannot start: no address yet, IKEv1, ...
  bool operator==(const TunnelStatusView&) const = default;
};

// --- objects ---

struct ObjectView {
  Kind kind{};
  std::string id;
  std::string name;
  Moment created{};
  Fields fields;  // all of the kind's, secrets only where they were asked for
  // What is counted or looked up: "tunnels", "vpc_name", "gateway_name", "peer_address" ...
  std::vector<std::pair<std::string, std::string>> derived;
  std::optional<TunnelStatusView> status;  // of a tunnel
  bool operator==(const ObjectView&) const = default;
};

struct ObjectsReply {
  Kind kind{};
  std::vector<ObjectView> objects;
  bool operator==(const ObjectsReply&) const = default;
};

// --- changes ---

struct ChangeView {
  std::string field;
  FieldValue before;
  FieldValue after;
  bool operator==(const ChangeView&) const = default;
};
struct StepView {
  std::string what;  // create, change, remove, follow
  Kind kind{};
  std::string id;
  std::string name;
  std::vector<ChangeView> changes;
  bool reconnects = false;
  bool carries_traffic = false;  // and would be interrupted
  bool operator==(const StepView&) const = default;
};
struct PlanReply {
  bool done = false;  // false after a dry run
  std::vector<StepView> steps;
  std::vector<std::string> warnings;
  bool operator==(const PlanReply&) const = default;
};

// --- the rest ---

struct TextReply {
  std::string text;
  std::vector<std::string> warnings;  // what could not be taken over, or needs a hand
  bool operator==(const TextReply&) const = default;
};
struct StatusReply {
  std::vector<TunnelStatusView> tunnels;
  bool operator==(const StatusReply&) const = default;
};

struct SaView {
  std::string tunnel;
  std::string direction;  // in, out
  std::string protocol;   // esp, ah
  std::string spi;
  std::uint32_t reqid = 0;
  std::string source;
  std::string destination;
  std::string algorithms;
  Moment added{};
  std::optional<Moment> first_used;
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  std::uint32_t replayed = 0;
  std::uint32_t outside_window = 0;
  std::uint32_t integrity_failed = 0;
  bool operator==(const SaView&) const = default;
};
struct SasReply {
  std::vector<SaView> sas;
  bool operator==(const SasReply&) const = default;
};

struct RouteView {
  std::string tunnel;
  std::string subnet;  // empty: of the table that a BGP daemon reads
  std::string table;   // empty: the subnet has none
  std::string destination;
  std::string next_hop;  // "192.0.2.1 dev eth0", "blackhole"; empty while there is none
  std::uint32_t metric = 0;
  std::uint32_t mtu = 0;  // 0: the device's
  // ok; pending, missing, conflict, contested, shadowed, failed; down, withdrawn, no table
  std::string state;
  std::string why;
  bool operator==(const RouteView&) const = default;
};
struct RoutesReply {
  std::vector<RouteView> routes;
  bool operator==(const RoutesReply&) const = default;
};

struct EventView {
  Moment at{};
  std::uint64_t number = 0;
  std::string tunnel_id;
  std::string tunnel;
  std::string phase;  // "1", "2", ""
  std::string event;  // "ike-up", "child-up", "try-failed" ...
  std::string text;
  bool operator==(const EventView&) const = default;
};
struct EventsReply {
  std::vector<EventView> events;
  bool follows = false;  // more lines will come, without ids of requests
  bool operator==(const EventsReply&) const = default;
};

// Of `ipsecctl check` and `diag`.
struct Finding {
  enum class Grade : std::uint8_t { good, note, warning, bad };
  std::string what;  // "ESP over IPv4", "net.ipv4.ip_forward"
  Grade grade = Grade::good;
  std::string found;   // "0"
  std::string advice;  // the fix; empty where all is well
  bool operator==(const Finding&) const = default;
};
struct FindingsReply {
  std::vector<Finding> findings;
  bool operator==(const FindingsReply&) const = default;
};

struct LimitView {
  std::string name;
  std::uint64_t value = 0;
  std::string counted;  // "tunnels of a gateway"
  bool operator==(const LimitView&) const = default;
};
struct LimitsReply {
  std::vector<LimitView> limits;
  bool operator==(const LimitsReply&) const = default;
};
struct VendorView {
  std::string name;
  std::string product;
  std::string export_format;
  std::string note;
  bool operator==(const VendorView&) const = default;
};
struct VendorsReply {
  std::vector<VendorView> vendors;
  bool operator==(const VendorsReply&) const = default;
};
struct AuditView {
  Moment at{};
  std::string who;
  std::string what;
  bool operator==(const AuditView&) const = default;
};
struct AuditReply {
  std::vector<AuditView> entries;
  bool operator==(const AuditReply&) const = default;
};
struct CounterView {
  std::string of;  // sockets, messages, kernel
  std::string name;
  std::uint64_t value = 0;
  bool operator==(const CounterView&) const = default;
};
// Since the daemon began.
struct CountersReply {
  std::vector<CounterView> counters;
  bool operator==(const CountersReply&) const = default;
};
struct VersionReply {
  std::string version;
  int api = kVersion;
  std::uint64_t pid = 0;
  Moment started{};
  std::string kernel;
  std::uint64_t tunnels = 0;
  std::vector<std::string> notes;  // missing kernel features, boot files that were refused
  bool operator==(const VersionReply&) const = default;
};
struct DoneReply {
  std::vector<std::string> warnings;
  bool operator==(const DoneReply&) const = default;
};

using Result = std::variant<DoneReply, VersionReply, ObjectsReply, PlanReply, TextReply,
                            StatusReply, SasReply, RoutesReply, EventsReply, FindingsReply,
                            LimitsReply, VendorsReply, AuditReply, CountersReply>;

struct Reply {
  std::uint64_t id = 0;
  std::expected<Result, Error> result;
  bool operator==(const Reply&) const = default;
};

}  // namespace ipsec::control
