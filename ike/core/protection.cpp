#include "ike/core/protection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/base/writer.h"

namespace ipsec::core {
namespace {

constexpr std::size_t kPayloadHeaderBytes = 4;   // RFC 7296 3.2
constexpr std::size_t kFragmentNumberBytes = 4;  // RFC 7383 2.5
constexpr std::size_t kSealedHeadBytes = wire::kHeaderSize + kPayloadHeaderBytes;
constexpr std::size_t kFragmentHeadBytes = kSealedHeadBytes + kFragmentNumberBytes;

std::unique_ptr<crypto::Envelope> make_envelope(const crypto::Provider& crypto,
                                                const crypto::IkeAlgorithms& algorithms,
                                                const Secret& encryption_key,
                                                const Secret& integrity_key) {
  const IntegrityId integrity =
      algorithms.integrity == nullptr ? IntegrityId::none : algorithms.integrity->id;
  return crypto.envelope(*algorithms.encryption, encryption_key.view(), integrity,
                         integrity_key.view());
}

// The most bytes of a chain whose sealed body has at most `body_bytes`; 0 where not even one.
std::size_t piece_size(const crypto::Envelope& envelope, std::size_t body_bytes) {
  // A body is longer than its text by IV, padding and ICV: this ends within some 80 steps.
  std::size_t size = body_bytes;
  while (size > 0 && envelope.sealed_size(size) > body_bytes) --size;
  return size;
}

std::unexpected<Misuse> misuse(std::string what) {
  return std::unexpected(Misuse{std::move(what)});
}

}  // namespace

Result<Protection> Protection::make(const crypto::Provider& crypto,
                                    const crypto::IkeAlgorithms& algorithms,
                                    const crypto::IkeKeys& keys, wire::Role ours,
                                    RandomSource& random) {
  if (algorithms.encryption == nullptr) return fail(Misuse{"IKE SA without encryption"});
  Protection made;
  made.random_ = &random;
  made.counted_iv_ =
      algorithms.encryption->is_aead() || algorithms.encryption->id == EncryptionId::aes_ctr;
  made.sending_ = make_envelope(crypto, algorithms, keys.sk_ei, keys.sk_ai);
  made.receiving_ = make_envelope(crypto, algorithms, keys.sk_er, keys.sk_ar);
  if (ours == wire::Role::responder) std::swap(made.sending_, made.receiving_);
  if (made.sending_ == nullptr || made.receiving_ == nullptr) {
    return fail(Misuse{"algorithms or key sizes of an IKE SA do not go together"});
  }
  if (made.counted_iv_ && made.sending_->iv_size() != sizeof(iv_counter_)) {
    return fail(Misuse{"an IV to be counted that is no 64-bit number"});
  }
  return made;
}

std::expected<std::vector<Bytes>, Misuse> Protection::seal(const wire::Header& header,
                                                           std::span<const wire::Payload> payloads,
                                                           std::size_t fragment_bytes) {
  const auto chain = wire::write_chain(payloads);
  if (!chain) return std::unexpected(chain.error());
  const wire::PayloadType first = wire::first_type(payloads);

  const std::size_t whole_bytes = kSealedHeadBytes + sending_->sealed_size(chain->size());
  if (fragment_bytes == 0 || whole_bytes <= fragment_bytes || chain->empty()) {
    auto whole = seal_one(header, first, std::nullopt, *chain);
    if (!whole) return std::unexpected(whole.error());
    return std::vector<Bytes>{*std::move(whole)};
  }
  return seal_fragments(header, first, *chain, fragment_bytes);
}

std::expected<std::vector<Bytes>, Misuse> Protection::seal_fragments(const wire::Header& header,
                                                                     wire::PayloadType first_inner,
                                                                     ByteView chain,
                                                                     std::size_t fragment_bytes) {
  const std::size_t body_bytes = fragment_bytes - std::min(fragment_bytes, kFragmentHeadBytes);
  const std::size_t size = piece_size(*sending_, body_bytes);
  if (size == 0) return misuse(fmt::format("fragments of {} bytes hold nothing", fragment_bytes));
  const std::size_t total = (chain.size() + size - 1) / size;
  if (total > limits::kFragments || chain.size() > limits::kReassembledBytes) {
    return misuse(fmt::format("{} bytes in {} fragments are more than a peer puts together",
                              chain.size(), total));
  }

  std::vector<Bytes> fragments;
  for (std::size_t i = 0; i < total; ++i) {
    const wire::FragmentNumber which{static_cast<std::uint16_t>(i + 1),
                                     static_cast<std::uint16_t>(total)};
    // RFC 7383 2.5: only the first fragment says what the message begins with.
    const wire::PayloadType first = i == 0 ? first_inner : wire::PayloadType::none;
    const ByteView piece = chain.subspan(i * size, std::min(size, chain.size() - i * size));
    auto fragment = seal_one(header, first, which, piece);
    if (!fragment) return std::unexpected(fragment.error());
    fragments.push_back(*std::move(fragment));
  }
  return fragments;
}

std::expected<Bytes, Misuse> Protection::seal_one(const wire::Header& header,
                                                  wire::PayloadType first_inner,
                                                  std::optional<wire::FragmentNumber> fragment,
                                                  ByteView chain) {
  auto message =
      wire::write_sealed_head(header, first_inner, fragment, sending_->sealed_size(chain.size()));
  if (!message) return message;
  const auto body = sending_->seal(*message, chain, next_iv());
  if (!body) return std::unexpected(body.error());
  append(*message, *body);
  return message;
}

// RFC 7296 3.14 wants CBC's unpredictable; RFC 5282 3.1, 5930 and 7634 want the others' unique, for
// which a counter is the sure way: keys are fresh, so it begins at zero.
Bytes Protection::next_iv() {
  if (!counted_iv_) {
    Bytes iv(sending_->iv_size());
    random_->fill(iv);
    return iv;
  }
  Writer counter;
  counter.u64(iv_counter_++);
  return to_bytes(counter.view());
}

// The first to use the keys begins at zero and never comes as far as the highest bit; who comes
// later draws one of 2^39 places that are 2^24 messages apart.
void Protection::use_other_ivs() {
  static constexpr std::uint64_t kHighest = std::uint64_t{1} << 63;
  Bytes drawn(5);
  random_->fill(drawn);
  std::uint64_t place = 0;
  for (const std::uint8_t byte : drawn) place = place << 8 | byte;
  iv_counter_ = kHighest | place << 24;
}

std::optional<Protection::Opened> Protection::open(ByteView datagram,
                                                   const wire::SealedBody& body) const {
  if (body.offset > datagram.size()) return std::nullopt;
  auto chain = receiving_->open(datagram.first(body.offset), datagram.subspan(body.offset));
  if (!chain) return std::nullopt;
  return Opened{body.first_inner, *std::move(chain)};
}

}  // namespace ipsec::core
