// Who owns tables: the seam behind which the kernel, a provider's API or anything else stands.
// tests/support/route_conformance.h is what each of them must pass.
//
// NOTE: Contract. Answers come once, within the call or later from tick() or a descriptor's
// handler; never after the driver is gone. A driver never blocks on another machine or process,
// keeps to what it was told, and bears every answer of the other side that makes no sense.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <set>
#include <vector>

#include "ike/base/time.h"
#include "route/model.h"
#include "route/plan.h"

namespace ipsec::route {

struct Capabilities {
  bool tells_drift = false;  // others' hands are told of at once
  bool blackhole = false;
  bool several_hops = false;
  bool mtu = false;  // MTU and advertised MSS
  bool rules = false;
  std::size_t changes_at_once = 0;  // more are split; 0: any number
};

// What a driver asks of who drives it. Both must outlive it.
class Reactor {
 public:
  Reactor() = default;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  virtual ~Reactor() = default;

  virtual void watch(int fd, std::function<void()> readable) = 0;
  virtual void forget(int fd) = 0;
  [[nodiscard]] virtual Time now() const = 0;
};

// One for each change, in the order add, replace, remove, add_rules, remove_rules.
using Outcome = std::expected<void, Trouble>;
using Outcomes = std::vector<Outcome>;

class Driver {
 public:
  using Listed = std::function<void(std::expected<Listing, Trouble>)>;
  using Applied = std::function<void(Outcomes)>;
  // Somebody changed the table, or what it hangs on; nothing is said of what was ours to do.
  using Drifted = std::function<void(const Table&)>;

  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  // `destinations` are those whose foreign routes are of interest.
  virtual void list(const Table& table, const std::set<Cidr>& destinations, Listed listed) = 0;
  virtual void apply(const Table& table, const Changes& changes, Applied applied) = 0;
  // The table is no longer of interest: no drift is told of it.
  virtual void forget(const Table& table) = 0;
  virtual void on_drift(Drifted drifted) = 0;

  [[nodiscard]] virtual Time next_deadline() const { return kNever; }
  virtual void tick(Time /*now*/) {}
};

}  // namespace ipsec::route
