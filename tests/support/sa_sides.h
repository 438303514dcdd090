// Both sides of the protection of one IKE SA, with fixed keys, over any provider.
#pragma once

#include "ike/core/protection.h"
#include "tests/support/counting_random.h"

namespace ipsec::core {

// Keys of the sizes the algorithms want, each unlike the others and the same in every run.
[[nodiscard]] crypto::IkeKeys fixed_keys(const crypto::IkeAlgorithms& algorithms);

// Names of the registry; no integrity with an AEAD.
[[nodiscard]] crypto::IkeAlgorithms algorithms_named(std::string_view encryption,
                                                     std::string_view integrity = {});

class SaSides {
 public:
  // Throws where the algorithms do not go together.
  SaSides(const crypto::Provider& crypto, const crypto::IkeAlgorithms& algorithms);
  SaSides(const SaSides&) = delete;  // both sides point to the random source
  SaSides& operator=(const SaSides&) = delete;

  [[nodiscard]] Protection& initiator() { return initiator_; }
  [[nodiscard]] Protection& responder() { return responder_; }
  [[nodiscard]] const CountingRandom& random() const { return random_; }

 private:
  CountingRandom random_;
  Protection initiator_;
  Protection responder_;
};

}  // namespace ipsec::core
