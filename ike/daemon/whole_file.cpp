#include "ike/daemon/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "ike/base/unique_fd.h"

namespace ipsec::daemon {
namespace {

namespace fs = std::filesystem;

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

// A rename is on the disk when its directory is.
bool sync_directory(const fs::path& file) {
  const UniqueFd directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory && ::fsync(directory.get()) == 0;
}

}  // namespace

std::expected<void, std::error_code> write_whole(const fs::path& file, ByteView bytes) {
  fs::path fresh = file;
  fresh += ".new";
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd || !write_all(fd.get(), bytes) || ::rename(fresh.c_str(), file.c_str()) != 0 ||
      !sync_directory(file)) {
    const std::error_code error(errno, std::generic_category());
    ::unlink(fresh.c_str());
    return std::unexpected(error);
  }
  return {};
}

}  // namespace ipsec::daemon
