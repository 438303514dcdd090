// A world of engines: virtual time, a network that can misbehave, kernels that can refuse. All of
// it follows from the seed.
//
// In the quiet default nothing is lost and a datagram takes a millisecond. A directed test holds
// the network (`hold`) and hands over messages by itself, in whatever order it is about.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "ike/core/engine/engine.h"
#include "ike/wire/message.h"
#include "tests/sim/kernel.h"
#include "tests/sim/witness.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/random.h"

namespace ipsec::sim {

struct Faults {
  std::size_t lose_one_in = 0;  // datagrams; 0 is never
  std::size_t duplicate_one_in = 0;
  std::size_t corrupt_one_in = 0;
  Duration delay_min = std::chrono::milliseconds(1);
  Duration delay_max = std::chrono::milliseconds(1);
  // Of the worker pool and of the kernel.
  Duration answer_min{};
  Duration answer_max{};
  std::size_t mtu = 0;  // bytes of a datagram that gets through; 0 is any
};

class SimRandom final : public RandomSource {
 public:
  explicit SimRandom(std::uint64_t seed) : random_(seed) {}
  void fill(MutableBytes out) override;
  // Of 32-byte draws (the nonces): lets a test choose whose is the lowest. `answer_first_byte` is
  // for the nonce of an answer, `nonce_first_byte` for any other.
  std::optional<std::uint8_t> nonce_first_byte;
  std::optional<std::uint8_t> answer_first_byte;
  bool answers_next = false;  // the next draw is for an answer

 private:
  test::Random random_;
};

// One byte that keeps a NAT's mapping alive (RFC 3948 2.3).
struct Keepalive {
  Time at{};
  Endpoint local;
  Endpoint remote;
  Bytes bytes;
};

struct Node {
  Node(std::string its_name, const Address& its_address, std::uint64_t seed, test::Random& shared);

  std::string name;
  Address address;
  crypto::FakeProvider fake;
  Witness crypto;
  SimRandom random;
  Secret crash_secret;  // outlives a restart
  std::unique_ptr<core::Engine> engine;
  int restarts = 0;
  Kernel kernel;
  std::vector<core::Event> events;
  std::vector<core::WatchInbound> watched;
  std::vector<Keepalive> keepalives;
  // The runtime store, and what of the kernel was claimed when the engine began from it.
  std::map<core::RecordKey, Secret> store;
  std::set<xfrm::SaKey> claimed;
  std::set<xfrm::SaKey> held;  // SPIs
  std::vector<xfrm::PolicySpec> claimed_policies;
  bool claiming = false;  // until it has taken the kernel over
  // The daemon dies once it has done so many more of the engine's actions: in the midst of what one
  // input leads to. Then nothing reaches it.
  std::optional<std::size_t> dies_after;
  bool dead = false;
  std::size_t actions_done = 0;
  bool cut = false;  // from the network
  // Behind a NAT: what the outside sees instead of its address; the port is shifted too.
  std::optional<Address> nat_address;
  std::uint16_t nat_port_shift = 10000;

  template <typename T>
  [[nodiscard]] std::size_t count() const {
    std::size_t n = 0;
    for (const auto& event : events) n += std::holds_alternative<T>(event) ? 1U : 0U;
    return n;
  }
  [[nodiscard]] core::TunnelStatus tunnel(std::uint64_t id) const;
  // Children that carry traffic, or could.
  [[nodiscard]] std::vector<core::ChildStatus> usable(std::uint64_t id) const;
  // IKE SAs.
  [[nodiscard]] std::size_t established(std::uint64_t id) const;
};

// A datagram on its way through a held network.
struct Held {
  std::size_t from = 0;
  Endpoint source;  // as the receiver sees it
  Endpoint target;
  Bytes bytes;
  std::uint64_t number = 0;  // rises with each
};

// Whether it is a message of such an exchange.
[[nodiscard]] inline bool is_of(ByteView datagram, wire::ExchangeType exchange) {
  const auto header = wire::parse_header(datagram);
  return header && header->exchange == exchange;
}

// Packets one way, one each interval; those lost for want of an SA are counted.
struct Flow {
  std::size_t from = 0;
  std::size_t to = 0;
  Address source;
  Address target;
  Duration interval = std::chrono::milliseconds(10);
  std::size_t sent = 0;
  std::size_t lost = 0;
  std::size_t received = 0;
  bool running = true;
};

class World {
 public:
  explicit World(std::uint64_t seed);

  Faults faults;
  // Of the datagrams that this says of the network loses every one, held or not.
  std::function<bool(std::size_t from, ByteView bytes)> swallows;
  bool hold = false;
  std::vector<Held> held;
  bool tracing = true;            // costs more than all else in a long run
  std::size_t trace_lines = 400;  // kept

  std::size_t add(std::string name, std::string_view address);
  [[nodiscard]] Node& node(std::size_t index) { return *nodes_[index]; }
  // A fresh engine in the same place, the kernel as it was left: a restart without memory.
  void restart(std::size_t index);
  // Nothing reaches it any more.
  void kill(std::size_t index);
  // One that goes on from what the runtime store and the kernel have, as the daemon does; it may
  // die of that, after so many of its actions.
  void revive(std::size_t index, const std::vector<core::TunnelConfig>& tunnels,
              std::optional<std::size_t> dies_after = {});
  // Before anything is configured: nobody gives tokens (RFC 6290).
  void forget_crash_secrets();

  void feed(std::size_t index, core::Input input);
  void configure(std::size_t index, core::TunnelConfig tunnel);
  void order(std::size_t index, std::uint64_t tunnel, core::Order what);

  [[nodiscard]] Time now() const { return now_; }
  void run_for(Duration span);
  // Whether it came true in time.
  bool run_until(const std::function<bool()>& condition, Duration limit);
  // Hands over what is held: the n-th, or all there is and all that follows from it.
  void deliver(std::size_t index);
  void deliver_all();
  void drop(std::size_t index);

  Flow& start_flow(std::size_t from, std::size_t to, std::string_view source,
                   std::string_view target);
  [[nodiscard]] test::Random& random() { return random_; }

  // SAs and policies on one side without their twin on the other; those of some requests only,
  // where each side has other peers too.
  [[nodiscard]] std::vector<std::string> mirror_faults(std::size_t a, std::size_t b) const;
  [[nodiscard]] std::vector<std::string> mirror_faults(std::size_t a, std::size_t b,
                                                       const std::set<Reqid>& reqids) const;
  // The last things that happened, a line each, for a test that failed.
  [[nodiscard]] std::string trace() const;
  // What must never happen, and did.
  [[nodiscard]] std::vector<std::string> complaints() const;

 private:
  struct Event {
    Time at{};
    std::uint64_t sequence = 0;
    std::shared_ptr<std::function<void()>> what;
    bool operator>(const Event& other) const {
      return std::tie(at, sequence) > std::tie(other.at, other.sequence);
    }
  };

  void note(std::size_t index, const std::function<std::string()>& what);
  void schedule(Duration after, std::function<void()> what);
  bool step(Time limit);
  void execute(std::size_t index, core::Actions actions);
  void begin_anew(Node& node);
  static void claim(Node& node, const core::InstallSas& install);
  static void claim(Node& node, const core::MoveSa& move, bool done);
  static void unclaim(Node& node, const core::RemovePolicies& removed);
  void answer_later(std::size_t index, core::Input input);
  void look_again(std::size_t index);
  void transmit(std::size_t index, const core::SendDatagram& send);
  void arrive(const Held& datagram);
  void pump(Flow& flow);
  void packet_arrives(Flow& flow, const Packet& packet);
  void count_packet(std::size_t index, const Packet& packet, xfrm::Direction direction);
  void check_sent(std::size_t index, const core::SendDatagram& send);
  void check_order(std::size_t index, const wire::Header& header);
  void count_arrival(std::size_t index, ByteView bytes);
  [[nodiscard]] Duration between(Duration low, Duration high);

  std::uint64_t seed_;
  test::Random random_;
  Time now_{};
  std::uint64_t sequence_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Flow>> flows_;
  std::vector<std::string> violations_;
  std::deque<std::string> trace_;
  // One side of one IKE SA, and whether it is about requests or answers.
  using Lane = std::tuple<std::size_t, std::uint64_t, std::uint64_t, bool, bool>;
  static Lane lane_of(std::size_t index, const wire::Header& header);
  // A digest of what went out, by place in the window: it must never differ.
  std::map<std::tuple<Lane, std::uint32_t, std::uint32_t>, std::size_t> sent_;
  std::map<Lane, std::uint32_t> last_id_;
  // How often a request came, less how often it was answered.
  std::map<std::tuple<Lane, std::uint32_t>, int> unanswered_;
  int ticks_at_once_ = 0;
  Time last_tick_{};
};

// A tunnel between two sites with one pair of ranges, 10.LOCAL_NET.0.0/16 and 10.REMOTE_NET.0.0/16.
[[nodiscard]] core::TunnelConfig make_tunnel(std::uint64_t id, std::string_view local,
                                             std::string_view remote, int local_net, int remote_net,
                                             std::string_view key = "secret");

}  // namespace ipsec::sim
