// ipsecd, put together.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "ike/base/error.h"
#include "ike/crypto/provider.h"
#include "ike/daemon/options.h"

namespace ipsec::daemon {

// What the program says on standard error and ends with.
struct Trouble {
  std::string line;
};

// Where the cryptography comes from.
using CryptoSource =
    std::function<std::expected<std::unique_ptr<const crypto::Provider>, Misuse>()>;

enum class Ending : std::uint8_t { by_order, for_upgrade };

// Until it is told to stop, or makes room for another program's daemon; or a line of why it cannot
// begin. Before anything else the provider has to give the known answers; with wrong ones nothing
// is started.
[[nodiscard]] std::expected<Ending, Trouble> run(const Options& options,
                                                 const CryptoSource& source);

// Settings and objects read and checked against what is stored, without a change of anything.
[[nodiscard]] std::expected<std::string, Trouble> check_configuration(const Options& options);

}  // namespace ipsec::daemon
