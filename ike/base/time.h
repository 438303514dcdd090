// Time as the engine knows it: handed in with every input, never asked for. The clock type has no
// now(), so nothing below the daemon can read one.
#pragma once

#include <chrono>
#include <cstdint>

namespace ipsec {

struct Clock {
  using duration = std::chrono::duration<std::int64_t, std::micro>;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  // NOLINTNEXTLINE(readability-identifier-naming): the name that <chrono> asks for
  static constexpr bool is_steady = true;
};

using Time = Clock::time_point;
using Duration = Clock::duration;

inline constexpr Time kNever = Time::max();

}  // namespace ipsec
