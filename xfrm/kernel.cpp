#include "xfrm/kernel.h"

#include <linux/in6.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "xfrm/batch.h"
#include "xfrm/netlink_message.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {

Kernel::Kernel(Socket socket, Features features)
    : socket_(std::move(socket)), features_(std::move(features)) {}

std::expected<Kernel, KernelError> Kernel::open() {
  auto socket = Socket::open(NETLINK_XFRM);
  if (!socket) return std::unexpected(socket.error());
  auto features = probe(*socket);
  if (!features) return std::unexpected(features.error());
  return Kernel(*std::move(socket), *std::move(features));
}

// --- SPIs, and single SAs ---

std::expected<SaKey, KernelError> Kernel::allocate_spi(Protocol protocol, const Address& peer,
                                                       const Address& own) {
  const std::string doing =
      fmt::format("allocate an SPI for SAs from {} to {}", peer.to_string(), own.to_string());
  const std::uint32_t sequence = socket_.reserve_sequence(1);
  Bytes question;
  write_allocate_spi(question, {.sequence = sequence}, protocol, peer, own, features_.messages);
  std::optional<SaKey> key;
  const auto asked = socket_.ask(question, sequence, [&](ByteView message) {
    const auto usage = parse_sa_usage(message);
    if (usage && *usage) {
      key = (*usage)->key;
    } else {
      ++malformed_;
    }
  });
  if (!asked && asked.error().error_number == EPROTONOSUPPORT) {
    return std::unexpected(
        refused(doing, Refusal{0, EPROTONOSUPPORT, {}}, protocol_missing(protocol, own.family())));
  }
  if (!asked) return std::unexpected(refused(doing, asked.error()));
  if (!key) return std::unexpected(KernelError{doing + ": an answer without sense", EBADMSG});
  held_.insert(*key);
  return *key;
}

std::expected<void, KernelError> Kernel::remove(const SaKey& key) {
  Batch batch(socket_, 1);
  write_delete_sa(batch.bytes(), batch.next(), key, attachment_of(key));
  const auto refusals = batch.send();
  const std::string doing = "remove " + name_of(key);
  if (!refusals) return std::unexpected(refused(doing, refusals.error()));
  for (const Refusal& refusal : *refusals) {
    if (refusal.error_number != ESRCH) return std::unexpected(refused(doing, refusal));
  }
  held_.erase(key);
  marked_.erase(key);
  return {};
}

std::expected<bool, KernelError> Kernel::watch(const SaKey& key) {
  const auto found = look(key, "watch " + name_of(key));
  if (!found) return std::unexpected(found.error());
  return found->counters.packets > 0;
}

std::expected<void, KernelError> Kernel::await_volume(const SaKey& key) {
  const std::string doing = "watch the volume of " + name_of(key);
  const auto sa = look(key, doing);
  if (!sa && sa.error().error_number == ESRCH) return {};
  if (!sa) return std::unexpected(sa.error());
  if (sa->larval || sa->first_use_told || sa->spec.direction == Direction::out) return {};
  Batch batch(socket_, 1);
  write_sa(batch.bytes(), batch.next(), SaVerb::update, sa->spec, features_.messages,
           {.first_use_told = true});
  const auto refusals = batch.send();
  if (!refusals) return std::unexpected(refused(doing, refusals.error()));
  if (refusals->empty() || refusals->front().error_number == ESRCH) return {};
  return std::unexpected(refused(doing, refusals->front()));
}

Attachment Kernel::attachment_of(const SaKey& key) const {
  const auto found = marked_.find(key);
  return found == marked_.end() ? Attachment{} : found->second;
}

std::vector<std::string> Kernel::take_offload_refusals() {
  return std::exchange(offload_untold_, {});
}

// --- Looking ---

std::expected<SaRecord, KernelError> Kernel::look(const SaKey& key, const std::string& doing) {
  const std::uint32_t sequence = socket_.reserve_sequence(1);
  Bytes question;
  write_get_sa(question, {.sequence = sequence}, key, attachment_of(key));
  std::optional<SaRecord> found;
  const auto asked = socket_.ask(question, sequence, [&](ByteView message) {
    auto record = parse_sa(message);
    if (record && *record) {
      found = *std::move(*record);
    } else {
      ++malformed_;
    }
  });
  if (!asked && asked.error().error_number == ESRCH) {
    return std::unexpected(KernelError{doing + ": the kernel has no such SA", ESRCH});
  }
  if (!asked) return std::unexpected(refused(doing, asked.error()));
  if (!found) return std::unexpected(KernelError{doing + ": an SA of a foreign kind", EBADMSG});
  return *std::move(found);
}

std::expected<SaCounters, KernelError> Kernel::counters(const SaKey& key) {
  const auto found = look(key, "read the counters of " + name_of(key));
  if (!found) return std::unexpected(found.error());
  return found->counters;
}

std::expected<std::vector<SaUsage>, KernelError> Kernel::counters() {
  const std::uint32_t sequence = socket_.reserve_sequence(1);
  Bytes question;
  write_dump_sas(question, {.sequence = sequence});
  std::vector<SaUsage> found;
  const auto take = [&](ByteView message) {
    const auto usage = parse_sa_usage(message);
    if (!usage) ++malformed_;
    if (usage && *usage && !(*usage)->larval && is_ours((*usage)->reqid)) found.push_back(**usage);
  };
  const auto dumped = socket_.dump(question, sequence, take, [&] { found.clear(); });
  if (!dumped) return std::unexpected(refused("read the kernel's SAs", dumped.error()));
  return found;
}

std::expected<std::vector<SaRecord>, KernelError> Kernel::sas() {
  const std::uint32_t sequence = socket_.reserve_sequence(1);
  Bytes question;
  write_dump_sas(question, {.sequence = sequence});
  std::vector<SaRecord> found;
  const auto take = [&](ByteView message) {
    auto record = parse_sa(message);
    if (!record) ++malformed_;
    if (record && *record && is_ours((*record)->spec.reqid)) found.push_back(*std::move(*record));
  };
  const auto dumped = socket_.dump(question, sequence, take, [&] { found.clear(); });
  if (!dumped) return std::unexpected(refused("read the kernel's SAs", dumped.error()));
  return found;
}

std::expected<std::vector<PolicyRecord>, KernelError> Kernel::policies() {
  auto found = all_policies();
  if (found) std::erase_if(*found, [](const auto& row) { return !is_ours(row.protection.reqid); });
  return found;
}

std::expected<std::vector<PolicyRecord>, KernelError> Kernel::all_policies() {
  const std::uint32_t sequence = socket_.reserve_sequence(1);
  Bytes question;
  write_dump_policies(question, {.sequence = sequence});
  std::vector<PolicyRecord> found;
  const auto take = [&](ByteView message) {
    auto policy = parse_policy(message);
    if (!policy) ++malformed_;
    if (policy && *policy) found.push_back(*std::move(*policy));
  };
  const auto dumped = socket_.dump(question, sequence, take, [&] { found.clear(); });
  if (!dumped) return std::unexpected(refused("read the kernel's policies", dumped.error()));
  return found;
}

// --- Our own packets ---

std::expected<void, KernelError> bypass_policies(int udp_socket, Family family) {
  const bool v4 = family == Family::v4;
  xfrm_userpolicy_info policy;
  clear(policy);
  policy.action = XFRM_POLICY_ALLOW;
  policy.sel.family = family_number(family);
  for (const std::uint8_t direction : {XFRM_POLICY_IN, XFRM_POLICY_OUT}) {
    policy.dir = direction;
    if (::setsockopt(udp_socket, v4 ? IPPROTO_IP : IPPROTO_IPV6,
                     v4 ? IP_XFRM_POLICY : IPV6_XFRM_POLICY, &policy, sizeof(policy)) != 0) {
      const Refusal refusal{0, errno, {}};
      return std::unexpected(refused("let an IKE socket's packets go around policies", refusal));
    }
  }
  return {};
}

}  // namespace ipsec::xfrm
