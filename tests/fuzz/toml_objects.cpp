// A file of objects: whatever is read and may be declared is written, and the same objects are read
// from that. What does not read has complaints, each in a place that the text has.
#include <string>
#include <string_view>
#include <utility>

#include "ike/gateway/toml/document.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/counting_random.h"

namespace {

namespace gateway = ipsec::gateway;
namespace toml = ipsec::gateway::toml;
using ipsec::fuzz::require;

void check_places(const std::vector<toml::Complaint>& complaints) {
  require(!complaints.empty(), "a refusal says why");
  for (const toml::Complaint& complaint : complaints) {
    require(!complaint.what.empty(), "a complaint says what is wrong");
    require(toml::describe(complaint, "f").starts_with("f:"), "a complaint has a place");
  }
}

// What the text declares on an empty machine; nothing where a rule stands against it.
bool declare(std::string_view text, gateway::Inventory& inventory) {
  auto declarations = toml::read(text);
  if (!declarations) {
    check_places(declarations.error());
    return false;
  }
  const gateway::Settings settings;
  const gateway::Inventory empty;
  ipsec::core::CountingRandom random;
  gateway::Draft draft(empty, settings,
                       {std::string(gateway::kDefaultAccount),
                        std::chrono::sys_seconds(std::chrono::seconds(1000)), random});
  for (const auto& it : *declarations) draft.declare(it.kind, it.name, it.fields);
  auto plan = std::move(draft).finish();
  if (!plan) {
    check_places(toml::complaints(plan.error(), *declarations, text));
    return false;
  }
  inventory = std::move(plan->inventory);
  return true;
}

std::string written(const gateway::Inventory& inventory) {
  return toml::write(inventory, gateway::kDefaultAccount, toml::Secrets::shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ipsec::ByteView bytes{data, size};
  gateway::Inventory first;
  if (!declare(ipsec::as_text(bytes), first)) return 0;
  const std::string text = written(first);
  gateway::Inventory second;
  require(declare(text, second), "what was written is read and may be declared");
  require(written(second) == text, "and is written as the same");
  require(first.size() == second.size(), "with all its objects");
  return 0;
}
