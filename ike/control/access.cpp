#include "ike/control/access.h"

#include <algorithm>

#include <fmt/format.h>

#include "ike/control/types/codec.h"

namespace ipsec::control {
namespace {

bool in_group(const Credentials& who, std::optional<GroupId> group) {
  return group && (who.gid == *group || std::ranges::find(who.groups, *group) != who.groups.end());
}

constexpr Right unless(bool harmless) { return harmless ? Right::read : Right::all; }

// One line an operation, so that a new one is not forgotten here: it does not compile.
struct Needs {
  Right operator()(const Version&) const { return Right::read; }
  Right operator()(const List&) const { return Right::read; }
  Right operator()(const Show& it) const { return unless(!it.secrets); }
  Right operator()(const Create& it) const { return unless(it.dry_run); }
  Right operator()(const Set& it) const { return unless(it.dry_run); }
  Right operator()(const Rename&) const { return Right::all; }
  Right operator()(const Delete& it) const { return unless(it.dry_run); }
  Right operator()(const Apply& it) const { return unless(it.dry_run); }
  Right operator()(const Dump& it) const { return unless(!it.secrets); }
  // Turns the caller's own text into another one.
  Right operator()(const Import&) const { return Right::read; }
  Right operator()(const Export& it) const { return unless(!it.secrets); }
  Right operator()(const Command&) const { return Right::all; }
  Right operator()(const Status&) const { return Right::read; }
  Right operator()(const ListSas&) const { return Right::read; }
  Right operator()(const Routes&) const { return Right::read; }
  Right operator()(const Diagnose&) const { return Right::read; }
  Right operator()(const Events&) const { return Right::read; }
  Right operator()(const ListLimits&) const { return Right::read; }
  Right operator()(const ListVendors&) const { return Right::read; }
  Right operator()(const Check&) const { return Right::read; }
  Right operator()(const Audit&) const { return Right::read; }
  Right operator()(const Reload&) const { return Right::all; }
  Right operator()(const Stop&) const { return Right::all; }
  Right operator()(const SetLogLevel&) const { return Right::all; }
  Right operator()(const ListCounters&) const { return Right::read; }
  Right operator()(const Upgrade&) const { return Right::all; }
};

std::unexpected<Error> forbidden(std::string message) {
  return std::unexpected(Error{ErrorCode::forbidden, std::move(message), {}});
}

}  // namespace

Right right_of(const Access& access, const Credentials& who) {
  if (who.uid == kRoot || in_group(who, access.group)) return Right::all;
  return in_group(who, access.readers) ? Right::read : Right::none;
}

Right right_for(const Operation& operation) { return std::visit(Needs(), operation); }

std::expected<void, Error> admits(const Access& access, const Credentials& who,
                                  const Operation& operation) {
  const Right has = right_of(access, who);
  const Right needs = right_for(operation);
  if (has >= needs) return {};
  if (has == Right::none) {
    return forbidden(fmt::format(
        "user {} may not ask this gateway anything; as root, add the user to the group that "
        "'[control] group' in ipsecd.toml names, and let it log in anew",
        who.uid));
  }
  const bool shows = std::holds_alternative<Show>(operation) ||
                     std::holds_alternative<Dump>(operation) ||
                     std::holds_alternative<Export>(operation);
  return forbidden(fmt::format(
      "user {} may only read here, and '{}' {} root or as a member of the group that may do all",
      who.uid, name_of(operation),
      shows ? "with secrets shows keys; ask without them, or as" : "changes something; ask as"));
}

std::expected<std::string, Error> account_of(const Accounts& accounts, const Credentials& who,
                                             std::string_view user, std::string_view asked) {
  const auto found = accounts.of_user.find(user);
  const std::string& own = found == accounts.of_user.end() ? accounts.otherwise : found->second;
  if (asked.empty() || asked == own) return own;
  if (who.uid == kRoot) return std::string(asked);
  return forbidden(fmt::format(
      "user '{}' belongs to account '{}', and only root may name another one", user, own));
}

}  // namespace ipsec::control
