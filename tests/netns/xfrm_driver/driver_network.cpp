// The driver's commands about interfaces and traffic.
#include <fmt/format.h>

#include "tests/netns/xfrm_driver/answers.h"
#include "tests/netns/xfrm_driver/driver.h"

namespace ipsec::driver {

// --- interfaces ---

std::string Driver::interface(Gateway& /*gateway*/, Words words) {
  expect_count(words, 7);
  if (words[0] != "xfrm" && words[0] != "vti") throw WrongLine("no kind: " + words[0]);
  const auto kind = words[0] == "xfrm" ? xfrm::InterfaceKind::xfrm : xfrm::InterfaceKind::vti;
  const xfrm::InterfaceSpec spec{.name = words[1],
                                 .id = number32_of(words[2]),
                                 .local = address_of(words[3]),
                                 .remote = address_of(words[4]),
                                 .underlay = words[5] == "-" ? "" : words[5],
                                 .mtu_bytes = number32_of(words[6])};
  auto interfaces = must(xfrm::Interfaces::open());
  must(interfaces.create(kind, spec));
  const auto attachment = xfrm::attachment_of(kind, spec);
  return attachment.mark ? fmt::format("mark={}", attachment.mark->value)
                         : fmt::format("if_id={}", attachment.interface_id);
}

std::string Driver::no_interface(Gateway& /*gateway*/, Words words) {
  expect_count(words, 1);
  auto interfaces = must(xfrm::Interfaces::open());
  must(interfaces.remove(words[0]));
  return {};
}

// --- traffic ---

std::string Driver::udp(Gateway& gateway, Words words) {
  expect_count(words, 4);
  const Endpoint at{address_of(words[1]), port_of(words[2])};
  auto socket = udp_socket(at);
  if (words[3] == "encapsulated") {
    take_encapsulated(socket);
  } else if (words[3] == "bypass") {
    must(xfrm::bypass_policies(socket.get(), at.address.family()));
  } else if (words[3] != "plain") {
    throw WrongLine("no kind of socket: " + words[3]);
  }
  gateway.sockets.insert_or_assign(words[0], std::move(socket));
  return {};
}

std::string Driver::say(Gateway& gateway, Words words) {
  expect_count(words, 5);
  const auto socket = gateway.sockets.find(words[0]);
  if (socket == gateway.sockets.end()) throw WrongLine("no socket " + words[0]);
  const Endpoint to{address_of(words[1]), port_of(words[2])};
  std::uint64_t taken = 0;
  for (std::uint64_t left = number_of(words[3]); left > 0; --left) {
    if (send(socket->second, to, number_of(words[4]))) ++taken;
  }
  return std::to_string(taken);
}

std::string Driver::hear(Gateway& gateway, Words words) {
  expect_count(words, 4);
  const auto socket = gateway.sockets.find(words[0]);
  if (socket == gateway.sockets.end()) throw WrongLine("no socket " + words[0]);
  return std::to_string(
      receive(socket->second, number_of(words[2]), number_of(words[1]), patience_of(words[3])));
}

// From OWN in this namespace to ADDRESS in the other, then the other way round.
std::string Driver::cross(Gateway& /*gateway*/, Words words) {
  expect_count(words, 6);
  const auto own = address_of(words[0]);
  const auto other = address_of(words[2]);
  const auto count = number_of(words[3]);
  const auto bytes = number_of(words[4]);
  const auto here = udp_socket({own, 0});
  namespaces_.enter(words[1]);
  const auto there = udp_socket({other, 0});
  const Endpoint here_at{own, port_of(here)};
  const Endpoint there_at{other, port_of(there)};
  for (std::uint64_t left = count; left > 0; --left) send(here, there_at, bytes);
  const auto went = receive(there, bytes, count, patience_of(words[5]));
  for (std::uint64_t left = count; left > 0; --left) send(there, here_at, bytes);
  const auto came = receive(here, bytes, count, patience_of(words[5]));
  return fmt::format("{} {}", went, came);
}

std::string Driver::sends(Gateway& /*gateway*/, Words words) {
  expect_count(words, 0);
  return std::to_string(count_sends());
}

}  // namespace ipsec::driver
