// One measured figure as one JSON line: what scripts/bench gathers.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <string_view>
#include <vector>

namespace ipsec::bench {

// CPU time of this thread: a busy neighbour does not show.
inline double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Figure {
  std::string_view bench;
  std::string_view figure;
  std::string_view variant;
  std::string_view unit;
  double ours = 0;
  std::optional<double> peer = {};  // the same without us: bare libcrypto
  // At most; of ours / peer where there is a peer, else of ours.
  std::optional<double> target = {};
};

inline void print(const Figure& it) {
  const auto number = [](std::optional<double> value) {
    return value ? fmt::format("{:.3f}", *value) : std::string("null");
  };
  const std::optional<double> ratio = it.peer ? std::optional(it.ours / *it.peer) : std::nullopt;
  const bool met = !it.target || ratio.value_or(it.ours) <= *it.target;
  fmt::print(R"({{"bench":"{}","figure":"{}","variant":"{}","unit":"{}","ours":{:.3f},"peer":{},)"
             R"("ratio":{},"target":{},"met":{}}})"
             "\n",
             it.bench, it.figure, it.variant, it.unit, it.ours, number(it.peer), number(ratio),
             number(it.target),
             !it.target ? "null"
             : met      ? "true"
                        : "false");
}

}  // namespace ipsec::bench
