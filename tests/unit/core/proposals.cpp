#include "tests/unit/core/proposals.h"

#include <stdexcept>

namespace ipsec::core {
namespace {

template <typename Row>
std::vector<const Row*> rows(std::string_view names, const Row* (*find)(std::string_view)) {
  std::vector<const Row*> found;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find('/'));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    const Row* const row = find(name);
    if (row == nullptr && name != "none") throw std::invalid_argument(std::string(name));
    found.push_back(row);
  }
  return found;
}

wire::Transform transform(std::uint8_t type, std::uint16_t id,
                          std::optional<std::uint16_t> key_bits = {}) {
  return {type, id, key_bits, {}};
}

}  // namespace

IkeOffer ike_offer(std::string_view encryption, std::string_view integrity, std::string_view prfs,
                   std::string_view groups) {
  return {rows<EncryptionRow>(encryption, find_encryption),
          rows<IntegrityRow>(integrity, find_integrity), rows<PrfRow>(prfs, find_prf),
          rows<GroupRow>(groups, find_group)};
}

ChildOffer esp_offer(std::string_view encryption, std::string_view integrity,
                     std::string_view groups) {
  return {xfrm::Protocol::esp, rows<EncryptionRow>(encryption, find_encryption),
          rows<IntegrityRow>(integrity, find_integrity), rows<GroupRow>(groups, find_group)};
}

ChildOffer ah_offer(std::string_view integrity, std::string_view groups) {
  return {xfrm::Protocol::ah,
          {},
          rows<IntegrityRow>(integrity, find_integrity),
          rows<GroupRow>(groups, find_group)};
}

wire::Transform encryption(std::uint16_t id, std::optional<std::uint16_t> key_bits) {
  return transform(1, id, key_bits);
}
wire::Transform prf(std::uint16_t id) { return transform(2, id); }
wire::Transform integrity(std::uint16_t id) { return transform(3, id); }
wire::Transform group(std::uint16_t id) { return transform(4, id); }
wire::Transform esn(std::uint16_t id) { return transform(5, id); }

}  // namespace ipsec::core
