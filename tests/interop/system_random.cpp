#include "tests/interop/system_random.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace ipsec::interop {

void SystemRandom::fill(MutableBytes out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const auto got = ::getrandom(out.data() + done, out.size() - done, 0);
    if (got < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category());
    if (got > 0) done += static_cast<std::size_t>(got);
  }
}

}  // namespace ipsec::interop
