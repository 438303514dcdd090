#include "ike/daemon/route_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "ike/base/unique_fd.h"
#include "ike/daemon/declared.h"

namespace ipsec::daemon {
namespace {

namespace fs = std::filesystem;

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

// A rename is on the disk when its directory is.
bool sync_directory(const fs::path& file) {
  const UniqueFd directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory && ::fsync(directory.get()) == 0;
}

}  // namespace

std::expected<std::set<route::Table>, ConfigError> RouteNote::read() const {
  std::error_code error;
  std::set<route::Table> out;
  if (!fs::exists(file_, error)) return out;
  const auto text = read_file(file_);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (const auto target = route::parse_target(rest.substr(0, end))) out.insert(target->table);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

std::expected<void, ConfigError> RouteNote::write(const std::set<route::Table>& tables) const {
  const auto failed = [this](int error) {
    return std::unexpected(ConfigError{
        file_.string(), fmt::format("cannot be written: {}; a table that is taken out of the "
                                    "configuration while ipsecd is down would keep its routes",
                                    std::generic_category().message(error))});
  };
  if (tables.empty()) {
    if (::unlink(file_.c_str()) != 0 && errno != ENOENT) return failed(errno);
    return {};
  }
  std::string text;
  for (const route::Table& table : tables) text += to_string(route::Target{table}) + '\n';
  fs::path fresh = file_;
  fresh += ".new";
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd || !write_all(fd.get(), text) || ::rename(fresh.c_str(), file_.c_str()) != 0 ||
      !sync_directory(file_)) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return failed(error);
  }
  return {};
}

}  // namespace ipsec::daemon
