#include "ike/daemon/instance.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

ConfigError wrong(const std::filesystem::path& where, const std::string& why) {
  return {where.string(), why};
}

std::string pid_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string pid;
  stream >> pid;
  return pid.empty() ? std::string("unknown") : pid;
}

}  // namespace

std::expected<Instance, ConfigError> Instance::claim(const std::filesystem::path& run_dir,
                                                     pid_t process, Inheritance& inherited) {
  std::error_code error;
  std::filesystem::create_directories(run_dir, error);
  if (error) {
    return std::unexpected(wrong(run_dir, fmt::format("cannot be made: {}; name another with "
                                                      "--run-dir",
                                                      error.message())));
  }
  const auto lock_file = run_dir / "ipsecd.lock";
  const auto pid_file = run_dir / kPidFile;
  UniqueFd lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock) {
    return std::unexpected(wrong(
        lock_file, fmt::format("cannot be opened: {}; {}name another directory with --run-dir",
                               std::generic_category().message(errno),
                               errno == EACCES ? "start as root, or " : "")));
  }
  struct stat file{};
  if (::fstat(lock.get(), &file) == 0) {
    if (auto held = inherited.take_file(file.st_dev, file.st_ino)) {
      return Instance(*std::move(held), pid_file, true);
    }
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return std::unexpected(
        wrong(run_dir, fmt::format("another ipsecd, process {}, runs on it; stop that one, or name "
                                   "another directory with --run-dir",
                                   pid_in(pid_file))));
  }
  Instance instance(std::move(lock), pid_file, false);
  if (auto written = instance.belongs_to(process); !written) {
    return std::unexpected(std::move(written.error()));
  }
  return instance;
}

std::expected<void, ConfigError> Instance::belongs_to(pid_t process) {
  is_keepers_ = false;
  std::ofstream stream(pid_file_, std::ios::trunc);
  stream << process << '\n';
  stream.flush();
  if (stream) return {};
  return std::unexpected(wrong(pid_file_, "cannot be written; is the disk full?"));
}

Instance::~Instance() {
  std::error_code ignored;
  if (lock_ && !is_keepers_) std::filesystem::remove(pid_file_, ignored);
}

}  // namespace ipsec::daemon
