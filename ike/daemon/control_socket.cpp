#include "ike/daemon/control_socket.h"

#include <poll.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ike/base/secret.h"

namespace ipsec::daemon {
namespace {

constexpr int kBacklog = 64;
constexpr int kAcceptsAtOnce = 16;
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
constexpr int kReadsAtOnce = 4;
constexpr int kRequestsAtOnce = 32;
constexpr int kSendsAtOnce = 64;
// Of listings, some milliseconds' work in all; then others have their turn.
constexpr int kPartsAtOnce = 8;
constexpr std::size_t kUsersKnown = 256;
constexpr std::size_t kGroupsKnown = 65'536;  // as many as Linux allows
constexpr std::chrono::seconds kAcceptPause{1};

control::Error error_of(control::ErrorCode code, std::string message) {
  return {code, std::move(message), {}};
}

std::optional<std::vector<control::GroupId>> groups_of(int fd) {
  std::vector<gid_t> groups(64);
  while (groups.size() <= kGroupsKnown) {
    auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
      groups.resize(length / sizeof(gid_t));
      return std::vector<control::GroupId>(groups.begin(), groups.end());
    }
    if (errno != ERANGE) return std::nullopt;
    groups.resize(std::max(length / sizeof(gid_t), 2 * groups.size()));
  }
  return std::nullopt;
}

// As the kernel noted them when the client connected.
std::optional<std::pair<control::Credentials, pid_t>> peer_of(int fd) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  auto groups = groups_of(fd);
  if (!groups) return std::nullopt;
  return std::pair(control::Credentials{peer.uid, peer.gid, *std::move(groups)}, peer.pid);
}

bool hung_up(int fd) {
  pollfd one{fd, 0, 0};
  return ::poll(&one, 1, 0) > 0 && (one.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

// --- answers -----------------------------------------------------------------------------------

Responder::~Responder() {
  if (!deliver_) return;
  (*this)(std::unexpected(
      error_of(control::ErrorCode::unavailable, "the daemon gave the request up; ask again")));
}

void Responder::operator()(Answer answer) {
  if (const Deliver deliver = std::exchange(deliver_, {})) deliver(std::move(answer));
}

void Responder::operator()(std::unique_ptr<control::Listing> listing) {
  if (const Deliver deliver = std::exchange(deliver_, {})) deliver(std::move(listing));
}

// --- the listening socket ----------------------------------------------------------------------

namespace {

// Only the group may connect where nobody else can be anything. Readers are of another group, and a
// file has but one: then all may connect, and who they are decides.
mode_t mode_for(const control::Access& access) {
  if (access.readers) return 0666;
  return access.group ? 0660 : 0600;
}

}  // namespace

std::expected<ControlListener, ConfigError> ControlListener::open(const std::filesystem::path& path,
                                                                  const control::Access& access) {
  const auto refused = [&](std::string why) {
    return std::unexpected(ConfigError{path.string(), std::move(why)});
  };
  const auto failed = [&](std::string_view what) {
    return refused(fmt::format("{}: {}", what, std::generic_category().message(errno)));
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof(address.sun_path)) {
    return refused(fmt::format("a socket's path has at most {} bytes; name a shorter --run-dir",
                               sizeof(address.sun_path) - 1));
  }
  std::ranges::copy(path.native(), address.sun_path);

  struct stat found{};
  if (::lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return refused("is there and is no socket; move it away");
    if (::unlink(path.c_str()) != 0) return failed("removing the socket of an earlier daemon");
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed("making the socket");
  // Until its group is set, nobody but root comes in.
  if (::fchmod(fd.get(), 0600) != 0) return failed("closing the socket to others");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failed("binding the socket");
  }
  ControlListener listener(std::move(fd), path);
  if (::lstat(path.c_str(), &found) != 0) return failed("looking at the socket");
  listener.device_ = found.st_dev;
  listener.inode_ = found.st_ino;
  static constexpr auto kSame = static_cast<uid_t>(-1);
  if (access.group && ::lchown(path.c_str(), kSame, *access.group) != 0) {
    return failed(fmt::format("giving the socket to group {}", *access.group));
  }
  if (::chmod(path.c_str(), mode_for(access)) != 0) return failed("opening the socket to others");
  if (::listen(listener.fd(), kBacklog) != 0) return failed("listening");
  return listener;
}

ControlListener::~ControlListener() {
  if (!fd_) return;
  struct stat found{};
  if (::lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) (void)::unlink(path_.c_str());
}

// --- clients -----------------------------------------------------------------------------------

struct ControlSocket::Client {
  Client(UniqueFd its_fd, Caller who, const control::SessionLimits& limits)
      : fd(std::move(its_fd)), caller(std::move(who)), session(limits) {}

  UniqueFd fd;
  Caller caller;  // but for the account, which a request may name
  control::Session session;
  std::uint32_t watched = EPOLLIN;
  bool gone = false;  // nothing can be sent any more
};

ControlSocket::ControlSocket(const Parts& parts, ControlListener listener, ControlRules rules,
                             const ControlLimits& limits)
    : loop_(parts.loop),
      log_(parts.log),
      handler_(parts.handler),
      listener_(std::move(listener)),
      rules_(std::move(rules)),
      limits_(limits),
      self_(std::make_shared<ControlSocket*>(this)) {
  loop_.watch(listener_.fd(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
  loop_.add(*this);
}

ControlSocket::~ControlSocket() {
  self_.reset();
  loop_.remove(*this);
  loop_.forget(listener_.fd());
  for (auto& [number, client] : clients_) {
    flush(*client);
    loop_.forget(client->fd.get());
  }
}

void ControlSocket::accept_all() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    UniqueFd fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      admit(std::move(fd));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) return;
    // No descriptors or no memory. The client stays in line, and the loop must not turn on it.
    log_.write(Level::warning, fmt::format("no more clients of the control socket for now: {}",
                                           std::generic_category().message(errno)));
    loop_.rearm(listener_.fd(), 0);
    accept_again_ = loop_.now() + kAcceptPause;
    return;
  }
}

void ControlSocket::admit(UniqueFd fd) {
  auto peer = peer_of(fd.get());
  if (!peer) return;  // gone already
  auto& [who, process] = *peer;
  if (auto refused = may_enter(who); !refused) return refuse(fd, std::move(refused.error()));
  const Number number = next_number_++;
  std::string user = name_of_user(who.uid);
  auto client = std::make_unique<Client>(
      std::move(fd), Caller{std::move(who), process, std::move(user), {}}, limits_.session);
  loop_.watch(client->fd.get(), client->watched,
              [this, number](std::uint32_t events) { serve(number, events); });
  clients_.emplace(number, std::move(client));
}

std::expected<void, control::Error> ControlSocket::may_enter(
    const control::Credentials& who) const {
  if (control::right_of(rules_.access, who) == control::Right::none) {
    // Whatever it would ask for.
    return control::admits(rules_.access, who, control::Version{});
  }
  const bool root = who.uid == control::kRoot;
  const auto his = static_cast<std::size_t>(std::ranges::count_if(
      clients_, [&](const auto& one) { return one.second->caller.credentials.uid == who.uid; }));
  if (!root && his >= limits_.clients_of_user) {
    return std::unexpected(error_of(
        control::ErrorCode::unavailable,
        fmt::format("user {} has {} connections here already; end one of them", who.uid, his)));
  }
  const std::size_t kept = root ? 0 : std::min(limits_.kept_for_root, limits_.clients);
  const std::size_t places = limits_.clients - kept;
  if (clients_.size() < places) return {};
  return std::unexpected(
      error_of(control::ErrorCode::unavailable,
               fmt::format("{} clients are connected already; end one of them, or try again later",
                           clients_.size())));
}

// With a line that tells why, as far as it goes at once: nobody waits for such a client.
void ControlSocket::refuse(const UniqueFd& fd, control::Error error) {
  log_.write(Level::info,
             fmt::format("a client of the control socket was refused: {}", error.message));
  const std::string line = write(control::Reply{0, std::unexpected(std::move(error))});
  (void)::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
}

const std::string& ControlSocket::name_of_user(control::UserId uid) {
  if (users_.size() >= kUsersKnown) users_.clear();
  const auto [at, is_new] = users_.try_emplace(uid);
  if (!is_new) return at->second;
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const bool known = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0;
  at->second = known && found != nullptr ? std::string(entry.pw_name) : fmt::to_string(uid);
  return at->second;
}

// --- a client's turn ---------------------------------------------------------------------------

void ControlSocket::serve(Number number, std::uint32_t events) {
  const auto at = clients_.find(number);
  if (at == clients_.end()) return;
  Client& client = *at->second;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(client);
  begin_requests(number, client);
  flush(client);
  if (!client.session.ended().empty()) return close(number, client.session.ended());
  // Whoever has left without reading to the end does not want the rest.
  if (client.gone || (!client.session.wants_input() && hung_up(client.fd.get()))) {
    return close(number, "it has gone");
  }
  watch_for(client);
}

void ControlSocket::receive(Client& client) {
  std::array<char, kReadBytes> bytes;  // NOLINT(*-member-init): filled by recv
  for (int i = 0; i < kReadsAtOnce && client.session.wants_input(); ++i) {
    const ssize_t count = ::recv(client.fd.get(), bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) client.gone = true;
    if (count <= 0) return client.session.end_of_input(loop_.now());
    const auto size = static_cast<std::size_t>(count);
    client.session.receive({bytes.data(), size}, loop_.now());
    ipsec::wipe({reinterpret_cast<std::uint8_t*>(bytes.data()), size});
  }
}

void ControlSocket::begin_requests(Number number, Client& client) {
  for (int i = 0; i < kRequestsAtOnce; ++i) {
    auto request = client.session.next(loop_.now());
    if (!request) return;
    begin(number, client, *request);
    wipe(*request);
  }
}

void ControlSocket::begin(Number number, Client& client, control::Request& request) {
  Caller caller = client.caller;
  auto account =
      control::account_of(rules_.accounts, caller.credentials, caller.user, request.account);
  std::optional<control::Subscription> follows;
  if (const auto* events = std::get_if<control::Events>(&request.operation);
      events != nullptr && events->follow && account) {
    follows = control::Subscription{*account, events->tunnels};
  }
  Responder respond([weak = std::weak_ptr(self_), number, id = request.id,
                     follows = std::move(follows)](Responder::Delivery&& delivery) {
    if (const auto self = weak.lock()) (*self)->deliver(number, id, follows, std::move(delivery));
  });
  if (const auto admitted = control::admits(rules_.access, caller.credentials, request.operation);
      !admitted) {
    return respond(std::unexpected(admitted.error()));
  }
  if (!account) return respond(std::unexpected(std::move(account.error())));
  caller.account = *std::move(account);
  handler_.handle(request, caller, std::move(respond));
}

void ControlSocket::deliver(Number number, std::uint64_t id,
                            std::optional<control::Subscription> follows,
                            Responder::Delivery&& delivery) {
  const auto at = clients_.find(number);
  if (at == clients_.end()) return;
  Client& client = *at->second;
  if (auto* listing = std::get_if<std::unique_ptr<control::Listing>>(&delivery)) {
    client.session.answer(std::move(*listing), loop_.now());
    return watch_for(client);
  }
  auto& answer = std::get<Responder::Answer>(delivery);
  const auto* events = answer ? std::get_if<control::EventsReply>(&*answer) : nullptr;
  const bool begins_to_follow = events != nullptr && events->follows && follows;
  client.session.answer({id, std::move(answer)}, loop_.now());
  if (begins_to_follow) client.session.subscribe(*std::move(follows));
  watch_for(client);
}

void ControlSocket::publish(const control::EventView& event, std::string_view account) {
  for (auto& [number, client] : clients_) {
    if (control::right_of(rules_.access, client->caller.credentials) == control::Right::none) {
      continue;
    }
    client->session.publish(event, account);
    watch_for(*client);
  }
}

void ControlSocket::flush(Client& client) {
  int parts = 0;
  for (int i = 0; i < kSendsAtOnce && !client.gone; ++i) {
    if (client.session.producing()) {
      if (++parts > kPartsAtOnce) return;
      client.session.produce(loop_.now());
      continue;
    }
    const std::string_view output = client.session.output();
    if (output.empty()) return;
    const ssize_t count =
        ::send(client.fd.get(), output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) {
      client.gone = true;
      return;
    }
    client.session.sent(static_cast<std::size_t>(count), loop_.now());
  }
}

// What was answered or published outside of the client's turn goes out in the next one, and so do
// many events in one call.
void ControlSocket::watch_for(Client& client) {
  std::uint32_t wanted = 0;
  if (client.session.wants_input()) wanted |= EPOLLIN;
  if (!client.session.output().empty() || client.session.producing()) wanted |= EPOLLOUT;
  if (wanted == client.watched) return;
  client.watched = wanted;
  loop_.rearm(client.fd.get(), wanted);
}

void ControlSocket::close(Number number, std::string_view why) {
  const auto at = clients_.find(number);
  const Client& client = *at->second;
  const bool well = why == control::kDone || client.gone;
  log_.write(well ? Level::debug : Level::info,
             fmt::format("the control connection of {} (process {}) ends: {}", client.caller.user,
                         client.caller.process, why));
  loop_.forget(client.fd.get());
  clients_.erase(at);
}

// --- time --------------------------------------------------------------------------------------

Time ControlSocket::next_deadline() const {
  Time first = accept_again_;
  for (const auto& [number, client] : clients_) {
    if (client->session.ready()) return Time{};  // at once
    first = std::min(first, client->session.next_deadline());
  }
  return first;
}

void ControlSocket::tick(Time now) {
  if (accept_again_ <= now) {
    accept_again_ = kNever;
    loop_.rearm(listener_.fd(), EPOLLIN);
  }
  std::vector<Number> due;
  for (const auto& [number, client] : clients_) {
    if (client->session.ready() || client->session.next_deadline() <= now) due.push_back(number);
  }
  for (const Number number : due) {
    const auto at = clients_.find(number);
    if (at == clients_.end()) continue;
    at->second->session.tick(now);
    serve(number, 0);
  }
}

}  // namespace ipsec::daemon
