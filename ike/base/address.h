// IPv4 and IPv6 addresses and inclusive ranges of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ike/base/bytes.h"

namespace ipsec {

enum class Family : std::uint8_t { v4, v6 };

[[nodiscard]] constexpr int bits(Family family) { return family == Family::v4 ? 32 : 128; }

class Address {
 public:
  // 0.0.0.0; in a configured peer it means "any address" (acceptance row M36).
  Address() = default;

  [[nodiscard]] static Address v4(std::uint32_t host_order);
  [[nodiscard]] static std::optional<Address> from_bytes(ByteView four_or_sixteen);
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  [[nodiscard]] static Address any(Family family);

  [[nodiscard]] Family family() const { return family_; }
  // Network order: 4 bytes or 16.
  [[nodiscard]] ByteView bytes() const;
  [[nodiscard]] bool is_any() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;

  [[nodiscard]] bool bit(int index) const;
  // The address with every bit from `prefix_length` on cleared, or set.
  [[nodiscard]] Address with_host_bits(int prefix_length, bool set) const;
  // Nothing past the last (or before the first) address of the family.
  [[nodiscard]] std::optional<Address> next() const;
  [[nodiscard]] std::optional<Address> previous() const;

  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Address&) const = default;

 private:
  Family family_ = Family::v4;
  // A v4 address fills the first four bytes; the rest stay zero, so comparison is by bytes.
  std::array<std::uint8_t, 16> bytes_{};
};

// Both ends are included and of one family, first <= last.
class AddressRange {
 public:
  [[nodiscard]] static std::optional<AddressRange> make(const Address& first, const Address& last);

  [[nodiscard]] const Address& first() const { return first_; }
  [[nodiscard]] const Address& last() const { return last_; }
  [[nodiscard]] Family family() const { return first_.family(); }

  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool contains(const AddressRange& other) const;
  [[nodiscard]] bool overlaps(const AddressRange& other) const;
  [[nodiscard]] std::optional<AddressRange> intersection(const AddressRange& other) const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const AddressRange&) const = default;

 private:
  friend class Cidr;
  AddressRange(const Address& first, const Address& last) : first_(first), last_(last) {}

  Address first_;
  Address last_;
};

}  // namespace ipsec

template <>
struct std::hash<ipsec::Address> {
  std::size_t operator()(const ipsec::Address& address) const noexcept {
    return std::hash<std::string_view>{}(ipsec::as_text(address.bytes()));
  }
};
