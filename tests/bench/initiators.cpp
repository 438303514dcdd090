#include "tests/bench/initiators.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <poll.h>

#include "tests/bench/bare_openssl.h"

namespace ipsec::bench {
namespace {

// Of one opening: the engine's own tries are over sooner, and begin again.
constexpr auto kPatience = std::chrono::seconds(60);
// All of them together, where the responder takes long for each.
constexpr auto kPatienceForAll = std::chrono::minutes(10);

Time now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return Time(std::chrono::duration_cast<Duration>(since));
}

double ms_since(Time then) {
  return std::chrono::duration<double, std::milli>(now() - then).count();
}

// 10.64.1.1 and so on, 250 of each /24.
Address own_address(std::uint32_t index) {
  return Address::v4(0x0a400101 + (index / 250) * 256 + index % 250);
}

core::TunnelPointer make_tunnel(const Load& load, std::uint32_t index) {
  core::TunnelConfig tunnel;
  tunnel.id = TunnelId{index + 1};
  tunnel.name = fmt::format("c{}", index);
  tunnel.local = load.own_addresses ? own_address(index) : Address::v4(0x0a630001);
  tunnel.remote = Address::v4(0x0a630002);
  tunnel.local_identity = Identity::parse(fmt::format("c{}.load.example", index)).value();
  tunnel.remote_identity = Identity::parse("gw.bench.example").value();
  tunnel.credential = core::make_shared_key_credential(
      Secret::copy_of(fmt::format("a-key-for-benchmarks-{}", index)));
  tunnel.start = core::Start::on_traffic;
  tunnel.dpd_delay = load.dpd_delay;
  core::IkeOffer ike;
  ike.encryption = {find_encryption(load.suite->encryption)};
  if (!load.suite->integrity.empty()) ike.integrity = {find_integrity(load.suite->integrity)};
  ike.prfs = {find_prf(PrfId::hmac_sha2_256)};
  ike.groups = {find_group(load.suite->group)};
  tunnel.offers = {ike};
  if (load.children) {
    core::ChildOffer esp;
    esp.encryption = ike.encryption;
    esp.integrity = ike.integrity;
    core::ChildConfig rule;
    rule.reqid = Reqid{index + 1};
    const std::uint32_t behind = 0x0a800000 + (index / 250) * 0x10000 + (index % 250) * 0x100;
    rule.selectors = {{TrafficSelector::of(Cidr::enclosing(Address::v4(behind), 24))},
                      {TrafficSelector::of(Cidr::enclosing(Address::v4(0x0a020000), 24))}};
    rule.offers = {esp};
    tunnel.children = {rule};
  }
  return std::make_shared<const core::TunnelConfig>(std::move(tunnel));
}

daemon::UdpSockets open_sockets() {
  auto sockets = daemon::UdpSockets::open({});
  if (!sockets) die(sockets.error().why);
  return *std::move(sockets);
}

}  // namespace

Initiators::Initiators(const crypto::Provider& crypto, const Load& load)
    : crypto_(crypto),
      load_(load),
      engine_(crypto, random_, {}),
      sockets_(open_sockets()),
      tunnels_(load.tunnels) {
  for (std::uint32_t i = 0; i < load.tunnels; ++i) feed(core::SetTunnel{make_tunnel(load, i)});
}

// --- orders ------------------------------------------------------------------------------------

Tally Initiators::churn(Duration span) {
  const Time begun = now();
  ends_at_once_ = true;
  while (now() - begun < span) {
    while (under_way_ < load_.at_once && open_next()) {
    }
    wait(begun + span, -1);
  }
  settle(kPatience);
  return finish(begun);
}

Tally Initiators::pace(Duration span, Duration every) {
  const Time begun = now();
  ends_at_once_ = true;
  for (Time due = begun; now() - begun < span; wait(due, -1)) {
    if (now() < due) continue;
    open_next();
    due += every;
  }
  settle(kPatience);
  return finish(begun);
}

Tally Initiators::up(std::uint32_t count) {
  const Time begun = now();
  ends_at_once_ = false;
  const std::size_t there = up_now();
  std::size_t wanted = std::min<std::size_t>(count, tunnels_.size()) - there;
  while (wanted > 0 && now() - begun < kPatienceForAll) {
    while (under_way_ < load_.at_once && wanted > 0 && open_next()) --wanted;
    wait(begun + kPatienceForAll, -1);
  }
  settle(kPatience);
  return finish(begun);
}

Tally Initiators::down() {
  const Time begun = now();
  for (std::size_t i = 0; i < tunnels_.size(); ++i) {
    if (tunnels_[i].stage == Stage::up) order(i, Stage::ending, core::Order::down);
    if (i % load_.at_once == 0) wait(now(), -1);
  }
  settle(kPatience);
  return finish(begun);
}

Tally Initiators::rekey(core::Order what) {
  const Time begun = now();
  for (std::size_t i = 0; i < tunnels_.size(); ++i) {
    if (tunnels_[i].stage != Stage::up) continue;
    order(i, Stage::rekeying, what);
    while (under_way_ >= load_.at_once && now() - begun < kPatienceForAll) {
      wait(begun + kPatienceForAll, -1);
    }
  }
  settle(kPatience);
  return finish(begun);
}

void Initiators::idle(int fd) {
  pollfd asked{fd, POLLIN, 0};
  while (::poll(&asked, 1, 0) == 0) wait(now() + std::chrono::seconds(1), fd);
}

std::size_t Initiators::up_now() const {
  return static_cast<std::size_t>(std::ranges::count(tunnels_, Stage::up, &Tunnel::stage));
}

// --- the course of a tunnel --------------------------------------------------------------------

void Initiators::order(std::size_t index, Stage stage, core::Order what) {
  tunnels_[index] = {stage, now()};
  ++under_way_;
  feed(core::Command{TunnelId{index + 1}, what});
}

bool Initiators::open_next() {
  for (std::size_t tried = 0; tried < tunnels_.size(); ++tried) {
    const std::size_t index = next_;
    next_ = (next_ + 1) % tunnels_.size();
    if (tunnels_[index].stage != Stage::idle) continue;
    order(index, Stage::opening, core::Order::up);
    return true;
  }
  return false;
}

void Initiators::settle(Duration patience) {
  const Time end = now() + patience;
  while (under_way_ > 0 && now() < end) wait(end, -1);
  // What has not come to an end by now never will.
  tally_.failed_tries += under_way_;
}

Tally Initiators::finish(Time begun) {
  tally_.wall_s = ms_since(begun) / 1e3;
  std::ranges::sort(tally_.latencies_ms);
  return std::exchange(tally_, {});
}

void Initiators::came_up(std::size_t index) {
  Tunnel& it = tunnels_[index];
  if (it.stage != Stage::opening && it.stage != Stage::rekeying) return;
  tally_.latencies_ms.push_back(ms_since(it.since));
  --under_way_;
  it.stage = Stage::up;
  if (!ends_at_once_) return;
  it.stage = Stage::ending;
  ++under_way_;
  inputs_.emplace_back(core::Command{TunnelId{index + 1}, core::Order::down});
}

void Initiators::note(const core::Event& event) {
  const auto index = [](TunnelId id) { return id.value - 1; };
  if (const auto* up = std::get_if<core::IkeUp>(&event)) {
    if (!load_.children) came_up(index(up->tunnel));
  } else if (const auto* child = std::get_if<core::ChildUp>(&event)) {
    came_up(index(child->tunnel));
  } else if (const auto* ike = std::get_if<core::IkeRekeyed>(&event)) {
    came_up(index(ike->tunnel));
  } else if (const auto* rekeyed = std::get_if<core::ChildRekeyed>(&event)) {
    came_up(index(rekeyed->tunnel));
  } else if (const auto* down = std::get_if<core::IkeDown>(&event)) {
    Tunnel& it = tunnels_[index(down->tunnel)];
    if (it.stage != Stage::ending) return;
    it.stage = Stage::idle;
    --under_way_;
  } else if (std::holds_alternative<core::TryFailed>(event)) {
    ++tally_.failed_tries;
  }
}

// --- the loop ----------------------------------------------------------------------------------

// Until something has come, `until` at the latest.
void Initiators::wait(Time until, int fd) {
  sockets_.flush();
  std::vector<pollfd> polled;
  for (const int socket : sockets_.fds()) polled.push_back({socket, POLLIN, 0});
  const std::size_t sockets = polled.size();
  if (fd >= 0) polled.push_back({fd, POLLIN, 0});
  const Time deadline = std::min(until, engine_.next_deadline());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now()).count();
  (void)::poll(polled.data(), polled.size(),
               static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000)));
  for (std::size_t i = 0; i < sockets; ++i) {
    if (polled[i].revents == 0) continue;
    sockets_.receive(polled[i].fd, [&](core::Datagram&& it) { feed(std::move(it)); });
  }
  if (engine_.next_deadline() <= now()) feed(core::Tick{});
  sockets_.flush();
}

// Answers wait until the engine has said all it had to say.
void Initiators::feed(core::Input input) {
  inputs_.push_back(std::move(input));
  while (!inputs_.empty()) {
    core::Input next = std::move(inputs_.front());
    inputs_.pop_front();
    auto actions = engine_.handle(std::move(next), now());
    for (core::Action& action : actions) act(action);
  }
}

void Initiators::act(core::Action& action) {
  if (auto* send = std::get_if<core::SendDatagram>(&action)) {
    sockets_.send(std::move(*send));
  } else if (const auto* spi = std::get_if<core::AllocateSpi>(&action)) {
    const xfrm::SaKey key{spi->destination, spi->protocol, ChildSpi{++last_spi_}};
    inputs_.emplace_back(core::SpiAllocated{spi->sa, spi->ticket, key});
  } else if (const auto* install = std::get_if<core::InstallSas>(&action)) {
    inputs_.emplace_back(core::SasInstalled{install->sa, install->ticket, {}});
  } else if (const auto* job = std::get_if<core::StartJob>(&action)) {
    inputs_.emplace_back(core::JobDone{job->sa, job->job, core::run_job(crypto_, job->what)});
  } else if (const auto* event = std::get_if<core::Event>(&action)) {
    note(*event);
  }
}

}  // namespace ipsec::bench
