#include "ike/base/address.h"

#include <arpa/inet.h>

#include <algorithm>

namespace ipsec {
namespace {

// The carry of an increment, or the borrow of a decrement, through big-endian bytes; false when it
// runs off the top.
bool step(MutableBytes bytes, std::uint8_t wrap_from, int direction) {
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const bool wraps = bytes[i] == wrap_from;
    bytes[i] = static_cast<std::uint8_t>(bytes[i] + direction);
    if (!wraps) return true;
  }
  return false;
}

}  // namespace

Address Address::v4(std::uint32_t host_order) {
  Address address;
  for (std::size_t i = 0; i < 4; ++i) {
    address.bytes_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

std::optional<Address> Address::from_bytes(ByteView four_or_sixteen) {
  if (four_or_sixteen.size() != 4 && four_or_sixteen.size() != 16) return std::nullopt;
  Address address = any(four_or_sixteen.size() == 4 ? Family::v4 : Family::v6);
  std::ranges::copy(four_or_sixteen, address.bytes_.begin());
  return address;
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1) {
    return from_bytes(ByteView(raw).first(4));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return from_bytes(raw);
  return std::nullopt;
}

Address Address::any(Family family) {
  Address address;
  address.family_ = family;
  return address;
}

ByteView Address::bytes() const { return ByteView(bytes_).first(family_ == Family::v4 ? 4 : 16); }

bool Address::is_any() const {
  return std::ranges::all_of(bytes_, [](std::uint8_t byte) { return byte == 0; });
}

bool Address::is_loopback() const {
  if (family_ == Family::v4) return bytes_[0] == 127;
  return previous() == any(Family::v6);
}

bool Address::is_multicast() const {
  return family_ == Family::v4 ? (bytes_[0] >> 4) == 0xe : bytes_[0] == 0xff;
}

bool Address::bit(int index) const {
  const auto byte = static_cast<std::size_t>(index / 8);
  return ((bytes_[byte] >> (7 - index % 8)) & 1) != 0;
}

Address Address::with_host_bits(int prefix_length, bool set) const {
  Address result = *this;
  for (int i = prefix_length; i < bits(family_); ++i) {
    const auto byte = static_cast<std::size_t>(i / 8);
    const auto mask = static_cast<std::uint8_t>(0x80 >> (i % 8));
    const std::uint8_t cleared = result.bytes_[byte] & static_cast<std::uint8_t>(~mask);
    result.bytes_[byte] = set ? static_cast<std::uint8_t>(cleared | mask) : cleared;
  }
  return result;
}

std::optional<Address> Address::next() const {
  Address result = *this;
  const MutableBytes used = MutableBytes(result.bytes_).first(bytes().size());
  if (!step(used, 0xff, 1)) return std::nullopt;
  return result;
}

std::optional<Address> Address::previous() const {
  Address result = *this;
  const MutableBytes used = MutableBytes(result.bytes_).first(bytes().size());
  if (!step(used, 0x00, -1)) return std::nullopt;
  return result;
}

std::string Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family_ == Family::v4 ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<AddressRange> AddressRange::make(const Address& first, const Address& last) {
  if (first.family() != last.family() || last < first) return std::nullopt;
  return AddressRange(first, last);
}

bool AddressRange::contains(const Address& address) const {
  return address.family() == family() && first_ <= address && address <= last_;
}

bool AddressRange::contains(const AddressRange& other) const {
  return contains(other.first_) && contains(other.last_);
}

bool AddressRange::overlaps(const AddressRange& other) const {
  return intersection(other).has_value();
}

std::optional<AddressRange> AddressRange::intersection(const AddressRange& other) const {
  if (other.family() != family()) return std::nullopt;
  return make(std::max(first_, other.first_), std::min(last_, other.last_));
}

std::string AddressRange::to_string() const {
  if (first_ == last_) return first_.to_string();
  return first_.to_string() + "-" + last_.to_string();
}

}  // namespace ipsec
