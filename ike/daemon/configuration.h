// What is configured, from the store to the engine: the one place where it changes.
//
// NOTE: Contract. A change is stored before it is carried out; tunnels whose meaning it leaves as
// it was are not touched.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ike/core/config.h"
#include "ike/gateway/draft.h"
#include "ike/gateway/meaning.h"
#include "ike/gateway/store/store.h"

namespace ipsec::daemon {

// Where tunnels are carried out: the driver, or a test.
class TunnelPort {
 public:
  TunnelPort() = default;
  TunnelPort(const TunnelPort&) = delete;
  TunnelPort& operator=(const TunnelPort&) = delete;
  virtual ~TunnelPort() = default;

  // Before it is set: what this machine makes of it.
  virtual void fit(core::TunnelConfig& /*tunnel*/) {}
  // The first of the request ids that it had under a daemon before this one.
  [[nodiscard]] virtual std::optional<Reqid> first_reqid(TunnelId /*tunnel*/) { return {}; }
  virtual void set(core::TunnelPointer tunnel, const core::TunnelConfig* before) = 0;
  virtual void remove(const core::TunnelConfig& tunnel) = 0;
  // After all of a change was carried out.
  virtual void committed(const std::vector<gateway::Step>& /*steps*/) {}
};

[[nodiscard]] constexpr TunnelId tunnel_id(const ObjectId& id) { return TunnelId{id.number}; }
[[nodiscard]] constexpr ObjectId object_id(TunnelId id) { return {Kind::tunnel, id.value}; }

class Configuration {
 public:
  Configuration(gateway::Store store, gateway::Inventory inventory, TunnelPort& port)
      : store_(std::move(store)), inventory_(std::move(inventory)), port_(port) {}

  // Once, at the start.
  void carry_out_all();

  [[nodiscard]] const gateway::Inventory& inventory() const { return inventory_; }
  // Rises with each change of it.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] gateway::Store& store() { return store_; }

  [[nodiscard]] std::expected<void, ConfigError> commit(gateway::Plan&& plan, std::string_view who,
                                                        std::chrono::sys_seconds now);

  // As it is configured, or was when it was deleted, until gone() is said of it; null otherwise.
  [[nodiscard]] const gateway::Tunnel* tunnel(const ObjectId& id) const;
  // Deleted, and with SAs that are being closed.
  [[nodiscard]] const std::map<ObjectId, gateway::ObjectPointer>& leaving() const {
    return leaving_;
  }
  void gone(const ObjectId& id) { leaving_.erase(id); }

  // What a tunnel is at work as; nothing while its gateway has no address.
  [[nodiscard]] const core::TunnelConfig* running(const ObjectId& id) const;
  // Whose packets a policy's are.
  [[nodiscard]] std::optional<ObjectId> owner_of(Reqid reqid) const;

 private:
  struct Running {
    gateway::Meaning meaning;
    core::TunnelPointer config;
    std::size_t reqids = 0;
  };

  void carry_out(const ObjectId& id);
  void withdraw(const ObjectId& id);
  [[nodiscard]] std::optional<Reqid> take_reqids(std::size_t count, const ObjectId& owner);

  gateway::Store store_;
  gateway::Inventory inventory_;
  std::uint64_t revision_ = 1;
  TunnelPort& port_;
  std::unordered_map<ObjectId, Running> running_;
  std::map<ObjectId, gateway::ObjectPointer> leaving_;
  // The first reqid of each run that is in use, its owner, and how many there are.
  std::map<Reqid, std::pair<ObjectId, std::size_t>> reqids_;
};

}  // namespace ipsec::daemon
