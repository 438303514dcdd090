// A datagram, as it comes and with the length in its header put right: most mutations change the
// size, and would otherwise end at that one check.
#include "ike/base/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/message_oracle.h"

namespace {

constexpr std::size_t kLengthOffset = 24;

void check(ipsec::ByteView datagram) {
  const std::string broken = ipsec::wire::broken_message_rule(datagram);
  if (!broken.empty()) ipsec::fuzz::report(broken);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ipsec::ByteView datagram{data, size};
  check(datagram);
  if (size < ipsec::wire::kHeaderSize) return 0;
  ipsec::Bytes corrected = ipsec::to_bytes(datagram);
  for (std::size_t i = 0; i < 4; ++i) {
    corrected[kLengthOffset + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
  }
  check(corrected);
  return 0;
}
