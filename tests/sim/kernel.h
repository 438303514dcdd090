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

  [[nodiscard]] std::expected<xfrm::SaKey, KernelError> allocate(const core::AllocateSpi& ask);
  [[nodiscard]] std::expected<void, KernelError> install(const core::InstallSas& batch);
  void remove(const core::RemoveSa& ask);
  void remove(const core::RemovePolicies& ask);
  void move(const core::MoveSa& ask);

  // Nothing where no policy covers the packet, or its SA is missing.
  [[nodiscard]] std::optional<Packet> send(const Address& from, const Address& to) const;
  [[nodiscard]] bool receive(const Packet& packet) const;

  // As a reboot does.
  void flush();

  [[nodiscard]] const std::map<xfrm::SaKey, xfrm::SaSpec>& sas() const { return sas_; }
  [[nodiscard]] std::size_t larval() const { return larval_.size(); }
  [[nodiscard]] std::size_t policies() const { return policies_.size(); }
  [[nodiscard]] bool empty() const { return sas_.empty() && larval_.empty() && policies_.empty(); }
  // Calls that no right engine makes: an SA removed that is not there, and the like.
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  [[nodiscard]] std::optional<KernelError> refusal(std::string_view call);

  test::Random& random_;
  std::map<xfrm::SaKey, xfrm::SaSpec> sas_;
  std::set<xfrm::SaKey> larval_;
  std::set<xfrm::SaKey> refused_;  // never installed; a removal of them is no mistake
  std::map<std::pair<TrafficSelector, TrafficSelector>, xfrm::PolicySpec> policies_;
  std::vector<std::string> complaints_;
};

}  // namespace ipsec::sim
