#include "route/kernel/kernel_driver.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "route/kernel/change_table.h"
#include "route/kernel/devices.h"
#include "route/kernel/folder.h"
#include "route/kernel/messages.h"
#include "route/kernel/read_table.h"
#include "route/kernel/refusal.h"
#include "route/kernel/space.h"

namespace ipsec::route {
namespace {

using namespace std::chrono_literals;

// Drift of a table is told at once, and again no sooner: whoever keeps changing a table would
// otherwise keep us at it.
constexpr Duration kBetweenTellings = 100ms;
// In a storm of events, which leaves the loop to others meanwhile. What there is no room for then
// is told as drift of all tables.
constexpr Duration kRest = 50ms;
// Between the file of a namespace and the namespace in it.
constexpr Duration kBetweenLooks = 20ms;
constexpr int kLooks = 50;

}  // namespace

struct KernelDriver::Place {
  kernel::Space* space = nullptr;
  kernel::Owner owner;
};

KernelDriver::KernelDriver(Reactor& reactor, NamespaceOpener& opener, std::uint8_t protocol)
    : reactor_(reactor),
      opener_(opener),
      protocol_(protocol),
      folder_(std::make_unique<kernel::NamespaceFolder>()) {}

KernelDriver::~KernelDriver() {
  for (const auto& [netns, space] : spaces_) {
    if (!resting_.contains(netns)) reactor_.forget(space->events_fd());
  }
  if (folder_->is_open()) reactor_.forget(folder_->fd());
}

Capabilities KernelDriver::capabilities() const {
  return {.tells_drift = true,
          .blackhole = true,
          .several_hops = true,
          .mtu = true,
          .rules = true,
          .changes_at_once = 0};
}

// --- asking and changing ---

void KernelDriver::list(const Table& table, const std::set<Cidr>& destinations, Listed listed) {
  const auto place = place_of(table);
  if (!place) return listed(std::unexpected(place.error()));
  auto listing = kernel::read_table(place->space->requests(), place->owner, destinations, ignored_);
  if (listing) return listed(*std::move(listing));
  listed(std::unexpected(kernel::trouble_of("read table " + to_string(table), listing.error())));
}

void KernelDriver::apply(const Table& table, const Changes& changes, Applied applied) {
  const auto place = place_of(table);
  if (!place) return applied(Outcomes(changes.size(), std::unexpected(place.error())));
  applied(kernel::change_table(place->space->requests(), place->owner, table, changes, ignored_));
}

void KernelDriver::forget(const Table& table) {
  tables_.erase(table);
  pending_.erase(table);
  const auto is_in_use = [&](const auto& it) { return it.first.netns == table.netns; };
  // A namespace that nobody is interested in is not kept alive.
  if (!table.netns.empty() && std::ranges::none_of(tables_, is_in_use)) close(table.netns);
}

std::expected<Way, Trouble> KernelDriver::lookup(const Address& peer) {
  const auto own = space({});
  if (!own) return std::unexpected(own.error());
  const auto unreachable = [&](std::string_view why) {
    return std::unexpected(Trouble{Trouble::Kind::unreachable,
                                   fmt::format("no way to {}: {}", peer.to_string(), why)});
  };
  kernel::Socket& socket = (*own)->requests();
  kernel::Batch question;
  kernel::write_get_route(question, peer);
  const auto answer = socket.ask(std::move(question));
  if (!answer && answer.error().of_socket) {
    return std::unexpected(
        kernel::trouble_of("ask for the way to " + peer.to_string(), answer.error()));
  }
  // Whatever the number is: no route, or one of IPv4 that says no (blackhole, prohibit, throw).
  if (!answer) return unreachable("this machine has no route there that leads on (ip route get)");
  kernel::RouteRow row;
  if (!kernel::parse_route(*answer, row)) {
    ++ignored_;
    return unreachable("the kernel's answer makes no sense");
  }
  if (row.type == RTN_LOCAL) return unreachable("it is an address of this machine");
  if (row.type != RTN_UNICAST || row.hops.empty()) {
    return unreachable(fmt::format("the route there is of type {}", kernel::type_name(row.type)));
  }
  kernel::Batch about;
  kernel::write_get_link(about, row.hops[0].device);
  auto link = kernel::Devices(socket).ask(std::move(about));
  if (!link) return unreachable("its device has gone");
  return Way{{row.hops[0].via, std::move(link->name)}, row.mtu != 0 ? row.mtu : link->mtu};
}

// --- where a table is ---

std::expected<KernelDriver::Place, Trouble> KernelDriver::place_of(const Table& table) {
  // Whatever stands against it: when that is over, drift is told.
  Interest& interest = tables_[table];
  auto found = space(table.netns);
  if (!found) return std::unexpected(found.error());
  const auto number = number_of(table, **found);
  interest.number = number.value_or(0);
  if (!number) return std::unexpected(number.error());
  return Place{*found, {*number, protocol_}};
}

std::expected<std::uint32_t, Trouble> KernelDriver::number_of(const Table& table,
                                                              kernel::Space& space) const {
  const auto none = [](std::string why) {
    return std::unexpected(Trouble{Trouble::Kind::no_table, std::move(why)});
  };
  if (table.vrf.empty()) {
    std::uint32_t number = 0;
    const char* end = table.name.data() + table.name.size();
    const auto [stop, error] = std::from_chars(table.name.data(), end, number);
    if (error == std::errc{} && stop == end && number != 0) return number;
    return none(fmt::format("'{}' is no number of a table", table.name));
  }
  kernel::Devices devices(space.requests());
  const auto& link = devices.find(table.vrf);
  if (link && link->vrf_table) return *link->vrf_table;
  if (link) return none(fmt::format("device {} is no VRF", table.vrf));
  if (link.error().error_number == ENODEV) {
    return none(
        fmt::format("there is no VRF {0} (ip link add {0} type vrf table NUMBER)", table.vrf));
  }
  return std::unexpected(kernel::trouble_of("look for VRF " + table.vrf, link.error()));
}

std::expected<kernel::Space*, Trouble> KernelDriver::space(const std::string& netns) {
  const auto open = spaces_.find(netns);
  if (!netns.empty() && folder_->open()) {
    reactor_.watch(folder_->fd(), [this] { folder_changed(); });
  }
  if (open != spaces_.end()) {
    if (netns.empty() || kernel::look_for_namespace(netns).id == open->second->id()) {
      return open->second.get();
    }
    close(netns);
  }
  auto opened = netns.empty() ? kernel::Space::open_own() : kernel::Space::open(netns, opener_);
  if (!opened) return std::unexpected(opened.error());
  kernel::Space& added = *spaces_.emplace(netns, *std::move(opened)).first->second;
  watch(added);
  return &added;
}

void KernelDriver::watch(kernel::Space& space) {
  reactor_.watch(space.events_fd(), [this, netns = space.netns()] { events_arrived(netns); });
}

void KernelDriver::close(const std::string& netns) {
  const auto found = spaces_.find(netns);
  if (found == spaces_.end()) return;
  if (resting_.erase(netns) == 0) reactor_.forget(found->second->events_fd());
  ignored_ += found->second->ignored();
  spaces_.erase(found);
}

// --- drift ---

void KernelDriver::events_arrived(const std::string& name) {
  // What is watched may be forgotten while this runs, and the name with it.
  const std::string netns = name;  // NOLINT(performance-unnecessary-copy-initialization): above
  const auto found = spaces_.find(netns);
  if (found == spaces_.end()) return;
  const Time now = reactor_.now();
  const kernel::Space::News news = found->second->read_events(protocol_, now);
  if (news.is_broken) {
    close(netns);
  } else if (news.is_storm) {
    reactor_.forget(found->second->events_fd());
    resting_[netns] = now + kRest;
  }
  if (news.everything) drift_in(netns, std::nullopt);
  for (const std::uint32_t table : news.tables) drift_in(netns, table);
  if (news.ways && netns.empty()) ways_pending_ = true;
  tell(now);
}

void KernelDriver::drift_in(const std::string& netns, std::optional<std::uint32_t> number) {
  for (auto& [table, interest] : tables_) {
    const bool meant = table.netns == netns && (!number || interest.number == *number);
    if (meant) pending_.insert(table);
  }
}

// Those who are told may ask and change things, and forget tables.
void KernelDriver::tell(Time now) {
  std::vector<Table> due;
  for (const Table& table : pending_) {
    if (now - kBetweenTellings >= tables_[table].told) due.push_back(table);
  }
  for (const Table& table : due) {
    if (pending_.erase(table) == 0) continue;
    tables_[table].told = now;
    if (drifted_) drifted_(table);
  }
  if (!ways_pending_ || now - kBetweenTellings < ways_told_) return;
  ways_pending_ = false;
  ways_told_ = now;
  if (ways_changed_) ways_changed_();
}

Time KernelDriver::next_deadline() const {
  Time out = look_again_;
  for (const Table& table : pending_) {
    out = std::min(out, tables_.at(table).told + kBetweenTellings);
  }
  if (ways_pending_) out = std::min(out, ways_told_ + kBetweenTellings);
  for (const auto& [netns, until] : resting_) out = std::min(out, until);
  return out;
}

void KernelDriver::tick(Time now) {
  for (auto it = resting_.begin(); it != resting_.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    watch(*spaces_.at(it->first));
    it = resting_.erase(it);
  }
  if (look_again_ <= now) settle_namespaces(now);
  tell(now);
}

// --- namespaces that come and go ---

void KernelDriver::folder_changed() {
  folder_->read([this](const std::optional<std::string>& name) {
    for (const auto& [table, interest] : tables_) {
      const bool meant = !table.netns.empty() && (!name || *name == table.netns);
      if (meant) unsettled_[table.netns] = kLooks;
    }
  });
  settle_namespaces(reactor_.now());
  tell(reactor_.now());
}

void KernelDriver::settle_namespaces(Time now) {
  look_again_ = kNever;
  for (auto it = unsettled_.begin(); it != unsettled_.end();) {
    auto& [netns, looks] = *it;
    const kernel::NamespaceFile file = kernel::look_for_namespace(netns);
    const auto open = spaces_.find(netns);
    const bool is_same = open != spaces_.end() && file.id == open->second->id();
    if (!is_same) close(netns);
    if (file.state == kernel::NamespaceState::unfinished && --looks > 0) {
      look_again_ = now + kBetweenLooks;
      ++it;
      continue;
    }
    if (!is_same) drift_in(netns, std::nullopt);
    it = unsettled_.erase(it);
  }
}

std::uint64_t KernelDriver::ignored() const {
  std::uint64_t out = ignored_;
  for (const auto& [netns, space] : spaces_) out += space->ignored();
  return out;
}

}  // namespace ipsec::route
