#include "tests/unit/cli/server.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace ipsec::test {

// --- the socket --------------------------------------------------------------------------------

std::string Caller::line() {
  std::array<char, 4096> part{};
  while (true) {
    const auto end = read_.find('\n');
    if (end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    const ssize_t count = ::recv(fd_.get(), part.data(), part.size(), 0);
    if (count <= 0) return {};
    read_.append(part.data(), static_cast<std::size_t>(count));
  }
}

void Caller::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

Server::Server(std::function<void(Caller&)> serve)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = run_dir() + "/control.sock";
  std::memcpy(address.sun_path, path.data(), path.size());
  (void)::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  (void)::listen(socket_.get(), 8);
  thread_ = std::thread([this, serve = std::move(serve)] {
    while (true) {
      UniqueFd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) return;
      Caller caller(std::move(fd));
      serve(caller);
    }
  });
}

Server::~Server() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  thread_.join();
}

std::function<void(Caller&)> Server::answering(
    std::vector<control::Request>& requests,
    std::function<Answer(const control::Request&)> answer) {
  return [&requests, answer = std::move(answer)](Caller& caller) {
    for (std::string line = caller.line(); !line.empty(); line = caller.line()) {
      const auto request = control::read_request(line);
      if (!request) {
        caller.send(control::write(
            control::Reply{request.error().id, std::unexpected(request.error().error)}));
        continue;
      }
      requests.push_back(*request);
      caller.send(control::write(control::Reply{request->id, answer(*request)}));
    }
  };
}

// --- the program -------------------------------------------------------------------------------

namespace {

[[noreturn]] void become(const Arguments& arguments) {
  Arguments all{IPSECCTL};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  words.reserve(all.size() + 1);
  for (std::string& word : all) words.push_back(word.data());
  words.push_back(nullptr);
  ::unsetenv("COLUMNS");
  ::unsetenv("NO_COLOR");
  ::unsetenv("IPSECD_RUN_DIR");
  ::setenv("TERM", "xterm", 1);
  ::setenv("TZ", "UTC", 1);
  ::execv(words.front(), words.data());
  ::_exit(126);
}

int status_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> fds{-1, -1};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// False: the end, or nothing for ten seconds.
bool read_more(int fd, std::string& into) {
  pollfd waiting{fd, POLLIN, 0};
  if (::poll(&waiting, 1, 10'000) <= 0) return false;
  std::array<char, 4096> part{};
  const ssize_t count = ::read(fd, part.data(), part.size());
  if (count <= 0) return false;
  into.append(part.data(), static_cast<std::size_t>(count));
  return true;
}

struct Child {
  pid_t pid = -1;
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe error = make_pipe();
};

void start(Child& child, const Arguments& arguments) {
  child.pid = ::fork();
  if (child.pid == 0) {
    ::dup2(child.in.read.get(), STDIN_FILENO);
    ::dup2(child.out.write.get(), STDOUT_FILENO);
    ::dup2(child.error.write.get(), STDERR_FILENO);
    become(arguments);
  }
  child.in.read.reset();
  child.out.write.reset();
  child.error.write.reset();
}

Ran interrupted(const Child& child, Ran ran) {
  ::kill(child.pid, SIGINT);
  while (read_more(child.error.read.get(), ran.error)) {
  }
  ran.status = status_of(child.pid);
  return ran;
}

}  // namespace

Ran run_program(const Arguments& arguments, std::string_view input) {
  Child child;
  start(child, arguments);
  if (!input.empty()) (void)!::write(child.in.write.get(), input.data(), input.size());
  child.in.write.reset();
  Ran ran;
  while (read_more(child.out.read.get(), ran.out)) {
  }
  while (read_more(child.error.read.get(), ran.error)) {
  }
  ran.status = status_of(child.pid);
  return ran;
}

Ran run_interrupted(const Arguments& arguments, const std::string& when) {
  Child child;
  start(child, arguments);
  Ran ran;
  while (ran.out.find(when) == std::string::npos && read_more(child.out.read.get(), ran.out)) {
  }
  return interrupted(child, std::move(ran));
}

Ran run_interrupted(const Arguments& arguments, std::future<void> when) {
  Child child;
  start(child, arguments);
  (void)when.wait_for(std::chrono::seconds(10));
  return interrupted(child, {});
}

Ran run_on_terminal(const Arguments& arguments, const std::vector<Typed>& typed) {
  int terminal = -1;
  winsize size{};
  size.ws_col = 80;
  size.ws_row = 24;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (pid == 0) become(arguments);
  const UniqueFd owned(terminal);
  Ran ran;
  std::size_t seen = 0;
  for (const Typed& next : typed) {
    auto found = ran.out.find(next.when, seen);
    while (found == std::string::npos && read_more(terminal, ran.out)) {
      found = ran.out.find(next.when, seen);
    }
    if (found == std::string::npos) break;
    seen = found + next.when.size();
    (void)!::write(terminal, next.text.data(), next.text.size());
  }
  while (read_more(terminal, ran.out)) {
  }
  ran.status = status_of(pid);
  return ran;
}

}  // namespace ipsec::test
