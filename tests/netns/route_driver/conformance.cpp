#include "tests/netns/route_driver/conformance.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "route/kernel/kernel_driver.h"
#include "tests/netns/route_driver/run_ip.h"
#include "tests/netns/route_driver/wanted.h"
#include "tests/netns/xfrm_driver/words.h"
#include "tests/support/route_conformance.h"

namespace ipsec::driver {
namespace {

class KernelHands final : public route::conformance::Hands {
 public:
  KernelHands(test::PollReactor& reactor, route::NamespaceOpener& opener, std::string netns,
              std::string device)
      : reactor_(reactor), opener_(opener), netns_(std::move(netns)), device_(std::move(device)) {}

  std::unique_ptr<route::Driver> make_driver() override {
    return std::make_unique<route::KernelDriver>(reactor_, opener_);
  }

  route::Table fresh_table() override {
    return {std::string(route::kKernelDriver), fmt::to_string(next_table_++), netns_, {}};
  }

  std::vector<route::Hop> hops(Family family) override {
    const bool v4 = family == Family::v4;
    return {{Address::parse(v4 ? "10.255.0.2" : "fd00:255::2"), device_},
            {Address::parse(v4 ? "10.255.0.3" : "fd00:255::3"), device_}};
  }

  void add_foreign(const route::Table& table, const route::Route& route) override {
    change("add", table, route, {"proto", "static"});
  }
  void remove(const route::Table& table, const route::Route& route) override {
    change("delete", table, route, {});
  }

  std::vector<std::string> witness(const route::Table& table) override {
    std::vector<std::string> out;
    for (const char* family : {"-4", "-6"}) {
      // Fails where nothing has ever been put into the table.
      const IpAnswer answer = run_ip(netns_, {family, "-d", "route", "show", "table", table.name});
      if (answer.status != 0) continue;
      for (const std::string& line : split(answer.output, '\n')) {
        const bool more = line.starts_with(' ') || line.starts_with('\t');
        if (more && !out.empty()) {
          out.back() += line;
        } else if (!line.empty()) {
          out.push_back(line);
        }
      }
    }
    std::ranges::sort(out);
    return out;
  }

  bool turn(route::Driver* driver, std::chrono::milliseconds patience) override {
    return reactor_.turn(driver, patience);
  }

 private:
  void change(const std::string& verb, const route::Table& table, const route::Route& route,
              const std::vector<std::string>& more) {
    const bool v6 = route.key.destination.family() == Family::v6;
    std::vector<std::string> words{v6 ? "-6" : "-4", "route", verb};
    const auto of_route = words_of(route);
    words.insert(words.end(), of_route.begin(), of_route.end());
    words.insert(words.end(), {"table", table.name});
    words.insert(words.end(), more.begin(), more.end());
    must_ip(netns_, words);
  }

  test::PollReactor& reactor_;
  route::NamespaceOpener& opener_;
  std::string netns_;
  std::string device_;
  int next_table_ = 20'000;
};

}  // namespace

std::string run_conformance(test::PollReactor& reactor, route::NamespaceOpener& opener,
                            const std::string& netns, const std::string& device) {
  KernelHands hands(reactor, opener, netns, device);
  std::string out;
  for (const auto& verdict : route::conformance::run(hands)) {
    std::cerr << (verdict.skipped ? "skip "
                  : verdict.wrong ? "FAIL "
                                  : "ok ")
              << verdict.check << '\n';
    if (!verdict.wrong && !verdict.skipped) continue;
    if (!out.empty()) out += " | ";
    out += fmt::format("{}: {}", verdict.check, verdict.wrong.value_or("left out"));
  }
  return out;
}

}  // namespace ipsec::driver
