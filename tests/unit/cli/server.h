// A daemon's control socket with a script in place of the daemon, and ipsecctl as a program.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ike/base/unique_fd.h"
#include "ike/control/types/codec.h"
#include "tests/support/folder.h"

namespace ipsec::test {

// One end of a connection.
class Caller {
 public:
  explicit Caller(UniqueFd fd) : fd_(std::move(fd)) {}

  // Without its newline; empty: the caller is gone.
  [[nodiscard]] std::string line();
  void send(std::string_view bytes) const;

 private:
  UniqueFd fd_;
  std::string read_;
};

// Listens from the beginning to the end of its life. `serve` has each connection to itself, one
// after the other.
class Server {
 public:
  explicit Server(std::function<void(Caller&)> serve);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Each request is noted, and answered with what `answer` makes of it.
  using Answer = std::expected<control::Result, control::Error>;
  [[nodiscard]] static std::function<void(Caller&)> answering(
      std::vector<control::Request>& requests,
      std::function<Answer(const control::Request&)> answer);

  [[nodiscard]] std::string run_dir() const { return folder_.path().string(); }

 private:
  Folder folder_;
  UniqueFd socket_;
  std::thread thread_;
};

struct Ran {
  int status = -1;
  std::string out;
  std::string error;  // on a terminal both are in `out`
};

using Arguments = std::vector<std::string>;
[[nodiscard]] Ran run_program(const Arguments& arguments, std::string_view input = {});
// On a terminal of 80 columns; each of `typed` goes in when the text before it has come out.
struct Typed {
  std::string when;
  std::string text;
};
[[nodiscard]] Ran run_on_terminal(const Arguments& arguments, const std::vector<Typed>& typed = {});
// Ctrl-C as soon as `when` has come out.
[[nodiscard]] Ran run_interrupted(const Arguments& arguments, const std::string& when);
// As soon as `when` is ready.
[[nodiscard]] Ran run_interrupted(const Arguments& arguments, std::future<void> when);

}  // namespace ipsec::test
