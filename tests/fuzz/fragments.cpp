// A sequence of pieces, each four bytes of input: number, total, size in units of 255 bytes and of
// one. An odd size asks for the message after the piece. Every verdict, every count of bytes held
// and every message taken is compared with a model that keeps a map and adds up.
#include <map>
#include <optional>

#include "ike/base/limits.h"
#include "ike/wire/reassembly.h"
#include "tests/fuzz/fuzz.h"

namespace ipsec::wire {
namespace {

using Verdict = Reassembly::Verdict;

class Model {
 public:
  Verdict add(const FragmentNumber& which, PayloadType first_inner, const Bytes& bytes) {
    const bool anew = which.total > total_;
    if (which.number < 1 || which.number > which.total) return Verdict::invalid;
    if (which.total > limits::kFragments) return Verdict::too_large;
    if (which.total < total_) return Verdict::stale;
    if (!anew && pieces_.contains(which.number)) return Verdict::duplicate;
    if ((anew ? 0 : held()) + bytes.size() > limits::kReassembledBytes) return Verdict::too_large;
    if (anew) pieces_.clear();
    total_ = which.total;
    pieces_[which.number] = {first_inner, bytes};
    return Verdict::stored;
  }

  std::optional<Reassembled> take() {
    if (total_ == 0 || pieces_.size() < total_) return std::nullopt;
    Reassembled whole{.first_inner = pieces_.at(1).first_inner, .chain = {}};
    for (const auto& [number, piece] : pieces_) append(whole.chain, piece.bytes);
    pieces_.clear();
    total_ = 0;
    return whole;
  }

  [[nodiscard]] std::size_t held() const {
    std::size_t sum = 0;
    for (const auto& [number, piece] : pieces_) sum += piece.bytes.size();
    return sum;
  }

 private:
  struct Piece {
    PayloadType first_inner = PayloadType::none;
    Bytes bytes;
  };

  std::map<std::uint16_t, Piece> pieces_;
  std::size_t total_ = 0;
};

void check_taken(Reassembly& reassembly, Model& model) {
  const auto taken = reassembly.take();
  const auto expected = model.take();
  fuzz::require(taken.has_value() == expected.has_value(), "a message is taken when whole");
  if (!taken) return;
  fuzz::require(taken->first_inner == expected->first_inner, "the first piece names the first");
  fuzz::require(taken->chain == expected->chain, "pieces stand in the order of their numbers");
}

void run(ByteView input) {
  Reassembly reassembly;
  Model model;
  std::uint8_t step = 0;
  while (input.size() >= 4) {
    const FragmentNumber which{.number = input[0], .total = input[1]};
    const std::size_t size = std::size_t{255} * input[2] + input[3];
    const Bytes piece(size, ++step);
    const PayloadType first_inner{step};
    const Verdict verdict = reassembly.add(which, first_inner, piece);
    fuzz::require(verdict == model.add(which, first_inner, piece), "the verdict is the model's");
    fuzz::require(reassembly.held_bytes() == model.held(), "held bytes are the model's");
    fuzz::require(reassembly.held_bytes() <= limits::kReassembledBytes, "held bytes are limited");
    if (size % 2 == 1) check_taken(reassembly, model);
    fuzz::require(reassembly.held_bytes() == model.held(), "held bytes are the model's");
    input = input.subspan(4);
  }
  check_taken(reassembly, model);
}

}  // namespace
}  // namespace ipsec::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ipsec::wire::run({data, size});
  return 0;
}
