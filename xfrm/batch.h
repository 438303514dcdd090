// A run of messages in the making, each with its sequence number. Internal to the room.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/secret.h"
#include "xfrm/messages.h"
#include "xfrm/socket.h"

namespace ipsec::xfrm {

// NOTE: Secrets. The buffer is wiped when the batch goes.
class Batch {
 public:
  // Exactly `count` messages must be written before the batch is sent.
  Batch(Socket& socket, std::size_t count)
      : socket_(socket),
        first_(socket.reserve_sequence(static_cast<std::uint32_t>(count))),
        count_(count) {}
  ~Batch() { wipe(bytes_); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  [[nodiscard]] Bytes& bytes() { return bytes_; }
  // For the next message.
  [[nodiscard]] Header next() {
    const auto index = static_cast<std::uint32_t>(written_++);
    return {.sequence = first_ + index, .acknowledge = written_ == count_, .port = socket_.port()};
  }
  [[nodiscard]] std::expected<std::vector<Refusal>, KernelError> send() {
    return socket_.run(bytes_, first_, count_);
  }

 private:
  Socket& socket_;
  std::uint32_t first_;
  std::size_t count_;
  std::size_t written_ = 0;
  Bytes bytes_;
};

}  // namespace ipsec::xfrm
