#include "ike/daemon/inheritance.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "ike/daemon/system/address.h"

namespace ipsec::daemon {
namespace {

bool is_udp_socket_at(int fd, const Endpoint& bound) {
  int protocol = 0;
  socklen_t size = sizeof(protocol);
  if (::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0) return false;
  SystemAddress address;
  return protocol == IPPROTO_UDP && ::getsockname(fd, address.get(), &address.size) == 0 &&
         from_system(address) == bound;
}

}  // namespace

std::optional<UniqueFd> Inheritance::take_if(const std::function<bool(int)>& is_it) {
  const auto found =
      std::ranges::find_if(held_, [&](const UniqueFd& fd) { return is_it(fd.get()); });
  if (found == held_.end()) return std::nullopt;
  UniqueFd out = std::move(*found);
  held_.erase(found);
  taken_.push_back(out.get());
  return out;
}

std::optional<UniqueFd> Inheritance::take_file(dev_t device, ino_t inode) {
  return take_if([&](int fd) {
    struct stat file{};
    return ::fstat(fd, &file) == 0 && file.st_dev == device && file.st_ino == inode;
  });
}

std::optional<UniqueFd> Inheritance::take_udp(const Endpoint& bound) {
  return take_if([&](int fd) { return is_udp_socket_at(fd, bound); });
}

void Inheritance::let_go() {
  if (held_.empty()) return;
  held_.clear();
  if (told_) told_(taken_);
}

}  // namespace ipsec::daemon
