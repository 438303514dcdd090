#include "ike/daemon/keeper_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace ipsec::daemon {

std::expected<KeeperLine, KernelError> KeeperLine::open(std::optional<int> channel) {
  KeeperLine line;
  line.process_ = ::getpid();
  if (!channel) return line;
  line.channel_ = UniqueFd(*channel);
  // No program that is started from here has anything to do with it.
  (void)::fcntl(line.fd(), F_SETFD, FD_CLOEXEC);
  auto first = receive_message(line.fd(), Waits::yes);
  if (!first) return std::unexpected(KernelError{"hearing the keeper", first.error()});
  line.process_ = ::getppid();
  line.end_before_ = std::move(first->text);
  line.held_ = std::move(first->fds);
  return line;
}

Inheritance KeeperLine::inheritance() {
  return {std::exchange(held_, {}), [channel = fd()](std::span<const int> taken) {
            // Until it has closed the others nothing can be bound in their place.
            if (send_message(channel, Word::keep, {}, taken)) {
              (void)receive_message(channel, Waits::yes);
            }
          }};
}

void KeeperLine::ready(std::span<const int> fds) const {
  if (is_there()) (void)send_message(fd(), Word::ready, {}, fds);
}

}  // namespace ipsec::daemon
