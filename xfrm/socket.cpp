#include "xfrm/socket.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "ike/base/secret.h"
#include "xfrm/framing.h"

namespace ipsec::xfrm {
namespace {

// seconds. The kernel answers while it takes the message, so that only a broken one is ever late.
constexpr int kAnswerSeconds = 5;
// A dump is begun anew this often at most, whatever breaks it off.
constexpr int kDumpTries = 8;
// bytes. The kernel fills up to 32 KiB with rows of a dump.
constexpr std::size_t kReceiveBytes = 65'536;
// bytes of events that wait to be read: some 1,500 of the largest, a rekeying of 500 children.
constexpr int kEventBytes = 4 * 1024 * 1024;
// datagrams of events taken at a time.
constexpr int kEventDatagrams = 256;
// stale datagrams thrown away at a time.
constexpr int kStaleDatagrams = 4096;

std::unexpected<KernelError> failed(std::string operation, int error_number) {
  return std::unexpected(KernelError{std::move(operation), error_number});
}

std::unexpected<KernelError> senseless() {
  return failed("netlink: a batch that is no run of whole messages", EINVAL);
}

std::string open_error(int protocol, int error_number) {
  if (error_number == EPROTONOSUPPORT && protocol == NETLINK_XFRM) {
    return "netlink: this kernel has no XFRM, or its module xfrm_user is not loaded";
  }
  return "netlink: open a socket";
}

void set_option(mnl_socket* socket, int option) {
  int on = 1;
  // Without it errors merely say less.
  static_cast<void>(mnl_socket_setsockopt(socket, option, &on, sizeof(on)));
}

void enlarge_receive_buffer(int fd) {
  // Beyond the system's limit with CAP_NET_ADMIN, up to it without.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kEventBytes, sizeof(kEventBytes)) != 0) {
    static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kEventBytes, sizeof(kEventBytes)));
  }
}

}  // namespace

struct Socket::State {
  explicit State(mnl_socket* opened) : socket(opened), buffer(kReceiveBytes) {}
  ~State() { mnl_socket_close(socket); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;

  [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket); }

  // Sends a part of a batch, its last message's header replaced.
  [[nodiscard]] std::expected<void, KernelError> send(ByteView part, std::size_t last_offset,
                                                      const nlmsghdr& last_header) const;
  // One datagram, into the buffer; nothing where it is to be ignored. An error number else.
  [[nodiscard]] std::expected<std::optional<ByteView>, int> receive(int flags);
  // The same, and waits; errors in words.
  [[nodiscard]] std::expected<std::optional<ByteView>, KernelError> await();
  // Messages of the datagram; what makes no sense is counted.
  void each_frame(ByteView datagram, const std::function<void(const Frame&)>& take);
  // An acknowledgement or the end of a dump; what makes no sense is counted.
  [[nodiscard]] std::optional<Answer> answer_in(const Frame& frame);
  void discard_stale();

  mnl_socket* socket;
  SequenceNumbers sequences;
  std::uint64_t ignored = 0;
  Bytes buffer;
};

// --- Sending and receiving ---

std::expected<void, KernelError> Socket::State::send(ByteView part, std::size_t last_offset,
                                                     const nlmsghdr& last_header) const {
  nlmsghdr header = last_header;
  const auto piece = [](ByteView view) {
    // sendmsg() only reads, though its type does not say so.
    return iovec{const_cast<std::uint8_t*>(view.data()), view.size()};  // NOLINT
  };
  std::array<iovec, 3> pieces = {piece(part.first(last_offset)),
                                 {&header, sizeof(header)},
                                 piece(part.subspan(last_offset + sizeof(header)))};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof(kernel);
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  while (::sendmsg(fd(), &message, 0) < 0) {
    if (errno != EINTR) return failed("netlink: send to the kernel", errno);
  }
  return {};
}

std::expected<std::optional<ByteView>, int> Socket::State::receive(int flags) {
  sockaddr_nl sender{};
  iovec piece{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof(sender);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ssize_t count = 0;
  do {
    count = ::recvmsg(fd(), &message, flags);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return std::unexpected(errno);
  const bool alien = message.msg_namelen != sizeof(sender) || sender.nl_pid != 0;
  if (alien || (message.msg_flags & MSG_TRUNC) != 0) {
    ++ignored;
    return std::nullopt;
  }
  return ByteView(buffer).first(static_cast<std::size_t>(count));
}

std::expected<std::optional<ByteView>, KernelError> Socket::State::await() {
  auto received = receive(0);
  if (received) return *received;
  switch (received.error()) {
    case EAGAIN:
      return failed(fmt::format("netlink: the kernel did not answer within {} s", kAnswerSeconds),
                    ETIMEDOUT);
    case ENOBUFS:
      return failed("netlink: answers of the kernel were lost", ENOBUFS);
    default:
      return failed("netlink: receive from the kernel", received.error());
  }
}

void Socket::State::each_frame(ByteView datagram, const std::function<void(const Frame&)>& take) {
  if (!for_each_frame(datagram, take)) ++ignored;
  // Rows of SAs and events about them bear keys.
  wipe(MutableBytes(buffer).first(datagram.size()));
}

std::optional<Answer> Socket::State::answer_in(const Frame& frame) {
  auto answer = parse_answer(frame);
  if (answer) return *std::move(answer);
  ++ignored;
  return std::nullopt;
}

void Socket::State::discard_stale() {
  for (int count = 0; count < kStaleDatagrams; ++count) {
    const auto received = receive(MSG_DONTWAIT);
    if (!received && received.error() != ENOBUFS) return;
    if (received && *received) each_frame(**received, [this](const Frame&) { ++ignored; });
  }
}

// --- The socket ---

Socket::Socket(std::unique_ptr<State> state) : state_(std::move(state)) {}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

std::expected<Socket, KernelError> Socket::open(int protocol, std::uint32_t groups) {
  mnl_socket* opened = mnl_socket_open2(protocol, SOCK_CLOEXEC);
  if (opened == nullptr) return failed(open_error(protocol, errno), errno);
  auto state = std::make_unique<State>(opened);
  if (mnl_socket_bind(opened, groups, MNL_SOCKET_AUTOPID) != 0) {
    return failed("netlink: bind a socket", errno);
  }
  set_option(opened, NETLINK_EXT_ACK);
  set_option(opened, NETLINK_CAP_ACK);
  if (groups != 0) enlarge_receive_buffer(state->fd());
  const timeval patience{.tv_sec = kAnswerSeconds, .tv_usec = 0};
  if (::setsockopt(state->fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
    return failed("netlink: bound the wait for the kernel", errno);
  }
  return Socket(std::move(state));
}

// The kernel names who asked in the header; what it tells by itself bears 0. Without the filter
// such events are merely read and thrown away.
void Socket::leave_out(std::uint32_t port) {
  static constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();
  // A word is loaded as the network has it.
  std::array program{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, kAll),
  };
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  static_cast<void>(
      ::setsockopt(state_->fd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)));
}

std::uint32_t Socket::reserve_sequence(std::uint32_t count) {
  return state_->sequences.reserve(count);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a chunk and its answers are one story
std::expected<std::vector<Refusal>, KernelError> Socket::run(ByteView batch, std::uint32_t first,
                                                             std::size_t count) {
  const auto chunks = chunks_of(batch);
  if (!chunks || (chunks->empty() ? 0 : chunks->back().first_index + chunks->back().count) != count)
    return senseless();

  std::vector<Refusal> refusals;
  for (const Chunk& chunk : *chunks) {
    nlmsghdr last{};
    std::memcpy(&last, batch.data() + chunk.last_offset, sizeof(last));
    last.nlmsg_flags |= NLM_F_ACK;
    if (last.nlmsg_seq != first + chunk.first_index + chunk.count - 1) return senseless();
    auto sent = state_->send(batch.subspan(chunk.offset, chunk.size),
                             chunk.last_offset - chunk.offset, last);
    if (!sent) return std::unexpected(sent.error());

    // The kernel takes messages in their order: the last one's answer ends the chunk.
    bool done = false;
    const auto take = [&](const Frame& frame) {
      const std::uint32_t index = frame.sequence - first;
      const bool ours = index >= chunk.first_index && index < chunk.first_index + chunk.count;
      auto answer =
          ours && frame.type == NLMSG_ERROR ? state_->answer_in(frame) : std::optional<Answer>{};
      if (!ours) ++state_->ignored;
      if (!answer) return;
      if (answer->error_number != 0) {
        refusals.push_back({index, answer->error_number, std::move(answer->kernel_says)});
      }
      done = done || frame.sequence == last.nlmsg_seq;
    };
    while (!done) {
      const auto received = state_->await();
      if (!received) return std::unexpected(received.error());
      if (*received) state_->each_frame(**received, take);
    }
  }
  return refusals;
}

std::expected<void, KernelError> Socket::ask(ByteView question, std::uint32_t sequence,
                                             const std::function<void(ByteView)>& take) {
  nlmsghdr header{};
  if (question.size() < sizeof(header)) return senseless();
  std::memcpy(&header, question.data(), sizeof(header));
  auto sent = state_->send(question, 0, header);
  if (!sent) return sent;

  bool done = false;
  std::optional<KernelError> refused;
  while (!done) {
    const auto received = state_->await();
    if (!received) return std::unexpected(received.error());
    if (!*received) continue;
    state_->each_frame(**received, [&](const Frame& frame) {
      if (frame.sequence != sequence || done) {
        ++state_->ignored;
        return;
      }
      if (frame.type != NLMSG_ERROR) {
        take(frame.message);
        done = true;
      } else if (const auto answer = state_->answer_in(frame)) {
        refused = KernelError{answer->kernel_says, answer->error_number};
        done = true;
      }
    });
  }
  if (refused) return std::unexpected(*std::move(refused));
  return {};
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): each way a dump breaks off, in turn
std::expected<void, KernelError> Socket::dump(ByteView question, std::uint32_t sequence,
                                              const std::function<void(ByteView)>& take,
                                              const std::function<void()>& restart) {
  nlmsghdr header{};
  if (question.size() < sizeof(header)) return senseless();
  std::memcpy(&header, question.data(), sizeof(header));
  int error = 0;
  for (int tried = 0; tried < kDumpTries; ++tried) {
    if (tried > 0) {
      restart();
      // EBUSY: a dump broken off still has rows to give.
      state_->discard_stale();
      sequence = reserve_sequence(1);
    }
    header.nlmsg_seq = sequence;
    auto sent = state_->send(question, 0, header);
    if (!sent) return sent;
    bool done = false;
    error = 0;
    std::string says;
    while (!done) {
      const auto received = state_->await();
      if (!received && received.error().error_number != ENOBUFS) {
        return std::unexpected(received.error());
      }
      if (!received) {
        error = ENOBUFS;
        break;
      }
      if (!*received) continue;
      state_->each_frame(**received, [&](const Frame& frame) {
        if (frame.sequence != sequence || done) {
          ++state_->ignored;
          return;
        }
        if ((frame.flags & NLM_F_DUMP_INTR) != 0) error = EINTR;
        if (frame.type != NLMSG_DONE && frame.type != NLMSG_ERROR) return take(frame.message);
        done = true;
        const auto answer = state_->answer_in(frame);
        if (answer && answer->error_number != 0) {
          error = answer->error_number;
          says = answer->kernel_says;
        }
      });
    }
    if (error == 0) return {};
    if (error != EINTR && error != EBUSY && error != ENOBUFS) return failed(says, error);
  }
  return failed(fmt::format("netlink: {} reads of the table were all broken off", kDumpTries),
                error);
}

std::expected<void, KernelError> Socket::receive_events(const std::function<void(ByteView)>& take) {
  for (int count = 0; count < kEventDatagrams; ++count) {
    const auto received = state_->receive(MSG_DONTWAIT);
    if (!received && received.error() == EAGAIN) return {};
    if (!received) return failed("netlink: receive events of the kernel", received.error());
    if (*received) {
      state_->each_frame(**received, [&](const Frame& frame) { take(frame.message); });
    }
  }
  return {};
}

int Socket::fd() const { return state_->fd(); }
std::uint32_t Socket::port() const { return mnl_socket_get_portid(state_->socket); }
std::uint64_t Socket::ignored() const { return state_->ignored; }

}  // namespace ipsec::xfrm
