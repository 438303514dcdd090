// Sockets in network namespaces: traffic that a scenario sends and counts without a program of its
// own, and the sockets that a gateway holds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ike/base/endpoint.h"
#include "ike/base/unique_fd.h"

namespace ipsec::driver {

// The namespaces of a scenario; "-" is where the process was started.
class Namespaces {
 public:
  explicit Namespaces(std::string suffix);
  // The calling thread is in the namespace until the next call.
  void enter(const std::string& name);

 private:
  std::string suffix_;
  UniqueFd own_;
};

// Bound; port 0 takes a free one. Neither waits.
[[nodiscard]] UniqueFd udp_socket(const Endpoint& at);
[[nodiscard]] std::uint16_t port_of(const UniqueFd& socket);
// ESP in UDP that comes to it goes to the kernel's SAs (RFC 3948).
void take_encapsulated(const UniqueFd& socket);
// Whether the kernel took it; a policy that blocks answers EPERM, or takes it and sends nothing.
bool send(const UniqueFd& socket, const Endpoint& to, std::size_t bytes);
// How many datagrams of that size came, until there are `most` or the time is over.
[[nodiscard]] std::size_t receive(const UniqueFd& socket, std::size_t bytes, std::size_t most,
                                  std::chrono::milliseconds patience);
[[nodiscard]] bool is_readable(int fd, std::chrono::milliseconds patience);

}  // namespace ipsec::driver
