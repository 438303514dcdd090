// Children installed and removed beside `ip -batch`, which does the same to the same kernel in the
// same run, with few and with many others there; and reading the counters of many SAs.
//
//   bench_xfrm ROUNDS
//
// Needs a kernel with ESP and root: scripts/bench runs it in user-mode Linux. It works in a network
// namespace of its own.
#include <linux/netlink.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"
#include "tests/bench/figure.h"
#include "xfrm/kernel.h"
#include "xfrm/messages.h"

namespace ipsec::bench {
namespace {

constexpr std::size_t kTurn = 100;  // children installed and removed between two looks at the clock
constexpr std::size_t kDumps = 20;
constexpr std::size_t kCountedChildren = 5'000;  // two SAs each
constexpr std::uint32_t kFirstTestSpi = 0x1000'0000;

template <typename T>
T must(std::expected<T, KernelError> result) {
  if (!result) throw std::runtime_error(describe(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Child number i: a tunnel to a peer of its own, one /24 on either side.
struct Child {
  std::uint32_t number;

  [[nodiscard]] static Address local() { return Address::v4(0xcb007101); }  // 203.0.113.1
  [[nodiscard]] Address remote() const { return Address::v4(0xc6120000 + number); }
  [[nodiscard]] Cidr own_net() const { return net(0x0a000000); }
  [[nodiscard]] Cidr peer_net() const { return net(0x64000000); }
  [[nodiscard]] ChildSpi in() const { return ChildSpi{kFirstTestSpi + 2 * number}; }
  [[nodiscard]] ChildSpi out() const { return ChildSpi{kFirstTestSpi + 2 * number + 1}; }
  [[nodiscard]] Reqid reqid() const { return Reqid{xfrm::kFirstReqid.value + number}; }

 private:
  [[nodiscard]] Cidr net(std::uint32_t base) const {
    return Cidr::enclosing(Address::v4(base + (number << 8)), 24);
  }
};

xfrm::SaSpec sa_of(const Child& child, xfrm::Direction direction) {
  const bool inbound = direction == xfrm::Direction::in;
  xfrm::SaSpec sa;
  sa.direction = direction;
  sa.source = inbound ? child.remote() : Child::local();
  sa.destination = inbound ? Child::local() : child.remote();
  sa.spi = inbound ? child.in() : child.out();
  sa.reqid = child.reqid();
  sa.encryption = find_encryption(EncryptionId::aes_gcm_16, 128);
  sa.encryption_key = Secret(20);
  sa.replay_window_packets = 1024;
  return sa;
}

xfrm::PolicySpec policies_of(const Child& child) {
  return {.reqid = child.reqid(),
          .local = Child::local(),
          .remote = child.remote(),
          .spi = child.out(),
          .local_selectors = {TrafficSelector::of(child.own_net())},
          .remote_selectors = {TrafficSelector::of(child.peer_net())},
          .attachment = {}};
}

void install(xfrm::Kernel& kernel, const Child& child) {
  std::vector<xfrm::SaSpec> sas;
  sas.push_back(sa_of(child, xfrm::Direction::in));
  sas.push_back(sa_of(child, xfrm::Direction::out));
  must(kernel.install(sas, policies_of(child)));
}

void remove(xfrm::Kernel& kernel, const Child& child) {
  must(kernel.remove(policies_of(child)));
  must(kernel.remove(sa_of(child, xfrm::Direction::out).key()));
  must(kernel.remove(sa_of(child, xfrm::Direction::in).key()));
}

// --- the same for `ip` ---

void write_ip_lines(std::ostream& out, const Child& child) {
  const auto local = Child::local().to_string();
  const auto remote = child.remote().to_string();
  const auto own_net = child.own_net().to_string();
  const auto peer_net = child.peer_net().to_string();
  const auto sa = [&](const std::string& source, const std::string& destination, ChildSpi spi) {
    out << fmt::format(
        "xfrm state add src {} dst {} proto esp spi {:#x} reqid {} mode tunnel flag af-unspec "
        "replay-window 1024 aead rfc4106(gcm(aes)) 0x{:040x} 128\n",
        source, destination, spi.value, child.reqid().value, 0);
  };
  const auto policy = [&](const std::string& source, const std::string& destination,
                          const std::string& direction, const std::string& from,
                          const std::string& to) {
    out << fmt::format(
        "xfrm policy add src {} dst {} dir {} tmpl src {} dst {} proto esp reqid {} mode tunnel\n",
        source, destination, direction, from, to, child.reqid().value);
  };
  sa(remote, local, child.in());
  sa(local, remote, child.out());
  policy(own_net, peer_net, "out", local, remote);
  policy(peer_net, own_net, "in", "0.0.0.0", local);
  policy(peer_net, own_net, "fwd", "0.0.0.0", local);
}

void write_ip_deletions(std::ostream& out, const Child& child) {
  const auto local = Child::local().to_string();
  const auto remote = child.remote().to_string();
  const auto own_net = child.own_net().to_string();
  const auto peer_net = child.peer_net().to_string();
  out << fmt::format("xfrm policy delete src {} dst {} dir out\n", own_net, peer_net)
      << fmt::format("xfrm policy delete src {} dst {} dir in\n", peer_net, own_net)
      << fmt::format("xfrm policy delete src {} dst {} dir fwd\n", peer_net, own_net)
      << fmt::format("xfrm state delete src {} dst {} proto esp spi {:#x}\n", local, remote,
                     child.out().value)
      << fmt::format("xfrm state delete src {} dst {} proto esp spi {:#x}\n", remote, local,
                     child.in().value);
}

void run_ip(const std::string& batch) {
  std::array<std::string, 3> words{"ip", "-batch", batch};
  std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = 0;
  int status = 0;
  if (::posix_spawnp(&child, "ip", nullptr, nullptr, argv.data(), environ) != 0 ||
      ::waitpid(child, &status, 0) != child || status != 0) {
    throw std::runtime_error("ip -batch " + batch + " failed");
  }
}

// --- measuring ---

template <typename Work>
double wall_us(Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  const auto spent = std::chrono::steady_clock::now() - begin;
  return std::chrono::duration<double, std::micro>(spent).count();
}

struct Cost {
  double ours_us = 0;
  double ip_us = 0;
};

std::vector<Child> children_from(std::uint32_t first, std::size_t count) {
  std::vector<Child> children;
  for (std::uint32_t i = 0; i < count; ++i) children.push_back({first + i});
  return children;
}

// One child installed and removed while `existing` others are there; ours and theirs in turns.
// What `ip` takes to start and read an empty batch is not held against it.
Cost cost_at(xfrm::Kernel& kernel, std::uint32_t existing, int rounds, const std::string& scratch) {
  const auto children = children_from(existing, kTurn);
  const std::string batch = scratch + "/batch";
  const std::string nothing = scratch + "/nothing";
  std::ofstream(nothing).close();
  {
    std::ofstream out(batch);
    for (const auto& child : children) write_ip_lines(out, child);
    for (const auto& child : children) write_ip_deletions(out, child);
  }
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int round = 0; round < rounds; ++round) {
    ours.push_back(wall_us([&] {
      for (const auto& child : children) install(kernel, child);
      for (const auto& child : children) remove(kernel, child);
    }));
    const double start = wall_us([&] { run_ip(nothing); });
    theirs.push_back(wall_us([&] { run_ip(batch); }) - start);
  }
  return {median(ours) / kTurn, median(theirs) / kTurn};
}

void print_cost(std::string_view existing, const Cost& cost) {
  constexpr std::string_view kBench = "xfrm";
  // At least as fast as `ip -batch`.
  print({kBench, "a child in and out", existing, "us", cost.ours_us, cost.ip_us, 1.0});
  print({kBench, "children per second", existing, "1/s", 1e6 / cost.ours_us, 1e6 / cost.ip_us});
}

// The same dump, nobody reading what it says: the kernel's share.
double bare_dump_ms() {
  auto socket = must(xfrm::Socket::open(NETLINK_XFRM));
  const double begin = cpu_us();
  for (std::size_t i = 0; i < kDumps; ++i) {
    const auto sequence = socket.reserve_sequence(1);
    Bytes question;
    xfrm::write_dump_sas(question, {.sequence = sequence});
    must(socket.dump(question, sequence, [](ByteView) {}, [] {}));
  }
  return (cpu_us() - begin) / 1e3 / kDumps;
}

void print_counters(xfrm::Kernel& kernel) {
  std::size_t rows = 0;
  const double begin = cpu_us();
  for (std::size_t i = 0; i < kDumps; ++i) rows += must(kernel.counters()).size();
  const double each_ms = (cpu_us() - begin) / 1e3 / kDumps;
  if (rows != kDumps * 2 * kCountedChildren) throw std::runtime_error("SAs are missing in a dump");
  print({"xfrm", "counters, CPU", "10000 SAs", "ms", each_ms, {}, 150.0});
  print({"xfrm", "bare dump, CPU", "10000 SAs", "ms", bare_dump_ms()});
}

void run(int rounds, const std::string& scratch) {
  if (::unshare(CLONE_NEWNET) != 0) {
    throw std::system_error(errno, std::generic_category(), "unshare");
  }
  auto kernel = must(xfrm::Kernel::open());
  static_cast<void>(kernel.tune());
  std::uint32_t existing = 0;
  const auto grow = [&](std::uint32_t count) {
    while (existing < count) install(kernel, {existing++});
  };
  grow(10);
  const auto few = cost_at(kernel, existing, rounds, scratch);
  print_cost("10 there", few);
  grow(1'000);
  print_cost("1000 there", cost_at(kernel, existing, rounds, scratch));
  grow(kCountedChildren);
  print_counters(kernel);
  grow(10'000);
  const auto many = cost_at(kernel, existing, rounds, scratch);
  print_cost("10000 there", many);
  print({"xfrm", "10000 there to 10", "ours", "times", many.ours_us / few.ours_us, {}, 3.0});
  print({"xfrm", "10000 there to 10", "ip -batch", "times", many.ip_us / few.ip_us});
}

}  // namespace
}  // namespace ipsec::bench

int main(int argc, char** argv) {
  const int rounds = argc == 2 ? std::atoi(argv[1]) : 0;
  if (rounds <= 0) {
    fmt::print(stderr, "usage: bench_xfrm ROUNDS\n");
    return 2;
  }
  std::string scratch = "/tmp/bench_xfrm.XXXXXX";
  if (const char* directory = std::getenv("TMPDIR")) {
    scratch = std::string(directory) + "/bench_xfrm.XXXXXX";
  }
  if (::mkdtemp(scratch.data()) == nullptr) return 1;
  int status = 0;
  try {
    ipsec::bench::run(rounds, scratch);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_xfrm: {}\n", error.what());
    status = 1;
  }
  for (const char* name : {"/batch", "/nothing"}) ::unlink((scratch + name).c_str());
  ::rmdir(scratch.c_str());
  return status;
}
