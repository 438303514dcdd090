// Waiting for a descriptor without being deaf to Ctrl-C: SIGINT and SIGTERM arrive as bytes of a
// descriptor that every wait looks at, so a terminal is left as it was and no file half written.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "ike/base/unique_fd.h"

namespace ipsec::cli {

class Interrupt {
 public:
  // Never interrupted.
  Interrupt() = default;
  // From here on the two signals of this process arrive here.
  [[nodiscard]] static Interrupt of_signals();

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

enum class Woke : std::uint8_t { ready, timed_out, interrupted };
enum class For : std::uint8_t { reading, writing };

using Deadline = std::optional<std::chrono::steady_clock::time_point>;  // nothing: none

// A descriptor of -1 is only waited for in time.
[[nodiscard]] Woke wait_for(int fd, For what, const Interrupt& interrupt, Deadline deadline);

// Up to the end; the error is a line. Nothing larger than `most_bytes`.
[[nodiscard]] std::expected<std::string, std::string> read_all(int fd, const Interrupt& interrupt,
                                                               std::size_t most_bytes);

}  // namespace ipsec::cli
