// Byte sequences and the few operations on them that every room needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ipsec {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

[[nodiscard]] Bytes to_bytes(std::string_view text);
[[nodiscard]] Bytes to_bytes(ByteView view);
[[nodiscard]] std::string_view as_text(ByteView view);

[[nodiscard]] std::string to_hex(ByteView view);
// Accepts upper and lower case; refuses odd lengths and anything else.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);

void append(Bytes& target, ByteView tail);
[[nodiscard]] Bytes concat(std::initializer_list<ByteView> parts);

[[nodiscard]] bool equal(ByteView a, ByteView b);

// Takes the same time wherever the first difference is: for MACs, cookies and AUTH payloads.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

}  // namespace ipsec
