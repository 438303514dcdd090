#include "ike/daemon/system/address.h"

#include <netinet/in.h>

#include <array>
#include <cstring>

namespace ipsec {

SystemAddress to_system(const Endpoint& endpoint) {
  SystemAddress out;
  const auto bytes = endpoint.address.bytes();
  if (endpoint.address.family() == Family::v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&out.storage, &v4, sizeof(v4));
    out.size = sizeof(v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&out.storage, &v6, sizeof(v6));
    out.size = sizeof(v6);
  }
  return out;
}

Endpoint from_system(const SystemAddress& address) {
  static constexpr std::size_t kV4Bytes = 4;
  static constexpr std::size_t kV6Bytes = 16;
  std::array<std::uint8_t, kV6Bytes> bytes{};
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof(v4));
    std::memcpy(bytes.data(), &v4.sin_addr, kV4Bytes);
    return {Address::from_bytes(ByteView(bytes).first(kV4Bytes)).value(), ntohs(v4.sin_port)};
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof(v6));
  std::memcpy(bytes.data(), &v6.sin6_addr, kV6Bytes);
  return {Address::from_bytes(bytes).value(), ntohs(v6.sin6_port)};
}

}  // namespace ipsec
