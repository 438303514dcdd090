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

std::expected<Instance, ConfigError> Instance::claim(const std::filesystem::path& run_dir) {
  std::error_code error;
  std::filesystem::create_directories(run_dir, error);
  if (error) {
    return std::unexpected(wrong(run_dir, fmt::format("cannot be made: {}; name another with "
                                                      "--run-dir",
                                                      error.message())));
  }
  const auto lock_file = run_dir / "ipsecd.lock";
  const auto pid_file = run_dir / "ipsecd.pid";
  UniqueFd lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock) {
    return std::unexpected(wrong(
        lock_file, fmt::format("cannot be opened: {}; {}name another directory with --run-dir",
                               std::generic_category().message(errno),
                               errno == EACCES ? "start as root, or " : "")));
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return std::unexpected(
        wrong(run_dir, fmt::format("another ipsecd, process {}, runs on it; stop that one, or name "
                                   "another directory with --run-dir",
                                   pid_in(pid_file))));
  }
  std::ofstream stream(pid_file, std::ios::trunc);
  stream << ::getpid() << '\n';
  stream.flush();
  if (!stream) {
    return std::unexpected(wrong(pid_file, "cannot be written; is the disk full?"));
  }
  return Instance(std::move(lock), pid_file);
}

Instance::~Instance() {
  std::error_code ignored;
  if (lock_) std::filesystem::remove(pid_file_, ignored);
}

}  // namespace ipsec::daemon
