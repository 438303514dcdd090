#include "ike/daemon/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace ipsec::daemon {

MappedFile::~MappedFile() { unmap(); }

MappedFile::MappedFile(MappedFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      begin_(std::exchange(other.begin_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    unmap();
    fd_ = std::move(other.fd_);
    begin_ = std::exchange(other.begin_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

std::expected<void, int> MappedFile::grow(std::size_t size) {
  if (size <= size_) return {};
  int error = EINTR;
  while (error == EINTR) {
    error =
        ::posix_fallocate(fd_.get(), static_cast<off_t>(size_), static_cast<off_t>(size - size_));
  }
  if (error != 0) return std::unexpected(error);
  void* const mapped =
      begin_ != nullptr ? ::mremap(begin_, size_, size, MREMAP_MAYMOVE)
                        : ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (mapped == MAP_FAILED) return std::unexpected(errno);
  begin_ = static_cast<std::uint8_t*>(mapped);
  size_ = size;
  // There are keys in it.
  (void)::madvise(mapped, size, MADV_DONTDUMP);
  return {};
}

// The memory first: there must be none without bytes behind it.
void MappedFile::shrink(std::size_t size) {
  if (size == 0 || size >= size_) return;
  if (::mremap(begin_, size_, size, 0) == MAP_FAILED) return;
  size_ = size;
  // What stays longer is of no harm.
  [[maybe_unused]] const int cut = ::ftruncate(fd_.get(), static_cast<off_t>(size));
}

void MappedFile::unmap() {
  if (begin_ != nullptr) (void)::munmap(begin_, size_);
  begin_ = nullptr;
  size_ = 0;
}

}  // namespace ipsec::daemon
