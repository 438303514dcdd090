// What goes around netlink messages: runs of sequence numbers, batches in chunks, and the kernel's
// acknowledgements; pure. Internal to the socket.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/error.h"

namespace ipsec::xfrm {

// What netlink pads a message or attribute of this size to.
[[nodiscard]] constexpr std::size_t aligned(std::size_t size) { return (size + 3) / 4 * 4; }

// 0 is never given: the kernel's own messages bear it. A run that would go over the end begins
// anew at 1, so that it stays consecutive.
class SequenceNumbers {
 public:
  explicit SequenceNumbers(std::uint32_t next = 1) : next_(next) {}
  [[nodiscard]] std::uint32_t reserve(std::uint32_t count);

 private:
  std::uint32_t next_;
};

// A part of a batch that is sent at once.
struct Chunk {
  std::size_t offset = 0;
  std::size_t size = 0;
  std::size_t last_offset = 0;  // of its last message: the one to be acknowledged
  std::size_t first_index = 0;  // of its first message, in the batch
  std::size_t count = 0;
  bool operator==(const Chunk&) const = default;
};

// messages of one chunk. Were all refused, their refusals (1280 bytes of the receive buffer each)
// still fit in the 208 KiB that a socket has by default.
inline constexpr std::size_t kChunkMessages = 100;
// bytes of one chunk: more than that the kernel copies to memory that is dear.
inline constexpr std::size_t kChunkBytes = std::size_t{28} * 1024;

// Fails where the bytes are not whole messages in a row.
[[nodiscard]] std::expected<std::vector<Chunk>, Malformed> chunks_of(ByteView batch);

// One netlink message of what was received.
struct Frame {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  ByteView message;  // whole, with its header
};
// Hands out each whole message; fails at the first that is cut short.
[[nodiscard]] std::expected<void, Malformed> for_each_frame(
    ByteView received, const std::function<void(const Frame&)>& take);

// Attributes in a row, until the first that makes no sense.
void for_each_attribute(ByteView attributes,
                        const std::function<void(std::size_t type, ByteView bytes)>& take);

// NLMSG_ERROR and NLMSG_DONE. Error number 0 is a plain yes.
struct Answer {
  int error_number = 0;
  std::string kernel_says;  // printable, and no longer than kKernelTextBytes
  bool operator==(const Answer&) const = default;
};
inline constexpr std::size_t kKernelTextBytes = 200;
[[nodiscard]] std::expected<Answer, Malformed> parse_answer(const Frame& frame);

}  // namespace ipsec::xfrm
