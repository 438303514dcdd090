#include "tests/support/host.h"

#include <fmt/format.h>

namespace ipsec::test {
namespace {

constexpr std::size_t kKernelSasKept = 64;
constexpr int kTicksUntilStuck = 64;

}  // namespace

Host::Host(const crypto::Provider& crypto, std::uint64_t seed, core::Keeping keeping)
    : crypto_(crypto),
      random_(seed),
      engine_(crypto, random_,
              Secret(Bytes(core::kCrashSecretBytes, static_cast<std::uint8_t>(seed))), keeping) {}

void Host::feed(core::Input input, Time now) {
  execute(engine_.handle(std::move(input), now));
  if (answers_come == Answers::at_once) answer_all(now);
}

void Host::answer(std::size_t index, Time now) {
  core::Input input = std::move(answers[index]);
  answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(index));
  execute(engine_.handle(std::move(input), now));
}

void Host::answer_all(Time now) {
  while (!answers.empty()) answer(0, now);
}

bool Host::settle(Time now) {
  for (int ticks = 0; engine_.next_deadline() <= now; ++ticks) {
    if (ticks == kTicksUntilStuck) return false;
    feed(core::Tick{}, now);
  }
  return true;
}

std::uint64_t Host::dropped(std::string_view reason) const {
  const auto found = engine_.drops().find(reason);
  return found == engine_.drops().end() ? 0 : found->second;
}

core::TunnelStatus Host::tunnel(std::uint64_t id) const {
  for (auto& status : engine_.snapshot().tunnels) {
    if (status.id.value == id) return status;
  }
  return {};
}

void Host::execute(core::Actions actions) {
  most_actions = std::max(most_actions, actions.size());
  for (core::Action& action : actions) {
    if (auto* send = std::get_if<core::SendDatagram>(&action)) {
      sent.push_back(std::move(*send));
    } else if (const auto* allocate = std::get_if<core::AllocateSpi>(&action)) {
      const xfrm::SaKey key{allocate->destination, allocate->protocol, ChildSpi{++last_spi_}};
      if (kernel_sas.size() < kKernelSasKept) kernel_sas.push_back(key);
      answers.emplace_back(core::SpiAllocated{allocate->sa, allocate->ticket, key});
    } else if (auto* install = std::get_if<core::InstallSas>(&action)) {
      for (auto& sa : install->sas) {
        if (installed.size() == kKernelSasKept) installed.erase(installed.begin());
        installed.push_back(std::move(sa));
      }
      answers.emplace_back(core::SasInstalled{install->sa, install->ticket, {}});
    } else if (const auto* job = std::get_if<core::StartJob>(&action)) {
      ++jobs;
      answers.emplace_back(core::JobDone{job->sa, job->job, core::run_job(crypto_, job->what)});
    } else if (const auto* watch = std::get_if<core::WatchInbound>(&action)) {
      watched.push_back(*watch);
    } else if (const auto* persist = std::get_if<core::Persist>(&action)) {
      core::RecordEntries entries(persist->batch.view());
      while (const auto entry = entries.next()) {
        store.erase(entry->key);
        if (entry->content) store.emplace(entry->key, Secret::copy_of(*entry->content));
      }
    } else if (auto* event = std::get_if<core::Event>(&action)) {
      events.push_back(std::move(*event));
    }
  }
}

std::string established_state(const core::Engine& engine) {
  std::string text;
  for (const auto& tunnel : engine.snapshot().tunnels) {
    for (const auto& ike : tunnel.ike) {
      if (!ike.established) continue;
      text +=
          fmt::format("tunnel {} SA {} {:x}:{:x} {} {} {}{}:", tunnel.id.value, ike.id.value,
                      ike.our_spi.value, ike.peer_spi.value, ike.local.to_string(),
                      ike.remote.to_string(), ike.nat.local ? "N" : "", ike.nat.remote ? "n" : "");
      text += ike.current ? " current" : "";
      for (const auto& child : ike.children) {
        text += fmt::format(" {} {:x}:{:x} {}", child.id.value, child.inbound.value,
                            child.outbound.value, child.usable ? "usable" : "going");
      }
      text += '\n';
    }
  }
  return text;
}

core::TunnelConfig tunnel_between(std::uint64_t id, std::string_view local, std::string_view remote,
                                  std::string_view local_net, std::string_view remote_net) {
  core::TunnelConfig tunnel;
  tunnel.id = TunnelId{id};
  tunnel.name = fmt::format("tunnel-{}", id);
  tunnel.local = Address::parse(local).value();
  tunnel.remote = Address::parse(remote).value();
  tunnel.local_identity = Identity::of(tunnel.local);
  if (!tunnel.remote.is_any()) tunnel.remote_identity = Identity::of(tunnel.remote);
  tunnel.credential = core::make_shared_key_credential(Secret::copy_of("secret"));
  tunnel.offers = core::default_ike_offers(core::Profile::automatic);
  core::ChildConfig rule;
  rule.reqid = Reqid{static_cast<std::uint32_t>(id)};
  rule.selectors = {{TrafficSelector::of(Cidr::parse(local_net).value())},
                    {TrafficSelector::of(Cidr::parse(remote_net).value())}};
  rule.offers = core::default_child_offers(core::Profile::automatic);
  tunnel.children.push_back(std::move(rule));
  return tunnel;
}

}  // namespace ipsec::test
