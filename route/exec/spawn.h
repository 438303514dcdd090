// Starts a program in surroundings that are always the same: environment, descriptors, signals,
// working directory. It leads a process group, and ends with the thread that started it.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <string_view>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"

namespace ipsec::route::exec {

// Reading from none of these waits.
struct Spawned {
  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd output;
  UniqueFd errors;
  UniqueFd report;  // for failure_to_start()
};

// `input` is a file to the program: whether and when it reads it is its own affair, and nobody has
// to write it meanwhile.
[[nodiscard]] std::expected<Spawned, KernelError> spawn(const std::string& program,
                                                        std::string_view input);

// Of one that has ended: empty if the program itself was reached.
[[nodiscard]] std::string failure_to_start(const UniqueFd& report);

}  // namespace ipsec::route::exec
