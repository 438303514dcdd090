// Sockets in other network namespaces: to go into one takes CAP_SYS_ADMIN, which the daemon leaves
// to somebody else.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "ike/base/unique_fd.h"
#include "route/model.h"

namespace ipsec::route {

class NamespaceOpener {
 public:
  NamespaceOpener() = default;
  NamespaceOpener(const NamespaceOpener&) = delete;
  NamespaceOpener& operator=(const NamespaceOpener&) = delete;
  virtual ~NamespaceOpener() = default;

  // A fresh socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) in the namespace that stands
  // in /run/netns under this name; not bound. Answers at once.
  [[nodiscard]] virtual std::expected<UniqueFd, Trouble> open_rtnl(std::string_view netns) = 0;
};

// Where named network namespaces are, and the file of one.
inline constexpr std::string_view kNamespaceFolder = "/run/netns";
[[nodiscard]] inline std::string namespace_file(std::string_view netns) {
  return std::string(kNamespaceFolder) + "/" + std::string(netns);
}

}  // namespace ipsec::route
