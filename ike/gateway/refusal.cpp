#include "ike/gateway/refusal.h"

#include <fmt/format.h>

namespace ipsec::gateway {

std::string describe(const Refusal& refusal) {
  std::string out = fmt::format("{} '{}': ", name_of(refusal.kind), refusal.object);
  if (!refusal.field.empty()) {
    out += refusal.field;
    if (!refusal.value.empty()) out += fmt::format(" '{}'", refusal.value);
    out += ": ";
  }
  out += refusal.why;
  if (!refusal.advice.empty()) out += fmt::format("; {}", refusal.advice);
  return out;
}

}  // namespace ipsec::gateway
