// The engine: inputs and the time go in, actions come out. It owns every SA and every timer, and no
// socket, thread, clock or randomness of its own.
//
// NOTE: Threading. One thread. NOTE: Limits. One call ticks at most limits::kTicksPerTurn SAs; if
// more are due next_deadline() lies in the past and the caller comes again at once. NOTE: Failure.
// No input can abort it: what cannot be used is counted in drops().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ike/base/limits.h"
#include "ike/base/random.h"
#include "ike/base/time.h"
#include "ike/core/agreements.h"
#include "ike/core/cookies.h"
#include "ike/core/crash_tokens.h"
#include "ike/core/directory.h"
#include "ike/core/engine/ledger.h"
#include "ike/core/half_open.h"
#include "ike/core/io.h"
#include "ike/core/rate_limit.h"
#include "ike/core/sa/children.h"
#include "ike/wire/v1/header.h"

namespace ipsec::core {

enum class Connection : std::uint8_t { idle, connecting, connected, phase1_failed, phase2_failed };

struct ChildStatus {
  ChildId id;
  Reqid reqid;
  ChildSpi inbound;
  ChildSpi outbound;
  SelectorPair selectors;
  ChildAlgorithms algorithms;
  bool usable = false;
};

struct IkeStatus {
  SaId id;
  IkeSpi our_spi;
  IkeSpi peer_spi;
  Endpoint local;
  Endpoint remote;
  NatState nat;
  bool established = false;
  bool current = false;
  std::optional<crypto::IkeAlgorithms> algorithms;  // once established, as is the next
  std::optional<Identity> peer_id;
  std::string peer_vendor;
  PathRecord path;                    // once established
  std::vector<ChildStatus> children;  // of the current one
};

struct TunnelStatus {
  TunnelId id;
  std::string name;
  Connection connection = Connection::idle;
  bool held_down = false;  // by order
  int tries = 0;
  Time next_try = kNever;
  std::optional<Failure> last_failure;
  std::vector<IkeStatus> ike;
};

struct Snapshot {
  std::vector<TunnelStatus> tunnels;
  std::size_t half_open = 0;
  std::size_t sas = 0;
};

// What is on its way to us from peers that begin, and what is done about too much of it.
struct Openings {
  std::size_t half_open = 0;
  bool cookies_asked_for = false;
  std::size_t withheld = 0;     // of aggressive mode, since the start
  Time last_withheld = kNever;  // kNever: none was
};

// Whether what is to outlive this process is said (Persist).
enum class Keeping : std::uint8_t { no, yes };

class Engine {
 public:
  // Of `crash_secret` the tokens are made that prove to a peer that we have lost an SA (RFC 6290):
  // it is to outlive the engine. Empty: none are made.
  Engine(const crypto::Provider& crypto, RandomSource& random, const Secret& crash_secret,
         Keeping keeping = Keeping::no);

  [[nodiscard]] Actions handle(Input input, Time now);
  [[nodiscard]] Time next_deadline() const;
  [[nodiscard]] Snapshot snapshot() const;
  // Of one tunnel; nothing where it is unknown.
  [[nodiscard]] std::optional<TunnelStatus> status(TunnelId id) const;
  [[nodiscard]] Openings openings() const;
  [[nodiscard]] const Drops& drops() const { return drops_; }

 private:
  struct Tunnel {
    TunnelPointer config;
    std::vector<SaId> sas;
    int tries = 0;
    Time next_try{};
    std::optional<Failure> last_failure;
    // Under this configuration: whether it was up, and tries that the peer would not have had.
    bool was_up = false;
    int refused = 0;
    bool acquired = false;  // a packet asked for it
    bool held_down = false;
    Time timer = kNever;
  };

  // --- inputs ---
  void take(Datagram& input);
  void take(Tick& input);
  void take(SetTunnel& input);
  void take(RemoveTunnel& input);
  void take(Command& input);
  void order_members(Tunnel& tunnel, Order order);
  void take(SpiAllocated& input);
  void take(SasInstalled& input);
  void take(JobDone& input);
  void take(KernelAcquired& input);
  void take(KernelExpired& input);
  void take(KernelMapping& input);
  void take(InboundSeen& input);
  void take(Resume& input);
  void take(ResumeOver& input);

  void take_v1(Datagram& input);
  void open_as_responder(const Datagram& datagram, const wire::Header& header);
  void open_as_v1_responder(const Datagram& datagram, const wire::v1::Header& header);
  void unknown_spi(const Datagram& datagram, const wire::Header& header);
  void unknown_cookies(const Datagram& datagram, const wire::v1::Header& header);
  [[nodiscard]] bool may_refuse();
  void refuse_in_clear(const Datagram& datagram, wire::Header answer, const wire::Payloads& why);
  [[nodiscard]] bool is_making(IkeSpi spi) const;
  void refuse_version(const Datagram& datagram, const wire::Header& header);

  // --- turns ---
  [[nodiscard]] Turn make_turn();
  template <typename Step>
  void run(Sa& sa, Step step);
  void finish(Turn& turn, const std::shared_ptr<Association>& association);
  void obey(Turn& turn, const OpeningFailed& signal);
  void obey(Turn& turn, const AssociationUp& signal);
  void obey(Turn& turn, const AssociationDown& signal);
  void obey(Turn& turn, const RuleFailed& signal);
  void obey(Turn& turn, const RuleUp& signal);
  void obey(Turn& turn, const ServingFailed& signal);
  void obey(Turn& turn, const SuccessorWanted& signal);
  void obey(Turn& turn, const HeirWanted& signal);
  void obey(Turn& turn, const PeerLost& signal);
  void obey(Turn& turn, const Followed& signal);
  [[nodiscard]] bool replace(Turn& turn, Sa& left, std::string why);
  void join(Turn& turn, Sa& fresh, Sa& other);
  void settle_with(Turn& turn, Sa& fresh, Sa& other);
  void abort_openings(Turn& turn, Tunnel& tunnel);
  void note_succession(const Tunnel& tunnel);
  void end_if_orphaned(Turn& turn, const std::shared_ptr<Association>& association);
  void tick_due();

  // --- tunnels ---
  void reconcile(Tunnel& tunnel);
  void want(Tunnel& tunnel);
  void start_try(Tunnel& tunnel);
  void reauthenticate(Tunnel& tunnel);
  void hold_down(Tunnel& tunnel);
  void close_all(Tunnel& tunnel);
  [[nodiscard]] bool is_accompanied(const Tunnel& tunnel, const Association& association) const;
  [[nodiscard]] bool has_other_association(const Tunnel& tunnel, const Sa& sa) const;
  [[nodiscard]] Connection connection_of(const Tunnel& tunnel) const;
  [[nodiscard]] TunnelStatus status_of(const Tunnel& tunnel) const;
  [[nodiscard]] IkeStatus status_of(const Sa& sa) const;

  // --- the runtime store ---
  void persist();
  void resume(Tunnel& tunnel);
  void resume(Sa& sa);
  void claim(const Sa& sa);
  [[nodiscard]] Duration moment(Duration each, Duration most);

  // --- the table ---
  // With nothing in it.
  [[nodiscard]] static std::unique_ptr<Sa> make_sa(IkeVersion version);
  Sa& add(std::unique_ptr<Sa> sa);
  void attach(Sa& sa);
  void reindex(Sa& sa);
  void reindex_tunnel(Tunnel& tunnel);
  void erase_closed();
  void erase(TunnelId id);
  void set_timer(SaId id, Time at);
  void set_timer(Tunnel& tunnel, Time at);
  // A copy: what is done with one may add or remove others.
  [[nodiscard]] static std::vector<SaId> members(const Tunnel& tunnel);
  // The child of an established SA that has this key, inbound or outbound, and that SA.
  [[nodiscard]] std::pair<Sa*, Child*> find(const xfrm::SaKey& key);
  [[nodiscard]] Sa* find(SaId id);
  [[nodiscard]] const Sa* find(SaId id) const;
  [[nodiscard]] Tunnel* find(TunnelId id);

  // What a daemon before this one has left, until tunnels have taken it.
  struct Left {
    struct OfTunnel {
      std::unordered_map<AssociationId, std::uint64_t> meanings;
      std::vector<std::unique_ptr<Sa>> sas;
    };
    std::unordered_map<TunnelId, OfTunnel> tunnels;
    std::multimap<ChildSpi, KernelSa> in_kernel;
    std::set<RecordKey> unclaimed;
    std::size_t sas = 0;
  };

  const crypto::Provider& crypto_;
  RandomSource& random_;
  Keeping keeping_;
  Time now_{};
  Actions actions_;
  Directory directory_;
  Cookies cookies_;
  CrashTokens crash_tokens_;
  Numbers numbers_;
  Drops drops_;
  std::unordered_map<TunnelId, Tunnel> tunnels_;
  std::unordered_map<SaId, std::unique_ptr<Sa>> sas_;
  std::unordered_map<IkeSpi, SaId> by_spi_;
  HalfOpen half_open_;
  Agreements agreements_;
  std::unordered_map<SaId, Time> timer_of_;
  std::set<std::pair<Time, SaId>> timers_;
  std::set<std::pair<Time, TunnelId>> tunnel_timers_;
  std::vector<SaId> touched_;
  Left left_;
  Ledger ledger_;
  std::vector<SaId> unsaved_;
  RateLimit clear_refusals_{limits::kClearRefusalsPerSecond};
};

// One input for one SA, and all that follows from it.
template <typename Step>
void Engine::run(Sa& sa, Step step) {
  const auto association = sa.association;
  touched_.push_back(sa.id);
  if (sa.opening() && sa.role == wire::Role::initiator) {
    association->alone = !has_other_association(*find(sa.tunnel().id), sa) &&
                         !directory_.shares_identities(sa.tunnel());
  }
  Turn turn = make_turn();
  step(turn, sa);
  finish(turn, association);
}

}  // namespace ipsec::core
