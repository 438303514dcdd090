// How a command's answer comes about.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <expected>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "ike/base/error.h"
#include "tests/netns/xfrm_driver/words.h"

namespace ipsec::driver {

using std::chrono::milliseconds;

// The kernel said no: Driver::obey makes an answer of it.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename T>
T must(std::expected<T, KernelError> result) {
  if (!result) throw Refused(describe(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

inline void expect_count(Words words, std::size_t count) {
  if (words.size() != count) throw WrongLine(fmt::format("takes {} arguments", count));
}

inline milliseconds patience_of(const std::string& text) { return milliseconds(number32_of(text)); }

}  // namespace ipsec::driver
