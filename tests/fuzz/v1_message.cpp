// A datagram as IKEv1: as it comes, with the length in its header put right, since most mutations
// change the size and would otherwise end at that one check, and what follows its header as a
// decrypted chain.
#include "ike/base/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/v1_message_oracle.h"

namespace {

namespace v1 = ipsec::wire::v1;

constexpr std::size_t kFirstPayloadOffset = 16;
constexpr std::size_t kLengthOffset = 24;

void expect_none(const std::string& broken) {
  if (!broken.empty()) ipsec::fuzz::report(broken);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ipsec::ByteView datagram{data, size};
  expect_none(v1::broken_message_rule(datagram));
  if (size < ipsec::wire::kHeaderSize) return 0;
  ipsec::Bytes corrected = ipsec::to_bytes(datagram);
  for (std::size_t i = 0; i < 4; ++i) {
    corrected[kLengthOffset + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
  }
  expect_none(v1::broken_message_rule(corrected));
  expect_none(v1::broken_chain_rule(v1::PayloadType{datagram[kFirstPayloadOffset]},
                                    datagram.subspan(ipsec::wire::kHeaderSize)));
  return 0;
}
