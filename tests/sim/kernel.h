// A kernel for the simulator: keeps SAs, SPIs and policies as the real one would, says no when told
// to, and carries packets through what it has been given.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ike/core/io.h"
#include "tests/support/random.h"

namespace ipsec::sim {

// Of every packet.
inline constexpr std::uint64_t kPacketBytes = 1'400;

// What a packet carries on the wire: which SA made it, and under which keys.
struct Packet {
  xfrm::SaKey key;
  Bytes proof;  // the sender's keys; the receiver's must be the same
};

class Kernel {
 public:
  explicit Kernel(test::Random& random) : random_(random) {}

  std::size_t fail_one_in = 0;  // of all calls that can fail; 0 is never
  int error_number = 0;         // ENOBUFS where it is 0
  int fail_install = 0;         // fails the n-th installation from now; 0 is off
  int fail_allocate = 0;        // and so the n-th allocation of an SPI
  int fail_remove = 0;          // the n-th removal, of SAs and policies alike
  int fail_move = 0;            // the n-th move

  [[nodiscard]] std::expected<xfrm::SaKey, KernelError> allocate(const core::AllocateSpi& ask);
  [[nodiscard]] std::expected<void, KernelError> install(const core::InstallSas& batch);
  // What it will not remove stays, until the next look at its tables (reconcile).
  [[nodiscard]] std::expected<void, KernelError> remove(const core::RemoveSa& ask);
  [[nodiscard]] std::expected<void, KernelError> remove(const core::RemovePolicies& ask);
  // What it will not move is removed: an SA under an address nobody uses is of no use.
  [[nodiscard]] std::expected<void, KernelError> move(const core::MoveSa& ask);
  // As the daemon does after a refusal: what is there and should not be goes.
  [[nodiscard]] std::expected<void, KernelError> reconcile();

  // Its lifetime is over: the kernel takes an SA away by itself.
  void expire(const xfrm::SaKey& key);

  // Nothing where no policy covers the packet, or its SA is missing.
  [[nodiscard]] std::optional<Packet> send(const Address& from, const Address& to) const;
  [[nodiscard]] bool receive(const Packet& packet) const;
  // A packet that was sent or received counts on its SA. What the kernel then says of a limit by
  // volume: the soft one once, and the hard one takes the SA away.
  [[nodiscard]] std::optional<core::KernelExpired> count(const Packet& packet,
                                                         xfrm::Direction direction);

  // As a reboot does.
  void flush();

  // What a daemon finds that comes after another; and what of it stays, since somebody has claimed
  // it: all else goes.
  [[nodiscard]] std::vector<core::KernelSa> left() const;
  void take_over(const std::set<xfrm::SaKey>& claimed, const std::set<xfrm::SaKey>& held,
                 const std::vector<xfrm::PolicySpec>& policies);

  [[nodiscard]] const std::map<xfrm::SaKey, xfrm::SaSpec>& sas() const { return sas_; }
  [[nodiscard]] std::size_t larval() const { return larval_.size(); }
  [[nodiscard]] std::size_t policies() const { return policies_.size(); }
  // By local and remote selector.
  using Policies = std::map<std::pair<TrafficSelector, TrafficSelector>, xfrm::PolicySpec>;
  [[nodiscard]] const Policies& policy_table() const { return policies_; }
  [[nodiscard]] bool empty() const { return sas_.empty() && larval_.empty() && policies_.empty(); }
  // Calls that no right engine makes: an SA removed that is not there, and the like.
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void erase(const xfrm::SaKey& key);
  // By chance, or because `countdown` says that it is this call.
  [[nodiscard]] std::optional<KernelError> refusal(std::string_view call, int& countdown);

  test::Random& random_;
  std::map<xfrm::SaKey, xfrm::SaSpec> sas_;
  std::set<xfrm::SaKey> larval_;
  std::map<xfrm::SaKey, std::uint64_t> carried_;  // bytes
  std::set<xfrm::SaKey> refused_;                 // or expired; a removal of them is no mistake
  Policies policies_;
  std::set<xfrm::SaKey> doomed_;  // should have gone
  std::set<std::pair<std::pair<TrafficSelector, TrafficSelector>, ChildSpi>> doomed_policies_;
  std::vector<std::string> complaints_;
};

}  // namespace ipsec::sim
