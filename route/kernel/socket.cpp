#include "route/kernel/socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace ipsec::route::kernel {
namespace {

// seconds. Only a broken kernel is ever late.
constexpr int kAnswerSeconds = 5;
// A dump is begun anew this often at most, whatever breaks it off.
constexpr int kDumpTries = 8;
// bytes. The kernel fills up to 32 KiB with rows of a dump.
constexpr std::size_t kReceiveBytes = 65'536;
// bytes that wait to be read: answers to a batch, or some 4,000 events.
constexpr int kWaitingBytes = 4 * 1024 * 1024;
// bytes that a refusal takes while it waits, with all that the kernel keeps beside it.
constexpr std::size_t kRefusalBytes = 2048;
// bytes and messages sent at once; the send buffer of a system that nobody tuned holds 208 KiB.
constexpr std::size_t kChunkBytes = 65'536;
constexpr std::size_t kChunkMessages = 1024;
// bytes of text that an extended acknowledgement may have.
constexpr std::size_t kTextBytes = 256;
// datagrams of events taken at a time.
constexpr int kEventDatagrams = 256;
// datagrams thrown away at a time: more than there is room for.
constexpr int kStaleDatagrams = 16'384;

Failure broken(std::string doing, int error_number) {
  return {error_number, std::move(doing), true};
}

// Without it errors merely say less, and dumps more.
void set_option(int fd, int option) {
  const int on = 1;
  static_cast<void>(::setsockopt(fd, SOL_NETLINK, option, &on, sizeof(on)));
}

// Beyond the system's limit with CAP_NET_ADMIN, up to it without. What there is then.
std::size_t enlarge_receive_buffer(int fd) {
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kWaitingBytes, sizeof(kWaitingBytes)) != 0) {
    static_cast<void>(
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kWaitingBytes, sizeof(kWaitingBytes)));
  }
  int bytes = 0;
  socklen_t length = sizeof(bytes);
  static_cast<void>(::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &length));
  return static_cast<std::size_t>(std::max(bytes, 0));
}

// Drops, before they take room, messages whose nlmsg_pid is the port: a push of thousands of routes
// would overrun ourselves. Without the filter the reader tells them apart.
void do_not_hear(int fd, std::uint32_t port) {
  // A filter loads in network order what the kernel wrote in its own.
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  }};
  const sock_fprog program{code.size(), code.data()};
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

nlmsghdr header_at(ByteView bytes, std::size_t offset) {
  nlmsghdr header{};
  std::memcpy(&header, bytes.data() + offset, sizeof(header));
  return header;
}

void stamp(Batch& batch, std::size_t index, std::uint32_t sequence, bool acknowledge) {
  nlmsghdr header = header_at(batch.bytes, batch.offsets[index]);
  header.nlmsg_seq = sequence;
  if (acknowledge) header.nlmsg_flags |= NLM_F_ACK;
  std::memcpy(batch.bytes.data() + batch.offsets[index], &header, sizeof(header));
}

std::size_t end_of(const Batch& batch, std::size_t index) {
  return index + 1 < batch.size() ? batch.offsets[index + 1] : batch.bytes.size();
}

std::string printable(ByteView bytes) {
  std::string text(as_text(bytes.first(std::min(bytes.size(), kTextBytes))));
  text.resize(std::min(text.find('\0'), text.size()));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// The text among the attributes of an extended acknowledgement.
std::string text_in(ByteView attributes) {
  auto* head = static_cast<nlattr*>(const_cast<void*>(static_cast<const void*>(attributes.data())));
  const auto* found = nla_find(head, static_cast<int>(attributes.size()), NLMSGERR_ATTR_MSG);
  if (found == nullptr) return {};
  return printable({static_cast<const std::uint8_t*>(nla_data(found)),
                    static_cast<std::size_t>(nla_len(found))});
}

}  // namespace

// --- a socket of somebody's ---

Socket::Socket(UniqueFd fd) : fd_(std::move(fd)), buffer_(kReceiveBytes) {}

std::expected<Socket, Failure> Socket::adopt(UniqueFd fd, const std::vector<int>& groups,
                                             std::uint32_t deaf_to) {
  Socket out(std::move(fd));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof(address);
  if (deaf_to != 0) do_not_hear(out.fd(), deaf_to);
  if (::bind(out.fd(), any, length) != 0 || ::getsockname(out.fd(), any, &length) != 0) {
    return std::unexpected(broken("netlink: bind a socket", errno));
  }
  out.port_ = address.nl_pid;
  set_option(out.fd(), NETLINK_EXT_ACK);
  set_option(out.fd(), NETLINK_CAP_ACK);
  set_option(out.fd(), NETLINK_GET_STRICT_CHK);
  out.chunk_messages_ =
      std::clamp<std::size_t>(enlarge_receive_buffer(out.fd()) / kRefusalBytes, 16, kChunkMessages);
  for (const int group : groups) {
    if (::setsockopt(out.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
      return std::unexpected(broken("netlink: listen to the kernel's events", errno));
    }
  }
  const timeval patience{.tv_sec = kAnswerSeconds, .tv_usec = 0};
  if (::setsockopt(out.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
    return std::unexpected(broken("netlink: bound the wait for the kernel", errno));
  }
  return out;
}

// --- sending and receiving ---

std::optional<Failure> Socket::send(ByteView part) const {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto* to = reinterpret_cast<const sockaddr*>(&kernel);
  while (::sendto(fd(), part.data(), part.size(), 0, to, sizeof(kernel)) < 0) {
    if (errno != EINTR) return broken("netlink: send to the kernel", errno);
  }
  return std::nullopt;
}

std::expected<std::optional<ByteView>, int> Socket::receive(int flags) {
  sockaddr_nl sender{};
  iovec piece{buffer_.data(), buffer_.size()};
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
    ++ignored_;
    return std::nullopt;
  }
  return ByteView(buffer_).first(static_cast<std::size_t>(count));
}

std::expected<std::optional<ByteView>, Failure> Socket::await() {
  auto received = receive(0);
  if (received) return *received;
  switch (received.error()) {
    case EAGAIN:
      return std::unexpected(
          broken(fmt::format("netlink: the kernel did not answer within {} s", kAnswerSeconds),
                 ETIMEDOUT));
    case ENOBUFS:
      return std::unexpected(broken("netlink: answers of the kernel were lost", ENOBUFS));
    default:
      return std::unexpected(broken("netlink: receive from the kernel", received.error()));
  }
}

void Socket::each_frame(ByteView datagram, const std::function<void(const Frame&)>& take) {
  while (!datagram.empty()) {
    if (datagram.size() < sizeof(nlmsghdr)) break;
    const nlmsghdr header = header_at(datagram, 0);
    if (header.nlmsg_len < sizeof(nlmsghdr) || header.nlmsg_len > datagram.size()) break;
    take({datagram.first(header.nlmsg_len), header.nlmsg_type, header.nlmsg_flags,
          header.nlmsg_seq});
    datagram =
        datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
  if (!datagram.empty()) ++ignored_;
}

std::optional<Failure> Socket::answer_in(const Frame& frame) {
  const ByteView body = frame.message.subspan(NLMSG_HDRLEN);
  int error = 0;
  if (body.size() < sizeof(error)) {
    ++ignored_;
    return std::nullopt;
  }
  std::memcpy(&error, body.data(), sizeof(error));
  // Behind the error: of an acknowledgement the header it is about (NETLINK_CAP_ACK), of a dump's
  // end nothing.
  const std::size_t before = frame.type == NLMSG_DONE ? sizeof(error) : sizeof(nlmsgerr);
  Failure out{-error, {}, false};
  if ((frame.flags & NLM_F_ACK_TLVS) != 0 && body.size() > before) {
    out.says = text_in(body.subspan(before));
  }
  return out;
}

std::uint64_t Socket::discard() {
  std::uint64_t out = 0;
  for (int count = 0; count < kStaleDatagrams; ++count) {
    const auto received = receive(MSG_DONTWAIT);
    if (!received && received.error() != ENOBUFS) break;
    if (received && *received) ++out;
  }
  return out;
}

void Socket::skip_events() { static_cast<void>(discard()); }

// --- questions ---

std::vector<std::optional<Failure>> Socket::run(Batch batch) {
  std::vector<std::optional<Failure>> out(batch.size());
  std::size_t begin = 0;
  while (begin < batch.size()) {
    std::size_t end = begin + 1;
    while (end < batch.size() && end - begin < chunk_messages_ &&
           end_of(batch, end) - batch.offsets[begin] <= kChunkBytes) {
      ++end;
    }
    if (const auto failed = run_chunk(batch, begin, end, out)) {
      // What is behind it has not been asked.
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), failed);
      ignored_ += discard();
      return out;
    }
    begin = end;
  }
  return out;
}

std::optional<Failure> Socket::run_chunk(Batch& batch, std::size_t begin, std::size_t end,
                                         std::vector<std::optional<Failure>>& out) {
  const std::uint32_t first = next_sequence_;
  const auto count = static_cast<std::uint32_t>(end - begin);
  next_sequence_ = first + count < first ? 1 : first + count;
  // The kernel takes messages in their order: the last one's answer ends the chunk.
  for (std::uint32_t i = 0; i < count; ++i) stamp(batch, begin + i, first + i, i + 1 == count);
  const std::size_t from = batch.offsets[begin];
  if (auto failed = send(ByteView(batch.bytes).subspan(from, end_of(batch, end - 1) - from))) {
    return failed;
  }
  bool done = false;
  const auto take = [&](const Frame& frame) {
    const std::uint32_t index = frame.sequence - first;
    auto answer = index < count && frame.type == NLMSG_ERROR ? answer_in(frame) : std::nullopt;
    if (index >= count) ++ignored_;
    if (!answer) return;
    if (answer->error_number != 0) out[begin + index] = std::move(answer);
    done = done || index + 1 == count;
  };
  while (!done) {
    const auto received = await();
    if (!received) return received.error();
    if (*received) each_frame(**received, take);
  }
  return std::nullopt;
}

std::expected<Bytes, Failure> Socket::ask(Batch question) {
  const std::uint32_t sequence = next_sequence_++;
  if (next_sequence_ == 0) next_sequence_ = 1;
  stamp(question, 0, sequence, false);
  if (auto failed = send(question.bytes)) return std::unexpected(*std::move(failed));
  std::optional<std::expected<Bytes, Failure>> out;
  while (!out) {
    const auto received = await();
    if (!received) return std::unexpected(received.error());
    if (!*received) continue;
    each_frame(**received, [&](const Frame& frame) {
      if (frame.sequence != sequence || out) {
        ++ignored_;
      } else if (frame.type != NLMSG_ERROR) {
        out = to_bytes(frame.message);
      } else if (auto answer = answer_in(frame)) {
        out = std::unexpected(*std::move(answer));
      }
    });
  }
  return *std::move(out);
}

std::expected<void, Failure> Socket::dump(Batch question, const std::function<void(ByteView)>& take,
                                          const std::function<void()>& restart) {
  int error = 0;
  for (int tried = 0; tried < kDumpTries; ++tried) {
    if (tried > 0) {
      restart();
      // EBUSY: a dump broken off still has rows to give.
      ignored_ += discard();
    }
    const std::uint32_t sequence = next_sequence_++;
    if (next_sequence_ == 0) next_sequence_ = 1;
    stamp(question, 0, sequence, false);
    auto failed = dump_once(question, sequence, take);
    if (!failed) return {};
    error = failed->error_number;
    if (error != EINTR && error != EBUSY && error != ENOBUFS) {
      return std::unexpected(*std::move(failed));
    }
  }
  return std::unexpected(
      broken(fmt::format("netlink: {} reads of the table were all broken off", kDumpTries), error));
}

std::optional<Failure> Socket::dump_once(const Batch& question, std::uint32_t sequence,
                                         const std::function<void(ByteView)>& take) {
  if (auto failed = send(question.bytes)) return failed;
  bool done = false;
  bool interrupted = false;
  std::optional<Failure> refused;
  while (!done) {
    const auto received = await();
    if (!received) return received.error();
    if (!*received) continue;
    each_frame(**received, [&](const Frame& frame) {
      if (frame.sequence != sequence || done) {
        ++ignored_;
        return;
      }
      interrupted = interrupted || (frame.flags & NLM_F_DUMP_INTR) != 0;
      if (frame.type != NLMSG_DONE && frame.type != NLMSG_ERROR) return take(frame.message);
      done = true;
      auto answer = answer_in(frame);
      if (answer && answer->error_number != 0) refused = std::move(answer);
    });
  }
  if (!refused && interrupted) return Failure{EINTR, {}, false};
  return refused;
}

Socket::Events Socket::receive_events(const std::function<void(ByteView)>& take) {
  for (int count = 0; count < kEventDatagrams; ++count) {
    const auto received = receive(MSG_DONTWAIT);
    if (!received && received.error() == EAGAIN) return Events::all;
    // The kernel tells once of each overrun; what waits behind it is read next time.
    if (!received) return received.error() == ENOBUFS ? Events::lost : Events::broken;
    if (*received) each_frame(**received, [&](const Frame& frame) { take(frame.message); });
  }
  return Events::more;
}

}  // namespace ipsec::route::kernel
