// What the tests of the driver "exec" share: a reactor whose time stands still until it is told to
// go on, programs written by a test, and a look at what is left afterwards.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "route/driver.h"
#include "route/exec/driver.h"
#include "tests/support/folder.h"

namespace ipsec::route::exec::test {

// How often what another process does is looked for, and how many times.
inline constexpr int kTurnMs = 5;
inline constexpr int kTurns = 10'000;

class ManualReactor final : public Reactor {
 public:
  void watch(int fd, std::function<void()> readable) override;
  void forget(int fd) override;
  [[nodiscard]] Time now() const override { return now_; }

  void skip(Duration by) { now_ += by; }
  // Waits some milliseconds for a descriptor at the most, and calls its handler.
  void turn();
  [[nodiscard]] std::size_t watched() const { return handlers_.size(); }

 private:
  std::map<int, std::shared_ptr<std::function<void()>>> handlers_;
  Time now_{std::chrono::hours(1)};
};

// Children, and descriptors, that were not there at its birth must not be there at its end.
class NothingLeft {
 public:
  NothingLeft();
  ~NothingLeft();
  NothingLeft(const NothingLeft&) = delete;
  NothingLeft& operator=(const NothingLeft&) = delete;

 private:
  std::size_t descriptors_;
};

// No process of this number runs; a zombie that somebody else has to reap does not count.
[[nodiscard]] bool is_dead(int pid);

// The folder's `program`: text for /bin/sh if it does not say, with the folder as $HERE.
void write_program(const ipsec::test::Folder& folder, std::string_view text);

using Listed = std::expected<Listing, Trouble>;

// A folder with a program, the driver over it, and everything that was answered.
class Bench {
 public:
  explicit Bench(std::string_view program, ExecSettings settings = {});

  void write_program(std::string_view text) const { test::write_program(folder_, text); }
  [[nodiscard]] const ipsec::test::Folder& folder() const { return folder_; }
  [[nodiscard]] std::string read(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  // Once it is written to the end of a line.
  [[nodiscard]] int number_in(std::string_view name);

  ManualReactor& reactor() { return reactor_; }
  ExecDriver& driver() { return *driver_; }
  void drop_driver() { driver_.reset(); }

  [[nodiscard]] Listed list(const std::string& table = "t");
  [[nodiscard]] Outcomes apply(const Changes& changes, const std::string& table = "t");
  // False if that does not come within some seconds of real time; time skipped passes the driver's
  // deadlines only.
  [[nodiscard]] bool until(const std::function<bool()>& done);
  void skip(Duration by);

 private:
  NothingLeft nothing_left_;
  ipsec::test::Folder folder_;
  ManualReactor reactor_;
  std::unique_ptr<ExecDriver> driver_;
};

[[nodiscard]] inline Table table(std::string name) { return {"rest", std::move(name), "", ""}; }
[[nodiscard]] Route route(std::string_view destination, std::uint32_t metric = 100,
                          std::string_view via = "10.0.1.1");
// Adds 10.0.2.0/24, replaces 10.0.3.0/24 by a blackhole, removes 10.0.4.0/24.
[[nodiscard]] Changes three_changes();

}  // namespace ipsec::route::exec::test
