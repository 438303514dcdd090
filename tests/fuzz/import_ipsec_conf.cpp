// Any text as strongSwan's ipsec.conf, and behind a line of dashes ipsec.secrets.
#include <string_view>

#include "tests/fuzz/import_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ipsec::as_text({data, size});
  constexpr std::string_view kBetween = "\n---\n";
  const auto end = text.find(kBetween);
  const auto secrets = end == std::string_view::npos ? "" : text.substr(end + kBetween.size());
  const auto imported = ipsec::gateway::formats::read_ipsec_conf(text.substr(0, end), secrets);
  if (imported) ipsec::fuzz::check_import(*imported);
  return 0;
}
