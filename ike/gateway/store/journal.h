// The log of connections (M94): what happened to each tunnel, a bounded number of lines of it, in a
// file of its own. A full disk or a broken file costs lines of this log and nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ike/base/error.h"

namespace ipsec::gateway {

struct JournalEntry {
  std::uint64_t number = 0;  // grows over all tunnels and over the lives of the daemon
  std::chrono::sys_seconds at;
  std::string account;
  std::string tunnel_id;
  std::string tunnel;
  std::string phase;
  std::string event;
  std::string text;
  bool operator==(const JournalEntry&) const = default;
};

class Journal {
 public:
  struct Bounds {
    std::uint64_t entries_of_tunnel = 1000;
    std::uint64_t entries = 200'000;
  };
  // A file that is broken is moved aside, with all that belongs to it, and a new one begun; of
  // those, the newest three are kept. Any other trouble leaves the file as it is.
  struct Opened;
  [[nodiscard]] static std::expected<Opened, ConfigError> open(const std::filesystem::path& file,
                                                               const Bounds& bounds);
  Journal(Journal&&) noexcept;
  Journal& operator=(Journal&&) noexcept;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // All or none of them. The numbers must be above last_number() and grow.
  [[nodiscard]] std::expected<void, ConfigError> append(std::span<const JournalEntry> entries);
  [[nodiscard]] std::uint64_t last_number() const { return last_number_; }

  struct Query {
    std::string account;
    std::vector<std::string> tunnel_ids;  // none: all of the account
    std::optional<std::chrono::sys_seconds> since;
    std::uint64_t most = 1000;
  };
  // The newest that fit, in the order in which they happened.
  [[nodiscard]] std::expected<std::vector<JournalEntry>, ConfigError> read(const Query& query);

 private:
  struct State;
  explicit Journal(std::unique_ptr<State> state);

  [[nodiscard]] std::expected<void, ConfigError> write(std::span<const JournalEntry> entries);
  [[nodiscard]] std::expected<void, ConfigError> trim(std::span<const JournalEntry> entries);

  std::unique_ptr<State> state_;
  std::uint64_t last_number_ = 0;
};

// What became of a journal that was broken, and how that was seen.
struct MovedAside {
  std::filesystem::path to;
  std::string why;
};

struct Journal::Opened {
  Journal journal;
  std::optional<MovedAside> moved;
};

}  // namespace ipsec::gateway
