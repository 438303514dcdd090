// Everything that goes into the engine and everything that comes out of it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/endpoint.h"
#include "ike/base/error.h"
#include "ike/base/strong_id.h"
#include "ike/core/config.h"
#include "ike/core/failure.h"
#include "ike/core/jobs.h"
#include "ike/core/record.h"
#include "xfrm/model.h"

namespace ipsec::core {

// Names a question to the kernel, so that its answer finds who asked.
using Ticket = StrongId<struct TicketTag, std::uint64_t>;

// --- Inputs ---

// Without the non-ESP marker: port 4500 carries it, and the daemon takes it off (RFC 3948 2.2).
struct Datagram {
  Endpoint local;
  Endpoint remote;
  Bytes bytes;
};
struct Tick {};
struct SetTunnel {
  TunnelPointer tunnel;
};
struct RemoveTunnel {
  TunnelId tunnel;
};
enum class Order : std::uint8_t { up, down, reauthenticate, rekey_ike, rekey_children, probe };
struct Command {
  TunnelId tunnel;
  Order order{};
};
struct SpiAllocated {
  SaId sa;
  Ticket ticket;
  std::expected<xfrm::SaKey, KernelError> result;
};
struct SasInstalled {
  SaId sa;
  Ticket ticket;
  std::expected<void, KernelError> result;
};
struct JobDone {
  SaId sa;
  JobId job;
  JobResult result;
};
// A packet wants through a trap policy.
struct KernelAcquired {
  Reqid reqid;
};
struct KernelExpired {
  xfrm::SaKey key;
  bool hard = false;
};
// ESP in UDP came, authentic and not replayed, on this inbound SA from another address or port.
struct KernelMapping {
  xfrm::SaKey key;
  Endpoint remote;
};
// One that a daemon before this one has left: how it is to be found, and how it is now.
struct KernelSa {
  xfrm::SaKey key;
  Address source;
  std::optional<xfrm::UdpEncapsulation> encapsulation;
};
// The first packet on an inbound SA that was being watched.
struct InboundSeen {
  SaId sa;
  xfrm::SaKey key;
};
// What a daemon before this one left in the runtime store, and what the kernel has of ours. Before
// all tunnels: each takes what is its own when it is set for the first time. ResumeOver ends it:
// the rest belongs to nobody.
struct Resume {
  std::vector<Record> records;
  std::vector<KernelSa> in_kernel;
};
struct ResumeOver {};
using Input = std::variant<Datagram, Tick, SetTunnel, RemoveTunnel, Command, SpiAllocated,
                           SasInstalled, JobDone, KernelAcquired, KernelExpired, KernelMapping,
                           InboundSeen, Resume, ResumeOver>;

// --- Actions ---

struct SendDatagram {
  Endpoint local;
  Endpoint remote;
  Bytes bytes;
};
struct AllocateSpi {
  SaId sa;
  Ticket ticket;
  xfrm::Protocol protocol = xfrm::Protocol::esp;
  Address source;       // the peer
  Address destination;  // us
};
// One batch: all of it or nothing. Inbound SAs stand first. `policies` are set or changed after
// them.
struct InstallSas {
  SaId sa;
  Ticket ticket;
  std::vector<xfrm::SaSpec> sas;
  std::optional<xfrm::PolicySpec> policies;
};
struct RemoveSa {
  xfrm::SaKey key;
};
// The last child with these selectors is gone. Only policies still pinned to this SPI go: another
// SA may have taken them over. A trap below them stays.
struct RemovePolicies {
  xfrm::PolicySpec policies;
};
// The peer or its NAT moved: the SA goes on with other outer addresses and ports, its replay state
// kept.
struct MoveSa {
  xfrm::SaKey key;  // as it was
  Endpoint source;
  Endpoint destination;
  bool encapsulate = false;
};
// Asks for one InboundSeen.
struct WatchInbound {
  SaId sa;
  xfrm::SaKey key;
};
// To the runtime store, before what comes after it is done. All of it or nothing.
struct Persist {
  RecordBatch batch;
};
// The kernel has them from before; they are ours from now on, and so are these policies.
struct AdoptSas {
  TunnelId tunnel;
  std::vector<std::pair<xfrm::SaKey, xfrm::Direction>> sas;
  std::optional<xfrm::PolicySpec> policies;
  std::vector<xfrm::SaKey> held = {};  // SPIs without an SA behind them yet
};
struct StartJob {
  SaId sa;
  JobId job;
  Job what;
};

// --- Events: for status, logs and routes ---

struct IkeUp {
  TunnelId tunnel;
  SaId sa;
  Endpoint local;
  Endpoint remote;
  Identity peer;
  crypto::IkeAlgorithms algorithms;
  NatState nat;
};
struct IkeRekeyed {
  TunnelId tunnel;
  SaId from;
  SaId to;
};
struct IkeDown {
  TunnelId tunnel;
  SaId sa;
  std::string reason;
};
struct ChildUp {
  TunnelId tunnel;
  ChildId child;
  Reqid reqid;
  SelectorPair selectors;
  ChildAlgorithms algorithms;
  ChildSpi inbound;
  ChildSpi outbound;
};
struct ChildRekeyed {
  TunnelId tunnel;
  ChildId from;
  ChildId to;
};
struct ChildDown {
  TunnelId tunnel;
  ChildId child;
  Reqid reqid;
};
// A whole try came to nothing.
struct TryFailed {
  TunnelId tunnel;
  Failure failure;
  int tries = 0;  // in a row
  Time next_try = kNever;
};
struct PeerMoved {
  TunnelId tunnel;
  Endpoint from;
  Endpoint to;
};
// An exchange failed on an SA that goes on.
struct ExchangeFailed {
  TunnelId tunnel;
  Failure failure;
};
// Taken over from a daemon before this one, as it was.
struct Resumed {
  TunnelId tunnel;
  SaId sa;
  std::size_t children = 0;
  std::size_t lost = 0;  // of them, which the kernel has not any more
};
using Event = std::variant<IkeUp, IkeRekeyed, IkeDown, ChildUp, ChildRekeyed, ChildDown, TryFailed,
                           PeerMoved, ExchangeFailed, Resumed>;

using Action = std::variant<SendDatagram, AllocateSpi, InstallSas, RemoveSa, RemovePolicies, MoveSa,
                            WatchInbound, StartJob, Persist, AdoptSas, Event>;
using Actions = std::vector<Action>;

}  // namespace ipsec::core
