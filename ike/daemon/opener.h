// A small process that opens netlink sockets in other network namespaces and hands them over, so
// that the daemon proper need not keep CAP_SYS_ADMIN. It knows one request: a namespace's name.
#pragma once

#include <sys/types.h>

#include <expected>
#include <memory>
#include <string_view>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"
#include "route/kernel/opener.h"

namespace ipsec::daemon {

class Opener final : public route::NamespaceOpener {
 public:
  // Forks, so: before there are threads, and while there are privileges. The process ends when this
  // object does, or the daemon, however it ends.
  [[nodiscard]] static std::expected<std::unique_ptr<Opener>, KernelError> start();
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;
  ~Opener() override;

  [[nodiscard]] std::expected<UniqueFd, route::Trouble> open_rtnl(std::string_view netns) override;

 private:
  Opener(UniqueFd channel, pid_t process) : channel_(std::move(channel)), process_(process) {}

  UniqueFd channel_;
  pid_t process_;
};

}  // namespace ipsec::daemon
