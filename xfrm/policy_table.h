// Which of our policies stand in the kernel, and what each lies on: the kernel has one place for a
// selector, so a child's policy takes the place of its own trap and gives it back.
//
// Pure: it computes the changes, and the caller makes them. A change is committed when the kernel
// has taken it, or never was.
#pragma once

#include <map>
#include <optional>
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

  // A child's policies: they take the place of traps and of an earlier child's.
  [[nodiscard]] Pending set(const PolicySpec& spec) const;
  // Only those still pinned to the spec's SPI go; the trap under them comes back.
  [[nodiscard]] Pending remove(const PolicySpec& spec) const;
  [[nodiscard]] Pending set(const TrapSpec& spec) const;
  [[nodiscard]] Pending remove(const TrapSpec& spec) const;
  // The outbound SA's peer address changed: all pinned to it follow.
  [[nodiscard]] Pending move(const SaKey& from, const Address& local, const Address& remote) const;

  void commit(Pending&& pending);

  // What the kernel should hold, in all.
  [[nodiscard]] std::vector<PolicyRecord> desired() const;

 private:
  struct Place {
    std::optional<PolicyRecord> trap;
    std::optional<PolicyRecord> child;
    [[nodiscard]] const PolicyRecord* top() const;
  };
  std::map<PolicyKey, Place> places_;
};

class PolicyTable::Pending {
 public:
  // Only what differs: an empty list is no work for the kernel.
  [[nodiscard]] const std::vector<PolicyChange>& changes() const { return changes_; }

 private:
  friend class PolicyTable;
  std::vector<PolicyChange> changes_;
  std::vector<std::pair<PolicyKey, Place>> places_;
};

}  // namespace ipsec::xfrm
