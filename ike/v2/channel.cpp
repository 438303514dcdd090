#include "ike/v2/channel.h"

#include "ike/core/sa/children.h"

namespace ipsec::v2 {
namespace {

wire::Header header_of(const Sa& sa, wire::ExchangeType exchange, std::uint32_t id, bool response) {
  wire::Header header;
  header.initiator_spi = sa.spis().initiator;
  header.responder_spi = sa.spis().responder;
  header.exchange = exchange;
  header.flags.initiator = sa.role == wire::Role::initiator;
  header.flags.response = response;
  header.message_id = MessageId{id};
  return header;
}

void send(Turn& turn, const Endpoint& local, const Endpoint& remote,
          std::span<const Bytes> packets) {
  for (const Bytes& packet : packets) turn.act(core::SendDatagram{local, remote, packet});
}

void send(Turn& turn, const Sa& sa, std::span<const Bytes> packets) {
  send(turn, sa.local, sa.remote, packets);
}

// RFC 7296 2.11: an answer goes where its request came from and leaves from where that arrived,
// even before the peer has proved who it is, and even where we do not follow it otherwise.
void send_back(Turn& turn, const Window& window, std::span<const Bytes> packets) {
  send(turn, window.request_local, window.request_remote, packets);
}

// Which ids this window takes now; `repeat` is the request already answered.
enum class Place : std::uint8_t { fresh, repeat, none };

Place place_of(const Window& window, const wire::Header& header) {
  const std::uint32_t id = header.message_id.value;
  if (header.flags.response) {
    return window.sent && window.sent->id == id ? Place::fresh : Place::none;
  }
  if (id == window.expected_id) return Place::fresh;
  const bool repeats = id + 1 == window.expected_id && !window.last_answer.empty();
  return repeats ? Place::repeat : Place::none;
}

// The whole chain, once all fragments of it are there.
std::optional<wire::Reassembled> assemble(Window& window, const wire::Header& header,
                                          const wire::SealedBody& body,
                                          core::Protection::Opened opened) {
  if (!body.fragment) return wire::Reassembled{opened.first_inner, std::move(opened.chain)};
  auto& pieces = header.flags.response ? window.answer_pieces : window.request_pieces;
  (void)pieces.add(*body.fragment, opened.first_inner, opened.chain);
  return pieces.take();
}

}  // namespace

Window open_window(core::Protection protection, std::uint32_t next_id, std::uint32_t expected_id,
                   Time now) {
  Window window{std::move(protection)};
  window.next_id = next_id;
  window.expected_id = expected_id;
  window.heard_at = now;
  return window;
}

Arrival receive(Turn& turn, Window& window, const core::Datagram& datagram) {
  const auto message = wire::parse_message(datagram.bytes);
  if (!message) return Discarded{"malformed"};
  if (!message->sealed) return Discarded{"clear message for a protected SA"};
  const Place place = place_of(window, message->header);
  if (place == Place::none) return Discarded{"message id outside the window"};

  auto opened = window.protection.open(datagram.bytes, *message->sealed);
  if (!opened) return Discarded{"not authentic"};
  // A repeat may be anyone's recording: no sign that the peer lives (RFC 7296 2.4).
  if (place == Place::fresh) window.heard_at = turn.now;
  if (place == Place::fresh && message->header.flags.response && window.sent->timer.sends() == 1) {
    window.path.round_trip = turn.now - window.sent->sent_at;
  }

  const auto& fragment = message->sealed->fragment;
  if (place == Place::fresh && !message->header.flags.response) {
    window.request_local = datagram.local;
    window.request_remote = datagram.remote;
  }
  if (place == Place::repeat) {
    // RFC 7383 2.6.1: only the first fragment of a repeated request draws the answer again.
    // RFC 7296 2.11: to where this copy came from; a NAT may have changed its mapping since the
    // first one.
    if (!fragment || fragment->number == 1) {
      send(turn, datagram.local, datagram.remote, window.last_answer);
    }
    return Repeated{};
  }
  auto whole = assemble(window, message->header, *message->sealed, *std::move(opened));
  if (!whole) return Discarded{"fragment, waiting for the rest"};
  auto payloads = wire::parse_chain(whole->first_inner, whole->chain);
  if (!payloads) return Unreadable{message->header, payloads.error()};
  return Received{message->header, *std::move(payloads), datagram.local, datagram.remote, {}};
}

void send_request(Turn& turn, Sa& sa, Window& window, wire::ExchangeType exchange,
                  std::span<const wire::Payload> payloads,
                  const core::RetransmitSchedule& schedule) {
  const std::uint32_t id = window.next_id;
  auto packets =
      window.protection.seal(header_of(sa, exchange, id, false), payloads, sa.fragment_bytes);
  if (!packets) {
    turn.drop("own message too long");
    return;
  }
  ++window.next_id;
  window.answer_pieces = {};
  send(turn, sa, *packets);
  ++window.path.requests;
  window.sent = SentRequest{id, core::Retransmission(schedule, turn.now), turn.now};
  window.last_request = *std::move(packets);
}

void send_answer(Turn& turn, Sa& sa, Window& window, wire::ExchangeType exchange,
                 std::span<const wire::Payload> payloads) {
  const std::uint32_t id = window.expected_id;
  auto packets =
      window.protection.seal(header_of(sa, exchange, id, true), payloads, sa.fragment_bytes);
  if (!packets) {
    turn.drop("own message too long");
    return;
  }
  ++window.expected_id;
  // RFC 7383 2.6: pieces belong together by their message id. What came again of this request while
  // it was being served would be taken for the first pieces of the next.
  window.request_pieces = {};
  send_back(turn, window, *packets);
  window.last_answer = *std::move(packets);
}

void settle_request(Window& window) { window.sent.reset(); }

void send_again(Turn& turn, const Sa& sa, Window& window) {
  send(turn, sa, window.last_request);
  ++window.path.resent;
}

Patience retransmit(Turn& turn, const Sa& sa, Window& window) {
  if (!window.sent) return Patience::left;
  switch (window.sent->timer.poll(turn.now)) {
    case core::Retransmission::Verdict::wait:
      return Patience::left;
    case core::Retransmission::Verdict::send_again:
      send_again(turn, sa, window);
      return Patience::left;
    case core::Retransmission::Verdict::give_up:
      break;
  }
  return Patience::exhausted;
}

}  // namespace ipsec::v2
