#include "cli/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "cli/grammar.h"
#include "ike/base/unique_fd.h"
#include "ike/control/types/codec.h"

namespace ipsec::cli {
namespace {

// A request would not take more.
constexpr std::size_t kFileBytes = control::kRequestBytes;

std::string in_words(int error) { return std::generic_category().message(error); }

// Echo off for as long as it lives, and back on whatever happens.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    changed_ = ::tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  ~Silence() {
    if (changed_) ::tcsetattr(fd_, TCSANOW, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

  // A key must not be typed where it would be seen.
  [[nodiscard]] bool holds() const { return changed_; }

 private:
  int fd_;
  termios before_{};
  bool changed_ = false;
};

}  // namespace

Terminals find_terminals() {
  return {::isatty(STDIN_FILENO) == 1, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1};
}

std::size_t terminal_width(const Environment& environment, int fd) {
  static constexpr std::size_t kUsual = 80;
  if (environment.columns) {
    const auto columns = parse_count(*environment.columns);
    if (columns && *columns > 0) return *columns;
  }
  winsize size{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): what ioctl() is
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kUsual;
}

Look look_for(bool is_terminal, bool no_color, const Environment& environment, std::size_t width) {
  if (!is_terminal) return {};
  // no-color.org: set and not empty.
  const bool unwanted = no_color || (environment.no_color && !environment.no_color->empty()) ||
                        environment.term == "dumb";
  return {width, !unwanted};
}

std::optional<std::string> ask_terminal(std::string_view question, Echo echo,
                                        const Interrupt& interrupt) {
  static constexpr std::size_t kLongestLine = 4096;
  std::optional<Silence> silence;
  if (echo == Echo::off) {
    silence.emplace(STDIN_FILENO);
    if (!silence->holds()) return std::nullopt;
  }
  if (!write_all(STDERR_FILENO, question)) return std::nullopt;
  std::string line;
  char letter = 0;
  while (line.size() < kLongestLine) {
    if (wait_for(STDIN_FILENO, For::reading, interrupt, std::nullopt) == Woke::interrupted) {
      return std::nullopt;
    }
    const ssize_t count = ::read(STDIN_FILENO, &letter, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    if (letter == '\n') return line;
    line += letter;
  }
  return std::nullopt;
}

std::expected<void, std::string> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      (void)wait_for(fd, For::writing, {}, std::nullopt);
      continue;
    }
    if (count < 0) return std::unexpected(in_words(errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::expected<std::string, std::string> read_file(const std::string& name,
                                                  const Interrupt& interrupt) {
  UniqueFd file;
  int fd = STDIN_FILENO;
  if (name != "-") {
    file = UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::unexpected(fmt::format("cannot read {}: {}", name, in_words(errno)));
    fd = file.get();
  }
  auto bytes = read_all(fd, interrupt, kFileBytes);
  if (!bytes) {
    return std::unexpected(
        fmt::format("cannot read {}: {}", name == "-" ? "standard input" : name, bytes.error()));
  }
  return bytes;
}

std::expected<void, std::string> replace_file(const std::string& name, std::string_view bytes,
                                              Privacy privacy) {
  const auto failed = [&](int error) {
    return std::unexpected(fmt::format("cannot write {}: {}", name, in_words(error)));
  };
  struct stat there{};
  // A pipe or /dev/stdout is written to; a file, also behind a link, gives way to a new one.
  if (::stat(name.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    const UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return failed(errno);
    const auto done = write_all(fd.get(), bytes);
    return done ? done : std::unexpected(fmt::format("cannot write {}: {}", name, done.error()));
  }
  std::string fresh = name + ".XXXXXX";
  const UniqueFd fd(::mkostemp(fresh.data(), O_CLOEXEC));
  if (!fd) return failed(errno);
  int error = 0;
  if (privacy == Privacy::usual) {
    const mode_t masked = ::umask(0);
    ::umask(masked);
    if (::fchmod(fd.get(), 0666U & ~masked) != 0) error = errno;
  }
  const auto done = write_all(fd.get(), bytes);
  if (done && error == 0 && ::rename(fresh.c_str(), name.c_str()) == 0) return {};
  if (error == 0) error = errno;
  ::unlink(fresh.c_str());
  return failed(error);
}

bool is_readable_by_others(const std::string& name) {
  struct stat there{};
  return ::stat(name.c_str(), &there) == 0 && S_ISREG(there.st_mode) &&
         (there.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace ipsec::cli
