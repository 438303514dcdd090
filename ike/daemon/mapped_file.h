// A file whose bytes are memory: what is written to them is in the file at once, and outlives the
// process without a call of the kernel's.
//
// NOTE: Failure. Room is taken before it is written to, so that a full file system is an error and
// no signal. Somebody else who cuts the file short ends the process by SIGBUS: it belongs where
// nobody else may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <utility>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/unique_fd.h"

namespace ipsec::daemon {

class MappedFile {
 public:
  MappedFile() = default;
  // As long as it is.
  explicit MappedFile(UniqueFd fd) : fd_(std::move(fd)) {}
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int fd() const { return fd_.get(); }

  // From then on it has that many bytes, the new ones zeros; where bytes() were may be others. The
  // error is the kernel's number.
  [[nodiscard]] std::expected<void, int> grow(std::size_t size);
  // The other way; where it cannot be, nothing changes.
  void shrink(std::size_t size);
  // Up to where it was grown.
  [[nodiscard]] MutableBytes bytes() const { return {begin_, size_}; }

 private:
  void unmap();

  UniqueFd fd_;
  std::uint8_t* begin_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ipsec::daemon
