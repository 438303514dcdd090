// What must hold whatever happens: of every message that goes out, and between two kernels.
#include <algorithm>

#include <fmt/format.h>

#include "tests/sim/world.h"

namespace ipsec::sim {

World::Lane World::lane_of(std::size_t index, const wire::Header& header) {
  return {index, header.initiator_spi.value, header.responder_spi.value, header.flags.initiator,
          header.flags.response};
}

// Protected messages: one message id, one content, however often it is sent (RFC 7296 2.1).
void World::check_sent(std::size_t index, const core::SendDatagram& send) {
  const auto message = wire::parse_message(send.bytes);
  if (!message || !message->sealed) return;
  const auto& header = message->header;
  const auto& fragment = message->sealed->fragment;
  const std::uint32_t number = fragment ? fragment->number : 0U;
  const std::string_view text(reinterpret_cast<const char*>(send.bytes.data()), send.bytes.size());
  const auto digest = std::hash<std::string_view>{}(text);
  const std::tuple place(lane_of(index, header), header.message_id.value, number);
  const auto [entry, fresh] = sent_.emplace(place, digest);
  if (!fresh && entry->second != digest) {
    violations_.push_back(fmt::format("{} sent two different messages under id {}",
                                      nodes_[index]->name, header.message_id.value));
  }
  if (number > 1) return;
  if (fresh) check_order(index, header);
  if (!header.flags.response) return;
  wire::Header request = header;
  request.flags.response = false;
  request.flags.initiator = !header.flags.initiator;
  if (--unanswered_[{lane_of(index, request), header.message_id.value}] < 0) {
    violations_.push_back(fmt::format("{} answered request {} more often than it came",
                                      nodes_[index]->name, header.message_id.value));
  }
}

// Ids go up one by one; IKE_AUTH is the first protected message, with id 1, of an SA that was not
// rekeyed (RFC 7296 2.2).
void World::check_order(std::size_t index, const wire::Header& header) {
  const std::uint32_t id = header.message_id.value;
  const auto [last, first] = last_id_.emplace(lane_of(index, header), id);
  const bool right = first ? id <= 1 : id == last->second + 1;
  last->second = id;
  if (right) return;
  violations_.push_back(fmt::format("{} jumped to message id {}", nodes_[index]->name, id));
}

void World::count_arrival(std::size_t index, ByteView bytes) {
  const auto message = wire::parse_message(bytes);
  if (!message || !message->sealed || message->header.flags.response) return;
  const auto& fragment = message->sealed->fragment;
  // RFC 7383 2.6.1: the first fragment stands for the request.
  if (fragment && fragment->number != 1) return;
  ++unanswered_[{lane_of(index, message->header), message->header.message_id.value}];
}

namespace {

// The same SA, as its two ends have it.
bool are_twins(const xfrm::SaSpec& mine, const xfrm::SaSpec& other) {
  return other.spi == mine.spi && other.direction != mine.direction &&
         other.protocol == mine.protocol && other.encryption == mine.encryption &&
         other.integrity == mine.integrity && other.encryption_key == mine.encryption_key &&
         other.integrity_key == mine.integrity_key &&
         other.encapsulation.has_value() == mine.encapsulation.has_value();
}

// What one side sends under a policy the other takes in, and answers under the same ranges.
std::string policy_fault(const Kernel& here, const Kernel& there, const xfrm::PolicySpec& policy,
                         const std::pair<TrafficSelector, TrafficSelector>& ranges) {
  const auto out = here.sas().find({policy.remote, policy.protocol, policy.spi});
  if (out == here.sas().end()) return "points at no SA";
  if (out->second.reqid != policy.reqid) return "points at another rule's SA";
  const auto back = there.policy_table().find({ranges.second, ranges.first});
  if (back == there.policy_table().end()) return "has no twin";
  const auto answers = std::ranges::any_of(here.sas(), [&](const auto& entry) {
    return entry.second.direction == xfrm::Direction::in && entry.second.spi == back->second.spi &&
           entry.second.reqid == policy.reqid;
  });
  return answers ? "" : "has a twin whose SA is not known here";
}

}  // namespace

std::vector<std::string> World::mirror_faults(std::size_t a, std::size_t b) const {
  std::set<Reqid> all;
  for (const std::size_t node : {a, b}) {
    for (const auto& [key, spec] : nodes_[node]->kernel.sas()) all.insert(spec.reqid);
    for (const auto& [ranges, policy] : nodes_[node]->kernel.policy_table()) {
      all.insert(policy.reqid);
    }
  }
  return mirror_faults(a, b, all);
}

std::vector<std::string> World::mirror_faults(std::size_t a, std::size_t b,
                                              const std::set<Reqid>& reqids) const {
  std::vector<std::string> found;
  for (const auto& [here, there] : {std::pair(a, b), std::pair(b, a)}) {
    const Kernel& mine = nodes_[here]->kernel;
    const Kernel& others = nodes_[there]->kernel;
    for (const auto& [key, spec] : mine.sas()) {
      if (!reqids.contains(spec.reqid)) continue;
      const bool mirrored = std::ranges::any_of(
          others.sas(), [&, &sa = spec](const auto& entry) { return are_twins(sa, entry.second); });
      if (mirrored) continue;
      const bool out = spec.direction == xfrm::Direction::out;
      found.push_back(fmt::format("{}: SA {:x} ({}) has no twin at {}", nodes_[here]->name,
                                  key.spi.value, out ? "out" : "in", nodes_[there]->name));
    }
    for (const auto& [ranges, policy] : mine.policy_table()) {
      if (!reqids.contains(policy.reqid)) continue;
      const auto fault = policy_fault(mine, others, policy, ranges);
      if (fault.empty()) continue;
      found.push_back(fmt::format("{}: the policy of rule {} {}", nodes_[here]->name,
                                  policy.reqid.value, fault));
    }
  }
  return found;
}

std::vector<std::string> World::complaints() const {
  std::vector<std::string> all = violations_;
  for (const auto& node : nodes_) {
    for (const auto& complaint : node->kernel.complaints()) {
      all.push_back(node->name + ": " + complaint);
    }
  }
  return all;
}

}  // namespace ipsec::sim
