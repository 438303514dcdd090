// One daemon on a run directory: the lock that says so, and for scripts the process id of who is to
// be told to stop: the keeper where there is one.
#pragma once

#include <sys/types.h>

#include <expected>
#include <filesystem>
#include <string_view>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"
#include "ike/daemon/inheritance.h"

namespace ipsec::daemon {

// In the run directory.
inline constexpr std::string_view kPidFile = "ipsecd.pid";

class Instance {
 public:
  // Makes the directory. The error names the other daemon where there is one. The lock belongs to
  // the open file: one that is inherited is held already, and so is the process id there.
  [[nodiscard]] static std::expected<Instance, ConfigError> claim(
      const std::filesystem::path& run_dir, pid_t process, Inheritance& inherited);
  Instance(Instance&&) = default;
  Instance& operator=(Instance&&) = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  // Takes the process id away, unless it is the keeper's, whose it stays.
  ~Instance();

  [[nodiscard]] int lock() const { return lock_.get(); }
  // The keeper, which has the lock too from here on, or this process, after the keeper's end.
  void belongs_to_keeper() { is_keepers_ = true; }
  [[nodiscard]] std::expected<void, ConfigError> belongs_to(pid_t process);

 private:
  Instance(UniqueFd lock, std::filesystem::path pid_file, bool is_keepers)
      : lock_(std::move(lock)), pid_file_(std::move(pid_file)), is_keepers_(is_keepers) {}

  UniqueFd lock_;
  std::filesystem::path pid_file_;
  bool is_keepers_;
};

}  // namespace ipsec::daemon
