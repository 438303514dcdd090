#include "cli/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace ipsec::cli {
namespace {

// An answer may be long, but what never ends is not an answer.
constexpr std::size_t kAnswerBytes = std::size_t{1} << 30U;

ClientError unreachable(const std::string& path, std::string_view why, std::string_view advice) {
  return {ClientError::What::unreachable,
          fmt::format("cannot reach ipsecd at {}: {}; {}", path, why, advice)};
}

ClientError explain_connect(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return unreachable(path, "there is no such socket",
                         "is ipsecd running, and is --run-dir its run directory?");
    case ECONNREFUSED:
      return unreachable(path, "nobody listens there",
                         "ipsecd has ended; start it, or look into its log");
    case EACCES:
    case EPERM:
      return unreachable(path, "permission denied",
                         "run this as root or as a member of the group that owns the socket");
    case EAGAIN:
      return unreachable(path, "it takes no more connections",
                         "try again; if it stays so, look into the daemon's log");
    default:
      return unreachable(path, std::generic_category().message(error),
                         "is ipsecd running, and is --run-dir its run directory?");
  }
}

ClientError interrupted() { return {ClientError::What::interrupted, "interrupted"}; }

}  // namespace

std::expected<Client, ClientError> Client::connect(const std::string& run_dir,
                                                   std::chrono::milliseconds limit,
                                                   const Interrupt& interrupt) {
  std::string path = run_dir + "/control.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return std::unexpected(unreachable(
        path, fmt::format("the path is longer than {} bytes", sizeof(address.sun_path) - 1),
        "give --run-dir a shorter one"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return std::unexpected(explain_connect(path, errno));
  const Deadline until = std::chrono::steady_clock::now() + limit;
  // A socket whose queue is full says so at once: there is nothing to wait for but time.
  static constexpr std::chrono::milliseconds kPause{20};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what connect() takes
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
         0) {
    const int error = errno;
    const auto now = std::chrono::steady_clock::now();
    if ((error != EAGAIN && error != EINTR) || now >= *until) {
      return std::unexpected(explain_connect(path, error));
    }
    if (wait_for(-1, For::reading, interrupt, now + kPause) == Woke::interrupted) {
      return std::unexpected(interrupted());
    }
  }
  return Client(std::move(socket), std::move(path), limit, interrupt);
}

std::expected<void, ClientError> Client::send(control::Request& request) {
  request.id = ++last_id_;
  const std::string line = control::write(request);
  if (line.size() > control::kRequestBytes) {
    return std::unexpected(
        ClientError{ClientError::What::broken,
                    fmt::format("the request has {} bytes and ipsecd takes {}; apply it in parts",
                                line.size(), control::kRequestBytes)});
  }
  return send(line);
}

std::expected<Client::Printed, ClientError> Client::ask_for_json(control::Request request) {
  if (auto sent = send(request); !sent) return std::unexpected(sent.error());
  while (true) {
    control::JsonPrinter printer(request.id);
    const auto line = next_line(false, &printer);
    if (!line) return std::unexpected(line.error());
    if (auto printed = printer.end(*line)) return *std::move(printed);
    auto answer = read(*line);
    if (!answer) return std::unexpected(answer.error());
    auto* reply = std::get_if<control::Reply>(&*answer);
    if (reply != nullptr && (reply->id == request.id || reply->id == 0)) return std::move(*reply);
  }
}

std::expected<control::Reply, ClientError> Client::ask(control::Request request) {
  if (auto sent = send(request); !sent) return std::unexpected(sent.error());
  while (true) {
    auto answer = receive(false);
    if (!answer) return std::unexpected(answer.error());
    if (auto* reply = std::get_if<control::Reply>(&*answer)) {
      // A line that could not be read as a request is answered with id 0.
      if (reply->id == request.id || reply->id == 0) return std::move(*reply);
    }
  }
}

std::expected<control::EventView, ClientError> Client::next_event() {
  while (true) {
    auto answer = receive(true);
    if (!answer) return std::unexpected(answer.error());
    if (auto* event = std::get_if<control::EventView>(&*answer)) return std::move(*event);
  }
}

// --- lines -------------------------------------------------------------------------------------

std::expected<void, ClientError> Client::send(std::string_view line) {
  while (!line.empty()) {
    const ssize_t count = ::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL);
    if (count > 0) {
      line.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    // A daemon that refuses us has answered already and closed: what it said is still to be read.
    if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};
    if (count < 0 && errno != EAGAIN) {
      return std::unexpected(broken(std::generic_category().message(errno)));
    }
    const Woke woke = wait_for(socket_.get(), For::writing, *interrupt_, deadline());
    if (woke == Woke::interrupted) return std::unexpected(interrupted());
    if (woke == Woke::timed_out) return std::unexpected(silent());
  }
  return {};
}

std::expected<Client::Answer, ClientError> Client::receive(bool for_ever) {
  const auto line = next_line(for_ever);
  if (!line) return std::unexpected(line.error());
  return read(*line);
}

std::expected<Client::Answer, ClientError> Client::read(std::string_view line) const {
  auto answer = control::read_answer(line);
  if (!answer) {
    return std::unexpected(broken(fmt::format(
        "what came is no answer: {}; are ipsecctl and ipsecd of one version?", answer.error())));
  }
  return *std::move(answer);
}

std::expected<std::string, ClientError> Client::next_line(bool for_ever,
                                                          control::JsonPrinter* printer) {
  std::array<char, 65536> part{};
  while (true) {
    const auto end = read_.find('\n', searched_);
    if (end != std::string::npos) {
      std::string line = std::move(read_);
      read_ = line.substr(end + 1);
      line.resize(end);
      searched_ = 0;
      return line;
    }
    searched_ = read_.size();
    if (printer != nullptr) printer->take(read_);
    if (read_.size() > kAnswerBytes) return std::unexpected(broken("its answer does not end"));
    const Woke woke =
        wait_for(socket_.get(), For::reading, *interrupt_, for_ever ? std::nullopt : deadline());
    if (woke == Woke::interrupted) return std::unexpected(interrupted());
    if (woke == Woke::timed_out) return std::unexpected(silent());
    const ssize_t count = ::recv(socket_.get(), part.data(), part.size(), 0);
    if (count == 0 || (count < 0 && errno == ECONNRESET)) {
      return std::unexpected(broken(read_.empty()
                                        ? "it closed the connection; look into its log"
                                        : "it closed the connection in the middle of its answer"));
    }
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
      return std::unexpected(broken(std::generic_category().message(errno)));
    }
    if (count > 0) read_.append(part.data(), static_cast<std::size_t>(count));
  }
}

ClientError Client::broken(std::string_view why) const {
  return {ClientError::What::broken, fmt::format("ipsecd at {}: {}", path_, why)};
}

ClientError Client::silent() const {
  return {ClientError::What::unreachable,
          fmt::format("ipsecd at {} gave no answer for {} s; it may still do what was asked: look "
                      "with `ipsecctl status`, or wait longer with --timeout",
                      path_, std::chrono::duration_cast<std::chrono::seconds>(limit_).count())};
}

}  // namespace ipsec::cli
