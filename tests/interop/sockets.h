// UDP sockets on the IKE ports: two for each local address, so the address an answer leaves from is
// never in doubt.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include <poll.h>

#include "ike/base/endpoint.h"
#include "ike/base/unique_fd.h"
#include "ike/core/io.h"

namespace ipsec::interop {

// On a port of the system's choice; throws std::system_error.
[[nodiscard]] UniqueFd connected_socket(const Address& local, const Endpoint& remote);

class Sockets {
 public:
  // Both ports of the address; throws std::system_error where one is taken.
  void open(const Address& local);
  void send(const core::SendDatagram& send) const;

  void add_to(std::vector<pollfd>& polled) const;
  // What has arrived there, one datagram a call. On port 4500 without its marker; what has none is
  // ESP or a keepalive and is passed over.
  [[nodiscard]] std::optional<core::Datagram> receive() const;

 private:
  void open(const Endpoint& local);

  std::map<Endpoint, UniqueFd> sockets_;
};

}  // namespace ipsec::interop
