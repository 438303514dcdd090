// The tables of all drivers, brought to what tunnels want in them and kept so: against failures,
// other people's hands and crossing wishes. Knows no clock; ask it for its deadline.
//
// NOTE: Contract. What is wanted is carried out by flush(), at once where the driver answers at
// once. A route that is wanted as before is not touched. What another one has put there is not
// touched at all.
// NOTE: Limits. A table is looked through when it is first wanted, after drift and troubles, and
// every kSweepEvery; one flush makes at most kChangesPerTurn changes a table.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ike/base/strong_id.h"
#include "ike/base/time.h"
#include "route/driver.h"
#include "route/model.h"
#include "route/plan.h"

namespace ipsec::route {

// What a tunnel wants in one place of a table.
struct Claim {
  Route route;
  // Leave what stands there as it is, or that nothing does: nobody knows yet what will be wanted.
  bool retain = false;
  bool operator==(const Claim&) const = default;
};

enum class State : std::uint8_t {
  pending,    // not carried out yet
  ok,         // it is there
  shadowed,   // it is there, and another one's of a smaller metric is taken before it
  conflict,   // another one's has its place
  contested,  // another tunnel's has it
  failed,
};

struct Standing {
  State state = State::pending;
  std::string why;                 // of any but pending and ok
  std::optional<TunnelId> holder;  // where contested: who has the place
  bool operator==(const Standing&) const = default;
};

class Tables {
 public:
  static constexpr std::chrono::seconds kSweepEvery{30};
  static constexpr std::chrono::seconds kFirstRetry{1};
  static constexpr std::size_t kChangesPerTurn = 2000;
  // Drift comes in storms: one look is for all of what comes within the first, and the next is the
  // second away from it.
  static constexpr std::chrono::milliseconds kDriftDelay{20};
  static constexpr std::chrono::milliseconds kLookInterval{250};

  struct Repair {
    Table table;
    std::size_t added = 0;
    std::size_t removed = 0;
  };
  struct Parts {
    std::function<Driver*(const Table&)> driver_of;  // null: there is none of that name
    // The standing of something that the tunnel wants has changed.
    std::function<void(TunnelId)> changed;
    // Others' hands were put right.
    std::function<void(const Repair&)> repaired;
    std::function<Time()> now;
  };
  explicit Tables(Parts parts) : parts_(std::move(parts)) {}
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  ~Tables() = default;

  // All that the tunnel wants in all tables, instead of what it wanted before. Tunnels of one group
  // share the load of a place; others have it by who came first.
  using Claims = std::map<Table, std::vector<Claim>>;
  void want(TunnelId owner, const std::string& group, const Claims& claims);
  // All tables that are configured, with the rules that are to lead there. They are looked through
  // before anything is wanted in them, so that it comes at once when it is.
  void configure(const std::map<Table, std::set<Rule>>& tables);
  void flush();

  // Nobody may want anything there, and things of ours may have been left: they go. Tried until the
  // driver says that nothing is there, or that the table itself is not.
  void clean(const Table& table);
  // Those in which something of ours is, or may be. `generation` is another number whenever they
  // are others.
  [[nodiscard]] std::set<Table> tables() const;
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  void drifted(const Table& table);
  // A driver has another view of the world now: everything is looked through.
  void look_at_all();
  [[nodiscard]] Time next_deadline() const;
  void tick();

  struct Tally {
    std::size_t ok = 0;
    std::size_t want = 0;
    std::string trouble;  // the first one
  };
  [[nodiscard]] Tally tally(TunnelId owner) const;
  // Of one thing that a tunnel wants; pending where it wants no such thing.
  [[nodiscard]] Standing standing(TunnelId owner, const Table& table, const Key& key) const;
  // As it is there, or is to be.
  [[nodiscard]] std::optional<Route> route_at(const Table& table, const Key& key) const;
  using Visitor = std::function<void(const Table&, TunnelId, const Claim&, const Standing&)>;
  void each(const Visitor& visit) const;
  // Tables that nothing could be done in, and why.
  [[nodiscard]] std::map<Table, std::string> troubles() const;
  // The driver of a table was taken away and may be there again: what it owed is not awaited.
  void driver_changed(const std::string& name);
  // No answer of a driver is awaited and nothing is left to do.
  [[nodiscard]] bool at_rest() const;

 private:
  struct Owned {
    TunnelId owner;
    std::string group;
    Claim claim;
  };
  struct Place {
    std::vector<Owned> claims;       // the first comer first
    std::optional<Route> installed;  // ours, as far as is known
    Standing standing;
  };
  struct Entry {
    Table table;
    std::map<Key, Place> places;
    std::set<Rule> rules;
    std::set<Rule> installed_rules;
    std::set<Key> dirty;
    bool rules_dirty = false;
    bool known = false;  // it was looked through once
    bool look = true;    // before anything else
    bool busy = false;   // an answer is awaited
    bool kept = false;   // it is configured
    bool owed = false;   // what nobody wants may stand there
    int failures = 0;    // in a row
    std::string trouble;
    Time look_at = kNever;
    Time looked_at{};
  };

  // One place's claims as one route; nothing where none is to be there. `retained` tells the caller
  // to leave it.
  struct Effective {
    std::optional<Route> route;
    bool retained = false;
  };
  [[nodiscard]] static Effective effective(const Place& place);
  [[nodiscard]] static Standing standing_of(const Place& place, const Owned& owned);

  void set_claim(const Table& table, TunnelId owner, const std::string& group, const Claim& claim);
  void drop_claim(const Table& table, TunnelId owner, const Key& key);
  Entry& entry(const Table& table);

  // Returns when nothing is to be done now, or an answer is awaited, or it has done enough.
  void run(Entry& entry);
  void begin_look(Entry& entry, Driver& driver);
  void looked(const Table& table, std::expected<Listing, Trouble> listing);
  [[nodiscard]] static Wanted wanted_of(const Entry& entry, const Listing& listing);
  [[nodiscard]] Repair take_over(Entry& entry, const Listing& listing, const Plan& plan);
  [[nodiscard]] static std::optional<Route> known_as(const Place& place, const Route* stands);
  [[nodiscard]] static Changes changes_of_dirty(Entry& entry, std::size_t most);
  void begin_apply(Entry& entry, Driver& driver, Changes changes);
  void applied(const Table& table, const Changes& changes, const Outcomes& outcomes);
  void was_put(Entry& entry, const Route& route, const Outcome& outcome);
  void was_removed(Entry& entry, const Route& route, const Outcome& outcome);
  void settle(Place& place, Standing standing);
  void fail_all(Entry& entry, const Trouble& trouble);
  void retry_later(Entry& entry);
  void drop_unused();

  Parts parts_;
  std::map<Table, Entry> entries_;
  std::uint64_t generation_ = 0;
  // Where each tunnel has claims.
  std::unordered_map<TunnelId, std::set<std::pair<Table, Key>>> owned_;
  std::set<Table> to_run_;
};

}  // namespace ipsec::route
