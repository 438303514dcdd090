#include "tests/sim/crossing.h"

#include <algorithm>

#include <fmt/format.h>

namespace ipsec::sim {

using namespace std::chrono_literals;

std::string_view name_of(Lowest which) {
  switch (which) {
    case Lowest::left_request:
      return "left's request has the lowest nonce";
    case Lowest::answer_to_left:
      return "the answer to left has the lowest nonce";
    case Lowest::right_request:
      return "right's request has the lowest nonce";
    case Lowest::answer_to_right:
      break;
  }
  return "the answer to right has the lowest nonce";
}

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
  if (!children.empty()) expire(side, children.front(), hard);
}

void Crossing::expire(std::size_t side, const core::ChildStatus& child, bool hard) {
  const xfrm::SaKey key{world.node(side).address, child.algorithms.protocol, child.inbound};
  if (hard) world.node(side).kernel.expire(key);
  world.feed(side, core::KernelExpired{key, hard});
  world.run_for(Duration(0));
}

void Crossing::lowest_nonce(Lowest which) {
  const auto byte = [which](Lowest of) -> std::uint8_t { return which == of ? 0x00 : 0xff; };
  left().random.nonce_first_byte = byte(Lowest::left_request);
  left().random.answer_first_byte = byte(Lowest::answer_to_right);
  right().random.nonce_first_byte = byte(Lowest::right_request);
  right().random.answer_first_byte = byte(Lowest::answer_to_left);
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

Orders Orders::every(Alike alike, std::size_t limit) {
  Orders orders;
  orders.limit_ = limit;
  orders.alike_ = alike;
  return orders;
}

Orders Orders::drawn(std::size_t count, std::uint64_t seed) {
  Orders orders;
  orders.limit_ = count;
  orders.alike_ = Alike::each;
  orders.random_.emplace(seed);
  return orders;
}

Orders Orders::losing_one() && {
  loses_ = true;
  return std::move(*this);
}

bool Orders::next() {
  depth_ = 0;
  if (random_) {
    path_.clear();
    return ++count_ <= limit_;
  }
  if (++count_ > limit_) {
    complete_ = false;
    return false;
  }
  if (count_ == 1) return true;
  while (!path_.empty() && path_.back().first + 1 >= path_.back().second) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().first;
  return true;
}

bool Orders::deliver(World& world) {
  // Messages of one order; 20 or so are the longest honest chain.
  static constexpr std::size_t kMessages = 60;
  std::string seen_by[2];
  std::uint64_t newest = 0;  // of those held before the last delivery
  bool last_to_right = false;
  bool lost = !loses_;
  for (std::size_t i = 0; i < kMessages; ++i) {
    if (world.held.empty()) {
      if (!lost) return false;
      ++taken_;
      as_seen_ = seen_by[0] + "| " + seen_by[1];
      return true;
    }
    std::vector<std::size_t> options;
    for (std::size_t at = 0; at < world.held.size(); ++at) {
      const bool to_left = world.held[at].from == Pair::kRight;
      const bool earlier = to_left && last_to_right && world.held[at].number <= newest;
      if (!earlier || alike_ == Alike::each) options.push_back(at);
    }
    if (options.empty()) return false;
    const std::size_t at = options[choose(options.size())];
    last_to_right = world.held[at].from == Pair::kLeft;
    const auto header = wire::parse_header(world.held[at].bytes);
    if (header) {
      seen_by[last_to_right ? 1 : 0] +=
          fmt::format("{:x}{}{} ", header->initiator_spi.value, header->flags.response ? "<" : ">",
                      header->message_id.value);
    }
    newest = 0;
    for (const Held& datagram : world.held) newest = std::max(newest, datagram.number);
    if (!lost && choose(2) == 1) {
      lost = true;
      world.drop(at);
    } else {
      world.deliver(at);
    }
    world.run_for(12ms);  // a packet each way
  }
  complete_ = false;
  return false;
}

std::size_t Orders::choose(std::size_t options) {
  if (depth_ == path_.size()) path_.emplace_back(random_ ? random_->below(options) : 0, options);
  return path_[depth_++].first;
}

std::string Orders::describe() const {
  std::string text;
  for (const auto& [chosen, options] : path_) text += fmt::format("{}/{} ", chosen, options);
  return text;
}

}  // namespace ipsec::sim
