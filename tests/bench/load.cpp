// bench_load: a load for whoever answers at 10.99.0.2, see initiators.h.
//
//   bench_load dh SECONDS
//   bench_load SUITE TUNNELS one|own childless|child AT_ONCE DPD_SECONDS
//
// The first tells the cost of the two Diffie-Hellman operations of one side in bare libcrypto. The
// second reads orders from standard input, one a line, and answers each with a line of JSON:
// `churn SECONDS`, `pace SECONDS EVERY_MS`, `up COUNT`, `down`, `rekey-ike`, `rekey-child`.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "ike/crypto/openssl_provider.h"
#include "tests/bench/bare_openssl.h"
#include "tests/bench/figure.h"
#include "tests/bench/initiators.h"
#include "tests/bench/suites.h"

namespace ipsec::bench {
namespace {

// In microseconds of CPU time. The mean of all: in user-mode Linux the clock of CPU time ticks
// every 10 ms.
double bare_us(const Suite& suite, double seconds) {
  constexpr int kAtOnce = 16;
  EVP_PKEY* const peer = bare_generate(suite.bare_type, suite.bare_group);
  const Bytes peer_public = bare_public(peer);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  const double start = cpu_us();
  int done = 0;
  for (; std::chrono::steady_clock::now() < end; done += kAtOnce) {
    for (int i = 0; i < kAtOnce; ++i) {
      EVP_PKEY* const key = bare_generate(suite.bare_type, suite.bare_group);
      bare_derive(key, peer_public);
      EVP_PKEY_free(key);
    }
  }
  EVP_PKEY_free(peer);
  return (cpu_us() - start) / std::max(done, 1);
}

int tell_bare(double seconds) {
  for (const Suite& suite : kSuites) {
    fmt::print("{{\"suite\":\"{}\",\"us\":{:.2f}}}\n", suite.name, bare_us(suite, seconds));
  }
  return 0;
}

void tell(const Tally& it, std::size_t up) {
  const auto quantile = [&](double part) {
    if (it.latencies_ms.empty()) return 0.0;
    return it.latencies_ms[static_cast<std::size_t>(
        part * static_cast<double>(it.latencies_ms.size() - 1))];
  };
  fmt::print(
      "{{\"done\":{},\"failed_tries\":{},\"up\":{},\"wall_s\":{:.3f},\"p50_ms\":{:.2f},"
      "\"p90_ms\":{:.2f},\"max_ms\":{:.2f}}}\n",
      it.latencies_ms.size(), it.failed_tries, up, it.wall_s, quantile(0.5), quantile(0.9),
      quantile(1));
  (void)std::fflush(stdout);
}

std::optional<Tally> obey(Initiators& initiators, const std::string& line) {
  std::istringstream words(line);
  std::string what;
  double first = 0;
  double second = 0;
  words >> what >> first >> second;
  const auto seconds = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(first));
  if (what == "churn") return initiators.churn(seconds);
  if (what == "pace") {
    const auto every = std::chrono::milliseconds(static_cast<int>(second));
    if (every.count() <= 0) return std::nullopt;
    return initiators.pace(seconds, every);
  }
  if (what == "up") return initiators.up(static_cast<std::uint32_t>(first));
  if (what == "down") return initiators.down();
  if (what == "rekey-ike") return initiators.rekey(core::Order::rekey_ike);
  if (what == "rekey-child") return initiators.rekey(core::Order::rekey_children);
  return std::nullopt;
}

std::uint32_t number(std::string_view text) {
  std::uint32_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out == 0) {
    die("not a number: " + std::string(text));
  }
  return out;
}

Load load_of(std::span<char*> words) {
  const auto suite = std::ranges::find(kSuites, std::string_view(words[0]), &Suite::name);
  if (suite == std::end(kSuites)) die("no suite: " + std::string(words[0]));
  Load load;
  load.suite = &*suite;
  load.tunnels = number(words[1]);
  load.own_addresses = std::string_view(words[2]) == "own";
  load.children = std::string_view(words[3]) == "child";
  load.at_once = number(words[4]);
  load.dpd_delay = std::chrono::seconds(number(words[5]));
  return load;
}

int run(const Load& load) {
  const auto provider = crypto::OpensslProvider::create();
  if (!provider) die(provider.error().what);
  Initiators initiators(**provider, load);
  std::string pending;
  std::array<char, 256> buffer{};
  for (;;) {
    initiators.idle(STDIN_FILENO);
    const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size <= 0) return 0;
    pending.append(buffer.data(), static_cast<std::size_t>(size));
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      const auto tally = obey(initiators, line);
      if (!tally) die("no order: " + line);
      tell(*tally, initiators.up_now());
    }
  }
}

}  // namespace
}  // namespace ipsec::bench

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<std::size_t>(argc));
  if (argc == 3 && std::string_view(words[1]) == "dh") {
    return ipsec::bench::tell_bare(std::strtod(words[2], nullptr));
  }
  if (argc != 7) ipsec::bench::die("usage: see the head of tests/bench/load.cpp");
  return ipsec::bench::run(ipsec::bench::load_of(words.subspan(1)));
}
