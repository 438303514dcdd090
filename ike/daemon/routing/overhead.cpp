#include "ike/daemon/routing/overhead.h"

#include <algorithm>

namespace ipsec::daemon {
namespace {

// bytes each
constexpr std::uint32_t kUdp = 8;
constexpr std::uint32_t kTcp = 20;
constexpr std::uint32_t kEspHeader = 8;     // RFC 4303 2: SPI and sequence number
constexpr std::uint32_t kEspTrailer = 2;    // pad length and next header
constexpr std::uint32_t kEspAlignment = 4;  // RFC 4303 2.4
constexpr std::uint32_t kAhHeader = 12;     // RFC 4302 2, without the ICV

// RFC 4302 3.3.3.2.1
constexpr std::uint32_t ah_alignment(Family outer) { return outer == Family::v4 ? 4 : 8; }

constexpr std::uint32_t ip_header(Family family) { return family == Family::v4 ? 20 : 40; }

std::uint32_t icv_of(const Protection& protection) {
  if (protection.integrity != nullptr) return protection.integrity->icv_bytes;
  return protection.encryption == nullptr ? 0 : protection.encryption->icv_bytes;
}

std::optional<std::uint32_t> less(std::uint32_t from, std::uint32_t bytes) {
  return from > bytes ? std::optional(from - bytes) : std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> inner_mtu(const Protection& protection, std::uint32_t mtu_bytes) {
  const std::uint32_t outer = ip_header(protection.outer) + (protection.encapsulated ? kUdp : 0);
  const std::uint32_t icv = icv_of(protection);
  if (protection.protocol == xfrm::Protocol::ah) {
    const std::uint32_t alignment = ah_alignment(protection.outer);
    const std::uint32_t header = (kAhHeader + icv + alignment - 1) / alignment * alignment;
    return less(mtu_bytes, outer + header);
  }
  const std::uint32_t iv = protection.encryption == nullptr ? 0 : protection.encryption->iv_bytes;
  const std::uint32_t block = std::max<std::uint32_t>(
      kEspAlignment, protection.encryption == nullptr ? 0 : protection.encryption->block_bytes);
  const auto room = less(mtu_bytes, outer + kEspHeader + iv + icv);
  if (!room) return std::nullopt;
  return less(*room / block * block, kEspTrailer);
}

std::uint32_t tcp_mss(std::uint32_t inner_mtu_bytes, Family inner) {
  return less(inner_mtu_bytes, ip_header(inner) + kTcp).value_or(0);
}

}  // namespace ipsec::daemon
