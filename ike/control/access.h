// Who may ask for what, and for whom. Pure: the caller's ids come from the kernel, the rules from
// the settings.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ike/control/types/replies.h"
#include "ike/control/types/requests.h"

namespace ipsec::control {

using UserId = std::uint32_t;
using GroupId = std::uint32_t;
inline constexpr UserId kRoot = 0;

// The other end of a connection.
struct Credentials {
  UserId uid = 0;
  GroupId gid = 0;
  std::vector<GroupId> groups;  // beside gid
  bool operator==(const Credentials&) const = default;
};

// Root may do everything; nobody else may do anything unless a group is named.
struct Access {
  std::optional<GroupId> group;    // its members may do all
  std::optional<GroupId> readers;  // its members, what changes nothing and shows no secret
};

enum class Right : std::uint8_t { none, read, all };
[[nodiscard]] Right right_of(const Access& access, const Credentials& who);
// What an operation asks of its caller: read or all. A dry run changes nothing.
[[nodiscard]] Right right_for(const Operation& operation);
// The error says what is missing.
[[nodiscard]] std::expected<void, Error> admits(const Access& access, const Credentials& who,
                                                const Operation& operation);

// Whose objects a caller sees and makes (M154).
struct Accounts {
  std::map<std::string, std::string, std::less<>> of_user;  // from names of users
  std::string otherwise;                                    // of everybody else
};
// `asked` is what the request names; only root may name another than the caller's own.
[[nodiscard]] std::expected<std::string, Error> account_of(const Accounts& accounts,
                                                           const Credentials& who,
                                                           std::string_view user,
                                                           std::string_view asked);

}  // namespace ipsec::control
