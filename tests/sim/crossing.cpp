#include "tests/sim/crossing.h"

#include <algorithm>

#include <fmt/format.h>

namespace ipsec::sim {

using namespace std::chrono_literals;

bool Crossing::ready() {
  configure();
  if (!up_within(2s)) return false;
  world.run_for(40s);
  left().events.clear();
  right().events.clear();
  world.hold = true;
  return true;
}

void Crossing::order(std::size_t side, core::Order what) {
  world.order(side, 1, what);
  world.run_for(Duration(0));
}

void Crossing::expire(std::size_t side, bool hard) {
  const auto children = world.node(side).usable(1);
  if (children.empty()) return;
  const auto& child = children.front();
  world.feed(side, core::KernelExpired{
                       {world.node(side).address, child.algorithms.protocol, child.inbound}, hard});
  world.run_for(Duration(0));
}

void Crossing::lowest_nonce(std::size_t side) {
  world.node(side).random.nonce_first_byte = 0x00;
  world.node(other(side)).random.nonce_first_byte = 0xff;
}

std::size_t Crossing::find(std::size_t side, Kind kind) const {
  const auto found = std::ranges::find_if(world.held, [&](const Held& datagram) {
    const auto header = wire::parse_header(datagram.bytes);
    return header && datagram.from == side && header->flags.response == (kind == Kind::answer);
  });
  return static_cast<std::size_t>(found - world.held.begin());
}

bool Crossing::pass(std::size_t side, Kind kind) {
  const auto at = find(side, kind);
  if (at == world.held.size()) return false;
  world.deliver(at);
  return true;
}

bool Crossing::lose(std::size_t side, Kind kind) {
  const auto at = find(side, kind);
  if (at == world.held.size()) return false;
  world.drop(at);
  return true;
}

std::size_t Crossing::waiting(std::size_t side, Kind kind) const {
  const auto n = std::ranges::count_if(world.held, [&](const Held& datagram) {
    const auto header = wire::parse_header(datagram.bytes);
    return header && datagram.from == side && header->flags.response == (kind == Kind::answer);
  });
  return static_cast<std::size_t>(n);
}

void Crossing::release() {
  world.hold = false;
  world.deliver_all();
}

Pair::Problems Crossing::in_the_end() {
  release();
  world.run_for(60s);
  return at_rest();
}

bool Orders::next() {
  depth_ = 0;
  if (++count_ > limit_) return false;
  if (count_ == 1) return true;
  while (!path_.empty() && path_.back().first + 1 >= path_.back().second) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().first;
  return true;
}

std::size_t Orders::choose(std::size_t options) {
  if (depth_ == path_.size()) path_.emplace_back(0, options);
  return path_[depth_++].first;
}

std::string Orders::describe() const {
  std::string text;
  for (const auto& [chosen, options] : path_) text += fmt::format("{}/{} ", chosen, options);
  return text;
}

}  // namespace ipsec::sim
