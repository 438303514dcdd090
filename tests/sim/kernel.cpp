#include "tests/sim/kernel.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace ipsec::sim {
namespace {

Bytes proof_of(const xfrm::SaSpec& spec) {
  return concat({spec.encryption_key.view(), spec.integrity_key.view()});
}

xfrm::SaSpec copy_of(const xfrm::SaSpec& spec) {
  xfrm::SaSpec copy;
  copy.direction = spec.direction;
  copy.source = spec.source;
  copy.destination = spec.destination;
  copy.protocol = spec.protocol;
  copy.spi = spec.spi;
  copy.reqid = spec.reqid;
  copy.encryption = spec.encryption;
  copy.integrity = spec.integrity;
  copy.encryption_key = spec.encryption_key.clone();
  copy.integrity_key = spec.integrity_key.clone();
  copy.encapsulation = spec.encapsulation;
  copy.soft_limit_bytes = spec.soft_limit_bytes;
  copy.hard_limit_bytes = spec.hard_limit_bytes;
  copy.hard_limit_s = spec.hard_limit_s;
  return copy;
}

TrafficSelector host(const Address& address) { return TrafficSelector::of(Cidr::host(address)); }

}  // namespace

std::expected<xfrm::SaKey, KernelError> Kernel::allocate(const core::AllocateSpi& ask) {
  if (auto no = refusal("allocate SPI", fail_allocate)) return std::unexpected(*no);
  for (;;) {
    const xfrm::SaKey key{ask.destination, ask.protocol, ChildSpi{random_.u32() | 0xc0000000}};
    if (!sas_.contains(key) && larval_.insert(key).second) return key;
  }
}

std::expected<void, KernelError> Kernel::install(const core::InstallSas& batch) {
  auto no = refusal("install SA", fail_install);
  for (const auto& spec : batch.sas) {
    const bool in = spec.direction == xfrm::Direction::in;
    if (in && !larval_.contains(spec.key())) no = KernelError{"update SA", ESRCH};
    if (!in && sas_.contains(spec.key())) no = KernelError{"new SA", EEXIST};
  }
  if (no) {
    for (const auto& spec : batch.sas) {
      larval_.erase(spec.key());
      refused_.insert(spec.key());
    }
    return std::unexpected(*no);
  }
  for (const auto& spec : batch.sas) {
    larval_.erase(spec.key());
    sas_.insert_or_assign(spec.key(), copy_of(spec));
  }
  if (!batch.policies) return {};
  for (const auto& local : batch.policies->local_selectors) {
    for (const auto& remote : batch.policies->remote_selectors) {
      policies_.insert_or_assign({local, remote}, *batch.policies);
    }
  }
  return {};
}

std::expected<void, KernelError> Kernel::remove(const core::RemoveSa& ask) {
  // The engine may give up an SA whose refusal it has not heard of yet.
  const bool known =
      sas_.contains(ask.key) || larval_.contains(ask.key) || refused_.contains(ask.key);
  if (!known) {
    complaints_.push_back(fmt::format("removed an SA that is not there: {:x} to {}",
                                      ask.key.spi.value, ask.key.destination.to_string()));
  }
  auto no = refusal("remove SA", fail_remove);
  // An SA that is not there is what was asked for.
  if (no && no->error_number != ESRCH) {
    doomed_.insert(ask.key);
    return std::unexpected(*no);
  }
  erase(ask.key);
  return {};
}

std::expected<void, KernelError> Kernel::remove(const core::RemovePolicies& ask) {
  const auto no = refusal("remove policies", fail_remove);
  for (const auto& local : ask.policies.local_selectors) {
    for (const auto& remote : ask.policies.remote_selectors) {
      const auto found = policies_.find({local, remote});
      if (found == policies_.end() || found->second.spi != ask.policies.spi) continue;
      if (no) {
        doomed_policies_.emplace(found->first, ask.policies.spi);
      } else {
        policies_.erase(found);
      }
    }
  }
  if (no) return std::unexpected(*no);
  return {};
}

std::expected<void, KernelError> Kernel::reconcile() {
  int never = 0;
  if (auto no = refusal("reconcile", never)) return std::unexpected(*no);
  for (const auto& key : std::exchange(doomed_, {})) erase(key);
  for (const auto& [ranges, spi] : std::exchange(doomed_policies_, {})) {
    const auto found = policies_.find(ranges);
    if (found != policies_.end() && found->second.spi == spi) policies_.erase(found);
  }
  return {};
}

void Kernel::erase(const xfrm::SaKey& key) {
  carried_.erase(key);
  sas_.erase(key);
  larval_.erase(key);
  refused_.erase(key);
}

std::expected<void, KernelError> Kernel::move(const core::MoveSa& ask) {
  const xfrm::SaKey moved{ask.destination.address, ask.key.protocol, ask.key.spi};
  const auto found = sas_.find(ask.key);
  if (found == sas_.end()) {
    if (refused_.erase(ask.key) == 0) {
      complaints_.push_back(fmt::format("moved an SA that is not there: {:x}", ask.key.spi.value));
    }
    refused_.insert(moved);
    return std::unexpected(KernelError{"move SA", ESRCH});
  }
  if (auto no = refusal("move SA", fail_move)) {
    sas_.erase(found);
    refused_.insert(moved);
    return std::unexpected(*no);
  }
  auto spec = std::move(found->second);
  sas_.erase(found);
  spec.source = ask.source.address;
  spec.destination = ask.destination.address;
  spec.encapsulation.reset();
  if (ask.encapsulate) {
    spec.encapsulation = xfrm::UdpEncapsulation{ask.source.port, ask.destination.port};
  }
  for (auto& [selectors, policy] : policies_) {
    if (policy.spi == spec.spi) policy.remote = ask.destination.address;
  }
  const auto key = spec.key();
  sas_.insert_or_assign(key, std::move(spec));
  return {};
}

void Kernel::expire(const xfrm::SaKey& key) {
  if (sas_.erase(key) > 0) refused_.insert(key);
}

std::optional<Packet> Kernel::send(const Address& from, const Address& to) const {
  for (const auto& [selectors, policy] : policies_) {
    if (!selectors.first.contains(host(from)) || !selectors.second.contains(host(to))) continue;
    const auto sa = sas_.find({policy.remote, policy.protocol, policy.spi});
    if (sa == sas_.end()) return std::nullopt;
    return Packet{sa->first, proof_of(sa->second)};
  }
  return std::nullopt;
}

// Behind a NAT the address on the packet is not the one the SA was installed with: the SPI finds
// it.
bool Kernel::receive(const Packet& packet) const {
  for (const auto& [key, spec] : sas_) {
    if (key.spi == packet.key.spi && spec.direction == xfrm::Direction::in) {
      return equal(proof_of(spec), packet.proof);
    }
  }
  return false;
}

std::optional<core::KernelExpired> Kernel::count(const Packet& packet, xfrm::Direction direction) {
  const auto sa = std::ranges::find_if(sas_, [&](const auto& entry) {
    return entry.first.spi == packet.key.spi && entry.second.direction == direction;
  });
  if (sa == sas_.end()) return std::nullopt;
  const auto& [key, spec] = *sa;
  const std::uint64_t before = carried_[key];
  const std::uint64_t now = carried_[key] += kPacketBytes;
  const auto reached = [&](std::uint64_t limit) {
    return limit != 0 && before < limit && limit <= now;
  };
  if (reached(spec.hard_limit_bytes)) {
    const core::KernelExpired expired{key, true};
    refused_.insert(key);  // the engine will remove it, and has not heard yet that it is gone
    sas_.erase(sa);
    return expired;
  }
  if (reached(spec.soft_limit_bytes)) return core::KernelExpired{key, false};
  return std::nullopt;
}

void Kernel::flush() {
  sas_.clear();
  carried_.clear();
  larval_.clear();
  refused_.clear();
  policies_.clear();
  doomed_.clear();
  doomed_policies_.clear();
}

std::vector<core::KernelSa> Kernel::left() const {
  std::vector<core::KernelSa> found;
  for (const auto& [key, spec] : sas_) found.push_back({key, spec.source, spec.encapsulation});
  return found;
}

void Kernel::take_over(const std::set<xfrm::SaKey>& claimed, const std::set<xfrm::SaKey>& held,
                       const std::vector<xfrm::PolicySpec>& policies) {
  for (const xfrm::SaKey& key : claimed) {
    if (!sas_.contains(key)) {
      complaints_.push_back(fmt::format("claimed an SA that is not there: {:x}", key.spi.value));
    }
  }
  std::erase_if(sas_, [&](const auto& entry) { return !claimed.contains(entry.first); });
  std::erase_if(larval_, [&](const auto& key) { return !held.contains(key); });
  policies_.clear();
  for (const xfrm::PolicySpec& spec : policies) {
    for (const auto& local : spec.local_selectors) {
      for (const auto& remote : spec.remote_selectors) {
        policies_.insert_or_assign({local, remote}, spec);
      }
    }
  }
}

std::optional<KernelError> Kernel::refusal(std::string_view call, int& countdown) {
  const bool told = countdown > 0 && --countdown == 0;
  const bool drawn = fail_one_in != 0 && random_.one_in(fail_one_in);
  if (!told && !drawn) return std::nullopt;
  return KernelError{std::string(call), error_number != 0 ? error_number : ENOBUFS};
}

}  // namespace ipsec::sim
