// The configuration on disk: one SQLite file, readable by root alone, a transaction a change. What
// a call has answered survives the end of the process at any instant, and of the machine.
//
// NOTE: Contract. One process at a time has it open. NOTE: Secrets. Keys are in a table of their
// own, in clear: the daemon must be able to use them after a boot without anybody there.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ike/base/error.h"
#include "ike/gateway/draft.h"

namespace ipsec::gateway {

// Who changed what: kept for ever, a row a step, never the value of a secret.
struct AuditEntry {
  std::chrono::sys_seconds at;
  std::string who;   // "root (uid 0)"
  std::string what;  // "change tunnel 'hq': psk, dpd.delay_s 8 -> 9"
  bool operator==(const AuditEntry&) const = default;
};

[[nodiscard]] std::string describe(const Step& step);

class Store {
 public:
  // Makes the file if there is none, and brings an older one to today's form. The error says what
  // is wrong with the file and what to do.
  [[nodiscard]] static std::expected<Store, ConfigError> open(const std::filesystem::path& file);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  // Checked as a change is: a store that was edited by hand may break rules, and then says which.
  [[nodiscard]] std::expected<Inventory, ConfigError> load();
  // All of the plan's steps, and their audit, or nothing.
  [[nodiscard]] std::expected<void, ConfigError> save(const Plan& plan, std::string_view who,
                                                      std::chrono::sys_seconds now);
  // The last ones, the newest first.
  [[nodiscard]] std::expected<std::vector<AuditEntry>, ConfigError> audit(std::size_t most);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ipsec::gateway
