#include "tests/sim/kernel.h"

#include <cerrno>

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
  return copy;
}

TrafficSelector host(const Address& address) { return TrafficSelector::of(Cidr::host(address)); }

}  // namespace

std::expected<xfrm::SaKey, KernelError> Kernel::allocate(const core::AllocateSpi& ask) {
  if (auto no = refusal("allocate SPI")) return std::unexpected(*no);
  if (fail_allocate > 0 && --fail_allocate == 0) {
    return std::unexpected(KernelError{"allocate SPI", ENOBUFS});
  }
  for (;;) {
    const xfrm::SaKey key{ask.destination, ask.protocol, ChildSpi{random_.u32() | 0xc0000000}};
    if (!sas_.contains(key) && larval_.insert(key).second) return key;
  }
}

std::expected<void, KernelError> Kernel::install(const core::InstallSas& batch) {
  auto no = refusal("install SA");
  if (fail_install > 0 && --fail_install == 0) {
    no = KernelError{"install SA", error_number != 0 ? error_number : ENOBUFS};
  }
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

void Kernel::remove(const core::RemoveSa& ask) {
  // The engine may give up an SA whose refusal it has not heard of yet.
  const bool known = sas_.erase(ask.key) + larval_.erase(ask.key) + refused_.erase(ask.key) > 0;
  if (!known) {
    complaints_.push_back(fmt::format("removed an SA that is not there: {:x} to {}",
                                      ask.key.spi.value, ask.key.destination.to_string()));
  }
}

void Kernel::remove(const core::RemovePolicies& ask) {
  for (const auto& local : ask.policies.local_selectors) {
    for (const auto& remote : ask.policies.remote_selectors) {
      const auto found = policies_.find({local, remote});
      if (found != policies_.end() && found->second.spi == ask.policies.spi) {
        policies_.erase(found);
      }
    }
  }
}

void Kernel::move(const core::MoveSa& ask) {
  const auto found = sas_.find(ask.key);
  if (found == sas_.end() && refused_.contains(ask.key)) return;
  if (found == sas_.end()) {
    complaints_.push_back(fmt::format("moved an SA that is not there: {:x}", ask.key.spi.value));
    return;
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

void Kernel::flush() {
  sas_.clear();
  larval_.clear();
  refused_.clear();
  policies_.clear();
}

std::optional<KernelError> Kernel::refusal(std::string_view call) {
  if (fail_one_in == 0 || !random_.one_in(fail_one_in)) return std::nullopt;
  return KernelError{std::string(call), error_number != 0 ? error_number : ENOBUFS};
}

}  // namespace ipsec::sim
