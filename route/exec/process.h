// One run of a program, from its start until nothing is left of it: time, output and processes are
// bounded, whatever it does.
//
//                  answer            time is up           1 s              1 s
//   working --------------> gone      working -----> TERM -----> KILL -----> given up -----> gone
//
// A program has ended when its first process has and its output is closed. Its process group is
// killed then, before the number can be another's: what it has started ends with it.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ike/base/time.h"
#include "ike/base/unique_fd.h"
#include "route/driver.h"
#include "route/exec/spawn.h"

namespace ipsec::route::exec {

class Process {
 public:
  struct Job {
    const std::string& program;
    std::string_view input;
    std::chrono::seconds timeout;
  };
  // All that it wrote, if it ended with status 0; else why not, as the rest of a sentence.
  using Result = std::expected<std::string, std::string>;

  // `stirred` is called by the reactor, and calls advance(). The reactor must outlive the process.
  [[nodiscard]] static std::expected<std::unique_ptr<Process>, std::string> start(
      Reactor& reactor, const Job& job, const std::function<void()>& stirred);
  // Kills what is left, and waits for it a moment.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Takes what there is to take, and does what is due.
  void advance(Time now);
  [[nodiscard]] Time next_deadline() const { return deadline_; }
  // It, and all in its group; the destructor does, too.
  void kill() const;

  // Once.
  [[nodiscard]] std::optional<Result> take_result();
  // Reaped: there is no process any more. One that was given up has a result before it is gone.
  [[nodiscard]] bool is_gone() const { return gone_; }

 private:
  enum class Stage : std::uint8_t { working, asked_to_end, killed, given_up };

  Process(Reactor& reactor, Spawned spawned, Time now, std::chrono::seconds timeout);

  void look_for_end(Time now);
  void take_output(Time now);
  void take_errors(Time now);
  void overdue(Time now);
  void end_it(Time now, std::string why);
  void conclude();
  void signal_group(int number) const;
  void close(UniqueFd& fd);
  [[nodiscard]] std::string reaped();
  [[nodiscard]] std::string with_errors(std::string why) const;

  Reactor& reactor_;
  Spawned on_;
  std::chrono::seconds timeout_;
  Time deadline_;
  Stage stage_ = Stage::working;
  bool exited_ = false;  // and not yet reaped
  bool lost_ = false;    // somebody else has reaped it: its number may be another's
  bool gone_ = false;
  std::string output_;
  std::string errors_;           // as much of it as is kept
  std::size_t errors_seen_ = 0;  // bytes
  std::string why_;              // it failed, whatever else it does
  std::optional<Result> result_;
};

}  // namespace ipsec::route::exec
