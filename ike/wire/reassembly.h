// Puts the decrypted fragments of one message together again (RFC 7383 2.6).
//
// NOTE: Limits. At most limits::kFragments pieces and limits::kReassembledBytes bytes; each piece
// is kept once. A set with a larger total replaces what came before, a smaller one is ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/wire/message.h"

namespace ipsec::wire {

struct Reassembled {
  PayloadType first_inner = PayloadType::none;
  Bytes chain;
};

class Reassembly {
 public:
  // Whatever is not `stored` changed nothing. `stale`: of a smaller total than the set held.
  // `invalid`: the numbers contradict each other. `too_large`: past one of the limits.
  enum class Verdict : std::uint8_t { stored, duplicate, stale, invalid, too_large };

  // `plaintext` is authentic already: pieces that do not open never get here. `first_inner` counts
  // in piece 1 alone.
  Verdict add(const FragmentNumber& which, PayloadType first_inner, ByteView plaintext);
  // The message, once all its pieces are there; the reassembly is then empty again.
  [[nodiscard]] std::optional<Reassembled> take();
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }

 private:
  PayloadType first_inner_ = PayloadType::none;
  std::vector<std::optional<Bytes>> pieces_;
  std::size_t missing_ = 0;
  std::size_t held_bytes_ = 0;
};

}  // namespace ipsec::wire
