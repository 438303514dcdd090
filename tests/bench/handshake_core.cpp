// bench_handshake_core [ROUNDS]: what a whole handshake (IKE_SA_INIT, IKE_AUTH, one child) costs
// two engines in memory, with real cryptography and without sockets or kernel, beside the
// Diffie-Hellman operations alone in bare libcrypto. One JSON object a line.
//
// NOTE: Figures are CPU time of this thread. Ours and bare are measured in turns, a few dozen
// handshakes each; the median turn counts.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "ike/core/engine/engine.h"
#include "ike/crypto/openssl_provider.h"
#include "tests/bench/allocations.h"
#include "tests/bench/bare_openssl.h"
#include "tests/bench/figure.h"
#include "tests/bench/quick_random.h"

namespace ipsec::bench {
namespace {

constexpr int kHandshakesPerTurn = 32;

struct Variant {
  const char* name;
  const char* encryption;
  const char* integrity;  // empty with an AEAD
  const char* group;
  const char* bare_type;
  const char* bare_group;
};
constexpr Variant kVariants[] = {
    {"modp2048-aes128-sha256", "aes128", "sha256", "modp2048", "DH", "modp_2048"},
    {"x25519-aes128gcm16", "aes128gcm16", "", "x25519", "X25519", nullptr}};

core::TunnelPointer make_tunnel(const Variant& variant, bool left) {
  core::TunnelConfig tunnel;
  tunnel.id = TunnelId{1};
  tunnel.name = "bench";
  tunnel.local = Address::parse(left ? "192.0.2.1" : "203.0.113.2").value();
  tunnel.remote = Address::parse(left ? "203.0.113.2" : "192.0.2.1").value();
  tunnel.local_identity = Identity::of(tunnel.local);
  tunnel.remote_identity = Identity::of(tunnel.remote);
  tunnel.credential = core::make_shared_key_credential(Secret::copy_of("a secret of some length"));
  tunnel.start = left ? core::Start::on_traffic : core::Start::respond;
  core::IkeOffer ike;
  ike.encryption = {find_encryption(variant.encryption)};
  if (*variant.integrity != '\0') ike.integrity = {find_integrity(variant.integrity)};
  ike.prfs = {find_prf(PrfId::hmac_sha2_256)};
  ike.groups = {find_group(variant.group)};
  core::ChildOffer esp;
  esp.encryption = ike.encryption;
  esp.integrity = ike.integrity;
  tunnel.offers = {ike};
  core::ChildConfig rule;
  rule.reqid = Reqid{1};
  const auto here = TrafficSelector::of(Cidr::parse("10.1.0.0/16").value());
  const auto there = TrafficSelector::of(Cidr::parse("10.2.0.0/16").value());
  rule.selectors = left ? core::SelectorPair{{here}, {there}} : core::SelectorPair{{there}, {here}};
  rule.offers = {esp};
  tunnel.children = {rule};
  return std::make_shared<const core::TunnelConfig>(std::move(tunnel));
}

// Two engines; everything they ask for is done at once.
class Pair {
 public:
  Pair(const crypto::Provider& crypto, const Variant& variant) : crypto_(crypto) {
    feed(0, core::SetTunnel{make_tunnel(variant, true)});
    feed(1, core::SetTunnel{make_tunnel(variant, false)});
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  double jobs_us = 0;
  std::size_t jobs_allocations = 0;
  int children = 0;

  void order(core::Order what) { feed(0, core::Command{TunnelId{1}, what}); }

  void feed(std::size_t side, core::Input input) {
    for (core::Action& action : engines_[side].handle(std::move(input), now_)) {
      act(side, std::move(action));
    }
  }

 private:
  void act(std::size_t side, core::Action action) {
    if (auto* send = std::get_if<core::SendDatagram>(&action)) {
      feed(1 - side, core::Datagram{send->remote, send->local, std::move(send->bytes)});
    } else if (const auto* spi = std::get_if<core::AllocateSpi>(&action)) {
      const xfrm::SaKey key{spi->destination, spi->protocol, ChildSpi{++last_spi_}};
      feed(side, core::SpiAllocated{spi->sa, spi->ticket, key});
    } else if (const auto* install = std::get_if<core::InstallSas>(&action)) {
      feed(side, core::SasInstalled{install->sa, install->ticket, {}});
    } else if (const auto* job = std::get_if<core::StartJob>(&action)) {
      const double start = cpu_us();
      const std::size_t before = allocations();
      auto result = core::run_job(crypto_, job->what);
      jobs_allocations += allocations() - before;
      jobs_us += cpu_us() - start;
      feed(side, core::JobDone{job->sa, job->job, std::move(result)});
    } else if (const auto* event = std::get_if<core::Event>(&action)) {
      if (std::holds_alternative<core::ChildUp>(*event)) ++children;
    }
  }

  const crypto::Provider& crypto_;
  QuickRandom random_;
  core::Engine engines_[2] = {{crypto_, random_, {}}, {crypto_, random_, {}}};
  Time now_{};
  std::uint32_t last_spi_ = 0xc0000000;
};

// Of one handshake.
struct Costs {
  std::vector<double> all;
  std::vector<double> jobs;
  std::vector<double> bare;
  std::size_t allocations = 0;
};

void measure_ours(Pair& pair, Costs& costs) {
  double all_us = 0;
  pair.jobs_us = 0;
  pair.jobs_allocations = 0;
  pair.children = 0;
  std::size_t counted = 0;
  for (int i = 0; i < kHandshakesPerTurn; ++i) {
    const std::size_t before = allocations();
    const double start = cpu_us();
    pair.order(core::Order::up);
    all_us += cpu_us() - start;
    counted += allocations() - before;
    pair.order(core::Order::down);
  }
  need(pair.children == 2 * kHandshakesPerTurn, "every handshake makes a child on both sides");
  costs.all.push_back(all_us / kHandshakesPerTurn);
  costs.jobs.push_back(pair.jobs_us / kHandshakesPerTurn);
  costs.allocations = (counted - pair.jobs_allocations) / kHandshakesPerTurn;
}

void measure_bare(const Variant& variant, Costs& costs) {
  const double start = cpu_us();
  for (int i = 0; i < kHandshakesPerTurn; ++i) {
    EVP_PKEY* const keys[] = {bare_generate(variant.bare_type, variant.bare_group),
                              bare_generate(variant.bare_type, variant.bare_group)};
    bare_derive(keys[0], bare_public(keys[1]));
    bare_derive(keys[1], bare_public(keys[0]));
    for (EVP_PKEY* key : keys) EVP_PKEY_free(key);
  }
  costs.bare.push_back((cpu_us() - start) / kHandshakesPerTurn);
}

void measure(const crypto::Provider& crypto, const Variant& variant, int rounds) {
  constexpr double kOwnShareUs = 60;
  constexpr double kOfBare = 1.1;
  constexpr std::string_view kBench = "handshake-core";
  Pair pair(crypto, variant);
  Costs costs;
  for (int round = 0; round < rounds; ++round) {
    measure_ours(pair, costs);
    measure_bare(variant, costs);
  }
  std::vector<double> own;
  for (std::size_t i = 0; i < costs.all.size(); ++i) {
    own.push_back((costs.all[i] - costs.jobs[i]) / 2);
  }
  print({kBench, "handshake, both sides", variant.name, "us", median(costs.all)});
  print({kBench, "DH, both sides", variant.name, "us", median(costs.jobs), median(costs.bare),
         kOfBare});
  print({kBench, "engine's own share, a side", variant.name, "us", median(own), {}, kOwnShareUs});
  print({kBench, "engine's allocations, both sides", variant.name, "count",
         static_cast<double>(costs.allocations)});
}

}  // namespace
}  // namespace ipsec::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 25;
  const auto provider = ipsec::crypto::OpensslProvider::create();
  if (!provider) ipsec::bench::die(provider.error().what);
  for (const auto& variant : ipsec::bench::kVariants) {
    ipsec::bench::measure(**provider, variant, std::max(rounds, 1));
  }
  return 0;
}
