// The kernel's SAs and policies, as the gateway asks for them. One thread; every call waits for the
// kernel, which answers at once.
//
// NOTE: Contract. An installation is all or nothing. Errors name the call, the object and why.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ike/base/error.h"
#include "xfrm/model.h"
#include "xfrm/policy_table.h"
#include "xfrm/probe.h"
#include "xfrm/records.h"
#include "xfrm/socket.h"
#include "xfrm/tuning.h"

namespace ipsec::xfrm {

struct ReconcilePlan;

class Kernel {
 public:
  // Without CAP_NET_ADMIN the error says so.
  [[nodiscard]] static std::expected<Kernel, KernelError> open();

  // Settings of the whole namespace; see tuning.h. Asked for, and not done by itself: a program
  // that only looks has no business there.
  [[nodiscard]] Tuned tune() { return tune_namespace(socket_); }

  [[nodiscard]] const Features& features() const { return features_; }
  [[nodiscard]] std::uint32_t port() const { return socket_.port(); }

  // What an SA with these algorithms lacks here, found by trying; see probe.h.
  [[nodiscard]] std::expected<std::optional<Missing>, KernelError> lacks(
      Protocol protocol, Family family, const EncryptionRow* encryption,
      const IntegrityRow* integrity) {
    return probe_algorithms(socket_, protocol, family, encryption, integrity);
  }

  // --- SAs and policies of children ---

  [[nodiscard]] std::expected<SaKey, KernelError> allocate_spi(Protocol protocol,
                                                               const Address& peer,
                                                               const Address& own);
  // SAs in their order, then the policies: one batch. What the kernel took before it refused is
  // undone, and the SPIs held for these SAs are given back. Offload that a card refuses is left
  // out; see take_offload_refusals().
  [[nodiscard]] std::expected<void, KernelError> install(const std::vector<SaSpec>& sas,
                                                         const std::optional<PolicySpec>& policies);
  // An SA that is gone already is no error.
  [[nodiscard]] std::expected<void, KernelError> remove(const SaKey& key);
  [[nodiscard]] std::expected<void, KernelError> remove(const PolicySpec& policies);
  // The SA goes on between other outer addresses and ports, its sequence numbers, window and
  // counters kept; the policies that lead to it follow. No packet finds no SA, but for one case: an
  // SA that changes its source or whether it is encapsulated, and not its destination, gives its
  // name to its successor. Outwards packets wait for that where the namespace holds them (tune());
  // inwards only encapsulation counts, and what comes in the other form would be dropped anyway.
  [[nodiscard]] std::expected<void, KernelError> move(const SaKey& key, const Endpoint& source,
                                                      const Endpoint& destination,
                                                      bool encapsulate);
  // True where the SA has carried a packet; else its first use comes as FirstUsed.
  [[nodiscard]] std::expected<bool, KernelError> watch(const SaKey& key);

  // The kernel tells of one soft limit of an SA, and inwards the first use is it. From here on it
  // tells of the one by volume, at once if that is met already. An SA that is gone is no error.
  [[nodiscard]] std::expected<void, KernelError> await_volume(const SaKey& key);

  // --- Traps ---

  [[nodiscard]] std::expected<void, KernelError> set_trap(const TrapSpec& trap);
  [[nodiscard]] std::expected<void, KernelError> remove_trap(const TrapSpec& trap);

  // --- Looking ---

  // Of our reqids, however many there are, in one dump.
  [[nodiscard]] std::expected<std::vector<SaUsage>, KernelError> counters();
  [[nodiscard]] std::expected<SaCounters, KernelError> counters(const SaKey& key);
  [[nodiscard]] std::expected<std::vector<SaRecord>, KernelError> sas();
  [[nodiscard]] std::expected<std::vector<PolicyRecord>, KernelError> policies();

  // --- After a restart, a lost event, a foreign hand ---

  struct Reconciled {
    std::vector<SaKey> adopted;
    std::vector<SaKey> lost;          // wanted and not there: to be negotiated anew
    std::vector<SaKey> deleted;       // of our reqids, and wanted by nobody
    std::vector<PolicyKey> occupied;  // ours cannot be put there: another program's stands there
    std::size_t policies_added = 0;
    std::size_t policies_deleted = 0;
  };
  // `wanted` are the SAs that the daemon knows of; policies are those set here before.
  [[nodiscard]] std::expected<Reconciled, KernelError> reconcile(const std::vector<SaKey>& wanted);
  // Everything of our reqids goes, and nothing is wanted any more.
  [[nodiscard]] std::expected<void, KernelError> flush();
  // After a restart: what the runtime store says was set, without asking the kernel.
  void remember(const PolicySpec& policies);
  void remember(const TrapSpec& trap);
  // An SPI that is still held.
  void remember(const SaKey& held) { held_.insert(held); }

  // Devices whose offload was refused, each told once.
  [[nodiscard]] std::vector<std::string> take_offload_refusals();

  // Messages of the kernel that made no sense, or were not ours to expect.
  [[nodiscard]] std::uint64_t ignored() const { return malformed_ + socket_.ignored(); }

 private:
  // One SA on its way into the kernel: what was refused is tried in another form.
  struct Attempt {
    const SaSpec* spec = nullptr;
    SaVerb verb = SaVerb::add;
    std::uint32_t offload_interface = 0;
    bool accepted = false;
  };

  struct Way;

  Kernel(Socket socket, Features features);

  [[nodiscard]] std::expected<void, KernelError> install_all(std::vector<Attempt>& attempts,
                                                             const PolicyTable::Pending& policies,
                                                             std::vector<bool>& taken);
  void refuse_offload(const std::string& device);
  // Sees to what the kernel refused: another form of the SA to be tried, or an error.
  [[nodiscard]] std::optional<KernelError> settle(Attempt& attempt, const Refusal& refusal);
  [[nodiscard]] KernelError why_refused(const SaSpec& spec, const Refusal& refusal);
  [[nodiscard]] KernelError undo(KernelError error, const std::vector<Attempt>& attempts,
                                 const PolicyTable::Pending& policies,
                                 const std::vector<bool>& taken);

  // Takes the kernel from `before` to `after`, or leaves it as it was; commits the table.
  [[nodiscard]] std::expected<void, KernelError> change(PolicyTable::Pending&& pending);

  [[nodiscard]] std::expected<SaRecord, KernelError> look(const SaKey& key,
                                                          const std::string& doing);
  [[nodiscard]] std::expected<void, KernelError> replace(SaRecord& sa, const Way& to,
                                                         const std::string& doing);
  [[nodiscard]] std::expected<void, KernelError> swap(SaRecord& sa, const Way& to,
                                                      const std::string& doing);
  [[nodiscard]] std::expected<void, KernelError> take_place(SaRecord& sa, const Way& to,
                                                            const std::string& doing);
  [[nodiscard]] std::expected<void, KernelError> put_in_place(const SaRecord& sa,
                                                              const ReplayState& replay,
                                                              const std::string& doing);

  [[nodiscard]] std::expected<std::vector<PolicyRecord>, KernelError> all_policies();
  [[nodiscard]] std::expected<void, KernelError> carry_out(ReconcilePlan& todo,
                                                           const std::vector<PolicyRecord>& found);

  [[nodiscard]] Attachment attachment_of(const SaKey& key) const;

  Socket socket_;
  Features features_;
  PolicyTable policies_;
  std::set<SaKey> held_;  // SPIs allocated, and no SA behind them yet
  // Of SAs with a mark: without it the kernel does not find them.
  std::map<SaKey, Attachment> marked_;
  std::set<std::string> offload_refused_;
  std::vector<std::string> offload_untold_;
  std::uint64_t malformed_ = 0;
};

// Our IKE packets go around every policy: RFC 4301 4.4.1's bypass, for one socket.
[[nodiscard]] std::expected<void, KernelError> bypass_policies(int udp_socket, Family family);

}  // namespace ipsec::xfrm
