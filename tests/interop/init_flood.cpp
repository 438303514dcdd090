// Half-open IKE SAs at a daemon, made one after another until it asks for a cookie.
//
//   init_flood REQUESTS LOCAL,REMOTE...
//
// Sends well-formed IKE_SA_INIT requests (aes128-sha256-x25519) in turn from each LOCAL to REMOTE's
// port 500, each with an SPI of its own, and goes on with none. The next leaves when the last has
// been answered: an answer with KE is a half-open SA there, so their number is known and not a
// matter of time. Ends at the first cookie, tells `half_open=N cookie=yes`, with status 0; and with
// status 1 where REQUESTS were sent and none was asked for, or where an answer is another or none.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <poll.h>

#include "ike/base/limits.h"
#include "ike/v2/payload_access.h"
#include "ike/wire/message.h"
#include "tests/interop/init_requests.h"
#include "tests/interop/sockets.h"

namespace ipsec::interop {
namespace {

constexpr int kWrongUsage = 2;
constexpr std::size_t kRequestsMax = 1000;
// An answer is waited for as long, and the request sent as often.
constexpr int kAnswerWaitMs = 2000;
constexpr int kSends = 3;

enum class Answer : std::uint8_t { half_open, cookie };

Address address_of(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) throw std::invalid_argument("no address: " + std::string(text));
  return *address;
}

UniqueFd socket_of(std::string_view pair) {
  const auto comma = std::min(pair.find(','), pair.size());
  const auto remote = pair.substr(std::min(comma + 1, pair.size()));
  return connected_socket(address_of(pair.substr(0, comma)), {address_of(remote), kIkePort});
}

std::optional<Bytes> receive(const UniqueFd& socket) {
  pollfd waiting{socket.get(), POLLIN, 0};
  if (::poll(&waiting, 1, kAnswerWaitMs) != 1) return std::nullopt;
  Bytes answer(limits::kMessageBytes);
  const auto size = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (size < 0) throw std::system_error(errno, std::generic_category(), "recv");
  answer.resize(static_cast<std::size_t>(size));
  return answer;
}

//   <-- HDR, SAr1, KEr, Nr   or   <-- HDR, N(COOKIE)
Answer ask(const UniqueFd& socket, const Bytes& request) {
  for (int send = 0; send < kSends; ++send) {
    if (::send(socket.get(), request.data(), request.size(), 0) < 0) {
      throw std::system_error(errno, std::generic_category(), "send");
    }
    const auto bytes = receive(socket);
    if (!bytes) continue;
    const auto answer = wire::parse_message(*bytes);
    if (!answer) throw std::runtime_error("an answer that is malformed");
    if (v2::find<wire::KePayload>(answer->payloads) != nullptr) return Answer::half_open;
    if (v2::find_notify(answer->payloads, wire::NotifyType::cookie) != nullptr) {
      return Answer::cookie;
    }
    throw std::runtime_error("an answer with neither KE nor COOKIE");
  }
  throw std::runtime_error("no answer");
}

int run(std::size_t requests, std::span<char*> pairs) {
  InitRequests drawn;
  std::vector<UniqueFd> sockets;
  for (const char* pair : pairs) sockets.push_back(socket_of(pair));
  for (std::size_t sent = 0; sent < requests; ++sent) {
    if (ask(sockets[sent % sockets.size()], drawn.next()) == Answer::cookie) {
      std::cout << "half_open=" << sent << " cookie=yes" << std::endl;
      return 0;
    }
  }
  std::cout << "half_open=" << requests << " cookie=no" << std::endl;
  return 1;
}

}  // namespace
}  // namespace ipsec::interop

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  std::size_t requests = 0;
  const std::string_view count = argc > 1 ? argv[1] : "";
  std::from_chars(count.data(), count.data() + count.size(), requests);
  if (argc < 3 || requests == 0 || requests > ipsec::interop::kRequestsMax) {
    std::cerr << "usage: init_flood REQUESTS LOCAL,REMOTE...\n";
    return ipsec::interop::kWrongUsage;
  }
  try {
    return ipsec::interop::run(requests, arguments.subspan(2));
  } catch (const std::exception& error) {
    std::cerr << "init_flood: " << error.what() << '\n';
    return 1;
  }
}
