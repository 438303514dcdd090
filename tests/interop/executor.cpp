#include "tests/interop/executor.h"

#include <algorithm>
#include <chrono>
#include <ostream>
#include <vector>

#include <fmt/format.h>

#include "tests/interop/tunnel_line.h"

namespace ipsec::interop {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

constexpr std::uint32_t kFirstSpi = 0xc0000000;

Time now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return Time(std::chrono::duration_cast<Duration>(since));
}

std::string in_hex(const Secret& key) {
  return key.empty() ? std::string("-") : "0x" + to_hex(key.view());
}

// As `ip xfrm state` names things, in one line.
std::string describe(const xfrm::SaSpec& sa) {
  return fmt::format(
      "0x{:08x} {} {} {} {} {}", sa.spi.value, sa.protocol == xfrm::Protocol::esp ? "esp" : "ah",
      sa.encryption != nullptr ? sa.encryption->kernel : "-", in_hex(sa.encryption_key),
      sa.integrity != nullptr ? sa.integrity->kernel : "-", in_hex(sa.integrity_key));
}

}  // namespace

// --- commands ---

bool Executor::obey(std::string_view line) {
  const auto blank = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, blank);
  const auto rest = line.substr(std::min(blank + 1, line.size()));
  if (word == "quit") return false;
  if (word == "tunnel") {
    tunnel(rest);
  } else if (word == "forget") {
    forget(rest);
  } else if (word == "status") {
    status();
  } else if (!word.empty()) {
    order(word, rest);
  }
  return true;
}

void Executor::tunnel(std::string_view line) {
  const TunnelId fresh{tunnels_.size() + 1};
  auto config = parse_tunnel(line, fresh);
  if (!config) {
    events_ << "wrong: " << config.error() << std::endl;
    return;
  }
  // A name seen before is that tunnel with another configuration.
  const TunnelId id = tunnels_.emplace(config->name, fresh).first->second;
  if (id != fresh) config = parse_tunnel(line, id);
  sockets_.open(config->local);
  feed(core::SetTunnel{std::make_shared<const core::TunnelConfig>(*std::move(config))});
}

void Executor::forget(std::string_view name) {
  const auto tunnel = tunnels_.find(name);
  if (tunnel == tunnels_.end()) {
    events_ << "wrong: forget " << name << std::endl;
    return;
  }
  feed(core::RemoveTunnel{tunnel->second});
}

void Executor::order(std::string_view what, std::string_view name) {
  static const std::map<std::string_view, core::Order> kOrders{
      {"up", core::Order::up},
      {"down", core::Order::down},
      {"reauth", core::Order::reauthenticate},
      {"rekey-ike", core::Order::rekey_ike},
      {"rekey-child", core::Order::rekey_children},
      {"probe", core::Order::probe},
  };
  const auto found = kOrders.find(what);
  const auto tunnel = tunnels_.find(name);
  if (found == kOrders.end() || tunnel == tunnels_.end()) {
    events_ << "wrong: " << what << " " << name << std::endl;
    return;
  }
  feed(core::Command{tunnel->second, found->second});
}

void Executor::status() {
  const auto snapshot = engine_.snapshot();
  events_ << fmt::format("status sas={} half_open={} agreements={}", snapshot.sas,
                         snapshot.half_open, agreements_);
  for (const auto& [why, count] : engine_.drops()) events_ << fmt::format(" '{}'={}", why, count);
  events_ << std::endl;
  for (const auto& tunnel : snapshot.tunnels) {
    std::ptrdiff_t usable = 0;
    for (const auto& ike : tunnel.ike) {
      usable += std::ranges::count_if(ike.children, &core::ChildStatus::usable);
    }
    events_ << fmt::format("status-tunnel {} connection={} ike={} children={}\n", tunnel.name,
                           static_cast<int>(tunnel.connection), tunnel.ike.size(), usable);
  }
  events_ << "status-end" << std::endl;
}

// --- the loop ---

void Executor::wait(int command_fd) {
  std::vector<pollfd> polled{{command_fd, POLLIN, 0}};
  sockets_.add_to(polled);
  const Time deadline = engine_.next_deadline();
  int wait_ms = -1;
  if (deadline != kNever) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now()).count();
    wait_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }
  (void)::poll(polled.data(), polled.size(), wait_ms);
  while (auto datagram = sockets_.receive()) feed(*std::move(datagram));
  if (engine_.next_deadline() <= now()) feed(core::Tick{});
}

// Answers wait until the engine has said all it had to say.
void Executor::feed(core::Input input) {
  answers_.push_back(std::move(input));
  while (!answers_.empty()) {
    core::Input next = std::move(answers_.front());
    answers_.pop_front();
    auto actions = engine_.handle(std::move(next), now());
    for (auto& action : actions) execute(action);
  }
}

void Executor::execute(core::Action& action) {
  const Overloaded run{
      [&](const core::SendDatagram& it) {
        crypto_.sent(it.bytes);
        sockets_.send(it);
      },
      [&](const core::AllocateSpi& it) {
        const ChildSpi spi{kFirstSpi + ++next_spi_};
        answers_.emplace_back(
            core::SpiAllocated{it.sa, it.ticket, xfrm::SaKey{it.destination, it.protocol, spi}});
      },
      [&](const core::InstallSas& it) { install(it); },
      [&](const core::RemoveSa& it) {
        events_ << fmt::format("sa-removed 0x{:08x}", it.key.spi.value) << std::endl;
      },
      [&](const core::RemovePolicies&) {},
      [&](const core::MoveSa& it) {
        events_ << fmt::format("sa-moved 0x{:08x}", it.key.spi.value) << std::endl;
      },
      [&](const core::WatchInbound&) {},
      [&](const core::StartJob& it) {
        if (std::holds_alternative<core::AgreeKey>(it.what)) ++agreements_;
        answers_.emplace_back(core::JobDone{it.sa, it.job, core::run_job(crypto_, it.what)});
      },
      [](const core::Persist&) {},
      [](const core::AdoptSas&) {},
      [&](const core::Event& it) { report(it); },
  };
  std::visit(run, action);
}

void Executor::install(const core::InstallSas& batch) {
  for (const auto& sa : batch.sas) {
    sas_ << describe(sa) << std::endl;
    const auto encapsulated = sa.encapsulation ? "yes" : "no";
    events_ << fmt::format("sa-installed 0x{:08x} {} encap={}", sa.spi.value,
                           sa.direction == xfrm::Direction::in ? "in" : "out", encapsulated)
            << std::endl;
  }
  answers_.emplace_back(core::SasInstalled{batch.sa, batch.ticket, {}});
}

// --- events ---

std::string Executor::name_of(TunnelId id) const {
  const auto found = std::ranges::find(tunnels_, id, &decltype(tunnels_)::value_type::second);
  return found == tunnels_.end() ? "?" : found->first;
}

void Executor::report(const core::Event& event) {
  const Overloaded words{
      [&](const core::IkeUp& it) {
        return fmt::format("ike-up {} algorithms={} local={} remote={} nat={}{} peer={}",
                           name_of(it.tunnel), core::describe(it.algorithms), it.local.to_string(),
                           it.remote.to_string(), it.nat.local ? "local," : "",
                           it.nat.remote ? "remote" : "", it.peer.to_string());
      },
      [&](const core::IkeRekeyed& it) { return fmt::format("ike-rekeyed {}", name_of(it.tunnel)); },
      [&](const core::IkeDown& it) {
        return fmt::format("ike-down {} reason={}", name_of(it.tunnel), it.reason);
      },
      [&](const core::ChildUp& it) {
        return fmt::format("child-up {} in=0x{:08x} out=0x{:08x} algorithms={} selectors={}",
                           name_of(it.tunnel), it.inbound.value, it.outbound.value,
                           core::describe(it.algorithms), core::describe(it.selectors));
      },
      [&](const core::ChildRekeyed& it) {
        return fmt::format("child-rekeyed {}", name_of(it.tunnel));
      },
      [&](const core::ChildDown& it) { return fmt::format("child-down {}", name_of(it.tunnel)); },
      [&](const core::TryFailed& it) {
        return fmt::format("try-failed {} {}", name_of(it.tunnel), core::describe(it.failure));
      },
      [&](const core::PeerMoved& it) { return fmt::format("peer-moved {}", name_of(it.tunnel)); },
      [&](const core::ExchangeFailed& it) {
        return fmt::format("exchange-failed {} {}", name_of(it.tunnel), core::describe(it.failure));
      },
      [&](const core::Resumed& it) { return fmt::format("resumed {}", name_of(it.tunnel)); },
  };
  events_ << std::visit(words, event) << std::endl;
}

}  // namespace ipsec::interop
