#include "route/kernel/folder.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "route/kernel/opener.h"

namespace ipsec::route::kernel {
namespace {

// NSFS_MAGIC of <linux/magic.h>, where older headers lack it.
constexpr long kNamespaceFiles = 0x6e736673;
// bytes of events taken at a time: some hundred names.
constexpr std::size_t kEventBytes = 16'384;

}  // namespace

NamespaceFile look_for_namespace(std::string_view netns) {
  const std::string path = namespace_file(netns);
  struct stat found{};
  struct statfs system{};
  if (::stat(path.c_str(), &found) != 0 || ::statfs(path.c_str(), &system) != 0) return {};
  const bool finished = system.f_type == kNamespaceFiles;
  return {finished ? NamespaceState::there : NamespaceState::unfinished,
          {found.st_dev, found.st_ino}};
}

bool NamespaceFolder::open() {
  if (watch_) return false;
  UniqueFd opened(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!opened) return false;
  const std::string folder(kNamespaceFolder);
  constexpr std::uint32_t kComingAndGoing = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
  if (::inotify_add_watch(opened.get(), folder.c_str(), kComingAndGoing) < 0) return false;
  watch_ = std::move(opened);
  return true;
}

void NamespaceFolder::read(const std::function<void(std::optional<std::string>)>& take) const {
  alignas(inotify_event) std::array<char, kEventBytes> buffer{};
  const ssize_t count = ::read(watch_.get(), buffer.data(), buffer.size());
  std::size_t left = count > 0 ? static_cast<std::size_t>(count) : 0;
  for (const char* at = buffer.data(); left >= sizeof(inotify_event);) {
    inotify_event event{};
    std::memcpy(&event, at, sizeof(event));
    const std::size_t size = sizeof(event) + event.len;
    if (size > left) return;
    if (event.len == 0) {
      take(std::nullopt);  // some were lost
    } else {
      const char* name = at + sizeof(event);
      take(std::string(name, ::strnlen(name, event.len)));
    }
    at += size;
    left -= size;
  }
}

}  // namespace ipsec::route::kernel
