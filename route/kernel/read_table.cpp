#include "route/kernel/read_table.h"

#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "route/kernel/numbers.h"

namespace ipsec::route::kernel {
namespace {

// Of another kind than we ever make it is another one's, whatever number it bears.
bool is_ours(const RouteRow& row, const Owner& owner) {
  return row.protocol == owner.protocol && (row.type == RTN_UNICAST || row.type == RTN_BLACKHOLE);
}

std::string label_of(const RouteRow& row) {
  std::string out = "proto " + protocol_name(row.protocol);
  if (row.type != RTN_UNICAST) out += ", type " + type_name(row.type);
  return out;
}

Seen seen_of(const RouteRow& row, const Owner& owner, Devices& devices) {
  Seen out;
  out.ours = is_ours(row, owner);
  out.route.key = {row.destination, row.metric};
  out.route.hops.reserve(row.hops.size());
  for (const HopRow& hop : row.hops) {
    out.route.hops.push_back({hop.via, devices.name_of(hop.device)});
  }
  out.route.mtu = row.mtu;
  out.route.advmss = row.advmss;
  if (!out.ours) out.label = label_of(row);
  return out;
}

bool is_of_type(ByteView message, std::uint16_t type) {
  nlmsghdr header{};
  if (message.size() < sizeof(header)) return false;
  std::memcpy(&header, message.data(), sizeof(header));
  return header.nlmsg_type == type;
}

std::expected<std::vector<RouteRow>, Failure> read_rows(Socket& socket, Family family,
                                                        const Owner& owner,
                                                        const std::set<Cidr>& destinations,
                                                        std::uint64_t& malformed) {
  std::vector<RouteRow> rows;
  RouteRow row;
  Batch question;
  write_dump_routes(question, family, owner.table);
  const auto take = [&](ByteView message) {
    if (!is_of_type(message, RTM_NEWROUTE) || !parse_route(message, row)) {
      ++malformed;
      return;
    }
    // Older kernels give all tables, and answer for one of the other family.
    if (row.table != owner.table || row.destination.family() != family || !row.plain) return;
    if (is_ours(row, owner) || destinations.contains(row.destination)) rows.push_back(row);
  };
  const auto done = socket.dump(std::move(question), take, [&] { rows.clear(); });
  // There is no such table: nothing has ever been put into it.
  if (!done && done.error().error_number == ENOENT && !done.error().of_socket)
    rows.clear();
  else if (!done)
    return std::unexpected(done.error());
  return rows;
}

std::expected<std::vector<Rule>, Failure> read_rules(Socket& socket, Family family,
                                                     const Owner& owner, std::uint64_t& malformed) {
  std::vector<Rule> rules;
  Batch question;
  write_dump_rules(question, family);
  const auto take = [&](ByteView message) {
    const auto row = is_of_type(message, RTM_NEWRULE) ? parse_rule(message) : std::nullopt;
    if (!row) {
      ++malformed;
      return;
    }
    const bool ours = row->protocol == owner.protocol && row->table == owner.table &&
                      row->priority == kRulePriority && row->from;
    if (ours) rules.push_back({*row->from});
  };
  const auto done = socket.dump(std::move(question), take, [&] { rules.clear(); });
  // A kernel without rules, or without IPv6, has none of ours.
  if (!done && !done.error().of_socket &&
      (done.error().error_number == EOPNOTSUPP || done.error().error_number == EAFNOSUPPORT)) {
    rules.clear();
  } else if (!done) {
    return std::unexpected(done.error());
  }
  return rules;
}

}  // namespace

std::expected<Listing, Failure> read_table(Socket& socket, const Owner& owner,
                                           const std::set<Cidr>& destinations,
                                           std::uint64_t& malformed) {
  Listing out;
  Devices devices(socket);
  for (const Family family : {Family::v4, Family::v6}) {
    const auto rows = read_rows(socket, family, owner, destinations, malformed);
    if (!rows) return std::unexpected(rows.error());
    out.routes.reserve(out.routes.size() + rows->size());
    // Names are asked for when the dump is over: a socket answers one question at a time.
    for (const RouteRow& row : *rows) out.routes.push_back(seen_of(row, owner, devices));
    const auto rules = read_rules(socket, family, owner, malformed);
    if (!rules) return std::unexpected(rules.error());
    out.rules.insert(out.rules.end(), rules->begin(), rules->end());
  }
  return out;
}

}  // namespace ipsec::route::kernel
