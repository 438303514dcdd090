#include "tests/netns/route_driver/run_ip.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/base/unique_fd.h"

namespace ipsec::driver {

IpAnswer run_ip(const std::string& netns, const std::vector<std::string>& words) {
  std::vector<std::string> all{"ip"};
  if (!netns.empty()) all.insert(all.end(), {"-n", netns});
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const UniqueFd from(ends[0]);
  UniqueFd into(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, into.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, into.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_addclose(&actions, from.get());
  ::posix_spawn_file_actions_addclose(&actions, into.get());
  pid_t child = 0;
  const int spawned = ::posix_spawnp(&child, "ip", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) throw std::runtime_error("no `ip`");
  into.reset();

  IpAnswer out;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = ::read(from.get(), buffer.data(), buffer.size())) > 0) {
    out.output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (::waitpid(child, &out.status, 0) != child) throw std::runtime_error("`ip` is lost");
  return out;
}

void must_ip(const std::string& netns, const std::vector<std::string>& words) {
  const IpAnswer answer = run_ip(netns, words);
  if (answer.status == 0) return;
  throw std::runtime_error(fmt::format("ip {}: {}", fmt::join(words, " "), answer.output));
}

}  // namespace ipsec::driver
