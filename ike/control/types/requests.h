// What may be asked of the daemon: a struct an operation. The command line writes them, the server
// reads them; how they look as JSON is codec.h's business and docs/api.md's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ike/gateway/schema/fields.h"
#include "ike/gateway/schema/kind.h"

namespace ipsec::control {

// Grows when an old client would misunderstand a new server or the other way round. What is only
// added (a field, an operation) does not count: unknown members of replies are passed over.
inline constexpr int kVersion = 1;

// As in a Draft: what was said of an object, references by name or id.
using Fields = std::vector<std::pair<std::string, FieldValue>>;

// --- objects ---

struct List {
  Kind kind{};
  std::string search;  // approximate; empty: all
  bool operator==(const List&) const = default;
};
// By names, ids, or unique beginnings of ids.
struct Show {
  Kind kind{};
  std::vector<std::string> names;
  bool secrets = false;
  bool operator==(const Show&) const = default;
};
struct Create {
  Kind kind{};
  std::string name;
  Fields fields;
  bool dry_run = false;
  bool operator==(const Create&) const = default;
};
struct Set {
  Kind kind{};
  std::vector<std::string> names;
  Fields fields;  // an empty value puts the default back
  bool dry_run = false;
  bool operator==(const Set&) const = default;
};
struct Rename {
  Kind kind{};
  std::string name;
  std::string to;
  bool operator==(const Rename&) const = default;
};
struct Delete {
  Kind kind{};
  std::vector<std::string> names;
  bool dry_run = false;  // says what would go, and what carries traffic
  bool operator==(const Delete&) const = default;
};

// --- whole configurations ---

struct Apply {
  std::string text;  // TOML
  std::string file;  // for complaints
  bool dry_run = false;
  bool prune = false;  // objects of the account that the text does not declare go
  bool operator==(const Apply&) const = default;
};
struct Dump {
  bool secrets = false;
  bool operator==(const Dump&) const = default;
};
struct Import {
  std::string format;  // "swanctl", "ipsec.conf"
  std::string text;
  std::string secrets_text;  // ipsec.secrets, beside ipsec.conf
  std::string file;
  bool operator==(const Import&) const = default;
};
struct Export {
  std::string tunnel;
  std::string format;
  bool peer_side = false;
  bool secrets = false;
  bool operator==(const Export&) const = default;
};

// --- tunnels at work ---

enum class Order : std::uint8_t { up, down, reconnect, rekey, rekey_ike };
struct Command {
  Order order{};
  std::vector<std::string> tunnels;
  bool operator==(const Command&) const = default;
};
// No names: all.
struct Status {
  std::vector<std::string> tunnels;
  bool operator==(const Status&) const = default;
};
struct ListSas {
  std::vector<std::string> tunnels;
  bool operator==(const ListSas&) const = default;
};
struct Routes {
  std::vector<std::string> tunnels;
  bool drift = false;  // only those that are not as they are to be
  bool operator==(const Routes&) const = default;
};
struct Diagnose {
  std::string tunnel;
  bool operator==(const Diagnose&) const = default;
};
// The kept log, then, with `follow`, what happens from now on.
struct Events {
  std::vector<std::string> tunnels;
  std::optional<std::uint32_t> since_s;  // ago
  std::uint32_t most = 1000;             // of the kept ones, the newest
  bool follow = false;
  bool operator==(const Events&) const = default;
};

// --- the gateway as a whole ---

struct Version {
  bool operator==(const Version&) const = default;
};
struct ListLimits {
  bool operator==(const ListLimits&) const = default;
};
struct ListVendors {
  bool operator==(const ListVendors&) const = default;
};
struct Check {
  bool operator==(const Check&) const = default;
};
struct Audit {
  std::uint32_t most = 100;
  bool operator==(const Audit&) const = default;
};
// Rereads the settings and the files of the boot configuration, as SIGHUP does.
struct Reload {
  bool operator==(const Reload&) const = default;
};
// Without `flush` what the kernel holds goes on carrying traffic.
struct Stop {
  bool flush = false;
  bool operator==(const Stop&) const = default;
};
struct SetLogLevel {
  std::string level;
  std::string tunnel;  // empty: of all that has no level of its own
  bool operator==(const SetLogLevel&) const = default;
};

// What came to nothing, by reason, and what the sockets and the kernel counted.
struct ListCounters {
  bool operator==(const ListCounters&) const = default;
};

// The program's file as it is now takes the daemon's place, with its sockets; first it is tried.
struct Upgrade {
  bool operator==(const Upgrade&) const = default;
};

using Operation =
    std::variant<Version, List, Show, Create, Set, Rename, Delete, Apply, Dump, Import, Export,
                 Command, Status, ListSas, Routes, Diagnose, Events, ListLimits, ListVendors, Check,
                 Audit, Reload, Stop, SetLogLevel, ListCounters, Upgrade>;

struct Request {
  std::uint64_t id = 0;  // comes back in the reply
  std::string account;   // empty: the caller's own
  Operation operation;
  bool operator==(const Request&) const = default;
};

}  // namespace ipsec::control
