#include "ike/daemon/checks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/base/endpoint.h"
#include "ike/daemon/findings.h"

namespace ipsec::daemon {

SystemFacts gather(const Machine& machine, const xfrm::Features& kernel,
                   std::vector<TunnelPath> tunnels) {
  SystemFacts facts;
  facts.kernel = kernel;
  facts.tunnels = std::move(tunnels);
  facts.devices = machine.devices();
  facts.routes = machine.routes();
  const auto own = machine.own_sockets();
  for (const std::uint16_t port : {kIkePort, kNattPort}) {
    UdpPort state{port, false, false};
    for (const std::uint64_t inode : machine.udp_sockets(port)) {
      (own.contains(inode) ? state.ours : state.others) = true;
    }
    facts.ports.push_back(state);
  }
  facts.ip_forward = machine.setting("net/ipv4/ip_forward");
  facts.ipv6_forwarding = machine.setting("net/ipv6/conf/all/forwarding");
  facts.acquire_expires_s = machine.setting("net/core/xfrm_acq_expires");
  facts.conntrack_count = machine.setting("net/netfilter/nf_conntrack_count");
  facts.conntrack_max = machine.setting("net/netfilter/nf_conntrack_max");
  facts.iptables = machine.iptables();
  facts.nftables = nftables();
  facts.clock_synchronised = clock_is_synchronised();
  return facts;
}

std::string sysctl_advice(std::string_view name, std::uint64_t value) {
  return fmt::format("sysctl -w {0}={1}; keep it with the line '{0}={1}' in /etc/sysctl.d/", name,
                     value);
}

std::string device_setting(Family family, std::string_view device, std::string_view name) {
  const std::string_view version = family == Family::v4 ? "ipv4" : "ipv6";
  const char between = device.find('.') == std::string_view::npos ? '.' : '/';
  return fmt::format("net{0}{1}{0}conf{0}{2}{0}{3}", between, version, device, name);
}

namespace {

// --- the kernel --------------------------------------------------------------------------------

void judge_kernel(const SystemFacts& facts, Findings& out) {
  if (facts.kernel.missing.empty()) {
    out.good("kernel", "has all that tunnels need: SAs, policies and the algorithms' modules");
  }
  for (const xfrm::Missing& missing : facts.kernel.missing) {
    if (missing.module.empty()) {
      out.warning(missing.what, "not in this kernel", "boot a kernel that has it built");
      continue;
    }
    out.warning(missing.what, fmt::format("missing: module {} is not loaded", missing.module),
                fmt::format("modprobe {0}; keep it with the line '{0}' in "
                            "/etc/modules-load.d/ipsecd.conf; then restart the daemon",
                            missing.module));
  }
  if (!facts.kernel.extended_sequence_numbers) {
    out.note("extended sequence numbers",
             "not in this kernel: child SAs are rekeyed before 2^32 packets");
  }
}

// What a tunnel cannot be without; the kernel is asked each time, so a module that came shows.
void judge_protection(const SystemFacts& facts, Findings& out) {
  for (const TunnelPath& tunnel : facts.tunnels) {
    for (const xfrm::Missing& missing : tunnel.missing) {
      const std::string what = fmt::format("tunnel '{}'", tunnel.name);
      const std::string lacks = fmt::format("cannot be: this kernel lacks {}", missing.what);
      if (missing.module.empty()) {
        out.bad(what, lacks, "boot a kernel that has it built, or name other algorithms");
      } else {
        out.bad(what, lacks,
                fmt::format("modprobe {0}; keep it with the line '{0}' in "
                            "/etc/modules-load.d/ipsecd.conf; or name other algorithms",
                            missing.module));
      }
    }
  }
}

// A first packet asks for its tunnel once in that time; the negotiation it starts takes up to 12 s.
constexpr std::uint64_t kAcquireLeast = 12;  // seconds
constexpr std::uint64_t kAcquireMost = 300;

void judge_acquire(const SystemFacts& facts, Findings& out) {
  constexpr const char* kName = "net.core.xfrm_acq_expires";
  if (!facts.acquire_expires_s) return;
  const std::uint64_t value = *facts.acquire_expires_s;
  const std::string found = fmt::format("{} s", value);
  if (value < kAcquireLeast) {
    out.warning(kName, found + ": packets that wait for a tunnel are given up before it can be up",
                sysctl_advice(kName, 30));
  } else if (value > kAcquireMost) {
    out.warning(
        kName,
        found + ": after a failed try, packets do not ask for their tunnel again for so long",
        sysctl_advice(kName, 30));
  } else {
    out.good(kName, found);
  }
}

// --- sockets and clock -------------------------------------------------------------------------

void judge_ports(const SystemFacts& facts, Findings& out) {
  for (const UdpPort& port : facts.ports) {
    const std::string what = fmt::format("UDP {}", port.port);
    const std::string look =
        fmt::format("find the other program with `ss -lunp 'sport = {}'` and stop it", port.port);
    if (port.others) {
      out.bad(what,
              port.ours ? "another program listens on this port too, and may get the packets"
                        : "another program has it",
              look);
    } else if (port.ours) {
      out.good(what, "open, ours");
    } else {
      out.bad(what, "nobody listens", "restart the daemon and read its log for why it cannot");
    }
  }
}

void judge_clock(const SystemFacts& facts, Findings& out) {
  if (facts.clock_synchronised) {
    out.good("clock", "synchronised");
    return;
  }
  out.note("clock", "not synchronised: times in logs may not fit those of the peer",
           "timedatectl set-ntp true, or run chrony or ntpd");
}

// --- forwarding --------------------------------------------------------------------------------

bool carries(const SystemFacts& facts, Family family) {
  return std::ranges::any_of(facts.tunnels, [&](const TunnelPath& tunnel) {
    return std::ranges::find(tunnel.families, family) != tunnel.families.end();
  });
}

void judge_forwarding(const SystemFacts& facts, Findings& out) {
  const auto judge_one = [&](const char* name, const std::optional<std::uint64_t>& value) {
    if (!value) {
      out.bad(name, "not to be read: this kernel does not do that protocol",
              "boot a kernel that has it, or load its module");
    } else if (*value == 0) {
      out.bad(name, "0: packets from the local networks are not forwarded into tunnels",
              sysctl_advice(name, 1));
    } else {
      out.good(name, fmt::format("{}", *value));
    }
  };
  if (carries(facts, Family::v4) || facts.tunnels.empty()) {
    judge_one("net.ipv4.ip_forward", facts.ip_forward);
  }
  if (carries(facts, Family::v6)) judge_one("net.ipv6.conf.all.forwarding", facts.ipv6_forwarding);
}

// --- devices -----------------------------------------------------------------------------------

// A device that the packets of a tunnel leave from, in ESP.
struct TunnelDevice {
  const Device* device = nullptr;
  std::vector<std::string> tunnels;
  std::string elsewhere;  // the device that the way back to a peer leaves from, where another
};

std::vector<TunnelDevice> tunnel_devices(const SystemFacts& facts) {
  std::vector<TunnelDevice> carriers;
  const auto note = [&](const Device* device, const TunnelPath& tunnel) -> TunnelDevice* {
    if (device == nullptr || device->name == "lo") return nullptr;
    auto at = std::ranges::find(carriers, device, &TunnelDevice::device);
    if (at == carriers.end()) at = carriers.insert(at, TunnelDevice{device, {}, {}});
    if (at->tunnels.empty() || at->tunnels.back() != tunnel.name) {
      at->tunnels.push_back(tunnel.name);
    }
    return &*at;
  };
  for (const TunnelPath& tunnel : facts.tunnels) {
    const Device* here = device_with(facts.devices, tunnel.local);
    const Route* route = tunnel.remote.is_any() ? nullptr : route_to(facts.routes, tunnel.remote);
    const Device* there = route == nullptr ? here : device_named(facts.devices, route->device);
    note(there, tunnel);
    TunnelDevice* const carrier = note(here, tunnel);
    if (carrier != nullptr && there != nullptr && there != here) carrier->elsewhere = there->name;
  }
  return carriers;
}

std::string names_of(const std::vector<std::string>& tunnels) {
  if (tunnels.size() == 1) return fmt::format("tunnel '{}'", tunnels.front());
  return fmt::format("{} tunnels", tunnels.size());
}

// The kernel combines "all" with the device: the greater of both, either, or both of them.
enum class Combined : std::uint8_t { greater, either, both };

std::optional<int> in_force(const SystemFacts& facts, const Device& device, const char* name,
                            Combined how) {
  const auto own = device.setting(Family::v4, name);
  const Device* all = device_named(facts.devices, "all");
  const auto general = all == nullptr ? std::nullopt : all->setting(Family::v4, name);
  if (!own) return std::nullopt;
  if (!general) return own;
  switch (how) {
    case Combined::greater:
      return std::max(*own, *general);
    case Combined::either:
      return *own != 0 || *general != 0 ? 1 : 0;
    case Combined::both:
      break;
  }
  return *own != 0 && *general != 0 ? 1 : 0;
}

std::string both_off(const Device& device, const char* name) {
  return fmt::format("sysctl -w net.ipv4.conf.all.{0}=0 {1}=0; keep both in /etc/sysctl.d/", name,
                     device_setting(Family::v4, device.name, name));
}

// Packets that come out of ESP or AH are let off by the kernel; the ESP packets themselves and
// what the local networks send are not.
void judge_reverse_path(const SystemFacts& facts, const TunnelDevice& carrier, Findings& out) {
  const auto value = in_force(facts, *carrier.device, "rp_filter", Combined::greater);
  if (!value) return;
  const std::string what = device_setting(Family::v4, carrier.device->name, "rp_filter");
  if (*value != 1) {
    out.good(what, fmt::format("{}", *value));
    return;
  }
  // The greater one holds, so 2 for the device is enough whatever "all" says.
  const std::string advice = sysctl_advice(what, 2);
  if (!carrier.elsewhere.empty()) {
    out.bad(what,
            fmt::format("1 (strict): the way back to the peer leaves from {}, so its packets are "
                        "dropped as they come in here ({})",
                        carrier.elsewhere, names_of(carrier.tunnels)),
            advice);
    return;
  }
  out.warning(what,
              fmt::format("1 (strict): packets whose way back leaves from another device are "
                          "dropped ({})",
                          names_of(carrier.tunnels)),
              advice);
}

void judge_redirects(const SystemFacts& facts, const Device& device, Findings& out) {
  const auto sends = in_force(facts, device, "send_redirects", Combined::either);
  const std::string send = device_setting(Family::v4, device.name, "send_redirects");
  if (sends == 1) {
    out.warning(send, "on: hosts may be told to go around the gateway, in clear",
                both_off(device, "send_redirects"));
  } else if (sends) {
    out.good(send, "off");
  }
  // Where a device forwards it takes both to accept them.
  const bool forwards = device.setting(Family::v4, "forwarding").value_or(0) != 0;
  const auto accepts =
      in_force(facts, device, "accept_redirects", forwards ? Combined::both : Combined::either);
  const std::string accept = device_setting(Family::v4, device.name, "accept_redirects");
  if (accepts == 1) {
    out.warning(accept, "on: anybody on the link can lead the gateway's packets elsewhere",
                both_off(device, "accept_redirects"));
  } else if (accepts) {
    out.good(accept, "off");
  }
}

void judge_exemptions(const SystemFacts& facts, const TunnelDevice& carrier, Findings& out) {
  const Device& device = *carrier.device;
  const auto note = [&](const char* name, std::optional<int> value, const char* meaning) {
    const std::string what = device_setting(Family::v4, device.name, name);
    if (!value) return;
    if (*value == 0) {
      out.good(what, "0");
    } else {
      out.bad(what, fmt::format("1: {} ({})", meaning, names_of(carrier.tunnels)),
              both_off(device, name));
    }
  };
  note("disable_xfrm", in_force(facts, device, "disable_xfrm", Combined::either),
       "packets leave here unencrypted, whatever the policies say");
  note("disable_policy", in_force(facts, device, "disable_policy", Combined::either),
       "unencrypted packets with addresses of the peer's networks are let in");
  if (device.setting(Family::v6, "disable_policy").value_or(0) != 0) {
    const std::string what = device_setting(Family::v6, device.name, "disable_policy");
    out.bad(what, "1: unencrypted packets with addresses of the peer's networks are let in",
            sysctl_advice(what, 0));
  }
}

void judge_devices(const SystemFacts& facts, Findings& out) {
  for (const TunnelDevice& carrier : tunnel_devices(facts)) {
    const Device& device = *carrier.device;
    if (facts.ip_forward.value_or(0) != 0 && device.setting(Family::v4, "forwarding") == 0) {
      const std::string what = device_setting(Family::v4, device.name, "forwarding");
      out.bad(what, "0: packets that come out of tunnels here are not forwarded",
              sysctl_advice(what, 1));
    }
    judge_reverse_path(facts, carrier, out);
    judge_redirects(facts, device, out);
    judge_exemptions(facts, carrier, out);
  }
}

// --- firewalls ---------------------------------------------------------------------------------

// M106-M108.
constexpr std::string_view kOpenings =
    "let UDP 500, UDP 4500, ESP (IP protocol 50) and, for AH tunnels, AH (51) in and out, and "
    "forward between local and peer networks, here and at the peer: nft add rule inet filter input "
    "udp dport '{ 500, 4500 }' accept; nft add rule inet filter input meta l4proto '{ esp, ah }' "
    "accept; nft add rule inet filter forward meta ipsec exists accept";

void judge_firewall(const SystemFacts& facts, Findings& out) {
  const auto loaded = [](const char* of, const std::vector<std::string>& tables) {
    return tables.empty() ? std::string() : fmt::format("{}: {}", of, fmt::join(tables, ", "));
  };
  std::vector<std::string> found;
  for (auto text : {loaded("iptables", facts.iptables), loaded("nftables", facts.nftables)}) {
    if (!text.empty()) found.push_back(std::move(text));
  }
  if (found.empty()) {
    out.note("firewall", "none on this machine; those on the way and the peer's count as well",
             std::string(kOpenings));
    return;
  }
  out.warning("firewall", fmt::format("rules are loaded here ({})", fmt::join(found, "; ")),
              std::string(kOpenings));
}

void judge_conntrack(const SystemFacts& facts, Findings& out) {
  if (!facts.conntrack_max) return;
  const std::uint64_t most = *facts.conntrack_max;
  const std::uint64_t count = facts.conntrack_count.value_or(0);
  const std::string found = fmt::format("{} of {} connections", count, most);
  if (most != 0 && count >= most - most / 10) {
    out.warning("conntrack", found + ": new connections are dropped once it is full",
                sysctl_advice("net.netfilter.nf_conntrack_max", 2 * most));
    return;
  }
  out.note("conntrack", found + "; masquerading must leave packets of tunnels alone",
           "where this machine masquerades: iptables -t nat -I POSTROUTING -m policy --pol ipsec "
           "--dir out -j ACCEPT");
}

}  // namespace

std::vector<control::Finding> judge(const SystemFacts& facts) {
  Findings out;
  judge_kernel(facts, out);
  judge_protection(facts, out);
  judge_acquire(facts, out);
  judge_ports(facts, out);
  judge_forwarding(facts, out);
  judge_devices(facts, out);
  judge_firewall(facts, out);
  judge_conntrack(facts, out);
  judge_clock(facts, out);
  return std::move(out).take();
}

}  // namespace ipsec::daemon
