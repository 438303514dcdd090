// bench_crypto_core [SECONDS]: what the provider costs beside bare libcrypto, in one run, so that
// the machine cancels out. One JSON object a line; seconds is the time spent on each figure.
//
// NOTE: Rates are per CPU second of this thread: a busy neighbour does not show. Bare and ours are
// measured in turns, five each, and the best of each counts.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>

#include "ike/crypto/openssl_provider.h"
#include "tests/bench/bare_openssl.h"
#include "tests/bench/figure.h"

namespace {

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::GroupId;
using Work = std::function<void()>;

using ipsec::bench::bare_derive;
using ipsec::bench::bare_generate;
using ipsec::bench::bare_public;
using ipsec::bench::die;
using ipsec::bench::need;
using ipsec::bench::print;

constexpr int kTurns = 5;
constexpr double kOfBare = 1.1;
constexpr std::string_view kBench = "crypto-core";

double cpu_seconds() { return 1e-6 * ipsec::bench::cpu_us(); }

// Operations a CPU second.
double rate(const Work& work, double seconds) {
  work();
  const double start = cpu_seconds();
  long count = 0;
  double spent = 0;
  do {
    // Batches keep the clock out of short operations.
    for (int i = 0; i < 16; ++i) work();
    count += 16;
    spent = cpu_seconds() - start;
  } while (spent < seconds);
  return static_cast<double>(count) / spent;
}

void compare(std::string_view name, const Work& ours, const Work& bare, double seconds) {
  double ours_best = 0;
  double bare_best = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    ours_best = std::max(ours_best, rate(ours, seconds / kTurns));
    bare_best = std::max(bare_best, rate(bare, seconds / kTurns));
  }
  print({kBench, name, "", "us", 1e6 / ours_best, 1e6 / bare_best, kOfBare});
}

void alone(std::string_view name, const Work& ours, double seconds) {
  double best = 0;
  for (int turn = 0; turn < kTurns; ++turn) best = std::max(best, rate(ours, seconds / kTurns));
  print({kBench, name, "", "us", 1e6 / best});
}

void measure_group(const ipsec::crypto::Provider& provider, GroupId group, const char* type,
                   const char* name, double seconds) {
  const auto row = ipsec::find_group(group);
  const auto ours = std::move(provider.generate(group).value());
  const auto theirs = std::move(provider.generate(group).value());
  EVP_PKEY* const bare = bare_generate(type, name);
  EVP_PKEY* const bare_peer = bare_generate(type, name);
  const Bytes peer_public = bare_public(bare_peer);

  const Work generate = [&] { need(provider.generate(group).has_value(), "generate"); };
  const Work derive = [&] { need(ours->derive(theirs->public_value()).has_value(), "derive"); };
  const Work bare_generate_work = [&] {
    EVP_PKEY* const key = bare_generate(type, name);
    need(!bare_public(key).empty(), "public value");
    EVP_PKEY_free(key);
  };
  const Work bare_derive_work = [&] { bare_derive(bare, peer_public); };
  compare(fmt::format("{} generate", row->name), generate, bare_generate_work, seconds);
  compare(fmt::format("{} derive", row->name), derive, bare_derive_work, seconds);
  compare(
      fmt::format("{} both", row->name), [&] { generate(), derive(); },
      [&] { bare_generate_work(), bare_derive_work(); }, seconds);
  EVP_PKEY_free(bare);
  EVP_PKEY_free(bare_peer);
}

void measure_hmac(const ipsec::crypto::Provider& provider, double seconds) {
  const Bytes key(32, 1);
  const Bytes data(64, 2);
  const auto prf = provider.prf(ipsec::PrfId::hmac_sha2_256, key);

  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* const context = EVP_MAC_CTX_new(mac);
  std::string digest = "SHA2-256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  need(EVP_MAC_init(context, key.data(), key.size(), params) == 1, "EVP_MAC_init");
  compare(
      "hmac-sha256 of 64 bytes", [&] { need(prf->compute({data}).size() == 32, "prf"); },
      [&] {
        Bytes out(32);
        std::size_t size = 0;
        need(EVP_MAC_init(context, nullptr, 0, nullptr) == 1 &&
                 EVP_MAC_update(context, data.data(), data.size()) == 1 &&
                 EVP_MAC_final(context, out.data(), &size, out.size()) == 1,
             "EVP_MAC");
      },
      seconds);
  compare(
      "hmac-sha256 keying",
      [&] { need(provider.prf(ipsec::PrfId::hmac_sha2_256, key) != nullptr, "prf"); },
      [&] {
        EVP_MAC_CTX* const fresh = EVP_MAC_CTX_new(mac);
        need(EVP_MAC_init(fresh, key.data(), key.size(), params) == 1, "EVP_MAC_init");
        EVP_MAC_CTX_free(fresh);
      },
      seconds);
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
}

void measure_envelope(const ipsec::crypto::Provider& provider, const char* encryption,
                      const char* integrity, double seconds) {
  const auto* row = ipsec::find_encryption(encryption);
  const auto* mac = ipsec::find_integrity(integrity);
  const Bytes key(std::size_t{row->key_bytes} + row->salt_bytes, 1);
  const Bytes mac_key(mac == nullptr ? 0 : mac->key_bytes, 2);
  const auto id = mac == nullptr ? ipsec::IntegrityId::none : mac->id;
  const auto envelope = provider.envelope(*row, key, id, mac_key);
  const Bytes head(32, 3);
  const Bytes plaintext(300, 4);
  const Bytes iv(row->iv_bytes, 5);
  const Bytes body = envelope->seal(head, plaintext, iv).value();
  const std::string name =
      mac == nullptr ? std::string(row->name) : fmt::format("{}-{}", row->name, mac->name);
  alone(
      name + " seal 300 bytes",
      [&] { need(envelope->seal(head, plaintext, iv).has_value(), "seal"); }, seconds);
  alone(
      name + " open 300 bytes", [&] { need(envelope->open(head, body).has_value(), "open"); },
      seconds);
  alone(
      name + " keying",
      [&] { need(provider.envelope(*row, key, id, mac_key) != nullptr, "envelope"); }, seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
  const auto provider = ipsec::crypto::OpensslProvider::create();
  if (!provider) die(provider.error().what);
  measure_group(**provider, GroupId::modp2048, "DH", "modp_2048", seconds);
  measure_group(**provider, GroupId::x25519, "X25519", nullptr, seconds);
  measure_hmac(**provider, seconds);
  measure_envelope(**provider, "aes128", "sha1", seconds);
  measure_envelope(**provider, "aes256", "sha256", seconds);
  measure_envelope(**provider, "aes128gcm16", "", seconds);
  measure_envelope(**provider, "chacha20poly1305", "", seconds);
  return 0;
}
