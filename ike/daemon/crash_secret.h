// The secret behind the tokens by which peers learn that we have lost our SAs (RFC 6290 5.1), on
// disk: it outlives the daemon and the machine's boot, which the SAs do not.
//
// NOTE: Failure. There always is one. Where it cannot be kept, or the one that was kept is of no
// use, peers find out a restart in the slower way, and the log says so.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ike/base/random.h"
#include "ike/base/secret.h"

namespace ipsec::daemon {

struct CrashSecret {
  Secret secret;
  std::vector<std::string> warnings;
};

// Makes the file where there is none, of mode 0600.
[[nodiscard]] CrashSecret load_crash_secret(const std::filesystem::path& file,
                                            RandomSource& random);

}  // namespace ipsec::daemon
