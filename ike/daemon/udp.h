// UDP 500 and 4500, IPv4 and IPv6. A reply leaves from the address that was asked; on port 4500 the
// kernel keeps ESP for itself and the non-ESP marker of IKE stays in here (RFC 3948 2.2).
//
// NOTE: Limits. What cannot be sent is lost, as on any network: the engine sends again.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"
#include "ike/core/io.h"
#include "ike/daemon/inheritance.h"

namespace ipsec::daemon {

class UdpSockets {
 public:
  // On these addresses, or, where there are none, on all. Sockets that are inherited stay what they
  // are, with what came to them meanwhile; those that are not wanted go. The error names address
  // and port, and what to do.
  [[nodiscard]] static std::expected<UdpSockets, ConfigError> open(
      const std::vector<Address>& listen, Inheritance inherited = {});
  UdpSockets(UdpSockets&&) noexcept;
  UdpSockets& operator=(UdpSockets&&) noexcept;
  UdpSockets(const UdpSockets&) = delete;
  UdpSockets& operator=(const UdpSockets&) = delete;
  ~UdpSockets();

  // All descriptors, to be waited for.
  [[nodiscard]] std::vector<int> fds() const;
  // What has come there, no more than a bounded number at a time.
  void receive(int fd, const std::function<void(core::Datagram&&)>& take);
  // Kept until flush(), so that many go in one call.
  void send(core::SendDatagram&& datagram);
  void flush();

  struct Counters {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t unusable = 0;  // cut short, without marker, or sent to a group
    std::uint64_t unsent = 0;
    int last_error = 0;  // errno of the last one unsent
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Socket;
  struct Incoming;
  struct Outgoing;

  UdpSockets();
  [[nodiscard]] Socket* socket_for(const Endpoint& local);
  void flush(Socket& socket);

  std::vector<Socket> sockets_;
  // Apart: what comes of a datagram is sent while those that came with it wait in their buffers.
  std::unique_ptr<Incoming> incoming_;
  std::unique_ptr<Outgoing> outgoing_;
  Counters counters_;
};

}  // namespace ipsec::daemon
