// A netlink socket (libmnl). Each call sends, and waits for the kernel's whole answer.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/error.h"

struct mnl_socket;

namespace ipsec::xfrm {

// One message that the kernel refused: its place in the batch, counted from 0.
struct Refusal {
  std::size_t index = 0;
  int error_number = 0;
  std::string kernel_says;  // the extended acknowledgement's text, where there is one
};

class Socket {
 public:
  // `protocol` is NETLINK_XFRM or NETLINK_ROUTE; groups are a bit mask of multicast groups.
  [[nodiscard]] static std::expected<Socket, KernelError> open(int protocol,
                                                               std::uint32_t groups = 0);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;
  ~Socket();

  // A run of sequence numbers for `count` messages; wraps around and never gives 0.
  [[nodiscard]] std::uint32_t reserve_sequence(std::uint32_t count);

  // A batch whose messages bear consecutive sequence numbers from `first` on and whose last asks
  // for an acknowledgement. Refusals come back in the order of the messages; the others were done.
  // An error of its own is one of the socket: then nothing is known of the batch.
  [[nodiscard]] std::expected<std::vector<Refusal>, KernelError> run(ByteView batch,
                                                                     std::uint32_t first,
                                                                     std::size_t count);
  // One question with one answer, which is handed to `take`.
  [[nodiscard]] std::expected<void, KernelError> ask(ByteView question, std::uint32_t sequence,
                                                     const std::function<void(ByteView)>& take);
  // A dump; `take` sees each row. Begins anew, a bounded number of times, where the kernel says
  // that the table changed under it (NLM_F_DUMP_INTR); `restart` tells the caller to forget its
  // rows.
  [[nodiscard]] std::expected<void, KernelError> dump(ByteView question, std::uint32_t sequence,
                                                      const std::function<void(ByteView)>& take,
                                                      const std::function<void()>& restart);

  // For sockets with groups: what has come, without waiting. ENOBUFS means that events were lost.
  [[nodiscard]] std::expected<void, KernelError> receive_events(
      const std::function<void(ByteView)>& take);

  // What the socket with that port asks for is no event here: nobody is woken for it.
  void leave_out(std::uint32_t port);

  [[nodiscard]] int fd() const;
  [[nodiscard]] std::uint32_t port() const;
  // Answers that were not ours to expect: alien, truncated or late.
  [[nodiscard]] std::uint64_t ignored() const;

 private:
  struct State;
  explicit Socket(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ipsec::xfrm
