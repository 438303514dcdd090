// A netlink socket of one network namespace. What is asked is answered within the call: the kernel
// answers while it takes the message. Events come when there are any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/unique_fd.h"
#include "route/kernel/messages.h"

namespace ipsec::route::kernel {

// What the kernel says, or what became of the socket.
struct Failure {
  int error_number = 0;
  std::string says;        // the extended acknowledgement's text, or what we were about
  bool of_socket = false;  // nothing is known of what was asked
};

class Socket {
 public:
  // `fd` is a netlink socket that is not bound yet; `groups` are RTNLGRP_*. `deaf_to`: messages
  // that the kernel sends on behalf of this port are not wanted.
  [[nodiscard]] static std::expected<Socket, Failure> adopt(UniqueFd fd,
                                                            const std::vector<int>& groups = {},
                                                            std::uint32_t deaf_to = 0);

  // One for each message in its order: what the kernel refused, or nothing.
  [[nodiscard]] std::vector<std::optional<Failure>> run(Batch batch);
  // One question with one answer.
  [[nodiscard]] std::expected<Bytes, Failure> ask(Batch question);
  // `take` sees each row. Begins anew, a bounded number of times, where the kernel says that the
  // table changed under it; `restart` tells the caller to forget its rows.
  [[nodiscard]] std::expected<void, Failure> dump(Batch question,
                                                  const std::function<void(ByteView)>& take,
                                                  const std::function<void()>& restart);

  // How the reading of events went.
  enum class Events : std::uint8_t {
    all,   // nothing is left
    more,  // the bound was reached
    lost,  // there was no room for some
    broken,
  };
  // No more than a bounded number, without waiting.
  [[nodiscard]] Events receive_events(const std::function<void(ByteView)>& take);
  // Throws away what waits, for who is going to look at everything anyway. Bounded too.
  void skip_events();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint32_t port() const { return port_; }
  // Answers that were not ours to expect: alien, truncated, late or malformed.
  [[nodiscard]] std::uint64_t ignored() const { return ignored_; }

 private:
  // What one reading of a datagram finds.
  struct Frame {
    ByteView message;
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
  };

  explicit Socket(UniqueFd fd);

  [[nodiscard]] std::optional<Failure> send(ByteView part) const;
  // Into the buffer. Nothing: to be ignored. An error number else.
  [[nodiscard]] std::expected<std::optional<ByteView>, int> receive(int flags);
  // The same, and waits; errors in words.
  [[nodiscard]] std::expected<std::optional<ByteView>, Failure> await();
  void each_frame(ByteView datagram, const std::function<void(const Frame&)>& take);
  // An acknowledgement, or the end of a dump: error number 0 where all is well.
  [[nodiscard]] std::optional<Failure> answer_in(const Frame& frame);
  // Sends messages [begin, end) and takes their answers.
  [[nodiscard]] std::optional<Failure> run_chunk(Batch& batch, std::size_t begin, std::size_t end,
                                                 std::vector<std::optional<Failure>>& out);
  [[nodiscard]] std::optional<Failure> dump_once(const Batch& question, std::uint32_t sequence,
                                                 const std::function<void(ByteView)>& take);
  // How many datagrams there were, up to a bound.
  std::uint64_t discard();

  UniqueFd fd_;
  std::uint32_t port_ = 0;
  std::uint32_t next_sequence_ = 1;  // events bear 0
  std::size_t chunk_messages_ = 0;
  std::uint64_t ignored_ = 0;
  Bytes buffer_;
};

}  // namespace ipsec::route::kernel
