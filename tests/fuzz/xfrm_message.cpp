// What the kernel's netlink socket gives, to every parser of the room xfrm: what is read as an SA
// or a policy is written and reads as the same.
#include "tests/fuzz/fuzz.h"
#include "tests/support/random_xfrm.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string broken = ipsec::xfrm::broken_rule({data, size});
  if (!broken.empty()) ipsec::fuzz::report(broken);
  return 0;
}
