// The driver "kernel": tables of this machine's kernel, by number or by their VRF, in the daemon's
// own network namespace or in a named one.
//
// NOTE: Ours is what bears our protocol number and is of a kind that we make. Every answer comes
// within the call: the kernel takes a message while it is sent. The sockets of a namespace keep it
// alive, so they are closed as soon as its name goes.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "route/driver.h"
#include "route/kernel/numbers.h"
#include "route/kernel/opener.h"

namespace ipsec::route {

namespace kernel {
class NamespaceFolder;
class Space;
}  // namespace kernel

class KernelDriver final : public Driver {
 public:
  KernelDriver(Reactor& reactor, NamespaceOpener& opener, std::uint8_t protocol = kDefaultProtocol);
  KernelDriver(const KernelDriver&) = delete;
  KernelDriver& operator=(const KernelDriver&) = delete;
  ~KernelDriver() override;

  [[nodiscard]] Capabilities capabilities() const override;
  void list(const Table& table, const std::set<Cidr>& destinations, Listed listed) override;
  void apply(const Table& table, const Changes& changes, Applied applied) override;
  void forget(const Table& table) override;
  void on_drift(Drifted drifted) override { drifted_ = std::move(drifted); }
  [[nodiscard]] Time next_deadline() const override;
  void tick(Time now) override;

  // In the daemon's own namespace, by its rules and whatever table they lead to.
  [[nodiscard]] std::expected<Way, Trouble> lookup(const Address& peer);
  // Links, addresses, rules or others' routes changed: lookup() may say something else. Told from
  // the first lookup, or the first table of the own namespace, on.
  void on_ways_changed(std::function<void()> changed) { ways_changed_ = std::move(changed); }

  // Messages of the kernel that made no sense, or that nobody had asked for.
  [[nodiscard]] std::uint64_t ignored() const;

 private:
  struct Place;
  // What is to be told no sooner than some time after it was told last.
  struct Interest {
    std::uint32_t number = 0;  // of the kernel's table; 0: not known
    Time told{};               // the clock's zero: long ago
  };

  [[nodiscard]] std::expected<kernel::Space*, Trouble> space(const std::string& netns);
  [[nodiscard]] std::expected<Place, Trouble> place_of(const Table& table);
  [[nodiscard]] std::expected<std::uint32_t, Trouble> number_of(const Table& table,
                                                                kernel::Space& space) const;
  void watch(kernel::Space& space);
  void close(const std::string& netns);
  void events_arrived(const std::string& netns);
  void folder_changed();
  void settle_namespaces(Time now);
  // All of the namespace, or those of one number.
  void drift_in(const std::string& netns, std::optional<std::uint32_t> number);
  void tell(Time now);

  Reactor& reactor_;
  NamespaceOpener& opener_;
  std::uint8_t protocol_;
  Drifted drifted_;
  std::function<void()> ways_changed_;

  std::map<std::string, std::unique_ptr<kernel::Space>> spaces_;
  std::map<std::string, Time> resting_;  // namespaces whose events are not read until then
  std::unique_ptr<kernel::NamespaceFolder> folder_;
  std::map<std::string, int> unsettled_;  // names that came or went, and looks that are left
  Time look_again_{kNever};

  std::map<Table, Interest> tables_;
  std::set<Table> pending_;
  bool ways_pending_ = false;
  Time ways_told_{};
  std::uint64_t ignored_ = 0;
};

}  // namespace ipsec::route
