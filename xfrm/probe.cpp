#include "xfrm/probe.h"

#include <cerrno>
#include <utility>

#include "xfrm/batch.h"
#include "xfrm/link_messages.h"
#include "xfrm/netlink_message.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

// Packets to this SPI on loopback are nobody's.
constexpr ChildSpi kProbeSpi{0x4950};
constexpr MessageFeatures kEverything{.sa_direction = true, .mapping_age = true};
// The kernel takes a plain SA whatever it knows: attributes that are new to it, it skips.
constexpr const char* kProbing = "probe the kernel's XFRM";

struct Algorithms {
  const EncryptionRow* encryption = nullptr;
  const IntegrityRow* integrity = nullptr;
};

SaSpec probe_spec(Protocol protocol, Family family, const Algorithms& algorithms) {
  const Address loopback = family == Family::v4
                               ? Address::v4(0x7f000001)
                               : Address::any(Family::v6).next().value_or(Address{});
  SaSpec spec;
  spec.direction = Direction::in;
  spec.source = loopback;
  spec.destination = loopback;
  spec.protocol = protocol;
  spec.spi = kProbeSpi;
  spec.reqid = kLastReqid;
  spec.replay_window_packets = 64;
  spec.encryption = algorithms.encryption;
  spec.integrity = algorithms.integrity;
  // 3DES refuses a key whose parts are equal; no key of these is ever used.
  const auto some_key = [](std::size_t size) {
    Secret key(size);
    std::uint8_t value = 1;
    for (auto& byte : key.writable()) byte = value = static_cast<std::uint8_t>(value * 5 + 2);
    return key;
  };
  if (const auto* row = algorithms.encryption) {
    spec.encryption_key = some_key(std::size_t{row->key_bytes} + row->salt_bytes);
  }
  if (const auto* row = algorithms.integrity) spec.integrity_key = some_key(row->key_bytes);
  return spec;
}

// What the kernel says to the SA; 0 is yes. Taken away again unless `keep`. One that an earlier
// probe left behind makes room.
std::expected<int, KernelError> try_sa(Socket& socket, const SaSpec& spec, bool keep) {
  Batch batch(socket, keep ? 2 : 3);
  write_delete_sa(batch.bytes(), batch.next(), spec.key(), {});
  write_sa(batch.bytes(), batch.next(), SaVerb::add, spec, kEverything);
  if (!keep) write_delete_sa(batch.bytes(), batch.next(), spec.key(), {});
  const auto refusals = batch.send();
  if (!refusals) return std::unexpected(refused(kProbing, refusals.error()));
  for (const Refusal& refusal : *refusals) {
    if (refusal.error_number == EPERM) return std::unexpected(refused(kProbing, refusal));
    if (refusal.index == 1) return refusal.error_number;
  }
  return 0;
}

// The first algorithms that this kernel has, or why even the likeliest are refused.
struct Found {
  int error_number = 0;
  Algorithms algorithms;
};
std::expected<Found, KernelError> find_algorithms(Socket& socket, Protocol protocol,
                                                  Family family) {
  const auto row = [](std::string_view name) { return find_encryption(name); };
  std::vector<Algorithms> candidates;
  for (const IntegrityRow& integrity : all_integrity()) {
    candidates.push_back({protocol == Protocol::esp ? row("aes128") : nullptr, &integrity});
  }
  if (protocol == Protocol::esp) {
    for (const auto* name : {"aes128gcm16", "chacha20poly1305"}) {
      candidates.push_back({row(name), nullptr});
    }
  }
  int error_number = 0;
  for (const Algorithms& algorithms : candidates) {
    const auto answer = try_sa(socket, probe_spec(protocol, family, algorithms), false);
    if (!answer) return std::unexpected(answer.error());
    if (*answer == 0) return Found{0, algorithms};
    // Algorithms are looked at first, then the protocol.
    error_number = *answer;
    if (error_number == EPROTONOSUPPORT) break;
  }
  return Found{error_number, {}};
}

// What is told back was understood.
std::expected<void, KernelError> probe_messages(Socket& socket, Protocol protocol, Family family,
                                                const Algorithms& algorithms, Features& features) {
  SaSpec spec = probe_spec(protocol, family, algorithms);
  if (protocol == Protocol::esp) spec.encapsulation = UdpEncapsulation{4500, 4500};
  const auto added = try_sa(socket, spec, true);
  if (!added) return std::unexpected(added.error());
  if (*added == 0) {
    Batch question(socket, 1);
    const Header header = question.next();
    write_get_sa(question.bytes(), {.sequence = header.sequence}, spec.key(), {});
    const auto asked = socket.ask(question.bytes(), header.sequence, [&](ByteView message) {
      MessageReader reader(message);
      static_cast<void>(reader.body<xfrm_usersa_info>("SA"));
      features.messages = {.sa_direction = reader.find(kSaDirectionAttribute).has_value(),
                           .mapping_age = reader.find(XFRMA_MTIMER_THRESH).has_value()};
    });
    if (!asked) return std::unexpected(refused(kProbing, asked.error()));
  }
  SaSpec extended = probe_spec(protocol, family, algorithms);
  extended.extended_sequence_numbers = true;
  const auto taken = try_sa(socket, extended, false);
  if (!taken) return std::unexpected(taken.error());
  features.extended_sequence_numbers = *taken == 0;
  return {};
}

std::optional<Missing> named(const EncryptionRow* row) {
  if (row == nullptr) return std::nullopt;
  return Missing{std::string(row->name), std::string(row->kernel_module)};
}
std::optional<Missing> named(const IntegrityRow* row) {
  if (row == nullptr) return std::nullopt;
  return Missing{std::string(row->name), std::string(row->kernel_module)};
}

}  // namespace

std::expected<Features, KernelError> probe(Socket& socket) {
  Features features;
  bool asked_messages = false;
  for (const Family family : {Family::v4, Family::v6}) {
    for (const Protocol protocol : {Protocol::esp, Protocol::ah}) {
      const auto found = find_algorithms(socket, protocol, family);
      if (!found) return std::unexpected(found.error());
      if (found->error_number != 0) {
        features.missing.push_back(
            found->error_number == EPROTONOSUPPORT
                ? protocol_missing(protocol, family)
                : Missing{"every algorithm for " + protocol_missing(protocol, family).what, ""});
        continue;
      }
      if (std::exchange(asked_messages, true)) continue;
      const auto asked = probe_messages(socket, protocol, family, found->algorithms, features);
      if (!asked) return std::unexpected(asked.error());
    }
  }
  auto interfaces = probe_interfaces();
  if (!interfaces) return std::unexpected(interfaces.error());
  features.interfaces = *std::move(interfaces);
  if (features.interfaces.empty()) {
    features.missing.push_back({"interfaces for tunnels", "xfrm_interface"});
  }
  return features;
}

std::expected<std::optional<Missing>, KernelError> probe_algorithms(Socket& socket,
                                                                    Protocol protocol,
                                                                    Family family,
                                                                    const EncryptionRow* encryption,
                                                                    const IntegrityRow* integrity) {
  const auto answer = try_sa(socket, probe_spec(protocol, family, {encryption, integrity}), false);
  if (!answer) return std::unexpected(answer.error());
  if (*answer == 0) return std::nullopt;
  if (*answer == EPROTONOSUPPORT) return protocol_missing(protocol, family);
  if (integrity == nullptr) return named(encryption);
  if (encryption == nullptr) return named(integrity);

  // One of two, or what couples them: the one that works with nothing beside it is not missing.
  const auto alone = try_sa(socket, probe_spec(protocol, family, {encryption, nullptr}), false);
  if (!alone) return std::unexpected(alone.error());
  if (*alone != 0) return named(encryption);
  const auto null = find_encryption("null");
  const auto integrity_alone =
      try_sa(socket, probe_spec(protocol, family, {null, integrity}), false);
  if (!integrity_alone) return std::unexpected(integrity_alone.error());
  if (*integrity_alone != 0) return named(integrity);
  return Missing{std::string(encryption->name) + " with " + std::string(integrity->name),
                 "authenc"};
}

}  // namespace ipsec::xfrm
