#include "ike/daemon/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"error", "warning", "info", "debug"};
// As in syslog(3): error, warning, informational, debug.
constexpr std::array kPriorities{3, 4, 6, 7};
constexpr std::string_view kJournalSocket = "/run/systemd/journal/socket";
constexpr std::size_t kLongestText = 8192;

std::expected<UniqueFd, ConfigError> open_file(const std::string& file) {
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
  UniqueFd fd(::open(file.c_str(), flags, S_IRUSR | S_IWUSR | S_IRGRP));
  if (fd) return fd;
  return std::unexpected(
      ConfigError{fmt::format("log file {}", file),
                  fmt::format("{}; name a file in a directory that is there, or `stderr`",
                              std::generic_category().message(errno))});
}

std::expected<UniqueFd, ConfigError> open_journal() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  kJournalSocket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (fd && ::connect(fd.get(), raw, sizeof(address)) == 0) return fd;
  return std::unexpected(ConfigError{
      fmt::format("journal at {}", kJournalSocket),
      fmt::format("{}; log to `stderr` or a file", std::generic_category().message(errno))});
}

// Whether what is written on standard error ends there anyway: systemd says so by the number of the
// file, which a redirection changes.
bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe)
  struct stat file{};
  return stream != nullptr && ::fstat(STDERR_FILENO, &file) == 0 &&
         fmt::format("{}:{}", file.st_dev, file.st_ino) == stream;
}

// What a terminal or a reader of lines could take for something else.
std::string one_line(std::string_view text) {
  static constexpr unsigned char kDelete = 0x7f;
  std::string out;
  for (const char c : text.substr(0, kLongestText)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == kDelete) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::optional<Level> parse_level(std::string_view word) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == word) return static_cast<Level>(i);
  }
  return std::nullopt;
}

std::string_view name_of(Level level) { return kLevels[static_cast<std::size_t>(level)]; }

std::expected<Log, ConfigError> Log::open(const std::string& to) {
  if (to == "stderr") {
    // With fields of its own instead of lines.
    auto fd = stderr_is_the_journal() ? open_journal() : UniqueFd();
    if (fd && *fd) return Log(Kind::journal, "", *std::move(fd));
    return Log(Kind::standard_error, "", UniqueFd());
  }
  const bool journal = to == "journal";
  auto fd = journal ? open_journal() : open_file(to);
  if (!fd) return std::unexpected(std::move(fd.error()));
  return Log(journal ? Kind::journal : Kind::file, journal ? "" : to, *std::move(fd));
}

void Log::set_level(const std::string& tunnel, std::optional<Level> level) {
  if (level) {
    tunnels_[tunnel] = *level;
  } else {
    tunnels_.erase(tunnel);
  }
}

void Log::set_levels(const gateway::LogSettings& settings) {
  level_ = settings.level;
  tunnels_ = settings.tunnels;
}

bool Log::wants(Level level, std::string_view tunnel) const {
  const auto own = tunnels_.find(tunnel);
  return level <= (own == tunnels_.end() ? level_ : own->second);
}

void Log::write(Level level, std::string_view text, const Tags& tags) {
  if (!wants(level, tags.tunnel)) return;
  if (kind_ == Kind::journal) {
    write_journal(level, text, tags);
  } else {
    write_line(level, text, tags);
  }
}

void Log::write_line(Level level, std::string_view text, const Tags& tags) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  std::string line =
      fmt::format("{:%FT%T}.{:03}Z {}", fmt::gmtime(ms / 1000), ms % 1000, name_of(level));
  if (!tags.tunnel.empty()) line += fmt::format(" tunnel={}", one_line(tags.tunnel));
  if (!tags.phase.empty()) line += fmt::format(" phase={}", tags.phase);
  if (!tags.event.empty()) line += fmt::format(" event={}", tags.event);
  line += ": " + one_line(text) + "\n";
  // One write, so that lines of several processes do not mix. A full disk costs the line.
  (void)!::write(kind_ == Kind::file ? fd_.get() : STDERR_FILENO, line.data(), line.size());
}

// The journal's own protocol: a datagram of FIELD=value lines.
void Log::write_journal(Level level, std::string_view text, const Tags& tags) {
  std::string datagram = fmt::format("MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=ipsecd\n",
                                     one_line(text), kPriorities[static_cast<std::size_t>(level)]);
  if (!tags.tunnel.empty()) datagram += fmt::format("TUNNEL={}\n", one_line(tags.tunnel));
  if (!tags.phase.empty()) datagram += fmt::format("PHASE={}\n", tags.phase);
  if (!tags.event.empty()) datagram += fmt::format("EVENT={}\n", tags.event);
  const auto send = [&] {
    return ::send(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
  };
  if (send() >= 0 || errno == EAGAIN) return;
  // The journal was restarted.
  if (auto fresh = open_journal()) fd_ = *std::move(fresh);
  (void)send();
}

std::expected<void, ConfigError> Log::reopen() {
  if (kind_ != Kind::file) return {};
  auto fd = open_file(file_);
  if (!fd) return std::unexpected(std::move(fd.error()));
  fd_ = *std::move(fd);
  return {};
}

}  // namespace ipsec::daemon
