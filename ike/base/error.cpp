#include "ike/base/error.h"

#include <cstring>

#include <fmt/format.h>

namespace ipsec {
namespace {

struct Describe {
  std::string operator()(const Malformed& e) const {
    return fmt::format("malformed {} at byte {}", e.field, e.offset);
  }
  std::string operator()(const PeerViolation& e) const {
    return fmt::format("peer broke a rule: {}; found {}", e.rule, e.found);
  }
  std::string operator()(const NoCommonGround& e) const {
    return fmt::format("no common {}: ours {}; theirs {}", e.subject, e.ours, e.theirs);
  }
  std::string operator()(const KernelError& e) const {
    const char* text = strerrordesc_np(e.error_number);
    return fmt::format("{}: {} (errno {})", e.operation, text != nullptr ? text : "unknown error",
                       e.error_number);
  }
  std::string operator()(const ConfigError& e) const {
    return fmt::format("{}: {}", e.where, e.why);
  }
  std::string operator()(const Misuse& e) const {
    return fmt::format("internal error: {}", e.what);
  }
};

}  // namespace

std::string describe(const Error& error) { return std::visit(Describe{}, error); }

}  // namespace ipsec
