// For user-mode Linux on a processor with more register state than it knows: loaded into it before
// its own libraries (LD_PRELOAD), by scripts/in-kernel.
//
// User-mode Linux 6.1 reads and writes the extended registers of its guests' processes through
// 2,696 bytes. The kernel below it reads out as much as it is asked for, but takes them back as a
// whole only: where they are more (AMX: 11,008 bytes), each guest dies at its first process. What
// is missing here is behind what user-mode Linux knows, in its initial state: no program in a guest
// has asked for it.
#include <dlfcn.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

using Ptrace = long (*)(int, pid_t, void*, void*);

Ptrace real() {
  static const auto found = reinterpret_cast<Ptrace>(::dlsym(RTLD_NEXT, "ptrace"));
  if (found == nullptr) std::abort();
  return found;
}

// User-mode Linux has one processor, and nothing that interrupts it writes registers.
std::array<std::uint8_t, 65'536> whole{};

std::size_t size_of_whole(pid_t process, void* kind) {
  static std::size_t size = 0;
  if (size != 0) return size;
  iovec all{whole.data(), whole.size()};
  if (real()(PTRACE_GETREGSET, process, kind, &all) == 0) size = all.iov_len;
  whole.fill(0);
  return size;
}

long set_extended(pid_t process, void* kind, iovec given) {
  const std::size_t size = size_of_whole(process, kind);
  if (given.iov_len >= size) return real()(PTRACE_SETREGSET, process, kind, &given);
  std::memcpy(whole.data(), given.iov_base, given.iov_len);
  iovec all{whole.data(), size};
  return real()(PTRACE_SETREGSET, process, kind, &all);
}

}  // namespace

// As the C library declares it.
extern "C" long ptrace(__ptrace_request request, ...) noexcept {
  std::va_list operands;
  va_start(operands, request);
  const auto process = va_arg(operands, pid_t);
  auto* const address = va_arg(operands, void*);
  auto* const data = va_arg(operands, void*);
  va_end(operands);
  const bool extended =
      request == PTRACE_SETREGSET && reinterpret_cast<std::uintptr_t>(address) == NT_X86_XSTATE;
  if (extended) return set_extended(process, address, *static_cast<iovec*>(data));
  return real()(request, process, address, data);
}
