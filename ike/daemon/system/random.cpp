#include "ike/daemon/system/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace ipsec {

void SystemRandom::fill(MutableBytes out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const auto got = ::getrandom(out.data() + done, out.size() - done, 0);
    if (got < 0 && errno != EINTR) std::abort();
    if (got > 0) done += static_cast<std::size_t>(got);
  }
}

}  // namespace ipsec
