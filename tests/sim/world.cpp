#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ike/wire/v1/header.h"
#include "tests/sim/describe.h"
#ifdef IPSEC_TRACKED_HEAP
#include "tests/support/heap.h"
#endif

namespace ipsec::sim {
namespace {

// No hash of IKEv1 covers NAT-D and vendor ids: of what changes them both sides end with other
// ideas of NATs. UDP's checksum keeps accidents out, and who can do it on purpose can as well drop
// all.
bool is_v1_phase1(ByteView bytes) {
  const auto header = wire::v1::parse_header(bytes);
  return header && header->major_version == 1 && header->message_id.value == 0;
}

// A turn that hands out more is a storm.
constexpr std::size_t kActionsPerInput = 4096;
constexpr int kTicksAtOnce = 2000;

Endpoint translated(const Node& node, Endpoint endpoint) {
  if (!node.nat_address) return endpoint;
  return {*node.nat_address, static_cast<std::uint16_t>(endpoint.port + node.nat_port_shift)};
}

// In IKEv1 that of main mode's third message, of aggressive mode's first and of quick mode's: to
// the others of these exchanges nobody draws one before a job or the kernel has answered.
bool draws_nonce_v1(const wire::v1::Header& header) {
  switch (header.exchange) {
    case wire::ExchangeType::identity_protection:
      return header.next_payload == wire::v1::PayloadType::key_exchange;
    case wire::ExchangeType::aggressive:
      return header.responder_cookie == IkeSpi{};
    default:
      return header.exchange == wire::ExchangeType::quick_mode;
  }
}

// Whether the answer to it has a nonce.
bool draws_nonce(ByteView bytes) {
  const auto header = wire::parse_header(bytes);
  if (!header) return false;
  if (header->major_version == 1) return draws_nonce_v1(*wire::v1::parse_header(bytes));
  return !header->flags.response && (header->exchange == wire::ExchangeType::ike_sa_init ||
                                     header->exchange == wire::ExchangeType::create_child_sa);
}

core::Actions handled_by(Node& node, core::Input input, Time now) {
#ifdef IPSEC_TRACKED_HEAP
  const test::heap::Inside inside;
#endif
  return node.engine->handle(std::move(input), now);
}

}  // namespace

void World::note(std::size_t index, const std::function<std::string()>& what) {
  if (!tracing) return;
  const auto ms = std::chrono::duration<double, std::milli>(now_.time_since_epoch()).count();
  trace_.push_back(fmt::format("{:12.3f} ms {:8} {}", ms, nodes_[index]->name, what()));
  if (trace_.size() > trace_lines) trace_.pop_front();
}

std::string World::trace() const {
  std::string text;
  for (const auto& line : trace_) text += line + "\n";
  return text;
}

void SimRandom::fill(MutableBytes out) {
  const Bytes bytes = random_.bytes(out.size());
  std::ranges::copy(bytes, out.begin());
  if (out.size() != 32) return;
  const auto& first = std::exchange(answers_next, false) ? answer_first_byte : nonce_first_byte;
  if (first) out[0] = *first;
}

Node::Node(std::string its_name, const Address& its_address, std::uint64_t seed,
           test::Random& shared)
    : name(std::move(its_name)),
      address(its_address),
      fake(seed),
      crypto(fake),
      random(seed ^ 0x5eed),
      crash_secret(
          Bytes(core::kCrashSecretBytes, static_cast<std::uint8_t>(its_address.bytes().back()))),
      engine(std::make_unique<core::Engine>(crypto, random, crash_secret, core::Keeping::yes)),
      kernel(shared) {}

core::TunnelStatus Node::tunnel(std::uint64_t id) const {
  for (auto& status : engine->snapshot().tunnels) {
    if (status.id.value == id) return status;
  }
  return {};
}

std::vector<core::ChildStatus> Node::usable(std::uint64_t id) const {
  std::vector<core::ChildStatus> children;
  for (const auto& ike : tunnel(id).ike) {
    for (const auto& child : ike.children) {
      if (child.usable) children.push_back(child);
    }
  }
  return children;
}

std::size_t Node::established(std::uint64_t id) const {
  std::size_t n = 0;
  for (const auto& ike : tunnel(id).ike) n += ike.established ? 1U : 0U;
  return n;
}

World::World(std::uint64_t seed) : seed_(seed), random_(seed) {}

std::size_t World::add(std::string name, std::string_view address) {
  const auto index = nodes_.size();
  nodes_.push_back(std::make_unique<Node>(std::move(name), Address::parse(address).value(),
                                          seed_ * 1000 + index + 1, random_));
  return index;
}

void World::restart(std::size_t index) {
  begin_anew(*nodes_[index]);
  nodes_[index]->store.clear();
}

void World::begin_anew(Node& node) {
  node.random = SimRandom(random_.next());
  node.watched.clear();
  node.events.clear();
  node.dies_after.reset();
  node.dead = false;
  node.engine = std::make_unique<core::Engine>(node.crypto, node.random, node.crash_secret,
                                               core::Keeping::yes);
  ++node.restarts;
}

void World::kill(std::size_t index) {
  nodes_[index]->dead = true;
  note(index, [] { return std::string("dies"); });
}

void World::revive(std::size_t index, const std::vector<core::TunnelConfig>& tunnels,
                   std::optional<std::size_t> dies_after) {
  Node& node = *nodes_[index];
  const auto before = std::exchange(node.events, {});
  begin_anew(node);
  note(index, [] { return std::string("comes back"); });
  node.dies_after = dies_after;
  node.events = before;
  node.claiming = true;
  node.claimed.clear();
  node.held.clear();
  node.claimed_policies.clear();
  core::Resume resume;
  for (const auto& [key, content] : node.store) resume.records.push_back({key, content.clone()});
  resume.in_kernel = node.kernel.left();
  feed(index, std::move(resume));
  for (const core::TunnelConfig& tunnel : tunnels) {
    feed(index, core::SetTunnel{std::make_shared<const core::TunnelConfig>(tunnel)});
  }
  node.claiming = false;
  if (node.dead) return;
  node.kernel.take_over(node.claimed, node.held, node.claimed_policies);
  feed(index, core::ResumeOver{});
}

void World::forget_crash_secrets() {
  for (auto& node : nodes_) {
    node->crash_secret = {};
    node->engine = std::make_unique<core::Engine>(node->crypto, node->random, node->crash_secret,
                                                  core::Keeping::yes);
  }
}

void World::feed(std::size_t index, core::Input input) {
  if (nodes_[index]->dead) return;
  execute(index, handled_by(*nodes_[index], std::move(input), now_));
}

void World::configure(std::size_t index, core::TunnelConfig tunnel) {
  feed(index, core::SetTunnel{std::make_shared<const core::TunnelConfig>(std::move(tunnel))});
}

void World::order(std::size_t index, std::uint64_t tunnel, core::Order what) {
  feed(index, core::Command{TunnelId{tunnel}, what});
}

void World::run_for(Duration span) {
  const Time limit = now_ + span;
  while (step(limit)) {
  }
  now_ = limit;
}

bool World::run_until(const std::function<bool()>& condition, Duration limit) {
  const Time end = now_ + limit;
  while (!condition()) {
    if (step(end)) continue;
    now_ = end;
    return condition();
  }
  return true;
}

// One event or one tick, whichever comes first; false when nothing is left before the limit.
bool World::step(Time limit) {
  Time next_tick = kNever;
  std::size_t ticking = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Time at = nodes_[i]->dead ? kNever : nodes_[i]->engine->next_deadline();
    if (at >= next_tick) continue;
    next_tick = at;
    ticking = i;
  }
  const Time next_event = events_.empty() ? kNever : events_.top().at;
  if (std::min(next_tick, next_event) > limit) return false;
  if (next_event <= next_tick) {
    const Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    (*event.what)();
    return true;
  }
  now_ = std::max(now_, next_tick);
  ticks_at_once_ = last_tick_ == now_ ? ticks_at_once_ + 1 : 0;
  last_tick_ = now_;
  if (ticks_at_once_ > kTicksAtOnce) {
    violations_.push_back(nodes_[ticking]->name + " ticks without end");
    return false;
  }
  feed(ticking, core::Tick{});
  return true;
}

void World::schedule(Duration after, std::function<void()> what) {
  events_.push(
      {now_ + after, ++sequence_, std::make_shared<std::function<void()>>(std::move(what))});
}

Duration World::between(Duration low, Duration high) {
  if (high <= low) return low;
  const auto span = static_cast<std::size_t>((high - low).count());
  return low + Duration(static_cast<Duration::rep>(random_.below(span + 1)));
}

// An answer to a daemon that has died meanwhile reaches nobody.
void World::answer_later(std::size_t index, core::Input input) {
  auto shared = std::make_shared<core::Input>(std::move(input));
  const int life = nodes_[index]->restarts;
  schedule(between(faults.answer_min, faults.answer_max), [this, index, shared, life] {
    if (nodes_[index]->restarts == life) feed(index, std::move(*shared));
  });
}

// As the daemon does when the kernel would not do its bidding.
void World::look_again(std::size_t index) {
  schedule(std::chrono::milliseconds(100), [this, index] {
    if (!nodes_[index]->kernel.reconcile()) look_again(index);
  });
}

void World::execute(std::size_t index, core::Actions actions) {
  Node& node = *nodes_[index];
  if (actions.size() > kActionsPerInput) {
    violations_.push_back(node.name + ": too many actions for one input");
  }
  const Overloaded run{
      [&](core::SendDatagram& it) {
        note(index, [&] { return "sends " + describe_datagram(it.bytes); });
        transmit(index, it);
      },
      [&](core::AllocateSpi& it) {
        auto key = node.kernel.allocate(it);
        if (key && node.claiming) node.held.insert(*key);
        answer_later(index, core::SpiAllocated{it.sa, it.ticket, std::move(key)});
      },
      [&](core::InstallSas& it) {
        note(index, [&] { return describe_install(it); });
        for (const auto& spec : it.sas) {
          node.crypto.secrets().note(spec.encryption_key.view());
          node.crypto.secrets().note(spec.integrity_key.view());
        }
        auto result = node.kernel.install(it);
        if (result && node.claiming) claim(node, it);
        answer_later(index, core::SasInstalled{it.sa, it.ticket, std::move(result)});
      },
      [&](core::RemoveSa& it) {
        note(index, [&] { return fmt::format("removes SA {:x}", it.key.spi.value); });
        if (node.claiming) node.claimed.erase(it.key);
        if (!node.kernel.remove(it)) look_again(index);
      },
      [&](core::RemovePolicies& it) {
        if (node.claiming) unclaim(node, it);
        if (!node.kernel.remove(it)) look_again(index);
      },
      [&](core::MoveSa& it) {
        const auto moved = node.kernel.move(it);
        if (node.claiming) claim(node, it, moved.has_value());
        if (moved) return;
        note(index, [&] { return fmt::format("cannot move SA {:x}", it.key.spi.value); });
        answer_later(index, core::KernelExpired{
                                {it.destination.address, it.key.protocol, it.key.spi}, true});
      },
      [&](core::WatchInbound& it) { node.watched.push_back(it); },
      [&](core::StartJob& it) {
        answer_later(index, core::JobDone{it.sa, it.job, core::run_job(node.crypto, it.what)});
      },
      [&](core::Persist& it) {
        core::RecordEntries entries(it.batch.view());
        while (const auto entry = entries.next()) {
          node.store.erase(entry->key);
          if (entry->content) node.store.emplace(entry->key, Secret::copy_of(*entry->content));
        }
      },
      [&](core::AdoptSas& it) {
        for (const auto& [key, direction] : it.sas) node.claimed.insert(key);
        node.held.insert(it.held.begin(), it.held.end());
        if (it.policies) node.claimed_policies.push_back(*it.policies);
      },
      [&](core::Event& it) {
        note(index, [&] { return describe_event(it); });
        node.events.push_back(std::move(it));
      },
  };
  for (auto& action : actions) {
    if (node.dies_after && (*node.dies_after)-- == 0) {
      node.dead = true;
      return note(index, [] { return std::string("dies"); });
    }
    ++node.actions_done;
    std::visit(run, action);
  }
}

// What it does to the kernel before it has taken it over counts as well.
void World::claim(Node& node, const core::InstallSas& install) {
  for (const auto& spec : install.sas) {
    node.held.erase(spec.key());
    node.claimed.insert(spec.key());
  }
  if (install.policies) node.claimed_policies.push_back(*install.policies);
}

void World::claim(Node& node, const core::MoveSa& move, bool done) {
  const bool was_claimed = node.claimed.erase(move.key) > 0;
  if (was_claimed && done) {
    node.claimed.insert({move.destination.address, move.key.protocol, move.key.spi});
  }
  for (auto& policies : node.claimed_policies) {
    if (policies.spi == move.key.spi) policies.remote = move.destination.address;
  }
}

void World::unclaim(Node& node, const core::RemovePolicies& removed) {
  std::erase_if(node.claimed_policies,
                [&](const auto& it) { return it.spi == removed.policies.spi; });
}

void World::transmit(std::size_t index, const core::SendDatagram& send) {
  check_sent(index, send);
  if (swallows && swallows(index, send.bytes)) return;
  if (send.bytes.size() == 1) {
    nodes_[index]->keepalives.push_back({now_, send.local, send.remote, send.bytes});
  }
  Held datagram{index, translated(*nodes_[index], send.local), send.remote, send.bytes,
                ++sequence_};
  if (hold) {
    held.push_back(std::move(datagram));
    return;
  }
  if (nodes_[index]->cut) return;
  if (faults.mtu != 0 && send.bytes.size() > faults.mtu) return;
  if (faults.lose_one_in != 0 && random_.one_in(faults.lose_one_in)) return;
  const bool corrupts = faults.corrupt_one_in != 0 && random_.one_in(faults.corrupt_one_in);
  if (corrupts && !is_v1_phase1(datagram.bytes)) {
    test::mutate(random_, datagram.bytes);
  }
  const bool twice = faults.duplicate_one_in != 0 && random_.one_in(faults.duplicate_one_in);
  for (int copies = twice ? 2 : 1; copies > 0; --copies) {
    schedule(between(faults.delay_min, faults.delay_max), [this, datagram] { arrive(datagram); });
  }
}

void World::arrive(const Held& datagram) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    if (node.cut) continue;
    for (const std::uint16_t port : {kIkePort, kNattPort}) {
      if (translated(node, {node.address, port}) != datagram.target) continue;
      count_arrival(i, datagram.bytes);
      node.random.answers_next = draws_nonce(datagram.bytes);
      feed(i, core::Datagram{{node.address, port}, datagram.source, datagram.bytes});
      node.random.answers_next = false;
      return;
    }
  }
}

void World::deliver(std::size_t index) {
  const Held datagram = held.at(index);
  held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
  arrive(datagram);
  run_for(Duration(0));
}

void World::deliver_all() {
  run_for(Duration(0));
  for (int rounds = 0; !held.empty() && rounds < 1000; ++rounds) deliver(0);
}

void World::drop(std::size_t index) {
  held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
}

Flow& World::start_flow(std::size_t from, std::size_t to, std::string_view source,
                        std::string_view target) {
  flows_.push_back(std::make_unique<Flow>());
  Flow& flow = *flows_.back();
  flow.from = from;
  flow.to = to;
  flow.source = Address::parse(source).value();
  flow.target = Address::parse(target).value();
  schedule(Duration(0), [this, &flow] { pump(flow); });
  return flow;
}

// The network never loses packets of a flow: what is lost is lost for want of an SA.
void World::pump(Flow& flow) {
  if (!flow.running) return;
  ++flow.sent;
  if (const auto packet = nodes_[flow.from]->kernel.send(flow.source, flow.target)) {
    schedule(between(faults.delay_min, faults.delay_max),
             [this, &flow, packet = *packet] { packet_arrives(flow, packet); });
    count_packet(flow.from, *packet, xfrm::Direction::out);
  } else {
    ++flow.lost;
    note(flow.from, [&] { return std::string("has no SA for a packet"); });
  }
  schedule(flow.interval, [this, &flow] { pump(flow); });
}

void World::packet_arrives(Flow& flow, const Packet& packet) {
  Node& node = *nodes_[flow.to];
  if (!node.kernel.receive(packet)) {
    ++flow.lost;
    note(flow.to, [&] { return fmt::format("loses a packet for {:x}", packet.key.spi.value); });
    return;
  }
  ++flow.received;
  count_packet(flow.to, packet, xfrm::Direction::in);
  const auto watched = std::ranges::find_if(
      node.watched, [&](const auto& watch) { return watch.key.spi == packet.key.spi; });
  if (watched == node.watched.end()) return;
  const core::InboundSeen seen{watched->sa, watched->key};
  node.watched.erase(watched);
  feed(flow.to, seen);
}

void World::count_packet(std::size_t index, const Packet& packet, xfrm::Direction direction) {
  const auto expired = nodes_[index]->kernel.count(packet, direction);
  if (!expired) return;
  note(index, [&] {
    return fmt::format("meets the {} limit of {:x}", expired->hard ? "hard" : "soft",
                       expired->key.spi.value);
  });
  feed(index, *expired);
}

core::TunnelConfig make_tunnel(std::uint64_t id, std::string_view local, std::string_view remote,
                               int local_net, int remote_net, std::string_view key) {
  const auto range = [](int net) {
    return TrafficSelector::of(Cidr::parse(fmt::format("10.{}.0.0/16", net)).value());
  };
  core::TunnelConfig tunnel;
  tunnel.id = TunnelId{id};
  tunnel.name = fmt::format("tunnel-{}", id);
  tunnel.local = Address::parse(local).value();
  tunnel.remote = Address::parse(remote).value();
  tunnel.local_identity = Identity::of(tunnel.local);
  if (!tunnel.remote.is_any()) tunnel.remote_identity = Identity::of(tunnel.remote);
  tunnel.credential = core::make_shared_key_credential(Secret::copy_of(key));
  tunnel.offers = core::default_ike_offers(core::Profile::automatic);
  core::ChildConfig rule;
  rule.reqid = Reqid{static_cast<std::uint32_t>(id)};
  rule.selectors = {{range(local_net)}, {range(remote_net)}};
  rule.offers = core::default_child_offers(core::Profile::automatic);
  tunnel.children.push_back(std::move(rule));
  return tunnel;
}

}  // namespace ipsec::sim
