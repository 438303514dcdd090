// Obeys the commands of a scenario: see main.cpp for what they are.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/netns/xfrm_driver/child.h"
#include "tests/netns/xfrm_driver/sockets.h"
#include "xfrm/interface.h"
#include "xfrm/kernel.h"
#include "xfrm/monitor.h"

namespace ipsec::driver {

// What the process holds of one namespace.
struct Gateway {
  std::optional<xfrm::Kernel> kernel;
  std::optional<xfrm::Monitor> monitor;
  std::deque<xfrm::KernelEvent> events;
  std::map<std::string, Child, std::less<>> children;
  std::map<std::string, UniqueFd, std::less<>> sockets;
};

class Driver {
 public:
  explicit Driver(std::string suffix) : namespaces_(std::move(suffix)) {}

  // "ok ...", "refused ..." with the kernel's reason, or "wrong ..." for a line that makes no
  // sense.
  [[nodiscard]] std::string obey(const std::string& line);

 private:
  using Command = std::string (Driver::*)(Gateway&, Words);
  static const std::map<std::string_view, Command>& commands();

  std::string run(const std::string& line);
  static xfrm::Kernel& kernel_of(Gateway& gateway);
  static const Child& child_of(const Gateway& gateway, Words words);

  std::string open(Gateway& gateway, Words words);
  std::string features(Gateway& gateway, Words words);
  std::string tune(Gateway& gateway, Words words);
  std::string can(Gateway& gateway, Words words);
  std::string algorithms(Gateway& gateway, Words words);
  std::string spi(Gateway& gateway, Words words);
  std::string child(Gateway& gateway, Words words);
  std::string install(Gateway& gateway, Words words);
  std::string install_at(Gateway& gateway, Words words);
  std::string remove(Gateway& gateway, Words words);
  std::string move(Gateway& gateway, Words words);
  std::string watch(Gateway& gateway, Words words);
  std::string await_volume(Gateway& gateway, Words words);
  std::string trap(Gateway& gateway, Words words);
  std::string untrap(Gateway& gateway, Words words);
  std::string count(Gateway& gateway, Words words);
  std::string held(Gateway& gateway, Words words);
  std::string replay_state(Gateway& gateway, Words words);
  std::string reconcile(Gateway& gateway, Words words);
  std::string remember(Gateway& gateway, Words words);
  std::string offload_refusals(Gateway& gateway, Words words);
  std::string monitor(Gateway& gateway, Words words);
  std::string event(Gateway& gateway, Words words);
  std::string wakes(Gateway& gateway, Words words);
  std::string overruns(Gateway& gateway, Words words);
  std::string churn(Gateway& gateway, Words words);
  std::string interface(Gateway& gateway, Words words);
  std::string no_interface(Gateway& gateway, Words words);
  std::string udp(Gateway& gateway, Words words);
  std::string say(Gateway& gateway, Words words);
  std::string hear(Gateway& gateway, Words words);
  std::string cross(Gateway& gateway, Words words);
  std::string sends(Gateway& gateway, Words words);

  Namespaces namespaces_;
  std::map<std::string, Gateway, std::less<>> gateways_;
};

// How often this process has given the kernel something by sendto or sendmsg; see main.cpp.
[[nodiscard]] std::uint64_t count_sends();

}  // namespace ipsec::driver
