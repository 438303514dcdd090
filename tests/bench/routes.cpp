// Routes into a table of this kernel, in a network namespace of our own: a pass that pushes them
// all, one that finds nothing to do, one that takes them all away; `ip -batch` does the same.
// CPU time, the kernel's share in it; nobody's waiting.
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "route/kernel/kernel_driver.h"
#include "route/plan.h"
#include "tests/bench/figure.h"
#include "tests/support/poll_reactor.h"
#include "tests/support/setns_opener.h"

namespace ipsec::bench {
namespace {

constexpr std::uint32_t kRoutes = 10'000;
constexpr double kPushMs = 500;
constexpr double kIdleMs = 50;

// --- ours ---

route::Wanted wanted(Family family) {
  route::Wanted out;
  const auto via = Address::parse(family == Family::v4 ? "10.255.0.2" : "fd00:255::2");
  for (std::uint32_t i = 0; i < kRoutes; ++i) {
    const auto network = family == Family::v4 ? Address::v4(0x64000000 + (i << 8U))
                                              : *Address::parse(fmt::format("2001:db8:{:x}::", i));
    route::Route route{{Cidr::enclosing(network, family == Family::v4 ? 24 : 48), 100},
                       {{via, "bench0"}},
                       1438,
                       1398};
    out.routes.emplace(route.key, std::move(route));
  }
  return out;
}

// list, plan, apply, as the reconciler does; how many changes there were.
std::size_t pass(route::KernelDriver& driver, const route::Table& table,
                 const route::Wanted& wanted, const std::set<Cidr>& destinations) {
  route::Plan plan;
  driver.list(table, destinations, [&](const auto& listing) {
    if (!listing) throw std::runtime_error(listing.error().why);
    plan = route::plan(wanted, *listing);
  });
  if (plan.changes.empty()) return 0;
  driver.apply(table, plan.changes, [&](const route::Outcomes& outcomes) {
    for (const auto& outcome : outcomes) {
      if (!outcome) throw std::runtime_error(outcome.error().why);
    }
  });
  return plan.changes.size();
}

template <typename Work>
double cpu_ms(Work&& work) {
  const double begin = cpu_us();
  work();
  return (cpu_us() - begin) / 1e3;
}

// --- `ip` ---

// The CPU time of the child.
double run_ip_ms(const std::vector<std::string>& words) {
  std::vector<std::string> all{"ip"};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  int status = 0;
  rusage used{};
  if (::posix_spawnp(&child, "ip", nullptr, nullptr, argv.data(), environ) != 0 ||
      ::wait4(child, &status, 0, &used) != child || status != 0) {
    throw std::runtime_error("ip " + words.back() + " failed");
  }
  const auto ms = [](const timeval& time) {
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec);
  };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

void write_batch(const std::string& path, const std::string& verb, const route::Wanted& wanted) {
  std::ofstream out(path);
  for (const auto& [key, route] : wanted.routes) {
    out << "route " << verb << ' ' << to_string(route) << " table 102 proto 114\n";
  }
}

// --- both ---

void print_both(const std::string& what, std::string_view variant, const std::vector<double>& ours,
                const std::vector<double>& theirs) {
  print({"routes", what + ", CPU", variant, "ms", median(ours), {}, kPushMs});
  print({"routes", what + ", to ip -batch", variant, "ms", median(ours), median(theirs), 1.0});
}

void measure(Family family, int rounds, const std::string& scratch) {
  const std::string variant = family == Family::v4 ? "10000 IPv4" : "10000 IPv6";
  const route::Table table{"kernel", "101", "", ""};
  const route::Wanted all = wanted(family);
  std::set<Cidr> destinations;
  for (const auto& [key, route] : all.routes) destinations.insert(key.destination);
  write_batch(scratch + "/add", "add", all);
  write_batch(scratch + "/delete", "delete", all);

  test::PollReactor reactor;
  test::SetnsOpener opener;
  route::KernelDriver driver(reactor, opener);
  const auto expect = [&](const route::Wanted& wanted, std::size_t changes) {
    if (pass(driver, table, wanted, destinations) != changes) {
      throw std::runtime_error("a pass did not do what was to be done");
    }
  };
  std::array<std::vector<double>, 5> ms;
  for (int round = 0; round < rounds; ++round) {
    // What `ip` did, and the devices at first.
    while (reactor.turn(&driver, std::chrono::milliseconds(200))) continue;
    ms[0].push_back(cpu_ms([&] { expect(all, kRoutes); }));
    ms[1].push_back(cpu_ms([&] { expect(all, 0); }));
    ms[2].push_back(cpu_ms([&] { expect({}, kRoutes); }));
    if (reactor.turn(&driver, std::chrono::milliseconds(0))) {
      throw std::runtime_error("the kernel tells us what we did ourselves");
    }
    ms[3].push_back(run_ip_ms({"-batch", scratch + "/add"}));
    ms[4].push_back(run_ip_ms({"-batch", scratch + "/delete"}));
  }
  print_both("pushed in one pass", variant, ms[0], ms[3]);
  print({"routes", "nothing to do, CPU", variant, "ms", median(ms[1]), {}, kIdleMs});
  print_both("taken away in one pass", variant, ms[2], ms[4]);
}

void run(int rounds, const std::string& scratch) {
  if (::unshare(CLONE_NEWNET) != 0) {
    throw std::system_error(errno, std::generic_category(), "unshare");
  }
  // Link-local addresses would settle, and be told of, while we measure.
  std::ofstream(scratch + "/setup") << "link add bench0 type veth peer name bench1\n"
                                       "link set bench0 addrgenmode none up\n"
                                       "link set bench1 addrgenmode none up\n"
                                       "address add 10.255.0.1/24 dev bench0\n"
                                       "address add fd00:255::1/64 dev bench0 nodad\n";
  static_cast<void>(run_ip_ms({"-batch", scratch + "/setup"}));
  measure(Family::v4, rounds, scratch);
  measure(Family::v6, rounds, scratch);
}

}  // namespace
}  // namespace ipsec::bench

int main(int argc, char** argv) {
  const int rounds = argc == 2 ? std::atoi(argv[1]) : 0;
  if (rounds <= 0) {
    fmt::print(stderr, "usage: bench_routes ROUNDS\n");
    return 2;
  }
  const char* directory = std::getenv("TMPDIR");
  std::string scratch = std::string(directory != nullptr ? directory : "/tmp") + "/routes.XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) return 1;
  int status = 0;
  try {
    ipsec::bench::run(rounds, scratch);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_routes: {}\n", error.what());
    status = 1;
  }
  for (const char* name : {"/setup", "/add", "/delete"}) ::unlink((scratch + name).c_str());
  ::rmdir(scratch.c_str());
  return status;
}
