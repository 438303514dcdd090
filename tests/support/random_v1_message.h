// Random IKEv1 values, for properties and for the seeds of the fuzzers. Every value made here is
// one that the writers accept.
#pragma once

#include <cstddef>
#include <variant>

#include "ike/wire/v1/message.h"
#include "tests/support/random.h"

namespace ipsec::wire::v1 {

// As many kinds of payload as the variant has alternatives, in its order.
inline constexpr std::size_t kPayloadKinds = std::variant_size_v<Payload>;

[[nodiscard]] Payload random_payload(test::Random& random, std::size_t kind);
[[nodiscard]] Payloads random_payloads(test::Random& random, std::size_t at_most);
// Version 1, in clear; next payload and length are left for the writer.
[[nodiscard]] Header random_header(test::Random& random);

}  // namespace ipsec::wire::v1
