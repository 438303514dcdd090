// Why phase 1 came to nothing, in words. IKEv1 peers say little, and often nothing, where they
// refuse.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "ike/v1/sa.h"

namespace ipsec::v1 {

// The first error that is named in the payloads; `stage` is where an unknown one belongs.
[[nodiscard]] std::optional<core::Failure> error_in(std::span<const wire::v1::Placed> payloads,
                                                    const Sa& sa,
                                                    core::Stage stage = core::Stage::v1_opening);
// `what` came of another key than ours.
[[nodiscard]] core::Failure wrong_hash(const Sa& sa, std::string_view what);
// Nothing came back for `message`.
[[nodiscard]] core::Failure silence_of(const Sa& sa, std::string_view message, std::size_t sends);

}  // namespace ipsec::v1
