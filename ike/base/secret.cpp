#include "ike/base/secret.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ipsec {

void wipe(MutableBytes bytes) {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

Secret::~Secret() { wipe(); }

Secret::Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

Secret Secret::copy_of(ByteView view) { return Secret(to_bytes(view)); }

Secret Secret::copy_of(std::string_view text) { return Secret(to_bytes(text)); }

Secret Secret::slice(std::size_t offset, std::size_t count) const {
  const std::size_t from = std::min(offset, size());
  return copy_of(view().subspan(from, std::min(count, size() - from)));
}

void Secret::wipe() { ipsec::wipe(bytes_); }

}  // namespace ipsec
