// The kernel's SAs and policies, as the gateway asks for them. One thread; every call waits for the
// kernel, which answers at once.
//
// NOTE: Contract. An installation is all or nothing. Errors name the call, the object and why.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "ike/base/error.h"
#include "xfrm/model.h"
#include "xfrm/policy_table.h"
#include "xfrm/probe.h"
#include "xfrm/records.h"
#include "xfrm/socket.h"

namespace ipsec::xfrm {

class Kernel {
 public:
  // Without CAP_NET_ADMIN the error says so.
  [[nodiscard]] static std::expected<Kernel, KernelError> open();

  [[nodiscard]] const Features& features() const { return features_; }
  [[nodiscard]] std::uint32_t port() const { return socket_.port(); }

  // --- SAs and policies of children ---

  [[nodiscard]] std::expected<SaKey, KernelError> allocate_spi(Protocol protocol,
                                                               const Address& peer,
                                                               const Address& own);
  // SAs in their order, then the policies: one batch. What the kernel took before it refused is
  // undone. Offload that a card refuses is left out; see offload_refusals().
  [[nodiscard]] std::expected<void, KernelError> install(const std::vector<SaSpec>& sas,
                                                         const std::optional<PolicySpec>& policies);
  // An SA that is gone already is no error.
  [[nodiscard]] std::expected<void, KernelError> remove(const SaKey& key);
  [[nodiscard]] std::expected<void, KernelError> remove(const PolicySpec& policies);
  // The SA goes on from other outer addresses and ports, its sequence numbers and window kept; the
  // policies that lead to it follow in the same batch.
  [[nodiscard]] std::expected<void, KernelError> move(const SaKey& key, const Endpoint& source,
                                                      const Endpoint& destination,
                                                      bool encapsulate);
  // True where the SA has carried a packet; else its first use comes as FirstUsed.
  [[nodiscard]] std::expected<bool, KernelError> watch(const SaKey& key);

  // --- Traps ---

  [[nodiscard]] std::expected<void, KernelError> set_trap(const TrapSpec& trap);
  [[nodiscard]] std::expected<void, KernelError> remove_trap(const TrapSpec& trap);

  // --- Looking ---

  // Of our reqids, however many there are, in one dump.
  [[nodiscard]] std::expected<std::vector<SaUsage>, KernelError> counters();
  [[nodiscard]] std::expected<std::vector<SaRecord>, KernelError> sas();
  [[nodiscard]] std::expected<std::vector<PolicyRecord>, KernelError> policies();

  // --- After a restart, a lost event, a foreign hand ---

  struct Reconciled {
    std::vector<SaKey> adopted;
    std::vector<SaKey> lost;     // wanted and not there: to be negotiated anew
    std::vector<SaKey> deleted;  // of our reqids, and wanted by nobody
    std::size_t policies_added = 0;
    std::size_t policies_deleted = 0;
  };
  // `wanted` are the SAs that the daemon knows of; policies are those set here before.
  [[nodiscard]] std::expected<Reconciled, KernelError> reconcile(const std::vector<SaKey>& wanted);
  // After a restart: what the runtime store says was set, without asking the kernel.
  void remember(const PolicySpec& policies);
  void remember(const TrapSpec& trap);

  // Devices whose offload was refused, each told once.
  [[nodiscard]] std::vector<std::string> take_offload_refusals();

 private:
  Kernel(Socket socket, Features features);

  Socket socket_;
  Features features_;
  PolicyTable policies_;
};

// Our IKE packets go around every policy: RFC 4301 4.4.1's bypass, for one socket.
[[nodiscard]] std::expected<void, KernelError> bypass_policies(int udp_socket, Family family);

}  // namespace ipsec::xfrm
