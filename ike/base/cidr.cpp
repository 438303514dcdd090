#include "ike/base/cidr.h"

#include <algorithm>
#include <charconv>

namespace ipsec {
namespace {

std::optional<int> parse_prefix_length(std::string_view text, Family family) {
  int length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || length < 0 || length > bits(family)) return std::nullopt;
  return length;
}

// The shortest prefix that starts at `first` and does not pass `last`.
Cidr largest_block(const Address& first, const Address& last) {
  int length = bits(first.family());
  while (length > 0 && !first.bit(length - 1) && first.with_host_bits(length - 1, true) <= last) {
    --length;
  }
  return Cidr::enclosing(first, length);
}

}  // namespace

std::optional<Cidr> Cidr::make(const Address& network, int prefix_length) {
  if (prefix_length < 0 || prefix_length > bits(network.family())) return std::nullopt;
  if (network.with_host_bits(prefix_length, false) != network) return std::nullopt;
  return Cidr(network, prefix_length);
}

Cidr Cidr::enclosing(const Address& address, int prefix_length) {
  const int length = std::clamp(prefix_length, 0, bits(address.family()));
  return {address.with_host_bits(length, false), length};
}

Cidr Cidr::host(const Address& address) { return {address, bits(address.family())}; }

std::expected<Cidr, ConfigError> Cidr::parse(std::string_view text) {
  const std::string where(text);
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) {
    return std::unexpected(ConfigError{where, "not an address; write a CIDR such as 10.0.1.0/24"});
  }
  if (slash == std::string_view::npos) return host(*address);
  const auto length = parse_prefix_length(text.substr(slash + 1), address->family());
  if (!length) {
    return std::unexpected(ConfigError{
        where, "prefix length must be 0 to " + std::to_string(bits(address->family()))});
  }
  const auto cidr = make(*address, *length);
  if (!cidr) {
    return std::unexpected(ConfigError{where, "host bits are set; did you mean " +
                                                  enclosing(*address, *length).to_string() + "?"});
  }
  return *cidr;
}

bool Cidr::contains(const Address& address) const {
  return address.family() == family() && address.with_host_bits(prefix_length_, false) == network_;
}

bool Cidr::contains(const Cidr& other) const {
  return other.prefix_length_ >= prefix_length_ && contains(other.network_);
}

bool Cidr::overlaps(const Cidr& other) const { return contains(other) || other.contains(*this); }

std::string Cidr::to_string() const {
  return network_.to_string() + "/" + std::to_string(prefix_length_);
}

std::vector<Cidr> cover(const AddressRange& range) {
  std::vector<Cidr> prefixes;
  std::optional<Address> first = range.first();
  while (first && *first <= range.last()) {
    prefixes.push_back(largest_block(*first, range.last()));
    first = prefixes.back().last().next();
  }
  return prefixes;
}

}  // namespace ipsec
