// bench_resume [TUNNELS]: what a daemon pays so that another can go on after it, and what that one
// pays for going on, with real cryptography and a real file, and without sockets or kernel. One
// JSON object a line.
//
// NOTE: Figures are CPU time of this thread. With the store and without are measured in turns; the
// median turn counts. The kernel's share, a dump of its SAs and policies, is not in here. The store
// lies in /dev/shm: a run directory is a tmpfs.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ike/core/engine/engine.h"
#include "ike/crypto/openssl_provider.h"
#include "ike/daemon/runtime_store.h"
#include "tests/bench/bare_openssl.h"
#include "tests/bench/figure.h"
#include "tests/bench/quick_random.h"
#include "tests/bench/suites.h"
#include "tests/support/folder.h"

namespace ipsec::bench {
namespace {

constexpr std::string_view kBench = "resume";
constexpr std::string_view kRunParent = "/dev/shm";
constexpr int kHandshakesPerTurn = 32;
constexpr int kTurns = 61;

Address peer_address(std::uint64_t number) {
  return Address::v4(0x64400000 + static_cast<std::uint32_t>(number));
}

core::TunnelPointer make_tunnel(std::uint64_t number, bool left, const Suite& suite = kCheapest) {
  const Address here = Address::v4(0xc0000201);
  const Address there = peer_address(number);
  const Cidr near = Cidr::enclosing(Address::v4(0x0a000000), 8);
  const Cidr far =
      Cidr::enclosing(Address::v4(0x14000000 + (static_cast<std::uint32_t>(number) << 8)), 24);
  core::TunnelConfig tunnel;
  tunnel.id = TunnelId{number};
  tunnel.name = fmt::format("tunnel-{}", number);
  tunnel.local = left ? here : there;
  tunnel.remote = left ? there : here;
  tunnel.local_identity = Identity::of(tunnel.local);
  tunnel.remote_identity = Identity::of(tunnel.remote);
  tunnel.credential = core::make_shared_key_credential(Secret::copy_of("a secret of some length"));
  tunnel.start = left ? core::Start::on_traffic : core::Start::respond;
  core::IkeOffer ike;
  ike.encryption = {find_encryption(suite.encryption)};
  if (!suite.integrity.empty()) ike.integrity = {find_integrity(suite.integrity)};
  ike.prfs = {find_prf(PrfId::hmac_sha2_256)};
  ike.groups = {find_group(suite.group)};
  core::ChildOffer esp;
  esp.encryption = ike.encryption;
  esp.integrity = ike.integrity;
  tunnel.offers = {ike};
  core::ChildConfig rule;
  rule.reqid = Reqid{xfrm::kFirstReqid.value + static_cast<std::uint32_t>(number)};
  rule.selectors = {{TrafficSelector::of(left ? near : far)},
                    {TrafficSelector::of(left ? far : near)}};
  rule.offers = {esp};
  tunnel.children = {rule};
  return std::make_shared<const core::TunnelConfig>(std::move(tunnel));
}

daemon::RuntimeStore::Opened open_store(const std::filesystem::path& folder) {
  auto opened = daemon::RuntimeStore::open(folder, "boot");
  if (!opened) die(describe(Error(opened.error())));
  return *std::move(opened);
}

// Two engines; everything they ask for is done at once. The left one keeps what it has, if it is
// to.
class Pair {
 public:
  Pair(const crypto::Provider& crypto, core::Keeping keeping, daemon::RuntimeStore* store)
      : crypto_(crypto),
        left_(crypto, random_, {}, keeping),
        right_(crypto, random_, {}),
        store_(store) {}
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  std::size_t children = 0;
  std::size_t resumed = 0;
  std::vector<core::KernelSa> in_kernel;

  void set(std::uint64_t number, const Suite& suite = kCheapest) {
    feed(right_, core::SetTunnel{make_tunnel(number, false, suite)});
    feed(left_, core::SetTunnel{make_tunnel(number, true, suite)});
  }
  void order(std::uint64_t number, core::Order what) {
    feed(left_, core::Command{TunnelId{number}, what});
  }
  void feed_left(core::Input input) { feed(left_, std::move(input)); }

 private:
  void feed(core::Engine& engine, core::Input input) {
    for (core::Action& action : engine.handle(std::move(input), now_)) act(engine, action);
  }

  void act(core::Engine& engine, core::Action& action) {
    const bool is_left = &engine == &left_;
    if (auto* send = std::get_if<core::SendDatagram>(&action)) {
      feed(is_left ? right_ : left_,
           core::Datagram{send->remote, send->local, std::move(send->bytes)});
    } else if (const auto* spi = std::get_if<core::AllocateSpi>(&action)) {
      const xfrm::SaKey key{spi->destination, spi->protocol, ChildSpi{++last_spi_}};
      feed(engine, core::SpiAllocated{spi->sa, spi->ticket, key});
    } else if (const auto* install = std::get_if<core::InstallSas>(&action)) {
      for (const auto& sa : install->sas) {
        if (is_left) in_kernel.push_back({sa.key(), sa.source, sa.encapsulation});
      }
      feed(engine, core::SasInstalled{install->sa, install->ticket, {}});
    } else if (const auto* job = std::get_if<core::StartJob>(&action)) {
      feed(engine, core::JobDone{job->sa, job->job, core::run_job(crypto_, job->what)});
    } else if (const auto* persist = std::get_if<core::Persist>(&action)) {
      if (store_ != nullptr) need(store_->append(persist->batch).has_value(), "it can be kept");
    } else if (const auto* event = std::get_if<core::Event>(&action)) {
      if (std::holds_alternative<core::ChildUp>(*event)) ++children;
      if (std::holds_alternative<core::Resumed>(*event)) ++resumed;
    }
  }

  const crypto::Provider& crypto_;
  QuickRandom random_;
  core::Engine left_;
  core::Engine right_;
  daemon::RuntimeStore* store_;
  Time now_{};
  std::uint32_t last_spi_ = 0xc0000000;
};

double handshakes_us(Pair& pair) {
  const double start = cpu_us();
  for (int i = 0; i < kHandshakesPerTurn; ++i) {
    pair.order(1, core::Order::up);
    pair.order(1, core::Order::down);
  }
  return (cpu_us() - start) / kHandshakesPerTurn;
}

// Both sides' handshake and its end, of which one side is kept: half of the whole is that side's.
void measure_keeping(const crypto::Provider& crypto, const Suite& suite) {
  constexpr double kMost = 0.1;
  const test::Folder folder(kRunParent);
  auto opened = open_store(folder.path());
  Pair with(crypto, core::Keeping::yes, &opened.store);
  Pair without(crypto, core::Keeping::no, nullptr);
  with.set(1, suite);
  without.set(1, suite);
  std::vector<double> plain;
  std::vector<double> more;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double kept_us = handshakes_us(with);
    plain.push_back(handshakes_us(without));
    more.push_back(kept_us - plain.back());
  }
  need(with.children == without.children && with.children > 0, "both make as many children");
  const double side_us = median(plain) / 2;
  const double more_us = median(more);
  print({kBench, "a side's handshake and end", suite.name, "us", side_us});
  print({kBench, "what keeping adds", suite.name, "us", more_us});
  print({kBench, "what keeping adds, of that", suite.name, "ratio", more_us / side_us, {}, kMost});
}

void measure_resume(const crypto::Provider& crypto, std::uint64_t tunnels) {
  constexpr double kMostMs = 2000;
  const test::Folder folder(kRunParent);
  auto before = open_store(folder.path());
  Pair first(crypto, core::Keeping::yes, &before.store);
  for (std::uint64_t number = 1; number <= tunnels; ++number) {
    first.set(number);
    first.order(number, core::Order::up);
  }
  need(first.children == 2 * tunnels, "every tunnel comes up");
  print({kBench, "store of a tunnel", fmt::format("{} tunnels", tunnels), "bytes",
         static_cast<double>(before.store.live_bytes()) / static_cast<double>(tunnels)});

  std::vector<core::TunnelPointer> configured;
  for (std::uint64_t number = 1; number <= tunnels; ++number) {
    configured.push_back(make_tunnel(number, true));
  }
  const double start = cpu_us();
  auto opened = open_store(folder.path());
  Pair second(crypto, core::Keeping::yes, &opened.store);
  second.feed_left(core::Resume{std::move(opened.records), first.in_kernel});
  for (auto& tunnel : configured) second.feed_left(core::SetTunnel{std::move(tunnel)});
  second.feed_left(core::ResumeOver{});
  const double ms = (cpu_us() - start) / 1000;
  need(second.resumed == tunnels, "every tunnel goes on");
  print({kBench,
         "from the file to the last tunnel",
         fmt::format("{} tunnels", tunnels),
         "ms",
         ms,
         {},
         kMostMs});
}

}  // namespace
}  // namespace ipsec::bench

int main(int argc, char** argv) {
  const int tunnels = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const auto provider = ipsec::crypto::OpensslProvider::create();
  if (!provider) ipsec::bench::die(provider.error().what);
  ipsec::bench::measure_keeping(**provider, ipsec::bench::kCheapest);
  ipsec::bench::measure_keeping(**provider, ipsec::bench::kUsual);
  ipsec::bench::measure_resume(**provider, static_cast<std::uint64_t>(std::max(tunnels, 1)));
  return 0;
}
