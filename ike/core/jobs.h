// Slow computations, done by the worker pool on inputs they own. A result for an SA that is gone is
// dropped.
#pragma once

#include <memory>
#include <variant>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/secret.h"
#include "ike/crypto/provider.h"

namespace ipsec::core {

using KeyPointer = std::shared_ptr<const crypto::KeyExchange>;

// Our half: the initiator's first step.
struct GenerateKey {
  GroupId group{};
};
// Our half and the shared secret at once: all a responder needs.
struct AgreeKey {
  GroupId group{};
  Bytes peer_public;
};
// The shared secret, for an initiator that has the answer.
struct DeriveSecret {
  KeyPointer key;
  Bytes peer_public;
};
using Job = std::variant<GenerateKey, AgreeKey, DeriveSecret>;

struct JobOutput {
  KeyPointer key;
  Secret shared;  // empty after GenerateKey
};
using JobResult = Result<JobOutput>;

// Done sooner than another thread is woken for it and tells of it: some 0.1 ms.
[[nodiscard]] bool is_short(const Job& job);
[[nodiscard]] JobResult run_job(const crypto::Provider& crypto, const Job& job);

}  // namespace ipsec::core
