// ipsecd.toml: what is read holds for every setting by itself again; what does not read has
// complaints, each with a place.
#include <algorithm>
#include <string>

#include "ike/gateway/schema/settings.h"
#include "ike/gateway/toml/settings.h"
#include "tests/fuzz/fuzz.h"

namespace {

namespace gateway = ipsec::gateway;
using ipsec::fuzz::require;

// One setting at a time into a struct of defaults, which is the same in the end.
void check_again(const gateway::DaemonSettings& settings) {
  gateway::DaemonSettings again;
  for (const ipsec::Setting& setting : ipsec::all_settings()) {
    const auto value = gateway::get_setting(settings, setting.name);
    if (!setting.keyed) {
      require(gateway::set_setting(again, setting.name, "", value).has_value(),
              "a setting takes what it gave");
      continue;
    }
    for (const std::string& one : value) {
      // No key and no value has an equals sign.
      const auto equals = one.find('=');
      require(
          gateway::set_setting(again, setting.name, one.substr(0, equals), {one.substr(equals + 1)})
              .has_value(),
          "a setting takes what it gave for a key");
    }
  }
  require(again == settings, "and is the same then");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = gateway::toml::read_settings(ipsec::as_text({data, size}));
  if (read) {
    check_again(*read);
    return 0;
  }
  require(!read.error().empty(), "a refusal says why");
  for (const auto& complaint : read.error()) {
    require(!complaint.what.empty(), "a complaint says what is wrong");
    require(gateway::toml::describe(complaint, "f").starts_with("f:"), "a complaint has a place");
  }
  return 0;
}
