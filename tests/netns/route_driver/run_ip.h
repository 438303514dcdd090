// `ip` as the foreign party and the witness.
#pragma once

#include <string>
#include <vector>

namespace ipsec::driver {

struct IpAnswer {
  int status = 0;
  std::string output;
};
// Of both its streams. In the named namespace, or in our own.
[[nodiscard]] IpAnswer run_ip(const std::string& netns, const std::vector<std::string>& words);
// Ends the program where `ip` fails.
void must_ip(const std::string& netns, const std::vector<std::string>& words);

}  // namespace ipsec::driver
