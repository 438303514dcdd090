// When a daemon that ended is started again, and how its end is put in words. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ike/base/time.h"

namespace ipsec::daemon {

// At once where it had been ready for long; then at once, after 100 ms, 200 ms, and so on to 10 s.
class Restarts {
 public:
  // How long to wait after the end of one that was ready for so long; nothing: it never was.
  [[nodiscard]] Duration after(std::optional<Duration> ready);

 private:
  std::uint32_t in_a_row_ = 0;
};

// "died by SIGKILL", "ended with status 1", of what waitpid(2) gave.
[[nodiscard]] std::string words_of_end(int status);

}  // namespace ipsec::daemon
