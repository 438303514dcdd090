#include "ike/daemon/opener.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

// NAME_MAX: a namespace's name is that of a file.
constexpr std::size_t kLongestName = 255;
// The process has nothing to wait for; one that does not answer is not there.
constexpr int kAnswerMs = 2000;

// The error of a step, or 0 and a descriptor beside it.
struct Opened {
  std::int32_t error = 0;
};

// --- the process -------------------------------------------------------------------------------

bool is_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

std::expected<UniqueFd, int> open_in(const std::string& netns) {
  if (!is_file_name(netns)) return std::unexpected(EINVAL);
  const UniqueFd space(::open(route::namespace_file(netns).c_str(), O_RDONLY | O_CLOEXEC));
  if (!space) return std::unexpected(errno);
  if (::setns(space.get(), CLONE_NEWNET) != 0) return std::unexpected(errno);
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return std::unexpected(errno);
  return socket;
}

void send_answer(int channel, const std::expected<UniqueFd, int>& opened) {
  Opened answer{opened ? 0 : opened.error()};
  iovec part{&answer, sizeof(answer)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (opened) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = opened->get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  (void)::sendmsg(channel, &message, MSG_NOSIGNAL);
}

// Two capabilities, no descriptors but the channel, deaf to what is meant for the daemon, and with
// a name by which nobody takes it for the daemon.
void become_small(int channel) {
  (void)::prctl(PR_SET_NAME, "ipsecd-netns");
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) (void)std::signal(signal, SIG_IGN);
  if (channel > 3) (void)::close_range(3, static_cast<unsigned>(channel) - 1, 0);
  (void)::close_range(static_cast<unsigned>(channel) + 1, ~0U, 0);
  (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  capng_clear(CAPNG_SELECT_CAPS);
  // The library takes several sets at once in one value of its enum.
  static constexpr auto kSets =
      static_cast<capng_type_t>(  // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange): see above
          CAPNG_EFFECTIVE | CAPNG_PERMITTED);
  (void)capng_updatev(CAPNG_ADD, kSets, CAP_NET_ADMIN, CAP_SYS_ADMIN, -1);
  (void)capng_apply(CAPNG_SELECT_CAPS);
}

[[noreturn]] void serve(int channel) {
  become_small(channel);
  std::array<char, kLongestName + 1> name{};
  for (;;) {
    const ssize_t size = ::recv(channel, name.data(), name.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) ::_exit(0);
    send_answer(channel, open_in({name.data(), static_cast<std::size_t>(size)}));
  }
}

// --- the daemon's side -------------------------------------------------------------------------

route::Trouble trouble_of(int error, std::string_view netns) {
  using Kind = route::Trouble::Kind;
  switch (error) {
    case ENOENT:
    case EINVAL:  // a file that is no namespace
      return {Kind::no_namespace,
              fmt::format("network namespace '{}' is not there; `ip netns add` makes it", netns)};
    case EPERM:
    case EACCES:
      return {Kind::forbidden,
              fmt::format("network namespace '{}' cannot be entered without CAP_SYS_ADMIN; start "
                          "ipsecd with it",
                          netns)};
    default:
      return {Kind::other, fmt::format("network namespace '{}' cannot be entered: {}", netns,
                                       std::strerror(error))};  // NOLINT(concurrency-mt-unsafe)
  }
}

std::expected<UniqueFd, int> take_answer(int channel) {
  pollfd waiting{channel, POLLIN, 0};
  if (::poll(&waiting, 1, kAnswerMs) != 1) return std::unexpected(ETIMEDOUT);
  Opened answer;
  iovec part{&answer, sizeof(answer)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  if (size != sizeof(answer)) return std::unexpected(EPIPE);
  if (answer.error != 0) return std::unexpected(answer.error);
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return std::unexpected(EPIPE);
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
  return UniqueFd(fd);
}

}  // namespace

std::expected<std::unique_ptr<Opener>, KernelError> Opener::start() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::unexpected(KernelError{"a channel to the process for namespaces", errno});
  }
  UniqueFd ours(ends[0]);
  const UniqueFd its(ends[1]);
  const pid_t process = ::fork();
  if (process < 0) return std::unexpected(KernelError{"a process for namespaces: fork", errno});
  if (process == 0) {
    ours.reset();
    serve(its.get());
  }
  return std::unique_ptr<Opener>(new Opener(std::move(ours), process));
}

Opener::~Opener() {
  channel_.reset();
  (void)::waitpid(process_, nullptr, 0);
}

std::expected<UniqueFd, route::Trouble> Opener::open_rtnl(std::string_view netns) {
  if (netns.size() > kLongestName) return std::unexpected(trouble_of(ENOENT, netns));
  if (::send(channel_.get(), netns.data(), netns.size(), MSG_NOSIGNAL) < 0) {
    return std::unexpected(trouble_of(errno, netns));
  }
  auto opened = take_answer(channel_.get());
  if (!opened) return std::unexpected(trouble_of(opened.error(), netns));
  return *std::move(opened);
}

}  // namespace ipsec::daemon
