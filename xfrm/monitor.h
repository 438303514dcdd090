// The kernel's events: acquires, expiries, mapping changes, and other people's hands.
#pragma once

#include <expected>
#include <vector>

#include "ike/base/error.h"
#include "xfrm/records.h"
#include "xfrm/socket.h"

namespace ipsec::xfrm {

class Monitor {
 public:
  // `own_port` is the port of the Kernel whose changes are no news.
  [[nodiscard]] static std::expected<Monitor, KernelError> open(std::uint32_t own_port);

  // Readable when there are events.
  [[nodiscard]] int fd() const { return socket_.fd(); }

  // What has come, without waiting and no more than a bounded number at a time. After lost events
  // there is one Overrun: the caller reconciles once, however many were lost.
  [[nodiscard]] std::expected<std::vector<KernelEvent>, KernelError> read();

  // Messages that made no sense, or were not ours to expect.
  [[nodiscard]] std::uint64_t ignored() const { return malformed_ + socket_.ignored(); }

 private:
  Monitor(Socket socket, std::uint32_t own_port)
      : socket_(std::move(socket)), own_port_(own_port) {}

  Socket socket_;
  std::uint32_t own_port_ = 0;
  std::uint64_t malformed_ = 0;
};

}  // namespace ipsec::xfrm
