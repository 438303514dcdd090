// Key material and passwords. Wiped when it goes, never copied by accident, never printed: there is
// no conversion to text and formatting it does not compile.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string_view>

#include "ike/base/bytes.h"

namespace ipsec {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t size) : bytes_(size) {}
  // Takes the bytes over; the caller's vector is left empty.
  explicit Secret(Bytes&& bytes) : bytes_(std::move(bytes)) { bytes.clear(); }
  ~Secret();

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  [[nodiscard]] static Secret copy_of(ByteView view);
  [[nodiscard]] static Secret copy_of(std::string_view text);
  // Copies are asked for by name.
  [[nodiscard]] Secret clone() const { return copy_of(view()); }
  [[nodiscard]] Secret slice(std::size_t offset, std::size_t count) const;

  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] MutableBytes writable() { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  // Constant time for equal lengths.
  [[nodiscard]] friend bool operator==(const Secret& a, const Secret& b) {
    return equal_constant_time(a.view(), b.view());
  }
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  void wipe();

  Bytes bytes_;
};

// Overwrites in a way the compiler may not remove.
void wipe(MutableBytes bytes);

}  // namespace ipsec
