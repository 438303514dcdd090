// Any text as strongSwan's swanctl.conf.
#include <string_view>

#include "tests/fuzz/import_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ipsec::as_text({data, size});
  const auto imported = ipsec::gateway::formats::read_swanctl(text);
  if (imported) ipsec::fuzz::check_import(*imported);
  return 0;
}
