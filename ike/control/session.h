// One client's connection, without the socket: bytes in become requests, replies and events become
// bytes out, and nothing that a client does or leaves undone costs more than its bounds.
//
// NOTE: Limits. A client that does not take its replies is not read from, and after a while cut
// off. One that is slow with events loses some and is told how many; it is not cut off for that,
// since a person who reads what scrolls by is slow. Lines that are wrong are answered in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/time.h"
#include "ike/control/types/codec.h"
#include "ike/control/types/replies.h"
#include "ike/control/types/requests.h"

namespace ipsec::control {

struct SessionLimits {
  std::size_t line_bytes = kRequestBytes;
  // requests begun and not yet answered, as those are that wait for a peer.
  std::size_t in_flight = 16;
  // bytes of replies not yet taken above which no further request is begun.
  std::size_t reply_bytes = std::size_t{1024} * 1024;
  // bytes of events not yet taken above which events are lost: some 2,000.
  std::size_t event_bytes = std::size_t{512} * 1024;
  // For the whole of a line to come, and a reply, or so many bytes of it, to be taken.
  std::chrono::seconds line_age{10};
  std::chrono::seconds reply_age{30};
  std::size_t reply_step_bytes = std::size_t{64} * 1024;
};

// How a session ends that went well.
inline constexpr std::string_view kDone = "it is done";

// What events a client follows.
struct Subscription {
  std::string account;
  std::vector<std::string> tunnels;  // names, ids or their beginnings; none: all
};

// A reply that is made in parts while the client takes it: what is long keeps neither the daemon's
// memory nor its other clients.
class Listing {
 public:
  Listing() = default;
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  virtual ~Listing() = default;

  // More of the line, though perhaps nothing of it this time; nullopt after its end.
  [[nodiscard]] virtual std::optional<std::string> next() = 0;
};

class Session {
 public:
  explicit Session(const SessionLimits& limits = {}) : limits_(limits) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // --- in ---

  // False while requests wait: what the client sends then stays in its socket.
  [[nodiscard]] bool wants_input() const;
  void receive(std::string_view bytes, Time now);
  // The client sends no more. What it has asked is still answered.
  void end_of_input(Time now);
  // The next request to begin, if now is the time to begin one; call until there is none.
  [[nodiscard]] std::optional<Request> next(Time now);
  // A line waits that next() would look at: there may be one again after answer() and sent().
  [[nodiscard]] bool ready() const { return line_ && may_begin(); }

  // --- out ---

  // To what next() gave, in any order.
  void answer(const Reply& reply, Time now);
  // What comes after it waits until it has ended.
  void answer(std::unique_ptr<Listing> listing, Time now);
  void subscribe(Subscription subscription) { subscription_ = std::move(subscription); }
  // Goes out if it is followed. The account is the tunnel's.
  void publish(const EventView& event, std::string_view account);
  // To be sent next; empty if there is nothing. Good until anything else is called.
  [[nodiscard]] std::string_view output() const;
  // There may be output once produce() has been called, which makes some more of a listing.
  [[nodiscard]] bool producing() const;
  void produce(Time now);
  // So many bytes of output() have been taken.
  void sent(std::size_t bytes, Time now);

  // --- time and end ---

  [[nodiscard]] Time next_deadline() const;
  void tick(Time now);
  // Why the connection is to be closed now; empty: not yet.
  [[nodiscard]] std::string_view ended() const { return ended_; }

 private:
  struct Chunk {
    std::string bytes;
    bool reply = false;
    std::unique_ptr<Listing> listing;  // has more, behind these bytes
  };

  [[nodiscard]] std::string_view unread() const;
  [[nodiscard]] bool may_begin() const;
  void look_for_line(Time now);
  void consume(std::size_t bytes);
  void refuse(std::uint64_t id, Error error, Time now);
  void end_with(std::string to_client, std::string reason, Time now);
  void put_reply(std::string line, Time now, std::unique_ptr<Listing> listing = nullptr);
  void begin_waiting_for_client(Time now);
  void put_event(std::string line);
  void tell_lost();
  void settle();

  SessionLimits limits_;

  std::string input_;
  std::size_t consumed_ = 0;         // of input_, and wiped
  std::size_t searched_ = 0;         // of unread(), without a newline
  std::optional<std::size_t> line_;  // bytes of the line that waits, its newline included
  std::optional<Time> line_since_;   // when a line that is not whole began
  bool input_ended_ = false;
  std::size_t in_flight_ = 0;

  std::deque<Chunk> output_;
  std::size_t sent_ = 0;  // of the first chunk
  std::size_t reply_bytes_ = 0;
  std::size_t event_bytes_ = 0;
  std::optional<Time> reply_since_;  // when the client last took enough of what it asked for
  std::size_t taken_ = 0;            // bytes since then

  std::optional<Subscription> subscription_;
  std::uint64_t lost_ = 0;
  EventView last_lost_;

  std::string last_words_;  // why it ends when all output is taken
  std::string ended_;
};

}  // namespace ipsec::control
