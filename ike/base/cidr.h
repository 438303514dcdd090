// A network prefix whose host bits are zero: the invariant every Cidr holds from its birth.
#pragma once

#include <compare>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/error.h"

namespace ipsec {

class Cidr {
 public:
  // 0.0.0.0/0.
  Cidr() = default;

  // Refuses host bits that are set and prefix lengths out of range.
  [[nodiscard]] static std::optional<Cidr> make(const Address& network, int prefix_length);
  // Clears the host bits instead.
  [[nodiscard]] static Cidr enclosing(const Address& address, int prefix_length);
  [[nodiscard]] static Cidr host(const Address& address);
  // "10.0.1.0/24", "2001:db8::/32", or a bare address for a host. The error's `why` says what to
  // write instead.
  [[nodiscard]] static std::expected<Cidr, ConfigError> parse(std::string_view text);

  [[nodiscard]] const Address& network() const { return network_; }
  [[nodiscard]] int prefix_length() const { return prefix_length_; }
  [[nodiscard]] Family family() const { return network_.family(); }
  [[nodiscard]] Address last() const { return network_.with_host_bits(prefix_length_, true); }
  [[nodiscard]] AddressRange range() const { return {network_, last()}; }

  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool contains(const Cidr& other) const;
  [[nodiscard]] bool overlaps(const Cidr& other) const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Cidr&) const = default;

 private:
  Cidr(const Address& network, int prefix_length)
      : network_(network), prefix_length_(prefix_length) {}

  Address network_;
  int prefix_length_ = 0;
};

// The fewest prefixes that cover exactly the range: what a kernel selector or a route can say. At
// most 2 * bits - 2 of them.
[[nodiscard]] std::vector<Cidr> cover(const AddressRange& range);

}  // namespace ipsec

template <>
struct std::hash<ipsec::Cidr> {
  std::size_t operator()(const ipsec::Cidr& cidr) const noexcept {
    return std::hash<ipsec::Address>{}(cidr.network()) * 131 +
           static_cast<std::size_t>(cidr.prefix_length());
  }
};
