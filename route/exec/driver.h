// The driver "exec": the routes of a provider's table, through a program that the operator names.
// docs/route-exec.md says what is said to it and what it must answer.
//
// NOTE: Threading. Called from one thread, and from one that lasts: what it runs ends with the
// thread that started it.
// NOTE: Limits. One run of the program for each call, or for each 200 changes of one; `concurrency`
// of them at once, calls for one table in their order. A call that cannot wait is answered at once.
// A program that was killed and does not die keeps its table and none of the places; where as many
// hang, nothing is started. NOTE: Failure. Whatever the program does against the protocol is
// Trouble of the kind `driver`, for every change of the call: what was done of them shows in the
// next listing. Nothing is tried again here.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/time.h"
#include "route/driver.h"
#include "route/exec/process.h"

namespace ipsec::route::exec {

struct ExecSettings {
  std::string name{};     // as tables name their driver
  std::string program{};  // an absolute path
  std::chrono::seconds timeout{10};
  std::size_t concurrency{4};
};

class ExecDriver final : public Driver {
 public:
  ExecDriver(Reactor& reactor, ExecSettings settings);
  // Kills what still runs.
  ~ExecDriver() override;
  ExecDriver(const ExecDriver&) = delete;
  ExecDriver& operator=(const ExecDriver&) = delete;

  [[nodiscard]] Capabilities capabilities() const override;
  void list(const Table& table, const std::set<Cidr>& destinations, Listed listed) override;
  void apply(const Table& table, const Changes& changes, Applied applied) override;
  void forget(const Table& /*table*/) override {}
  void on_drift(Drifted /*drifted*/) override {}

  [[nodiscard]] Time next_deadline() const override;
  void tick(Time now) override;

 private:
  // One for each request until one failed, whose trouble is that of all after it.
  struct Said {
    std::vector<std::string> answers;
    std::optional<Trouble> trouble;
  };
  using Answer = std::function<void(const Said&)>;
  struct Call {
    Table table;
    std::vector<std::string> requests;
    Answer answer;  // none where it has been given
    Said said;
  };
  struct Run {
    Call call;
    std::unique_ptr<Process> process;
  };

  void take(Call call);
  void attend(std::uint64_t id, Time now);
  void take_result(Run& run, Process::Result result);
  void start_what_may();
  void start(Call call);
  [[nodiscard]] bool hangs_on(const Table& table) const;
  [[nodiscard]] std::size_t hanging() const;
  void deliver();
  [[nodiscard]] Trouble trouble(std::string_view what) const;

  Reactor& reactor_;
  ExecSettings settings_;
  std::deque<Call> waiting_;
  std::map<std::uint64_t, Run> runs_;
  std::uint64_t last_id_ = 0;
  std::deque<Call> ready_;  // to be answered
  // Whoever is answered may take the driver away.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace ipsec::route::exec
