// Addresses as sockets take them.
#pragma once

#include <sys/socket.h>

#include "ike/base/endpoint.h"

namespace ipsec {

struct SystemAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

[[nodiscard]] SystemAddress to_system(const Endpoint& endpoint);
// Of an address that the kernel has filled in.
[[nodiscard]] Endpoint from_system(const SystemAddress& address);

}  // namespace ipsec
