#include "ike/daemon/privileges.h"

#include <cap-ng.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace ipsec::daemon {

std::expected<void, KernelError> drop_privileges() {
  const auto failed = [](const char* doing) { return std::unexpected(KernelError{doing, errno}); };
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("forbid core dumps");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("forbid new privileges");
  // Taking from the bounding set needs CAP_SETPCAP, which a unit may not have given.
  const bool may_bound =
      capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
  // The library takes several sets at once in one value of its enum.
  static constexpr auto kSets =
      static_cast<capng_type_t>(  // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange): see above
          CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
  capng_clear(CAPNG_SELECT_BOTH);
  const bool set = capng_updatev(CAPNG_ADD, kSets, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, -1) == 0;
  if (!set || capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) {
    return failed("drop capabilities");
  }
  return {};
}

std::expected<void, KernelError> drop_keepers_privileges() {
  // What a daemon keeps, its opener's, and what it begins with: the control socket's group, the
  // bounding set, and files that only their owner may read.
  static constexpr std::array kHandedOn{CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_SYS_ADMIN,
                                        CAP_CHOWN,     CAP_SETPCAP,          CAP_DAC_OVERRIDE};
  // The library takes several sets at once in one value of its enum.
  static constexpr auto kAll =
      static_cast<capng_type_t>(  // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange): see above
          CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET);
  const auto failed = [] { return std::unexpected(KernelError{"drop capabilities", errno}); };
  if (capng_get_caps_process() != 0) return failed();
  const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
  for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    const bool handed_on =
        std::ranges::find(kHandedOn, static_cast<int>(capability)) != kHandedOn.end();
    (void)capng_update(CAPNG_DROP, handed_on ? CAPNG_EFFECTIVE : kAll, capability);
  }
  if (capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) return failed();
  return {};
}

}  // namespace ipsec::daemon
