#include "ike/daemon/fitting.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "ike/daemon/machine.h"
#include "xfrm/refusal.h"

namespace ipsec::daemon {
namespace {

constexpr std::uint32_t kIds = xfrm::kLastReqid.value - xfrm::kFirstReqid.value + 1;

void add(std::string& note, const std::string& more) { note += (note.empty() ? "" : "; ") + more; }

template <typename Row>
void keep(std::vector<const Row*>& rows, const std::vector<const Row*>& able) {
  std::erase_if(rows, [&](const Row* row) { return std::ranges::find(able, row) == able.end(); });
}

}  // namespace

void Fitting::fit(core::TunnelConfig& tunnel) {
  std::string note;
  fit_offers(tunnel, note);
  fit_interface(tunnel, note);
  fit_offload(tunnel);
  if (note.empty()) {
    notes_.erase(tunnel.id);
    return;
  }
  log_.write(Level::error, note, {.tunnel = tunnel.name, .event = "kernel"});
  notes_[tunnel.id] = std::move(note);
}

std::string Fitting::note(TunnelId tunnel) const {
  const auto found = notes_.find(tunnel);
  return found == notes_.end() ? std::string() : found->second;
}

// --- algorithms --------------------------------------------------------------------------------

std::optional<xfrm::Missing> Fitting::lacks(const Question& question) {
  const auto known = asked_.find(question);
  if (known != asked_.end()) return known->second;
  const auto& [protocol, family, encryption, integrity] = question;
  const auto answer = kernel_.lacks(protocol, family, encryption, integrity);
  // A kernel that does not answer is asked for the SA itself, and says then what is wrong.
  if (!answer) return std::nullopt;
  asked_[question] = *answer;
  return *answer;
}

// What is left of the offer; nothing where nothing is.
std::optional<core::ChildOffer> Fitting::possible(core::ChildOffer offer, Family family,
                                                  std::vector<xfrm::Missing>& missing) {
  std::vector<const EncryptionRow*> ciphers;
  std::vector<const IntegrityRow*> hashes;
  const std::vector<const EncryptionRow*> no_cipher{nullptr};
  const std::vector<const IntegrityRow*> no_hash{nullptr};
  for (const auto* cipher : offer.encryption.empty() ? no_cipher : offer.encryption) {
    for (const auto* hash : offer.integrity.empty() ? no_hash : offer.integrity) {
      const auto lack = lacks({offer.protocol, family, cipher, hash});
      if (!lack) {
        ciphers.push_back(cipher);
        hashes.push_back(hash);
        continue;
      }
      if (std::ranges::find(missing, *lack) == missing.end()) missing.push_back(*lack);
      if (*lack == xfrm::protocol_missing(offer.protocol, family)) return std::nullopt;
      // Another hash beside it would not help, and each question takes its time.
      if (cipher != nullptr && lack->what == cipher->name) break;
    }
  }
  if (ciphers.empty()) return std::nullopt;
  keep(offer.encryption, ciphers);
  keep(offer.integrity, hashes);
  return offer;
}

core::ChildOffers Fitting::possible(const core::ChildOffers& offers, Family family,
                                    std::vector<xfrm::Missing>& missing) {
  core::ChildOffers out;
  for (const core::ChildOffer& offer : offers) {
    if (auto left = possible(offer, family, missing)) out.push_back(*std::move(left));
  }
  return out;
}

std::vector<xfrm::Missing> Fitting::missing(const core::TunnelConfig& tunnel) {
  std::vector<xfrm::Missing> missing;
  for (const core::ChildConfig& child : tunnel.children) {
    if (!possible(child.offers, tunnel.local.family(), missing).empty()) return {};
  }
  return missing;
}

// Where nothing is left the offers stay: each try fails for the same reason, and succeeds once the
// module is there.
void Fitting::fit_offers(core::TunnelConfig& tunnel, std::string& note) {
  std::vector<xfrm::Missing> missing;
  for (core::ChildConfig& child : tunnel.children) {
    auto left = possible(child.offers, tunnel.local.family(), missing);
    if (!left.empty()) {
      child.offers = std::move(left);
      continue;
    }
    for (const xfrm::Missing& what : missing) add(note, xfrm::in_words(what));
    return;
  }
  if (missing.empty()) return;
  std::string names;
  for (const xfrm::Missing& what : missing) {
    names += fmt::format("{}{}{}", names.empty() ? "" : ", ", what.what,
                         what.module.empty() ? "" : fmt::format(" (modprobe {})", what.module));
  }
  log_.write(Level::warning, fmt::format("this kernel lacks {}; others are offered", names),
             {.tunnel = tunnel.name, .event = "kernel"});
}

// --- devices -----------------------------------------------------------------------------------

xfrm::Interfaces* Fitting::interfaces() {
  if (interfaces_) return &*interfaces_;
  auto opened = xfrm::Interfaces::open();
  if (!opened) {
    complain(opened.error());
    return nullptr;
  }
  interfaces_ = *std::move(opened);
  return &*interfaces_;
}

// Hangs on the tunnel's id alone, so that a daemon after this one finds its device again.
std::uint32_t Fitting::take_id(TunnelId tunnel) {
  if (const auto known = ids_.find(tunnel); known != ids_.end()) return known->second;
  auto at = static_cast<std::uint32_t>(tunnel.value % kIds);
  const auto is_taken = [&](std::uint32_t id) {
    return std::ranges::any_of(ids_, [id](const auto& entry) { return entry.second == id; });
  };
  while (is_taken(xfrm::kFirstReqid.value + at)) at = (at + 1) % kIds;
  return ids_[tunnel] = xfrm::kFirstReqid.value + at;
}

// Without its device it is held down, and joined to it all the same: what it would take otherwise
// is everything there is.
void Fitting::fit_interface(core::TunnelConfig& tunnel, std::string& note) {
  const std::string name = tunnel.kernel.interface;
  if (name.empty()) return;
  const auto& kinds = kernel_.features().interfaces;
  const auto kind = kinds.empty() ? xfrm::InterfaceKind::xfrm : kinds.front();
  const xfrm::InterfaceSpec spec{.name = name,
                                 .id = take_id(tunnel.id),
                                 .local = tunnel.local,
                                 .remote = tunnel.remote,
                                 .underlay = {},
                                 .mtu_bytes = 0};
  tunnel.kernel.attachment = xfrm::attachment_of(kind, spec);
  xfrm::Interfaces* const ports = interfaces();
  const auto made = ports != nullptr ? ports->settle(kind, spec)
                                     : std::unexpected(KernelError{"make interface " + name, EIO});
  if (made) {
    devices_[name] = tunnel.id;
    return;
  }
  tunnel.start = core::Start::down;
  add(note, describe(Error(made.error())));
}

void Fitting::remove_device(const std::string& name) {
  xfrm::Interfaces* const ports = interfaces();
  if (ports == nullptr) return;
  if (auto removed = ports->remove(name); !removed) complain(removed.error());
}

// A device that was never made is another's, and so is one that another tunnel has by now.
void Fitting::release(const core::TunnelConfig& tunnel, const core::TunnelConfig* successor) {
  const std::string& name = tunnel.kernel.interface;
  const auto device = devices_.find(name);
  const bool stays = successor != nullptr && successor->kernel.interface == name;
  if (device != devices_.end() && device->second == tunnel.id && !stays) {
    devices_.erase(device);
    remove_device(name);
  }
  if (successor != nullptr) return;
  ids_.erase(tunnel.id);
  notes_.erase(tunnel.id);
}

void Fitting::remove_orphans() {
  xfrm::Interfaces* const ports = interfaces();
  if (ports == nullptr) return;
  const auto found = ports->ours();
  if (!found) return complain(found.error());
  for (const auto& device : *found) {
    if (!devices_.contains(device.name)) remove_device(device.name);
  }
}

void Fitting::release_all() {
  for (const auto& [name, tunnel] : std::exchange(devices_, {})) remove_device(name);
}

// --- network cards -----------------------------------------------------------------------------

// The device that the tunnel's packets leave by is the one with its address.
void Fitting::fit_offload(core::TunnelConfig& tunnel) const {
  if (offload_devices_.empty()) return;
  const auto devices = Machine().devices();
  const Device* device = device_with(devices, tunnel.local);
  if (device == nullptr ||
      std::ranges::find(offload_devices_, device->name) == offload_devices_.end()) {
    return;
  }
  tunnel.kernel.offload = xfrm::Offload{.device = device->name};
}

void Fitting::complain(const KernelError& error) {
  log_.write(Level::error, describe(Error(error)), {.event = "kernel"});
}

}  // namespace ipsec::daemon
