// One daemon on a run directory: the lock that says so, and its process id for scripts.
#pragma once

#include <expected>
#include <filesystem>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"

namespace ipsec::daemon {

class Instance {
 public:
  // Makes the directory. The error names the other daemon where there is one.
  [[nodiscard]] static std::expected<Instance, ConfigError> claim(
      const std::filesystem::path& run_dir);
  Instance(Instance&&) = default;
  Instance& operator=(Instance&&) = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

 private:
  Instance(UniqueFd lock, std::filesystem::path pid_file)
      : lock_(std::move(lock)), pid_file_(std::move(pid_file)) {}

  UniqueFd lock_;
  std::filesystem::path pid_file_;
};

}  // namespace ipsec::daemon
