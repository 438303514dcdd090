// Offers and proposals from short texts, for tests: "aes256/aes128" names alternatives.
#pragma once

#include <string_view>
#include <vector>

#include "ike/core/proposal.h"

namespace ipsec::core {

// An empty text is an empty list; "none" is a null row.
IkeOffer ike_offer(std::string_view encryption, std::string_view integrity, std::string_view prfs,
                   std::string_view groups);
ChildOffer esp_offer(std::string_view encryption, std::string_view integrity,
                     std::string_view groups);
ChildOffer ah_offer(std::string_view integrity, std::string_view groups);

// Transforms as they come from a peer.
wire::Transform encryption(std::uint16_t id, std::optional<std::uint16_t> key_bits = {});
wire::Transform prf(std::uint16_t id);
wire::Transform integrity(std::uint16_t id);
wire::Transform group(std::uint16_t id);
wire::Transform esn(std::uint16_t id);

}  // namespace ipsec::core
