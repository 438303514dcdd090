// Events on their way into the journal: kept for a moment and written together.
//
// NOTE: Failure. What cannot be written is tried again, and lost once too much of it waits; that is
// told once, and again when it is over. Nothing else suffers.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <string>
#include <vector>

#include "ike/control/types/replies.h"
#include "ike/daemon/log.h"
#include "ike/daemon/loop.h"
#include "ike/gateway/store/journal.h"

namespace ipsec::daemon {

class Chronicle final : public Timed {
 public:
  // Without a journal everything is forgotten, and reading says why.
  Chronicle(Loop& loop, Log& log, std::expected<gateway::Journal, ConfigError> journal);
  Chronicle(const Chronicle&) = delete;
  Chronicle& operator=(const Chronicle&) = delete;
  // What waits is written.
  ~Chronicle() override;

  void add(const control::EventView& event, std::string account);
  [[nodiscard]] std::uint64_t last_number() const;
  [[nodiscard]] std::expected<std::vector<control::EventView>, ConfigError> read(
      const gateway::Journal::Query& query);

  [[nodiscard]] Time next_deadline() const override { return write_at_; }
  void tick(Time now) override;

 private:
  void write();
  void tell_of_failure(const ConfigError& error);
  void tell_of_recovery();

  Loop& loop_;
  Log& log_;
  std::expected<gateway::Journal, ConfigError> journal_;
  std::vector<gateway::JournalEntry> waiting_;
  Time write_at_ = kNever;
  bool failing_ = false;
  std::size_t lost_ = 0;
};

}  // namespace ipsec::daemon
