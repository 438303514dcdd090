// in_netns NAME COMMAND [ARGUMENT...]: `ip netns exec` without its mounts. Scenarios begin
// thousands of programs in namespaces, and in user-mode Linux each page that a program touches
// costs as much as some system calls: linked statically, and without ip's libraries, this takes
// less than half of ip's own time.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

int fail(const char* what, int status) {
  std::fprintf(stderr, "in_netns: %s: %s\n", what, std::strerror(errno));
  return status;
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fputs("usage: in_netns NAME COMMAND [ARGUMENT...]\n", stderr);
    return 2;
  }
  std::array<char, 512> file{};
  std::snprintf(file.data(), file.size(), "/run/netns/%s", words[1]);
  const int space = ::open(file.data(), O_RDONLY | O_CLOEXEC);
  if (space < 0 || ::setns(space, CLONE_NEWNET) != 0) return fail(file.data(), 1);
  ::execvp(words[2], words + 2);
  return fail(words[2], errno == ENOENT ? 127 : 126);  // as a shell has it
}
