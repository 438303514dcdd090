// The language of the fuzz targets `engine`, `v2_inside` and `v1_inside`: one byte for what
// happens, the operands after it. Missing operands are zero. Seeds are written in it by make_seeds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ike/base/bytes.h"

namespace ipsec::fuzz {

enum class Op : std::uint8_t {
  deliver,          // n: the n-th datagram on its way
  drop,             // n
  duplicate,        // n: delivered and kept
  mutate,           // n offset(2) xor: delivered changed and kept
  truncate,         // n size(2): delivered shortened and kept
  inject_raw,       // side size bytes...
  inject_clear,     // side exchange flags spis id size bytes...: a message in clear
  inject_opening,   // side count: an honest IKE_SA_INIT from so many new peers
  advance,          // step: see kSteps
  command,          // side order
  answer,           // side n: kernel or worker pool
  answer_error,     // side n
  answer_twice,     // side n
  answer_stranger,  // side kind: for an SA nobody knows
  acquire,          // side reqid
  expire,           // side key hard
  inbound_seen,     // side n
  set_tunnel,       // side variant
  remove_tunnel,    // side
  answers_come,     // side how
  calm,             // everything on its way arrives, everything asked is answered
  rewrite_port,     // n port: delivered from another port, as behind a NAT
};
inline constexpr std::size_t kOps = 22;

// The fuzzer's bytes, read from the front; past the end all is zero.
class Script {
 public:
  explicit Script(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return next_ >= bytes_.size(); }
  [[nodiscard]] std::uint8_t u8() { return done() ? std::uint8_t{0} : bytes_[next_++]; }
  [[nodiscard]] std::uint16_t u16() {
    const auto high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  [[nodiscard]] ByteView take(std::size_t size) {
    const std::size_t left = done() ? 0 : bytes_.size() - next_;
    const auto part = bytes_.subspan(done() ? bytes_.size() : next_, size < left ? size : left);
    next_ += part.size();
    return part;
  }

 private:
  ByteView bytes_;
  std::size_t next_ = 0;
};

}  // namespace ipsec::fuzz
