// Prints a tunnel of a TOML file in the language of another product, as `ipsecctl tunnel export`
// would: for scenarios that load it there.
//
//   export_tool FILE TUNNEL FORMAT ours|peer
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "ike/daemon/system/random.h"
#include "ike/gateway/formats/export.h"

namespace ipsec::gateway::formats {
namespace {

int fail(const std::string& why) {
  std::cerr << "export_tool: " << why << '\n';
  return 1;
}

int run(const std::string& file, const std::string& name, const std::string& format_name,
        Side side) {
  const auto format = parse_format(format_name);
  if (!format) return fail(format.error());
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  const auto declared = toml::read(text.str());
  if (!declared) return fail(toml::describe(declared.error().front(), file));

  SystemRandom random;
  const Inventory nothing;
  const Settings settings;
  Draft draft(nothing, settings, {std::string(kDefaultAccount), {}, random});
  for (const auto& it : *declared) draft.declare(it.kind, it.name, it.fields);
  const auto plan = std::move(draft).finish();
  if (!plan) return fail(describe(plan.error().front()));

  const auto id = plan->inventory.named(kDefaultAccount, Kind::tunnel, name);
  if (!id) return fail("no tunnel " + name);
  const auto out =
      render(plan->inventory, *plan->inventory.get<Tunnel>(*id), *format, side, Secrets::shown);
  if (!out) return fail(out.error());
  for (const std::string& warning : out->warnings) std::cerr << "warning: " << warning << '\n';
  std::cout << out->text;
  return 0;
}

}  // namespace
}  // namespace ipsec::gateway::formats

int main(int argc, char** argv) {
  using ipsec::gateway::formats::Side;
  const std::string side = argc == 5 ? argv[4] : "";
  if (side != "ours" && side != "peer") {
    std::cerr << "usage: export_tool FILE TUNNEL FORMAT ours|peer\n";
    return 2;
  }
  return ipsec::gateway::formats::run(argv[1], argv[2], argv[3],
                                      side == "ours" ? Side::ours : Side::peer);
}
