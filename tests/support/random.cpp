#include "tests/support/random.h"

namespace ipsec::test {

std::uint64_t Random::next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::size_t Random::below(std::size_t bound) { return bound == 0 ? 0 : next() % bound; }

Bytes Random::bytes(std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = u8();
  return bytes;
}

Bytes Random::some_bytes() {
  if (one_in(8)) return {};
  return bytes(one_in(16) ? below(1500) : below(40));
}

void mutate(Random& random, Bytes& bytes) {
  const std::size_t steps = 1 + random.below(4);
  for (std::size_t i = 0; i < steps && !bytes.empty(); ++i) {
    const std::size_t at = random.below(bytes.size());
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random.below(6)) {
      case 0:
        *place = random.u8();
        break;
      case 1:
        *place = static_cast<std::uint8_t>(*place ^ (1U << random.below(8)));
        break;
      case 2:
        *place = static_cast<std::uint8_t>(*place + (random.one_in(2) ? 1 : 255));
        break;
      case 3:
        bytes.erase(place);
        break;
      case 4:
        bytes.insert(place, random.one_in(2) ? std::uint8_t{0} : std::uint8_t{0xff});
        break;
      default:
        *place = bytes[random.below(bytes.size())];
    }
  }
}

}  // namespace ipsec::test
