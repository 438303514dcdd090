// Which of our policies stand in the kernel, and what each lies on: the kernel has one place for a
// selector, so a child's policy takes the place of its own trap and gives it back. So it does with
// the policy of another tunnel for the same selectors, as of two gateways that stand in for each
// other.
//
// Pure: it computes the changes, and the caller makes them. A change is committed when the kernel
// has taken it, or never was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "xfrm/model.h"
#include "xfrm/records.h"

namespace ipsec::xfrm {

// One place: what it held, and what it shall hold; neither is nothing.
struct PolicyChange {
  PolicyKey key;
  std::optional<PolicyRecord> before;
  std::optional<PolicyRecord> after;
};

class PolicyTable {
 public:
  class Pending;  // what a change would make of the table; see commit()

  // A child's policies lie on top of traps and of other tunnels' children, and take the place of an
  // earlier child's with the same reqid.
  [[nodiscard]] Pending set(const PolicySpec& spec) const;
  // Only those still pinned to the spec's SPI go; what lies under them comes back.
  [[nodiscard]] Pending remove(const PolicySpec& spec) const;
  // So it is with traps among themselves.
  [[nodiscard]] Pending set(const TrapSpec& spec) const;
  [[nodiscard]] Pending remove(const TrapSpec& spec) const;
  // The outbound SA's addresses changed: all pinned to it follow, inwards too. With
  // Pin::nowhere, until the next move, the out policies lead to an SA that never is.
  enum class Pin : std::uint8_t { by_spi, nowhere };
  [[nodiscard]] Pending move(const SaKey& from, const Address& local, const Address& remote,
                             Pin pinned = Pin::by_spi) const;

  // Of what was computed last, with nothing committed in between.
  void commit(Pending&& pending);

  // The places where other programs' policies stand, as was seen: what we wanted there is not in
  // the kernel, so a change of it replaces nothing and its removal removes nothing.
  void mark_occupied(const std::vector<PolicyKey>& keys);

  // What the kernel should hold, in all, in the order of the keys.
  [[nodiscard]] std::vector<PolicyRecord> desired() const;

 private:
  struct Child {
    PolicyRecord policy;
    SaKey outbound;  // in and forward policies do not say it themselves
  };
  // What lies in one place, the topmost last.
  struct Place {
    std::vector<PolicyRecord> traps;
    std::vector<Child> children;
    bool occupied = false;  // by another program's
    [[nodiscard]] const PolicyRecord* top() const;
    // What of ours the kernel holds.
    [[nodiscard]] const PolicyRecord* standing() const { return occupied ? nullptr : top(); }
    [[nodiscard]] bool empty() const { return traps.empty() && children.empty(); }
  };

  [[nodiscard]] Place at(const PolicyKey& key) const;

  std::map<PolicyKey, Place> places_;
};

class PolicyTable::Pending {
 public:
  // Only what differs: an empty list is no work for the kernel.
  [[nodiscard]] const std::vector<PolicyChange>& changes() const { return changes_; }

 private:
  friend class PolicyTable;
  void add(const PolicyKey& key, const Place& before, Place&& after);

  std::vector<PolicyChange> changes_;
  std::vector<std::pair<PolicyKey, Place>> places_;
};

}  // namespace ipsec::xfrm
