// An IKE SA of either version, as the engine sees it (docs/adr/0009). What the versions do is
// behind it; what they share, the association and its children, is not.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ike/base/endpoint.h"
#include "ike/base/error.h"
#include "ike/base/random.h"
#include "ike/core/io.h"
#include "ike/core/jobs.h"
#include "ike/core/nat.h"
#include "ike/core/retransmit.h"
#include "ike/core/sa/association.h"
#include "ike/crypto/key_derivation.h"

namespace ipsec::core {

struct Turn;
class Saver;
class Loader;

// What an SA of a daemon before this one finds.
struct Comeback {
  const std::multimap<ChildSpi, KernelSa>& in_kernel;
  // Of many that go on at once each has its moment.
  Duration probe_after{};
  Duration rekey_after{};

  // An end that has come while nobody was there, or comes before another SA can, waits for that
  // one, as long as the kernel has it still.
  [[nodiscard]] static Time end_of(Time end, Time now);
  // When to begin with what takes the place of an SA with that end.
  [[nodiscard]] Time succeed_at(Time end, Time now) const;

  // Where it has been moved to another destination, that one; else null.
  [[nodiscard]] const KernelSa* find(xfrm::Protocol protocol, ChildSpi spi,
                                     const Address& destination) const;
};

class Sa {
 public:
  enum class Progress : std::uint8_t { opening, established, closed };

  Sa() = default;
  Sa(const Sa&) = delete;
  Sa& operator=(const Sa&) = delete;
  virtual ~Sa() = default;

  SaId id;
  wire::Role role = wire::Role::initiator;
  IkeSpi our_spi;
  IkeSpi peer_spi;
  Endpoint local;
  Endpoint remote;
  NatState nat;
  std::shared_ptr<Association> association;

  [[nodiscard]] virtual IkeVersion version() const = 0;
  [[nodiscard]] virtual Progress progress() const = 0;
  // As responder, who the peer is has not been shown yet.
  [[nodiscard]] virtual bool is_half_open() const = 0;
  // And neither that it receives what we send to its address.
  [[nodiscard]] virtual bool is_unproven() const { return false; }
  // As initiator, the peer may hold it for up already: giving it up would leave the peer alone with
  // it.
  [[nodiscard]] virtual bool is_committed() const = 0;
  // Whether a rekey under way makes an IKE SA with this SPI of ours: the peer may use it before we
  // have it.
  [[nodiscard]] virtual bool is_making(IkeSpi) const { return false; }
  // When it wants its next tick; kNever if nothing is pending.
  [[nodiscard]] virtual Time deadline() const = 0;
  // Once established.
  struct Details {
    crypto::IkeAlgorithms algorithms;
    PathRecord path;
  };
  [[nodiscard]] virtual std::optional<Details> details() const = 0;

  // As initiator: the first step of a try.
  virtual void begin(Turn& turn) = 0;
  // As responder: the message that opened it came once more.
  virtual void opened_again(Turn& turn, const Datagram& datagram) = 0;
  virtual void arrived(Turn& turn, const Datagram& datagram) = 0;
  virtual void ticked(Turn& turn) = 0;
  virtual void job_done(Turn& turn, JobId job, JobResult result) = 0;
  virtual void spi_allocated(Turn& turn, Ticket ticket,
                             const std::expected<xfrm::SaKey, KernelError>& result) = 0;
  virtual void sas_installed(Turn& turn, Ticket ticket,
                             const std::expected<void, KernelError>& result) = 0;
  // To an established one that is current; what concerns its children is not said here.
  virtual void ordered(Order order) = 0;
  // An IKE SA that a new phase 1 made has its place (IKEv1): from then on it is for us to delete.
  // Never: it has its place back.
  virtual void superseded(Time now, Time delete_at) = 0;
  // While it opens: what it has taken is given back, and nobody is told.
  virtual void give_up(Turn& turn, std::string reason) = 0;
  // At once; if it was the association's current one, so are the children and the association.
  virtual void close(Turn& turn, std::string reason) = 0;

  // --- The runtime store (docs/adr/0012) ---

  // Whether a daemon after this one can go on with it: not with one that is just being opened.
  [[nodiscard]] virtual bool outlives_us() const = 0;
  // What seldom changes, and what each message does.
  virtual void save(Saver& archive) const = 0;
  virtual void save_window(Saver& archive) const = 0;
  // Into one that is new. False where they make no sense.
  [[nodiscard]] virtual bool load(Loader& archive, Loader& window, const crypto::Provider& crypto,
                                  RandomSource& random) = 0;
  // Once it has its place and its children are known: what was under way goes on, and the peer is
  // asked whether it is there.
  virtual void resumed(Turn& turn, const Comeback& comeback) = 0;

  [[nodiscard]] crypto::SpiPair spis() const {
    return role == wire::Role::initiator ? crypto::SpiPair{our_spi, peer_spi}
                                         : crypto::SpiPair{peer_spi, our_spi};
  }
  [[nodiscard]] const TunnelConfig& tunnel() const { return *association->tunnel; }
  [[nodiscard]] bool is_current() const { return association->current == id; }
  [[nodiscard]] bool opening() const { return progress() == Progress::opening; }
  [[nodiscard]] bool is_up() const { return progress() == Progress::established; }
  [[nodiscard]] bool closed() const { return progress() == Progress::closed; }
};

}  // namespace ipsec::core
