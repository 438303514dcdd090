// What tunnels carry: the kernel's counters, brought to the board.
//
// NOTE: Limits. The counters of all SAs are read at most once a second when somebody asks, and by
// ourselves only while a connected tunnel has not yet carried packets both ways.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ike/daemon/board.h"
#include "ike/daemon/loop.h"
#include "xfrm/kernel.h"

namespace ipsec::daemon {

class Traffic final : public Timed {
 public:
  struct Parts {
    Loop& loop;
    xfrm::Kernel& kernel;
    Board& board;
    std::function<std::string(TunnelId)> name_of;
    std::function<void(const control::EventView&)> publish;
  };
  explicit Traffic(Parts parts) : parts_(std::move(parts)) { parts_.loop.add(*this); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  ~Traffic() override { parts_.loop.remove(*this); }

  void installed(TunnelId tunnel, const xfrm::SaKey& key, xfrm::Direction direction);
  // It will be removed in this turn: what it has carried is on the board before anybody is told.
  // What it carries until then, for some microseconds, is not counted.
  void leaving(const xfrm::SaKey& key);
  void moved(const xfrm::SaKey& from, const xfrm::SaKey& to);
  // Gone without us: what was counted last stands.
  void lost(const xfrm::SaKey& key);
  // Something happened to the tunnel: it may be waiting for its first packets now.
  void look_at(TunnelId tunnel);

  void refresh();

  [[nodiscard]] Time next_deadline() const override;
  void tick(Time now) override;

 private:
  struct Owner {
    TunnelId tunnel;
    xfrm::Direction direction = xfrm::Direction::in;
  };
  Parts parts_;
  std::map<xfrm::SaKey, Owner> owners_;
  std::set<TunnelId> awaited_;
  Time refreshed_at_{};
};

}  // namespace ipsec::daemon
