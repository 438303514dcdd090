#include "ike/daemon/machine.h"

#include <ifaddrs.h>
#include <net/route.h>
#include <sys/timex.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <system_error>
#include <tuple>

#include <fmt/format.h>

#include "ike/base/endpoint.h"
#include "ike/base/unique_fd.h"
#include "ike/daemon/system/address.h"
#include "xfrm/kernel.h"

namespace ipsec::daemon {

namespace fs = std::filesystem;

// --- routes ------------------------------------------------------------------------------------

const Route* route_to(std::span<const Route> routes, const Address& address) {
  const Route* best = nullptr;
  const auto rank = [](const Route& route) {
    return std::make_tuple(-route.destination.prefix_length(), route.metric);
  };
  for (const Route& route : routes) {
    if (!route.destination.contains(address)) continue;
    if (best == nullptr || rank(route) < rank(*best)) best = &route;
  }
  return best == nullptr || best->rejects ? nullptr : best;
}

namespace {

template <typename Number>
std::optional<Number> number_in(std::string_view text, int base) {
  Number value = 0;
  const auto* const begin = text.data();
  const auto* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value, base);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return value;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

// The bytes of an IPv4 address in network order, printed as one number of the machine's own order.
std::optional<Address> address_v4(std::string_view hex) {
  const auto number = number_in<std::uint32_t>(hex, 16);
  if (!number || hex.size() != 8) return std::nullopt;
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &*number, bytes.size());
  return Address::from_bytes(bytes);
}

std::optional<Address> address_v6(std::string_view hex) {
  std::array<std::uint8_t, 16> bytes{};
  if (hex.size() != 2 * bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = number_in<std::uint8_t>(hex.substr(2 * i, 2), 16);
    if (!byte) return std::nullopt;
    bytes.at(i) = *byte;
  }
  return Address::from_bytes(bytes);
}

std::optional<int> prefix_of_mask(const Address& mask) {
  int length = 0;
  while (length < 32 && mask.bit(length)) ++length;
  if (Address::v4(0xffffffff).with_host_bits(length, false) != mask) return std::nullopt;
  return length;
}

// Columns: device, destination, gateway, flags, two counts, metric, mask.
std::optional<Route> route_v4(const std::vector<std::string>& words) {
  if (words.size() < 8) return std::nullopt;
  const auto destination = address_v4(words[1]);
  const auto next_hop = address_v4(words[2]);
  const auto flags = number_in<std::uint32_t>(words[3], 16);
  const auto metric = number_in<std::uint32_t>(words[6], 10);
  const auto mask = address_v4(words[7]);
  if (!destination || !next_hop || !flags || !metric || !mask || (*flags & RTF_UP) == 0) {
    return std::nullopt;
  }
  const auto length = prefix_of_mask(*mask);
  if (!length) return std::nullopt;
  Route route{Cidr::enclosing(*destination, *length), {}, words[0], *metric, false};
  if ((*flags & RTF_GATEWAY) != 0) route.next_hop = *next_hop;
  route.rejects = (*flags & RTF_REJECT) != 0;
  return route;
}

// Columns: destination, its length, source, its length, next hop, metric, two counts, flags,
// device.
std::optional<Route> route_v6(const std::vector<std::string>& words) {
  if (words.size() < 10) return std::nullopt;
  const auto destination = address_v6(words[0]);
  const auto length = number_in<std::uint8_t>(words[1], 16);
  const auto next_hop = address_v6(words[4]);
  const auto metric = number_in<std::uint32_t>(words[5], 16);
  const auto flags = number_in<std::uint32_t>(words[8], 16);
  if (!destination || !length || *length > 128 || !next_hop || !metric || !flags) {
    return std::nullopt;
  }
  Route route{Cidr::enclosing(*destination, *length), {}, words[9], *metric, false};
  if ((*flags & RTF_GATEWAY) != 0) route.next_hop = *next_hop;
  route.rejects = (*flags & RTF_REJECT) != 0;
  return route;
}

template <typename Parse>
std::vector<Route> routes_in(std::string_view text, Parse parse) {
  std::vector<Route> routes;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    if (auto route = parse(words_of(line))) routes.push_back(*std::move(route));
  }
  return routes;
}

}  // namespace

std::vector<Route> parse_routes_v4(std::string_view text) { return routes_in(text, route_v4); }
std::vector<Route> parse_routes_v6(std::string_view text) { return routes_in(text, route_v6); }

std::vector<Route> Machine::routes() const {
  auto routes = parse_routes_v4(read("proc/net/route").value_or(""));
  std::ranges::move(parse_routes_v6(read("proc/net/ipv6_route").value_or("")),
                    std::back_inserter(routes));
  return routes;
}

// --- files -------------------------------------------------------------------------------------

std::optional<std::string> Machine::read(const fs::path& file) const {
  std::ifstream in(root_ / file);
  if (!in) return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return std::nullopt;
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

std::optional<std::uint64_t> Machine::setting(const std::string& name) const {
  const auto text = read(fs::path("proc/sys") / name);
  return text ? number_in<std::uint64_t>(*text, 10) : std::nullopt;
}

// --- devices -----------------------------------------------------------------------------------

bool Device::has(const Address& address) const {
  return std::ranges::find(addresses, address) != addresses.end();
}

std::optional<int> Device::setting(Family family, std::string_view name_of_it) const {
  const auto& settings = family == Family::v4 ? ipv4 : ipv6;
  const auto found = settings.find(name_of_it);
  return found == settings.end() ? std::nullopt : std::optional(found->second);
}

const Device* device_with(std::span<const Device> devices, const Address& address) {
  const auto found =
      std::ranges::find_if(devices, [&](const Device& device) { return device.has(address); });
  return found == devices.end() ? nullptr : &*found;
}

const Device* device_named(std::span<const Device> devices, std::string_view name) {
  const auto found = std::ranges::find(devices, name, &Device::name);
  return found == devices.end() ? nullptr : &*found;
}

namespace {

constexpr std::array kDeviceSettingsV4{"forwarding",       "rp_filter",      "send_redirects",
                                       "accept_redirects", "disable_policy", "disable_xfrm"};
constexpr std::array kDeviceSettingsV6{"forwarding", "disable_policy"};

std::map<std::string, std::vector<Address>> addresses_by_device() {
  std::map<std::string, std::vector<Address>> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    const auto family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    SystemAddress address;
    address.size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(&address.storage, at->ifa_addr, address.size);
    out[at->ifa_name].push_back(from_system(address).address);
  }
  return out;
}

}  // namespace

std::vector<Device> Machine::devices() const {
  auto addresses = addresses_by_device();
  std::vector<Device> devices;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(root_ / "proc/sys/net/ipv4/conf", failed)) {
    Device device;
    device.name = entry.path().filename().string();
    const auto take = [&](const char* family, const char* name, auto& into) {
      const auto value = setting(fmt::format("net/{}/conf/{}/{}", family, device.name, name));
      if (value) into.emplace(name, static_cast<int>(*value));
    };
    for (const char* name : kDeviceSettingsV4) take("ipv4", name, device.ipv4);
    for (const char* name : kDeviceSettingsV6) take("ipv6", name, device.ipv6);
    const auto mtu = read(fs::path("sys/class/net") / device.name / "mtu");
    if (mtu) device.mtu_bytes = number_in<std::uint32_t>(*mtu, 10).value_or(0);
    device.addresses = std::move(addresses[device.name]);
    devices.push_back(std::move(device));
  }
  std::ranges::sort(devices, {}, &Device::name);
  return devices;
}

// --- sockets and filters -----------------------------------------------------------------------

std::set<std::uint64_t> Machine::udp_sockets(std::uint16_t port) const {
  std::set<std::uint64_t> found;
  for (const char* file : {"proc/net/udp", "proc/net/udp6"}) {
    std::istringstream in(read(file).value_or(""));
    for (std::string line; std::getline(in, line);) {
      const auto words = words_of(line);
      if (words.size() < 10) continue;
      const auto colon = words[1].rfind(':');
      if (colon == std::string::npos) continue;
      if (number_in<std::uint16_t>(words[1].substr(colon + 1), 16) != port) continue;
      if (const auto inode = number_in<std::uint64_t>(words[9], 10)) found.insert(*inode);
    }
  }
  return found;
}

std::set<std::uint64_t> Machine::own_sockets() const {
  constexpr std::string_view kBefore = "socket:[";
  std::set<std::uint64_t> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(root_ / "proc/self/fd", failed)) {
    const std::string target = fs::read_symlink(entry.path(), failed).string();
    if (!target.starts_with(kBefore) || !target.ends_with(']')) continue;
    const auto digits =
        std::string_view(target).substr(kBefore.size(), target.size() - kBefore.size() - 1);
    if (const auto inode = number_in<std::uint64_t>(digits, 10)) found.insert(*inode);
  }
  return found;
}

std::vector<std::string> Machine::iptables() const {
  std::set<std::string> names;
  for (const char* file : {"proc/net/ip_tables_names", "proc/net/ip6_tables_names"}) {
    for (auto& word : words_of(read(file).value_or(""))) names.insert(std::move(word));
  }
  return {names.begin(), names.end()};
}

// --- the kernel itself -------------------------------------------------------------------------

std::optional<Address> source_towards(const Address& remote) {
  auto there = to_system({remote, kIkePort});
  const UniqueFd socket(::socket(there.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return std::nullopt;
  // Without this a trap would take the question for traffic and start the tunnel. It takes
  // CAP_NET_ADMIN; who has it not sees what any program would.
  [[maybe_unused]] const auto passed = xfrm::bypass_policies(socket.get(), remote.family());
  if (::connect(socket.get(), there.get(), there.size) != 0) return std::nullopt;
  SystemAddress here;
  if (::getsockname(socket.get(), here.get(), &here.size) != 0) return std::nullopt;
  return from_system(here).address;
}

bool clock_is_synchronised() {
  timex state{};
  return adjtimex(&state) >= 0 && (static_cast<unsigned>(state.status) & STA_UNSYNC) == 0;
}

}  // namespace ipsec::daemon
