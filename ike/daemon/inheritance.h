// Descriptors that a daemon before this one had, and the keeper held meanwhile. Who opens something
// asks here first.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "ike/base/endpoint.h"
#include "ike/base/unique_fd.h"

namespace ipsec::daemon {

class Inheritance {
 public:
  // Told what is taken, when the rest goes.
  using Told = std::function<void(std::span<const int> taken)>;

  // Nothing at all.
  Inheritance() = default;
  Inheritance(std::vector<UniqueFd> held, Told told)
      : held_(std::move(held)), told_(std::move(told)) {}

  // The open file with this inode.
  [[nodiscard]] std::optional<UniqueFd> take_file(dev_t device, ino_t inode);
  // The UDP socket that is bound there.
  [[nodiscard]] std::optional<UniqueFd> take_udp(const Endpoint& bound);
  // The rest: as long as another holds a port, it cannot be bound in a different way.
  void let_go();

 private:
  [[nodiscard]] std::optional<UniqueFd> take_if(const std::function<bool(int)>& is_it);

  std::vector<UniqueFd> held_;
  Told told_;
  std::vector<int> taken_;
};

}  // namespace ipsec::daemon
