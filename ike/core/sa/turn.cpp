#include "ike/core/sa/turn.h"

#include <array>

#include "ike/base/reader.h"

namespace ipsec::core {
namespace {

constexpr std::size_t kNonceBytes = 32;  // at least half the PRF's key (RFC 7296 2.10)

std::uint64_t draw(RandomSource& random) {
  std::array<std::uint8_t, 8> bytes{};
  random.fill(bytes);
  Reader reader(bytes);
  return reader.u64("random");
}

// From 0 to 1.
double part(RandomSource& random) {
  constexpr double kFull = 18446744073709551616.0;  // 2^64
  return static_cast<double>(draw(random)) / kFull;
}

}  // namespace

void Turn::tell_refused(TunnelId tunnel, Failure why) {
  if (tunnel) signals.emplace_back(ServingFailed{tunnel, why});
  tell(ExchangeFailed{tunnel, std::move(why)});
}

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
  const auto less = static_cast<double>(whole.count()) * fraction * part(random);
  return whole - Duration(static_cast<Duration::rep>(less));
}

// In the last tenth of its lifetime, less as much again at random.
Time Turn::rekey_time(Duration lifetime) { return now + jittered(lifetime * 9 / 10, 0.1); }

std::uint64_t Turn::rekey_bytes(std::uint64_t lifetime, bool we_made_it) {
  const std::uint64_t latest = lifetime / 10 * (we_made_it ? 8 : 9);
  return latest - static_cast<std::uint64_t>(static_cast<double>(latest) * 0.1 * part(random));
}

}  // namespace ipsec::core
