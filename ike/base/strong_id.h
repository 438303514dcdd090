// Integers that cannot be mistaken for one another.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace ipsec {

template <typename Tag, typename Rep>
struct StrongId {
  using rep = Rep;
  Rep value{};

  [[nodiscard]] explicit operator bool() const { return value != Rep{}; }
  auto operator<=>(const StrongId&) const = default;
};

using IkeSpi = StrongId<struct IkeSpiTag, std::uint64_t>;      // RFC 7296 3.1; 0 is "none yet"
using ChildSpi = StrongId<struct ChildSpiTag, std::uint32_t>;  // ESP or AH; 0..255 are reserved
using MessageId = StrongId<struct MessageIdTag, std::uint32_t>;
using Reqid = StrongId<struct ReqidTag, std::uint32_t>;  // joins a kernel policy with its SAs

// Numbers the engine hands out; they never leave the process.
using SaId = StrongId<struct SaIdTag, std::uint64_t>;        // one IKE SA
using ChildId = StrongId<struct ChildIdTag, std::uint64_t>;  // one pair of kernel SAs
using JobId = StrongId<struct JobIdTag, std::uint64_t>;
using TunnelId = StrongId<struct TunnelIdTag, std::uint64_t>;

}  // namespace ipsec

template <typename Tag, typename Rep>
struct std::hash<ipsec::StrongId<Tag, Rep>> {  // NOLINT(cert-dcl58-cpp): of a type of ours
  std::size_t operator()(const ipsec::StrongId<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};
