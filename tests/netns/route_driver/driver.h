// Obeys the commands of main.cpp, a line each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "route/kernel/kernel_driver.h"
#include "tests/netns/xfrm_driver/words.h"
#include "tests/support/poll_reactor.h"
#include "tests/support/setns_opener.h"

namespace ipsec::driver {

class RouteDriver {
 public:
  RouteDriver();
  [[nodiscard]] std::string obey(const std::string& line);

 private:
  [[nodiscard]] std::string command(const std::string& name, const std::string& rest);
  [[nodiscard]] std::string want(const std::string& rest);
  [[nodiscard]] std::string pass(const route::Table& table);
  [[nodiscard]] std::string list(Words words);
  [[nodiscard]] std::string lookup(const std::string& peer);
  // The next table of which drift is told, or that ways changed.
  [[nodiscard]] std::string event(std::uint64_t milliseconds);
  // How many tables were told of, and how many times the loop went round.
  [[nodiscard]] std::string events_within(std::uint64_t milliseconds);

  test::PollReactor reactor_;
  test::SetnsOpener opener_;
  route::KernelDriver kernel_;
  std::map<route::Table, route::Wanted> wanted_;
  std::vector<std::string> told_;
};

}  // namespace ipsec::driver
