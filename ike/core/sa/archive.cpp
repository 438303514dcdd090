#include "ike/core/sa/archive.h"

#include <algorithm>

namespace ipsec::core {

// A vector that grows by itself leaves what it held behind.
void Saver::grow(std::size_t by) {
  constexpr std::size_t kFirstRoom = 1024;
  Bytes larger(std::max({used_ + by, 2 * bytes_.size(), kFirstRoom}));
  std::ranges::copy(view(), larger.begin());
  wipe(bytes_);
  bytes_.swap(larger);
}

std::uint64_t Loader::get_number(std::size_t width) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : reader_.bytes(width, "number")) value = value << 8 | byte;
  return value;
}

ByteView Loader::get_bytes() {
  const std::uint32_t size = reader_.u32("size");
  return reader_.bytes(size, "bytes");
}

void Loader::get(const EncryptionRow*& it) {
  bool is_there = false;
  get(is_there);
  it = nullptr;
  if (!is_there) return;
  EncryptionId id{};
  std::uint16_t key_bits = 0;
  (*this)(id, key_bits);
  it = find_encryption(id, key_bits);
  expect(it != nullptr, "cipher");
}

}  // namespace ipsec::core
