// What an opened envelope holds: the first byte is the type of the first payload, the rest the
// chain.
#include "ike/base/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/message_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ipsec::ByteView bytes{data, size};
  const std::string broken =
      ipsec::wire::broken_chain_rule(ipsec::wire::PayloadType{bytes[0]}, bytes.subspan(1));
  if (!broken.empty()) ipsec::fuzz::report(broken);
  return 0;
}
