#include "ike/v2/turn.h"

#include <array>

#include "ike/base/reader.h"

namespace ipsec::v2 {
namespace {

constexpr std::size_t kNonceBytes = 32;  // at least half the PRF's key (RFC 7296 2.10)

std::uint64_t draw(RandomSource& random) {
  std::array<std::uint8_t, 8> bytes{};
  random.fill(bytes);
  Reader reader(bytes);
  return reader.u64("random");
}

}  // namespace

Bytes Turn::nonce() {
  Bytes bytes(kNonceBytes);
  random.fill(bytes);
  return bytes;
}

IkeSpi Turn::spi() {
  // Zero is "none" (RFC 7296 3.1).
  for (;;) {
    const std::uint64_t value = draw(random);
    if (value != 0) return IkeSpi{value};
  }
}

Duration Turn::jittered(Duration whole, double fraction) {
  constexpr double kFull = 18446744073709551616.0;  // 2^64
  const double part = static_cast<double>(draw(random)) / kFull;
  const auto less = static_cast<double>(whole.count()) * fraction * part;
  return whole - Duration(static_cast<Duration::rep>(less));
}

// In the last tenth of its lifetime, less as much again at random.
Time Turn::rekey_time(Duration lifetime) { return now + jittered(lifetime * 9 / 10, 0.1); }

}  // namespace ipsec::v2
