#include "tests/sim/world.h"

#include <algorithm>

#include <fmt/format.h>

namespace ipsec::sim {
namespace {

// A turn that hands out more is a storm.
constexpr std::size_t kActionsPerInput = 4096;
constexpr int kTicksAtOnce = 2000;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

Endpoint translated(const Node& node, Endpoint endpoint) {
  if (!node.nat_address) return endpoint;
  return {*node.nat_address, static_cast<std::uint16_t>(endpoint.port + node.nat_port_shift)};
}

std::string describe_datagram(ByteView bytes) {
  const auto header = wire::parse_header(bytes);
  if (!header) return fmt::format("{} bytes", bytes.size());
  return fmt::format("{} {} {} ({} bytes, SPIs {:x} {:x})", wire::name_of(header->exchange),
                     header->flags.response ? "answer" : "request", header->message_id.value,
                     bytes.size(), header->initiator_spi.value >> 48,
                     header->responder_spi.value >> 48);
}

std::string describe_install(const core::InstallSas& install) {
  std::string text = "installs";
  for (const auto& sa : install.sas) {
    const bool in = sa.direction == xfrm::Direction::in;
    text += fmt::format(" {}:{:x}", in ? "in" : "out", sa.spi.value);
  }
  if (install.policies) text += fmt::format(" policies to {:x}", install.policies->spi.value);
  return text;
}

std::string describe_event(const core::Event& event) {
  const Overloaded words{
      [](const core::IkeUp& it) { return fmt::format("IKE SA {} up", it.sa.value); },
      [](const core::IkeRekeyed& it) {
        return fmt::format("IKE SA {} rekeyed to {}", it.from.value, it.to.value);
      },
      [](const core::IkeDown& it) {
        return fmt::format("IKE SA {} down: {}", it.sa.value, it.reason);
      },
      [](const core::ChildUp& it) {
        return fmt::format("child {} up: in {:x} out {:x}", it.child.value, it.inbound.value,
                           it.outbound.value);
      },
      [](const core::ChildRekeyed& it) {
        return fmt::format("child {} rekeyed to {}", it.from.value, it.to.value);
      },
      [](const core::ChildDown& it) { return fmt::format("child {} down", it.child.value); },
      [](const core::TryFailed& it) { return "try failed: " + core::describe(it.failure); },
      [](const core::PeerMoved& it) { return "peer moved to " + it.to.to_string(); },
      [](const core::ExchangeFailed& it) {
        return "exchange failed: " + core::describe(it.failure);
      },
  };
  return std::visit(words, event);
}

}  // namespace

void World::note(std::size_t index, const std::function<std::string()>& what) {
  if (!tracing) return;
  static constexpr std::size_t kTraceLines = 400;
  const auto ms = std::chrono::duration<double, std::milli>(now_.time_since_epoch()).count();
  trace_.push_back(fmt::format("{:12.3f} ms {:8} {}", ms, nodes_[index]->name, what()));
  if (trace_.size() > kTraceLines) trace_.pop_front();
}

std::string World::trace() const {
  std::string text;
  for (const auto& line : trace_) text += line + "\n";
  return text;
}

void SimRandom::fill(MutableBytes out) {
  const Bytes bytes = random_.bytes(out.size());
  std::ranges::copy(bytes, out.begin());
  if (out.size() == 32 && nonce_first_byte) out[0] = *nonce_first_byte;
}

Node::Node(std::string its_name, const Address& its_address, std::uint64_t seed,
           test::Random& shared)
    : name(std::move(its_name)),
      address(its_address),
      crypto(seed),
      random(seed ^ 0x5eed),
      engine(std::make_unique<core::Engine>(crypto, random)),
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
  Node& node = *nodes_[index];
  node.random = SimRandom(random_.next());
  node.watched.clear();
  node.events.clear();
  node.engine = std::make_unique<core::Engine>(node.crypto, node.random);
  ++node.restarts;
}

void World::feed(std::size_t index, core::Input input) {
  execute(index, nodes_[index]->engine->handle(std::move(input), now_));
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
    const Time at = nodes_[i]->engine->next_deadline();
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
        answer_later(index, core::SpiAllocated{it.sa, it.ticket, node.kernel.allocate(it)});
      },
      [&](core::InstallSas& it) {
        note(index, [&] { return describe_install(it); });
        answer_later(index, core::SasInstalled{it.sa, it.ticket, node.kernel.install(it)});
      },
      [&](core::RemoveSa& it) {
        note(index, [&] { return fmt::format("removes SA {:x}", it.key.spi.value); });
        node.kernel.remove(it);
      },
      [&](core::RemovePolicies& it) { node.kernel.remove(it); },
      [&](core::MoveSa& it) { node.kernel.move(it); },
      [&](core::WatchInbound& it) { node.watched.push_back(it); },
      [&](core::StartJob& it) {
        answer_later(index, core::JobDone{it.sa, it.job, core::run_job(node.crypto, it.what)});
      },
      [&](core::Event& it) {
        note(index, [&] { return describe_event(it); });
        node.events.push_back(std::move(it));
      },
  };
  for (auto& action : actions) std::visit(run, action);
}

void World::transmit(std::size_t index, const core::SendDatagram& send) {
  check_sent(index, send);
  Held datagram{index, translated(*nodes_[index], send.local), send.remote, send.bytes};
  if (hold) {
    held.push_back(std::move(datagram));
    return;
  }
  if (nodes_[index]->cut) return;
  if (faults.mtu != 0 && send.bytes.size() > faults.mtu) return;
  if (faults.lose_one_in != 0 && random_.one_in(faults.lose_one_in)) return;
  if (faults.corrupt_one_in != 0 && random_.one_in(faults.corrupt_one_in)) {
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
      feed(i, core::Datagram{{node.address, port}, datagram.source, datagram.bytes});
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
  const auto watched = std::ranges::find_if(
      node.watched, [&](const auto& watch) { return watch.key.spi == packet.key.spi; });
  if (watched == node.watched.end()) return;
  const core::InboundSeen seen{watched->sa, watched->key};
  node.watched.erase(watched);
  feed(flow.to, seen);
}

World::Lane World::lane_of(std::size_t index, const wire::Header& header) {
  return {index, header.initiator_spi.value, header.responder_spi.value, header.flags.initiator,
          header.flags.response};
}

// Protected messages: one message id, one content, however often it is sent (RFC 7296 2.1).
void World::check_sent(std::size_t index, const core::SendDatagram& send) {
  const auto message = wire::parse_message(send.bytes);
  if (!message || !message->sealed) return;
  const auto& header = message->header;
  const auto& fragment = message->sealed->fragment;
  const std::uint32_t number = fragment ? fragment->number : 0U;
  const std::string_view text(reinterpret_cast<const char*>(send.bytes.data()), send.bytes.size());
  const auto digest = std::hash<std::string_view>{}(text);
  const std::tuple place(lane_of(index, header), header.message_id.value, number);
  const auto [entry, fresh] = sent_.emplace(place, digest);
  if (!fresh && entry->second != digest) {
    violations_.push_back(fmt::format("{} sent two different messages under id {}",
                                      nodes_[index]->name, header.message_id.value));
  }
  if (number > 1) return;
  if (fresh) check_order(index, header);
  if (!header.flags.response) return;
  wire::Header request = header;
  request.flags.response = false;
  request.flags.initiator = !header.flags.initiator;
  if (--unanswered_[{lane_of(index, request), header.message_id.value}] < 0) {
    violations_.push_back(fmt::format("{} answered request {} more often than it came",
                                      nodes_[index]->name, header.message_id.value));
  }
}

// Ids go up one by one; IKE_AUTH is the first protected message, with id 1, of an SA that was not
// rekeyed (RFC 7296 2.2).
void World::check_order(std::size_t index, const wire::Header& header) {
  const std::uint32_t id = header.message_id.value;
  const auto [last, first] = last_id_.emplace(lane_of(index, header), id);
  const bool right = first ? id <= 1 : id == last->second + 1;
  last->second = id;
  if (right) return;
  violations_.push_back(fmt::format("{} jumped to message id {}", nodes_[index]->name, id));
}

void World::count_arrival(std::size_t index, ByteView bytes) {
  const auto message = wire::parse_message(bytes);
  if (!message || !message->sealed || message->header.flags.response) return;
  const auto& fragment = message->sealed->fragment;
  // RFC 7383 2.6.1: the first fragment stands for the request.
  if (fragment && fragment->number != 1) return;
  ++unanswered_[{lane_of(index, message->header), message->header.message_id.value}];
}

std::vector<std::string> World::mirror_faults(std::size_t a, std::size_t b) const {
  std::vector<std::string> found;
  for (const auto& [here, there] : {std::pair(a, b), std::pair(b, a)}) {
    const auto& others = nodes_[there]->kernel.sas();
    for (const auto& [key, spec] : nodes_[here]->kernel.sas()) {
      const bool out = spec.direction == xfrm::Direction::out;
      const bool mirrored = std::ranges::any_of(others, [&, &mine = spec](const auto& entry) {
        const auto& other = entry.second;
        return other.spi == mine.spi && other.direction != mine.direction &&
               other.encryption_key == mine.encryption_key &&
               other.integrity_key == mine.integrity_key && other.encryption == mine.encryption;
      });
      if (!mirrored) {
        found.push_back(fmt::format("{}: SA {:x} ({}) has no twin at {}", nodes_[here]->name,
                                    key.spi.value, out ? "out" : "in", nodes_[there]->name));
      }
    }
  }
  return found;
}

std::vector<std::string> World::complaints() const {
  std::vector<std::string> all = violations_;
  for (const auto& node : nodes_) {
    for (const auto& complaint : node->kernel.complaints()) {
      all.push_back(node->name + ": " + complaint);
    }
  }
  return all;
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
