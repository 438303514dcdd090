#include "tests/netns/xfrm_driver/driver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/netlink.h>

#include <algorithm>
#include <system_error>

#include "tests/netns/xfrm_driver/answers.h"
#include "xfrm/messages.h"

namespace ipsec::driver {
namespace {

xfrm::Protocol protocol_of(const std::string& text) {
  if (text != "esp" && text != "ah") throw WrongLine("no protocol: " + text);
  return text == "ah" ? xfrm::Protocol::ah : xfrm::Protocol::esp;
}

bool is_inbound(const std::string& text) {
  if (text != "in" && text != "out") throw WrongLine("neither in nor out: " + text);
  return text == "in";
}

xfrm::SaKey key_of(const Child& child, const std::string& direction) {
  return is_inbound(direction) ? xfrm::SaKey{child.local, child.protocol, child.in}
                               : xfrm::SaKey{child.remote, child.protocol, child.out};
}

struct Parts {
  bool in = false;
  bool out = false;
  bool policies = false;
};

Parts parts_of(Words words) {
  if (words.empty()) return {.in = true, .out = true, .policies = true};
  Parts parts;
  for (const auto& word : words) {
    if (word == "in") {
      parts.in = true;
    } else if (word == "out") {
      parts.out = true;
    } else if (word == "policies") {
      parts.policies = true;
    } else {
      throw WrongLine("no part of a child: " + word);
    }
  }
  return parts;
}

std::string text_of(ChildSpi spi) { return fmt::format("{:#x}", spi.value); }

std::string text_of(const std::vector<xfrm::SaKey>& keys) {
  std::vector<std::string> spis;
  for (const auto& key : keys) spis.push_back(text_of(key.spi));
  std::ranges::sort(spis);
  return spis.empty() ? "none" : fmt::format("{}", fmt::join(spis, ","));
}

struct Tell {
  std::string operator()(const xfrm::Acquired& it) const {
    return fmt::format("acquired reqid={} {}->{} protocol={}", number_of(it.reqid),
                       it.packet.source.to_string(), it.packet.destination.to_string(),
                       it.packet.protocol);
  }
  std::string operator()(const xfrm::FirstUsed& it) const {
    return "first-used " + text_of(it.key.spi) + (it.has_soft_limit ? " of-more" : "");
  }
  std::string operator()(const xfrm::SoftExpired& it) const {
    return "soft-expired " + text_of(it.key.spi);
  }
  std::string operator()(const xfrm::HardExpired& it) const {
    return "hard-expired " + text_of(it.key.spi);
  }
  std::string operator()(const xfrm::MappingChanged& it) const {
    return fmt::format("mapping-changed {} reqid={} {}", text_of(it.key.spi), number_of(it.reqid),
                       it.remote.to_string());
  }
  std::string operator()(const xfrm::ForeignChange& it) const {
    return "foreign " + (it.deleted ? text_of(it.deleted->spi) : "all");
  }
  std::string operator()(const xfrm::Overrun&) const { return "overrun"; }
};

std::string text_of(const xfrm::Missing& missing) {
  return fmt::format("{} ({})", missing.what, missing.module.empty() ? "-" : missing.module);
}

// Everything that has come is in `gateway.events` afterwards; waits only where there is nothing,
// and goes on where what has come is of no concern.
void gather_events(Gateway& gateway, milliseconds patience) {
  if (!gateway.monitor) throw WrongLine("no monitor");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    for (auto& event : must(gateway.monitor->read())) gateway.events.push_back(std::move(event));
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!gateway.events.empty() || left.count() <= 0) return;
    if (!is_readable(gateway.monitor->fd(), left)) return;
  }
}

}  // namespace

const std::map<std::string_view, Driver::Command>& Driver::commands() {
  static const std::map<std::string_view, Command> all = {
      {"open", &Driver::open},
      {"features", &Driver::features},
      {"tune", &Driver::tune},
      {"can", &Driver::can},
      {"algorithms", &Driver::algorithms},
      {"spi", &Driver::spi},
      {"child", &Driver::child},
      {"install", &Driver::install},
      {"install-at", &Driver::install_at},
      {"remove", &Driver::remove},
      {"move", &Driver::move},
      {"watch", &Driver::watch},
      {"await-volume", &Driver::await_volume},
      {"trap", &Driver::trap},
      {"untrap", &Driver::untrap},
      {"count", &Driver::count},
      {"held", &Driver::held},
      {"replay", &Driver::replay_state},
      {"reconcile", &Driver::reconcile},
      {"remember", &Driver::remember},
      {"offload-refusals", &Driver::offload_refusals},
      {"monitor", &Driver::monitor},
      {"event", &Driver::event},
      {"overruns", &Driver::overruns},
      {"wakes", &Driver::wakes},
      {"churn", &Driver::churn},
      {"interface", &Driver::interface},
      {"no-interface", &Driver::no_interface},
      {"udp", &Driver::udp},
      {"say", &Driver::say},
      {"hear", &Driver::hear},
      {"cross", &Driver::cross},
      {"sends", &Driver::sends},
  };
  return all;
}

std::string Driver::obey(const std::string& line) {
  std::string answer;
  try {
    const auto result = run(line);
    answer = result.empty() ? "ok" : "ok " + result;
  } catch (const Refused& refused) {
    answer = std::string("refused ") + refused.what();
  } catch (const WrongLine& wrong) {
    answer = std::string("wrong ") + wrong.what();
  } catch (const std::system_error& error) {
    answer = std::string("wrong ") + error.what();
  }
  // So that `ip netns pids` does not find this process where it only visits.
  namespaces_.enter("-");
  return answer;
}

std::string Driver::run(const std::string& line) {
  const auto words = split(line, ' ');
  if (words.size() < 2) throw WrongLine("takes a namespace and a command");
  const auto command = commands().find(words[1]);
  if (command == commands().end()) throw WrongLine("no command " + words[1]);
  namespaces_.enter(words[0]);
  return (this->*command->second)(gateways_[words[0]], Words(words).subspan(2));
}

xfrm::Kernel& Driver::kernel_of(Gateway& gateway) {
  if (!gateway.kernel) gateway.kernel = must(xfrm::Kernel::open());
  return *gateway.kernel;
}

const Child& Driver::child_of(const Gateway& gateway, Words words) {
  if (words.empty()) throw WrongLine("which child?");
  const auto found = gateway.children.find(words[0]);
  if (found == gateway.children.end()) throw WrongLine("no child " + words[0]);
  return found->second;
}

// --- what the kernel can ---

// Anew each time: what a module brought or took away shows.
std::string Driver::open(Gateway& gateway, Words words) {
  expect_count(words, 0);
  gateway.kernel.reset();
  kernel_of(gateway);
  return {};
}

std::string Driver::tune(Gateway& gateway, Words words) {
  expect_count(words, 0);
  const auto text = [](const std::vector<std::string>& lines) {
    return lines.empty() ? std::string("none") : fmt::format("{}", fmt::join(lines, ", "));
  };
  const auto tuned = kernel_of(gateway).tune();
  return fmt::format("done: {}; failed: {}", text(tuned.done), text(tuned.failed));
}

std::string Driver::features(Gateway& gateway, Words words) {
  expect_count(words, 0);
  const auto& features = kernel_of(gateway).features();
  std::vector<std::string> interfaces;
  for (const auto kind : features.interfaces) {
    interfaces.emplace_back(kind == xfrm::InterfaceKind::xfrm ? "xfrm" : "vti");
  }
  std::vector<std::string> missing;
  for (const auto& it : features.missing) missing.push_back(text_of(it));
  const auto yes = [](bool value) { return value ? "yes" : "no"; };
  return fmt::format("esn={} direction={} mapping_age={} interfaces={} missing={}",
                     yes(features.extended_sequence_numbers), yes(features.messages.sa_direction),
                     yes(features.messages.mapping_age), fmt::join(interfaces, ","),
                     missing.empty() ? "none" : fmt::format("{}", fmt::join(missing, "; ")));
}

std::string Driver::can(Gateway& /*gateway*/, Words words) {
  expect_count(words, 4);
  const auto* encryption = find_encryption(words[2]);
  const auto* integrity = find_integrity(words[3]);
  if ((encryption == nullptr && words[2] != "-") || (integrity == nullptr && words[3] != "-")) {
    throw WrongLine("no such algorithm");
  }
  auto socket = must(xfrm::Socket::open(NETLINK_XFRM));
  const auto missing = must(xfrm::probe_algorithms(socket, protocol_of(words[0]),
                                                   words[1] == "6" ? Family::v6 : Family::v4,
                                                   encryption, integrity));
  return missing ? "lacks " + text_of(*missing) : "can";
}

std::string Driver::algorithms(Gateway& /*gateway*/, Words words) {
  expect_count(words, 0);
  std::vector<std::string> all;
  for (const auto& encryption : all_encryption()) {
    if (encryption.is_aead()) {
      all.push_back(fmt::format("esp:{}:-", encryption.name));
      continue;
    }
    for (const auto& integrity : all_integrity()) {
      all.push_back(fmt::format("esp:{}:{}", encryption.name, integrity.name));
    }
  }
  for (const auto& integrity : all_integrity()) {
    all.push_back(fmt::format("ah:-:{}", integrity.name));
  }
  return fmt::format("{}", fmt::join(all, " "));
}

// --- SAs and policies ---

std::string Driver::spi(Gateway& gateway, Words words) {
  expect_count(words, 3);
  const auto key = must(kernel_of(gateway).allocate_spi(protocol_of(words[0]), address_of(words[1]),
                                                        address_of(words[2])));
  return text_of(key.spi);
}

std::string Driver::child(Gateway& gateway, Words words) {
  if (words.empty()) throw WrongLine("which child?");
  gateway.children.insert_or_assign(words[0], parse_child(words.subspan(1)));
  return {};
}

std::string Driver::install(Gateway& gateway, Words words) {
  const auto& child = child_of(gateway, words);
  const auto parts = parts_of(words.subspan(1));
  std::vector<xfrm::SaSpec> sas;
  if (parts.in) sas.push_back(inbound_of(child));
  if (parts.out) sas.push_back(outbound_of(child));
  must(kernel_of(gateway).install(
      sas, parts.policies ? std::optional(policies_of(child)) : std::nullopt));
  return {};
}

std::string Driver::install_at(Gateway& gateway, Words words) {
  expect_count(words, 3);
  const auto& child = child_of(gateway, words);
  const auto& features = kernel_of(gateway).features();
  auto socket = must(xfrm::Socket::open(NETLINK_XFRM));
  const auto first = socket.reserve_sequence(2);
  const std::vector<std::uint32_t> all_seen(child.window_packets / 32, 0xffffffff);
  const xfrm::ReplayState in{.sent = 0, .received = number_of(words[2]), .window = all_seen};
  const xfrm::ReplayState out{.sent = number_of(words[1]), .received = 0, .window = {}};
  Bytes batch;
  write_sa(batch, {.sequence = first, .acknowledge = false}, xfrm::SaVerb::add, inbound_of(child),
           features.messages, {.replay = &in});
  write_sa(batch, {.sequence = first + 1, .acknowledge = true}, xfrm::SaVerb::add,
           outbound_of(child), features.messages, {.replay = &out});
  for (const auto& refusal : must(socket.run(batch, first, 2))) {
    throw Refused(describe(KernelError{refusal.kernel_says, refusal.error_number}));
  }
  return {};
}

std::string Driver::remove(Gateway& gateway, Words words) {
  const auto& child = child_of(gateway, words);
  const auto parts = parts_of(words.subspan(1));
  auto& kernel = kernel_of(gateway);
  if (parts.policies) must(kernel.remove(policies_of(child)));
  if (parts.out) must(kernel.remove(key_of(child, "out")));
  if (parts.in) must(kernel.remove(key_of(child, "in")));
  return {};
}

std::string Driver::move(Gateway& gateway, Words words) {
  expect_count(words, 7);
  auto child = child_of(gateway, words);
  const Endpoint source{address_of(words[2]), port_of(words[3])};
  const Endpoint destination{address_of(words[4]), port_of(words[5])};
  const bool encapsulate = yes_or_no(words[6]);
  must(kernel_of(gateway).move(key_of(child, words[1]), source, destination, encapsulate));
  const auto& [own, peer] =
      is_inbound(words[1]) ? std::pair(destination, source) : std::pair(source, destination);
  child.local = own.address;
  child.remote = peer.address;
  child.ports.reset();
  if (encapsulate) child.ports = {.source_port = own.port, .destination_port = peer.port};
  gateway.children.insert_or_assign(words[0], std::move(child));
  return {};
}

std::string Driver::watch(Gateway& gateway, Words words) {
  expect_count(words, 2);
  const bool used = must(kernel_of(gateway).watch(key_of(child_of(gateway, words), words[1])));
  return used ? "used" : "unused";
}

std::string Driver::await_volume(Gateway& gateway, Words words) {
  expect_count(words, 2);
  must(kernel_of(gateway).await_volume(key_of(child_of(gateway, words), words[1])));
  return {};
}

std::string Driver::trap(Gateway& gateway, Words words) {
  expect_count(words, 1);
  must(kernel_of(gateway).set_trap(trap_of(child_of(gateway, words))));
  return {};
}

std::string Driver::untrap(Gateway& gateway, Words words) {
  expect_count(words, 1);
  must(kernel_of(gateway).remove_trap(trap_of(child_of(gateway, words))));
  return {};
}

// --- looking ---

std::string Driver::count(Gateway& gateway, Words words) {
  expect_count(words, 2);
  const auto key = key_of(child_of(gateway, words), words[1]);
  const auto rows = must(kernel_of(gateway).counters());
  const auto found = std::ranges::find(rows, key, &xfrm::SaUsage::key);
  if (found == rows.end()) return "none";
  const auto& it = found->counters;
  return fmt::format("{} {} {} {} {}", it.packets, it.bytes, it.replayed, it.outside_window,
                     it.integrity_failed);
}

std::string Driver::held(Gateway& gateway, Words words) {
  expect_count(words, 0);
  auto& kernel = kernel_of(gateway);
  const auto rows = must(kernel.sas());
  const auto sas = std::ranges::count(rows, false, &xfrm::SaRecord::larval);
  return fmt::format("{} {}", sas, must(kernel.policies()).size());
}

std::string Driver::replay_state(Gateway& gateway, Words words) {
  expect_count(words, 2);
  const auto key = key_of(child_of(gateway, words), words[1]);
  const auto rows = must(kernel_of(gateway).sas());
  const auto found =
      std::ranges::find_if(rows, [&](const xfrm::SaRecord& row) { return row.spec.key() == key; });
  if (found == rows.end()) return "none";
  return fmt::format("{} {}", found->replay.sent, found->replay.received);
}

std::string Driver::reconcile(Gateway& gateway, Words words) {
  std::vector<xfrm::SaKey> wanted;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& child = child_of(gateway, words.subspan(i));
    wanted.push_back(key_of(child, "in"));
    wanted.push_back(key_of(child, "out"));
  }
  const auto done = must(kernel_of(gateway).reconcile(wanted));
  return fmt::format("adopted={} lost={} deleted={} policies_added={} policies_deleted={}",
                     text_of(done.adopted), text_of(done.lost), text_of(done.deleted),
                     done.policies_added, done.policies_deleted);
}

std::string Driver::remember(Gateway& gateway, Words words) {
  expect_count(words, 2);
  const auto& child = child_of(gateway, words);
  if (words[1] == "child") {
    kernel_of(gateway).remember(policies_of(child));
  } else if (words[1] == "trap") {
    kernel_of(gateway).remember(trap_of(child));
  } else {
    throw WrongLine("neither child nor trap: " + words[1]);
  }
  return {};
}

std::string Driver::offload_refusals(Gateway& gateway, Words words) {
  expect_count(words, 0);
  return fmt::format("{}", fmt::join(kernel_of(gateway).take_offload_refusals(), " "));
}

// --- events ---

std::string Driver::monitor(Gateway& gateway, Words words) {
  expect_count(words, 0);
  gateway.events.clear();
  gateway.monitor = must(xfrm::Monitor::open(kernel_of(gateway).port()));
  return {};
}

std::string Driver::event(Gateway& gateway, Words words) {
  expect_count(words, 1);
  gather_events(gateway, patience_of(words[0]));
  if (gateway.events.empty()) return "none";
  const auto event = std::move(gateway.events.front());
  gateway.events.pop_front();
  return std::visit(Tell{}, event);
}

std::string Driver::wakes(Gateway& gateway, Words words) {
  expect_count(words, 1);
  if (!gateway.monitor) throw WrongLine("no monitor");
  return is_readable(gateway.monitor->fd(), patience_of(words[0])) ? "yes" : "no";
}

std::string Driver::overruns(Gateway& gateway, Words words) {
  expect_count(words, 1);
  std::size_t lost = 0;
  std::size_t others = 0;
  for (gather_events(gateway, patience_of(words[0])); !gateway.events.empty();
       gather_events(gateway, milliseconds(0))) {
    for (const auto& event : gateway.events) {
      ++(std::holds_alternative<xfrm::Overrun>(event) ? lost : others);
    }
    gateway.events.clear();
  }
  return fmt::format("{} {}", lost, others > 0 ? "and others" : "alone");
}

std::string Driver::churn(Gateway& gateway, Words words) {
  expect_count(words, 2);
  const auto& child = child_of(gateway, words);
  auto other = must(xfrm::Kernel::open());
  for (std::uint64_t left = number_of(words[1]); left > 0; --left) {
    std::vector<xfrm::SaSpec> sas;
    sas.push_back(inbound_of(child));
    must(other.install(sas, std::nullopt));
    must(other.remove(key_of(child, "in")));
  }
  return {};
}

}  // namespace ipsec::driver
