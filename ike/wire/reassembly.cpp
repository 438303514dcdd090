#include "ike/wire/reassembly.h"

#include <utility>

#include "ike/base/limits.h"

namespace ipsec::wire {

// RFC 7383 2.6 and 2.5.2: a larger total means that the sender cut the message anew into smaller
// pieces, so those held are of no use any more; a smaller one is a latecomer of a former cut.
Reassembly::Verdict Reassembly::add(const FragmentNumber& which, PayloadType first_inner,
                                    ByteView plaintext) {
  if (which.number == 0 || which.number > which.total) return Verdict::invalid;
  if (which.total > limits::kFragments) return Verdict::too_large;
  if (which.total < pieces_.size()) return Verdict::stale;
  const bool restarts = which.total > pieces_.size();
  const std::size_t index = which.number - 1U;
  if (!restarts && pieces_[index]) return Verdict::duplicate;
  const std::size_t held = restarts ? 0 : held_bytes_;
  if (plaintext.size() > limits::kReassembledBytes - held) return Verdict::too_large;

  if (restarts) {
    pieces_.assign(which.total, std::nullopt);
    missing_ = which.total;
  }
  if (which.number == 1) first_inner_ = first_inner;
  pieces_[index] = to_bytes(plaintext);
  held_bytes_ = held + plaintext.size();
  --missing_;
  return Verdict::stored;
}

std::optional<Reassembled> Reassembly::take() {
  if (pieces_.empty() || missing_ > 0) return std::nullopt;
  Reassembled whole{.first_inner = first_inner_, .chain = {}};
  whole.chain.reserve(held_bytes_);
  for (const auto& piece : pieces_) append(whole.chain, *piece);
  *this = Reassembly{};
  return whole;
}

}  // namespace ipsec::wire
