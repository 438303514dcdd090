// Seals and opens the messages of one IKEv2 SA: SK, and SKF where a message is too long (RFC
// 7296 3.14, RFC 7383).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ike/base/random.h"
#include "ike/crypto/key_derivation.h"
#include "ike/crypto/provider.h"
#include "ike/wire/message.h"
#include "ike/wire/reassembly.h"

namespace ipsec::core {

class Protection {
 public:
  // `ours` is the role we had in setting up this SA: it says which keys we send with.
  [[nodiscard]] static Result<Protection> make(const crypto::Provider& crypto,
                                               const crypto::IkeAlgorithms& algorithms,
                                               const crypto::IkeKeys& keys, wire::Role ours,
                                               RandomSource& random);

  // One datagram, or as many fragments as `fragment_bytes` (of IKE message each) asks for; 0 never
  // fragments, and a message that fits is sent whole. Misuse where it cannot be sent: it is too
  // long for one datagram, or for limits::kFragments pieces of that size.
  [[nodiscard]] std::expected<std::vector<Bytes>, Misuse> seal(
      const wire::Header& header, std::span<const wire::Payload> payloads,
      std::size_t fragment_bytes);

  struct Opened {
    wire::PayloadType first_inner = wire::PayloadType::none;
    Bytes chain;  // of one whole message, or of the one fragment
  };
  // Nothing where it does not authenticate.
  [[nodiscard]] std::optional<Opened> open(ByteView datagram, const wire::SealedBody& body) const;

  // Keys that another process has used: IVs are counted from where none of them may have been. That
  // does not hang on what was written down of them.
  void use_other_ivs();

 private:
  Protection() = default;

  [[nodiscard]] std::expected<std::vector<Bytes>, Misuse> seal_fragments(
      const wire::Header& header, wire::PayloadType first_inner, ByteView chain,
      std::size_t fragment_bytes);
  [[nodiscard]] std::expected<Bytes, Misuse> seal_one(const wire::Header& header,
                                                      wire::PayloadType first_inner,
                                                      std::optional<wire::FragmentNumber> fragment,
                                                      ByteView chain);
  [[nodiscard]] Bytes next_iv();

  std::unique_ptr<crypto::Envelope> sending_;
  std::unique_ptr<crypto::Envelope> receiving_;
  RandomSource* random_ = nullptr;
  bool counted_iv_ = false;  // AEADs and CTR want a unique IV, CBC an unpredictable one (3.14)
  std::uint64_t iv_counter_ = 0;
};

}  // namespace ipsec::core
