// Sending and receiving over an SA's window: what RFC 7296 2.1 to 2.3 ask of both sides.
#pragma once

#include <span>
#include <string_view>
#include <variant>

#include "ike/core/sa/turn.h"
#include "ike/v2/sa.h"

namespace ipsec::v2 {

// A whole message with its payloads in clear, however it came.
struct Received {
  wire::Header header;
  wire::Payloads payloads;
  Endpoint local;
  Endpoint remote;
  Bytes raw;  // of a clear message, as it was on the wire; else empty
};

// Counted and forgotten.
struct Discarded {
  std::string_view reason;
};
// The peer's last request once more: it has been answered once more.
struct Repeated {};
// Authentic, but not to be read.
struct Unreadable {
  wire::Header header;
  Malformed error;
};
using Arrival = std::variant<Received, Discarded, Repeated, Unreadable>;

// `next_id` is ours, `expected_id` the peer's.
[[nodiscard]] Window open_window(core::Protection protection, std::uint32_t next_id,
                                 std::uint32_t expected_id, Time now);

// A sealed datagram for this window. Resends the cached answer itself where that is due.
[[nodiscard]] Arrival receive(Turn& turn, Window& window, const core::Datagram& datagram);

void send_request(Turn& turn, Sa& sa, Window& window, wire::ExchangeType exchange,
                  std::span<const wire::Payload> payloads,
                  const core::RetransmitSchedule& schedule);

// Answers the peer's request with the expected id, and expects the next.
void send_answer(Turn& turn, Sa& sa, Window& window, wire::ExchangeType exchange,
                 std::span<const wire::Payload> payloads);

// Takes the request off the wire once its answer is there.
void settle_request(Window& window);

// The request that is out, out of turn.
void send_again(Turn& turn, const Sa& sa, Window& window);

enum class Patience : std::uint8_t { left, exhausted };
// Sends again what is due.
[[nodiscard]] Patience retransmit(Turn& turn, const Sa& sa, Window& window);

}  // namespace ipsec::v2
