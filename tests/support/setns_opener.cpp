#include "tests/support/setns_opener.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <thread>

#include <fmt/format.h>

namespace ipsec::test {

std::expected<UniqueFd, route::Trouble> SetnsOpener::open_rtnl(std::string_view netns) {
  const UniqueFd place(::open(route::namespace_file(netns).c_str(), O_RDONLY | O_CLOEXEC));
  UniqueFd opened;
  int error = place ? 0 : errno;
  if (place) {
    // A thread has a network namespace of its own, and takes it along at its end.
    std::thread([&] {
      if (::setns(place.get(), CLONE_NEWNET) == 0) {
        opened = UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
      }
      if (!opened) error = errno;
    }).join();
  }
  if (opened) return opened;
  const bool forbidden = error == EPERM || error == EACCES;
  return std::unexpected(route::Trouble{
      forbidden ? route::Trouble::Kind::forbidden : route::Trouble::Kind::no_namespace,
      fmt::format("network namespace {} cannot be entered (error {})", netns, error)});
}

}  // namespace ipsec::test
