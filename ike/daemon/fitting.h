// What this machine's kernel makes of a tunnel, before it is carried out: algorithms that it lacks
// are offered to nobody, a tunnel that asks for a device gets one, and a network card that can
// takes over encryption. What stands in the way is kept as a note, which status tells.
//
// NOTE: Contract. fit() may be called again for a tunnel that changed; release() when it goes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "ike/core/config.h"
#include "ike/daemon/log.h"
#include "xfrm/interface.h"
#include "xfrm/kernel.h"

namespace ipsec::daemon {

class Fitting {
 public:
  Fitting(xfrm::Kernel& kernel, Log& log, std::vector<std::string> offload_devices)
      : kernel_(kernel), log_(log), offload_devices_(std::move(offload_devices)) {}

  void fit(core::TunnelConfig& tunnel);
  // What it had of the machine goes, for `successor` is without it; null where the tunnel is gone.
  void release(const core::TunnelConfig& tunnel, const core::TunnelConfig* successor = nullptr);
  // Once, when all tunnels are fitted: devices of a daemon before this one that no tunnel has.
  void remove_orphans();
  // All devices, when everything of ours goes from the kernel.
  void release_all();

  // Empty where nothing stands in the way.
  [[nodiscard]] std::string note(TunnelId tunnel) const;
  // What the kernel lacks for each way in which the tunnel could be protected; empty where one is
  // left.
  [[nodiscard]] std::vector<xfrm::Missing> missing(const core::TunnelConfig& tunnel);
  // The kernel is asked anew from here on: a module may have been loaded.
  void forget_answers() { asked_.clear(); }

 private:
  using Question = std::tuple<xfrm::Protocol, Family, const EncryptionRow*, const IntegrityRow*>;

  [[nodiscard]] std::optional<xfrm::Missing> lacks(const Question& question);
  // The offers without what is lacking; what that is goes into `missing`.
  [[nodiscard]] std::optional<core::ChildOffer> possible(core::ChildOffer offer, Family family,
                                                         std::vector<xfrm::Missing>& missing);
  [[nodiscard]] core::ChildOffers possible(const core::ChildOffers& offers, Family family,
                                           std::vector<xfrm::Missing>& missing);
  void fit_offers(core::TunnelConfig& tunnel, std::string& note);
  void fit_interface(core::TunnelConfig& tunnel, std::string& note);
  void fit_offload(core::TunnelConfig& tunnel) const;
  [[nodiscard]] std::uint32_t take_id(TunnelId tunnel);
  void remove_device(const std::string& name);
  [[nodiscard]] xfrm::Interfaces* interfaces();
  void complain(const KernelError& error);

  xfrm::Kernel& kernel_;
  Log& log_;
  std::vector<std::string> offload_devices_;
  std::map<Question, std::optional<xfrm::Missing>> asked_;
  std::optional<xfrm::Interfaces> interfaces_;
  std::map<TunnelId, std::uint32_t> ids_;                 // of devices
  std::map<std::string, TunnelId, std::less<>> devices_;  // that were made
  std::map<TunnelId, std::string> notes_;
};

}  // namespace ipsec::daemon
