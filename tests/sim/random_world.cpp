#include "tests/sim/random_world.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "tests/sim/random_checks.h"
#include "tests/sim/world.h"

namespace ipsec::sim {
namespace {

using namespace std::chrono_literals;

// How long a tunnel may take to come up once the trouble is over. The slowest way there: our
// request just went out, is given up (13 s) or its peer is found dead (21 s); the other end holds
// an association that waits for a Delete for 30 s and has an opening half done for 30 s; the next
// try begins within 12 s. They do not add up in full; 120 s leave room for two failed tries.
constexpr Duration kCalm = 120s;
// A rest must last: whatever still simmers shows within the longest patience there is.
constexpr Duration kLater = 40s;

constexpr Duration kLongerInV1 = 240s;

// How long a daemon that is to die may live on, and then is dead at most.
constexpr Duration kDying = 3s;
constexpr Duration kDead = 3s;

class RandomWorld {
 public:
  RandomWorld(std::uint64_t seed, Tracing tracing, Spoken spoken)
      : world_(seed),
        rough_(seed % 4 != 0),
        spoken_(spoken),
        random_(world_.random()),
        fates_(~seed),
        deadly_(fates_.one_in(2)) {
    world_.tracing = tracing == Tracing::on;
    world_.trace_lines = 100'000;  // a replay is read from its beginning
    make_nodes();
    make_links();
  }

  Outcome run() {
    for (const Link& link : links_) configure(link);
    rough_ ? trouble() : bustle();
    calm();
    Outcome outcome;
    outcome.plan =
        fmt::format("{}, {} nodes, {} tunnels{}{}", rough_ ? "rough" : "gentle", node_count_,
                    links_.size(), natted_ ? ", NAT" : "", deadly_ ? ", deaths" : "");
    settle("at rest", kCalm, outcome.problems);
    world_.run_for(kLater);
    settle("later", kCalm, outcome.problems);
    check_flows(outcome.problems);
    if (outcome.problems.empty()) close_all(outcome.problems);
    outcome.problems.insert(outcome.problems.end(), excesses_.begin(), excesses_.end());
    outcome.trace = world_.trace();
    return outcome;
  }

 private:
  // --- making ---
  void make_nodes() {
    node_count_ = 2 + random_.below(2);
    for (std::size_t i = 0; i < node_count_; ++i) {
      world_.add(fmt::format("node{}", i), address_of(i));
    }
    natted_ = random_.one_in(4);
    if (natted_) world_.node(0).nat_address = Address::parse("198.51.100.7").value();
  }

  static std::string address_of(std::size_t node) { return fmt::format("192.0.2.{}", node + 1); }

  static TrafficSelector net(std::size_t node, std::size_t rule, std::size_t part) {
    const auto text = fmt::format("10.{}.{}.0/24", node + 1, rule * 8 + part);
    return TrafficSelector::of(Cidr::parse(text).value());
  }

  void make_links() {
    std::vector<std::pair<std::size_t, std::size_t>> ends{{0, 1}};
    if (node_count_ == 3) {
      ends.emplace_back(1, 2);
      if (random_.one_in(2)) ends.emplace_back(0, 2);
    }
    for (const auto& [a, b] : ends) links_.push_back(make_link(links_.size() + 1, a, b));
    // IKEv1 has no fragments.
    if (random_.one_in(3) && spoken_ == Spoken::v2) shrink_path();
  }

  // All but the opening, which cannot be cut, crosses it in fragments and gets through.
  void shrink_path() {
    if (!rough_) world_.faults.mtu = 700;
    for (Link& link : links_) link.at_a.fragment_bytes = link.at_b.fragment_bytes = 576;
  }

  Link make_link(std::uint64_t id, std::size_t a, std::size_t b) {
    Link link{id, a, b, make_tunnel(id, address_of(a), address_of(b), 0, 0),
              make_tunnel(id, address_of(b), address_of(a), 0, 0)};
    const auto child = link.at_a.children.front();
    link.at_a.children.clear();
    link.at_b.children.clear();
    const std::size_t rules = 1 + (random_.one_in(2) ? random_.below(3) : 0);
    for (std::size_t rule = 0; rule < rules; ++rule) add_rule(link, child, rule);
    vary(link);
    return link;
  }

  void add_rule(Link& link, core::ChildConfig child, std::size_t rule) {
    child.reqid = Reqid{static_cast<std::uint32_t>(link.id * 10 + rule)};
    child.selectors = {};
    // Third octets apart for each tunnel, so that no two tunnels share a pair of ranges.
    const std::size_t at = link.id * 4 + rule;
    for (std::size_t i = 0; i <= random_.below(2); ++i) {
      child.selectors.local.push_back(net(link.a, at, i));
    }
    for (std::size_t i = 0; i <= random_.below(2); ++i) {
      child.selectors.remote.push_back(net(link.b, at, i));
    }
    link.at_a.children.push_back(child);
    std::swap(child.selectors.local, child.selectors.remote);
    link.at_b.children.push_back(child);
  }

  void vary(Link& link) {
    // Node 0 may be behind a NAT: who meets it cannot name its address.
    const bool any_peer = (natted_ && link.a == 0) || random_.one_in(6);
    if (any_peer) {
      link.at_b.remote = Address::any(Family::v4);
    } else if (random_.one_in(4)) {
      link.at_b.start = random_.one_in(2) ? core::Start::respond : core::Start::on_traffic;
    } else if (random_.one_in(4)) {
      link.at_a.start = random_.one_in(2) ? core::Start::respond : core::Start::on_traffic;
    }
    const bool short_lived = random_.one_in(2);
    for (auto* config : {&link.at_a, &link.at_b}) {
      if (short_lived) config->ike_lifetime = 1s * (60 + random_.below(600));
      for (auto& child : config->children) {
        if (short_lived) child.lifetime = 1s * (60 + random_.below(300));
      }
    }
    choose_version(link);
    if (random_.one_in(4)) prefer_other_groups(link.at_b);
    if (random_.one_in(4)) {
      for (auto* config : {&link.at_a, &link.at_b}) {
        for (auto& child : config->children) {
          for (auto& offer : child.offers) offer.groups.clear();
        }
      }
    }
  }

  void choose_version(Link& link) {
    // Nothing is drawn for IKEv2 alone: its seeds are what they were.
    const bool v1 = spoken_ == Spoken::v1 || (spoken_ == Spoken::mixed && random_.one_in(2));
    if (!v1) return;
    const bool aggressive = random_.one_in(3);
    for (auto* config : {&link.at_a, &link.at_b}) {
      config->version = core::IkeVersion::v1;
      config->aggressive = aggressive;
      // The old child of a rekey is there for 7 s, for each pair of ranges: with the shortest
      // lifetimes some pair is always being rekeyed, and nothing ever at rest.
      for (auto& child : config->children) child.lifetime += kLongerInV1;
    }
  }

  // So that the first choice of the other side meets INVALID_KE_PAYLOAD.
  static void prefer_other_groups(core::TunnelConfig& config) {
    for (auto& offer : config.offers) std::ranges::reverse(offer.groups);
    for (auto& child : config.children) {
      for (auto& offer : child.offers) std::ranges::reverse(offer.groups);
    }
  }

  void configure(const Link& link) {
    world_.configure(link.a, link.at_a);
    world_.configure(link.b, link.at_b);
    wake(link);
  }

  // A packet for each side that waits for one.
  void wake(const Link& link) {
    world_.feed(link.a, core::KernelAcquired{link.at_a.children.front().reqid});
    world_.feed(link.b, core::KernelAcquired{link.at_b.children.front().reqid});
  }

  // --- rough ---
  void trouble() {
    const std::size_t steps = 4 + random_.below(16);
    for (std::size_t i = 0; i < steps; ++i) {
      world_.run_for(between(0ms, random_.one_in(3) ? 20s : 2s));
      look_for_excess();
      change_weather();
      strike();
      look_for_excess();
    }
  }

  // What is bounded is bounded at any time, not at rest alone.
  void look_for_excess() {
    auto found = check_bounds(world_, links_, node_count_);
    if (!found.empty() && excesses_.empty()) excesses_ = std::move(found);
  }

  // All tunnels go; nothing of them may be left, and no key in any memory.
  void close_all(std::vector<std::string>& problems) {
    for (const Link& link : links_) {
      world_.feed(link.a, core::RemoveTunnel{TunnelId{link.id}});
      world_.feed(link.b, core::RemoveTunnel{TunnelId{link.id}});
    }
    world_.run_for(kLater);
    links_.clear();  // the configuration holds what is made of a pre-shared key
    for (auto& problem : check_closed(world_, node_count_)) problems.push_back(std::move(problem));
  }

  void change_weather() {
    auto& faults = world_.faults;
    switch (random_.below(7)) {
      case 0:
        faults.lose_one_in = random_.one_in(2) ? 0 : 2 + random_.below(8);
        break;
      case 1:
        faults.duplicate_one_in = random_.one_in(2) ? 0 : 1 + random_.below(5);
        break;
      case 2:
        faults.corrupt_one_in = random_.one_in(2) ? 0 : 2 + random_.below(8);
        break;
      case 3:
        faults.delay_max = random_.one_in(2) ? Duration(1ms) : between(1ms, 4s);
        break;
      case 4:
        faults.answer_max = random_.one_in(2) ? Duration(0) : between(1ms, 2s);
        break;
      case 5:
        // From too small for anything to too small for an IKE_AUTH that is not in fragments.
        faults.mtu = random_.one_in(2) ? 0 : 300 + random_.below(900);
        break;
      default:
        for (std::size_t i = 0; i < node_count_; ++i) {
          auto& kernel = world_.node(i).kernel;
          kernel.fail_one_in = random_.one_in(2) ? 0 : 1 + random_.below(6);
          kernel.error_number = std::array{ENOBUFS, EEXIST, ESRCH}.at(random_.below(3));
        }
    }
  }

  void strike() {
    if (deadly_ && fates_.one_in(3)) return crash();
    const std::size_t node = random_.below(node_count_);
    switch (random_.below(8)) {
      case 0:
        world_.node(node).cut = !world_.node(node).cut;
        break;
      case 1:
        restart(node);
        break;
      case 2:
        if (natted_) world_.node(0).nat_port_shift += 7;
        break;
      default:
        order_something();
    }
  }

  // A daemon dies, at once or in the midst of something, and comes back with what it kept; now and
  // then it dies of that as well. Meanwhile the others may be told something.
  void crash() {
    const std::size_t index = fates_.below(node_count_);
    const Node& node = world_.node(index);
    const std::size_t deaths = fates_.one_in(4) ? 2 : 1;
    dies_within(index, fates_.one_in(4) ? 0 : fates_.below(30));
    if (fates_.one_in(2)) rough_ ? order_something() : rekey(links_[fates_.below(links_.size())]);
    world_.run_until([&] { return node.dead; }, kDying);
    world_.node(index).dies_after.reset();
    for (std::size_t death = 0; node.dead; ++death) {
      look_for_excess();
      if (fates_.one_in(4)) rekey(links_[fates_.below(links_.size())]);
      world_.run_for(Duration(static_cast<Duration::rep>(fates_.below(kDead.count()))));
      const bool again = death + 1 < deaths;
      const auto left = again ? std::optional(fates_.below(20)) : std::nullopt;
      world_.revive(index, configured_at(index), left);
      if (again) world_.run_until([&] { return node.dead; }, kDying);
      world_.node(index).dies_after.reset();
    }
  }

  void dies_within(std::size_t node, std::size_t actions) {
    if (actions == 0) {
      world_.kill(node);
    } else {
      world_.node(node).dies_after = actions;
    }
  }

  void rekey(const Link& link) {
    const auto what = fates_.one_in(2) ? core::Order::rekey_ike : core::Order::rekey_children;
    world_.order(fates_.one_in(2) ? link.a : link.b, link.id, what);
  }

  [[nodiscard]] std::vector<core::TunnelConfig> configured_at(std::size_t node) const {
    std::vector<core::TunnelConfig> tunnels;
    for (const Link& link : links_) {
      if (link.a == node) tunnels.push_back(link.at_a);
      if (link.b == node) tunnels.push_back(link.at_b);
    }
    return tunnels;
  }

  // As the daemon does at its start: what is in the kernel and nobody knows is deleted.
  void restart(std::size_t node) {
    world_.restart(node);
    world_.node(node).kernel.flush();
    for (const Link& link : links_) {
      if (link.a == node) world_.configure(node, link.at_a);
      if (link.b == node) world_.configure(node, link.at_b);
    }
  }

  void order_something() {
    Link& link = links_[random_.below(links_.size())];
    const bool first = random_.one_in(2);
    const std::size_t node = first ? link.a : link.b;
    switch (random_.below(9)) {
      case 0:
        return world_.order(node, link.id, core::Order::down);
      case 1:
        return world_.order(node, link.id, core::Order::up);
      case 2:
        return world_.order(node, link.id, core::Order::reauthenticate);
      case 3:
        return world_.order(node, link.id, core::Order::probe);
      case 4:
        return change_config(first ? link.at_a : link.at_b, node);
      case 5:
        world_.feed(node, core::RemoveTunnel{TunnelId{link.id}});
        if (random_.one_in(2)) world_.run_for(between(0ms, 5s));
        return world_.configure(node, first ? link.at_a : link.at_b);
      case 6:
      case 7:
        return rekey_crossing(link, core::Order::rekey_children);
      default:
        return rekey_crossing(link, core::Order::rekey_ike);
    }
  }

  void change_config(core::TunnelConfig& config, std::size_t node) {
    config.ike_lifetime = 1s * (100 + random_.below(3000));
    world_.configure(node, config);
  }

  void rekey_crossing(const Link& link, core::Order what) {
    world_.order(link.a, link.id, what);
    if (random_.one_in(2)) return;
    world_.run_for(between(0ms, 200ms));
    const auto other = random_.one_in(3) ? core::Order::rekey_ike : core::Order::rekey_children;
    world_.order(link.b, link.id, other);
  }

  // --- gentle ---
  void bustle() {
    world_.run_for(45s);
    for (const Link& link : links_) start_flows(link);
    world_.faults.delay_max = between(1ms, 300ms);
    world_.faults.answer_max = between(0ms, 200ms);
    world_.faults.duplicate_one_in = random_.below(4);
    const std::size_t steps = 5 + random_.below(10);
    for (std::size_t i = 0; i < steps; ++i) {
      world_.run_for(between(0ms, random_.one_in(3) ? 10s : 1s));
      look_for_excess();
      if (deadly_ && fates_.one_in(3)) crash();
      const Link& link = links_[random_.below(links_.size())];
      switch (random_.below(5)) {
        case 0:
          // One at a time: what several that overlap leave to each other is not promised to be
          // without a gap. The rough worlds have them.
          world_.run_for(10s);
          world_.order(random_.one_in(2) ? link.a : link.b, link.id, core::Order::reauthenticate);
          world_.run_for(10s);
          break;
        case 1:
          rekey_crossing(link, core::Order::rekey_ike);
          break;
        default:
          rekey_crossing(link, core::Order::rekey_children);
      }
    }
  }

  void start_flows(const Link& link) {
    for (const auto& child : link.at_a.children) {
      const auto here = child.selectors.local.front().addresses.first().to_string();
      const auto there = child.selectors.remote.front().addresses.first().to_string();
      auto& out = world_.start_flow(link.a, link.b, here, there);
      auto& back = world_.start_flow(link.b, link.a, there, here);
      out.interval = back.interval = 40ms;
      flows_.push_back(&out);
      flows_.push_back(&back);
    }
  }

  void check_flows(std::vector<std::string>& problems) const {
    for (const Flow* flow : flows_) {
      if (flow->lost == 0) continue;
      problems.push_back(fmt::format("{} of {} packets lost from node{} to node{}", flow->lost,
                                     flow->sent, flow->from, flow->to));
    }
  }

  // --- calm ---
  void calm() {
    for (Flow* flow : flows_) flow->running = false;
    world_.faults = {};
    for (std::size_t i = 0; i < node_count_; ++i) {
      world_.node(i).cut = false;
      world_.node(i).kernel.fail_one_in = 0;
    }
    if (!rough_) return;
    for (const Link& link : links_) {
      world_.order(link.a, link.id, core::Order::up);
      world_.order(link.b, link.id, core::Order::up);
    }
  }

  void settle(std::string_view when, Duration limit, std::vector<std::string>& problems) {
    const Time end = world_.now() + limit;
    auto found = check();
    while (!found.empty() && world_.now() < end) {
      world_.run_for(500ms);
      found = check();
    }
    for (auto& problem : found) problems.push_back(fmt::format("{}: {}", when, problem));
  }

  std::vector<std::string> check() { return check_rest(world_, links_, node_count_); }

  Duration between(Duration low, Duration high) {
    const auto span = static_cast<std::size_t>((high - low).count());
    return low + Duration(static_cast<Duration::rep>(random_.below(span + 1)));
  }

  World world_;
  bool rough_;
  Spoken spoken_;
  test::Random& random_;
  // Who dies, and when: apart, so that worlds in which nobody does are what they were.
  test::Random fates_;
  bool deadly_;
  std::size_t node_count_ = 0;
  bool natted_ = false;
  std::vector<Link> links_;
  std::vector<Flow*> flows_;
  std::vector<std::string> excesses_;
};

}  // namespace

Outcome run_seed(std::uint64_t seed, Tracing tracing, Spoken spoken) {
  return RandomWorld(seed, tracing, spoken).run();
}

}  // namespace ipsec::sim
