#include "ike/daemon/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace ipsec::daemon {
namespace {

// Only before threads are there.
std::string take_from_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return {};
  std::string out = value;
  ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  return out;
}

void send_to(std::string_view socket, int fd, std::string_view state) {
  sockaddr_un address{};
  if (socket.empty() || socket.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  // A socket without a file, which systemd writes with an @.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  (void)::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace

Notify::Notify(Loop& loop) : loop_(loop), socket_(take_from_environment("NOTIFY_SOCKET")) {
  loop_.add(*this);
  const std::string watchdog = take_from_environment("WATCHDOG_USEC");
  if (socket_.empty()) return;
  fd_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::int64_t us = 0;
  std::from_chars(watchdog.data(), watchdog.data() + watchdog.size(), us);
  if (us <= 0) return;
  // Twice as often as it must be.
  every_ = Duration(us / 2);
  next_ = loop_.now();
}

void Notify::say(std::string_view state) const {
  if (fd_) send_to(socket_, fd_.get(), state);
}

void Notify::tick(Time now) {
  say("WATCHDOG=1");
  next_ = every_ ? now + *every_ : kNever;
}

void notify_alive() {
  const char* const socket = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket != nullptr && fd) send_to(socket, fd.get(), "WATCHDOG=1");
}

void notify_failure() {
  const std::string socket = take_from_environment("NOTIFY_SOCKET");
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // EINVAL, for want of a better one: what it was stands in words on standard error.
  if (fd) send_to(socket, fd.get(), "ERRNO=22");
}

}  // namespace ipsec::daemon
