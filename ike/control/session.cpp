#include "ike/control/session.h"

#include <algorithm>
#include <expected>
#include <utility>

#include <fmt/format.h>

#include "ike/base/secret.h"
#include "ike/gateway/schema/kind.h"

namespace ipsec::control {
namespace {

// Small lines go together: a call of the system each would cost more than they do.
constexpr std::size_t kTogether = std::size_t{16} * 1024;

using Reading = std::expected<Request, BadRequest>;

void wipe_text(char* begin, std::size_t size) {
  ipsec::wipe({reinterpret_cast<std::uint8_t*>(begin), size});
}

// As std::string appends, but leaves no copy behind where it grows: keys stand in requests.
void append_wiped(std::string& text, std::string_view more) {
  const std::size_t needed = text.size() + more.size();
  if (needed > text.capacity()) {
    std::string bigger;
    bigger.reserve(std::max(needed, 2 * text.capacity()));
    bigger += text;
    wipe_text(text.data(), text.size());
    text.swap(bigger);
  }
  text += more;
}

bool follows(const Subscription& subscription, const EventView& event, std::string_view account) {
  if (subscription.account != account) return false;
  if (subscription.tunnels.empty()) return true;
  return std::ranges::any_of(subscription.tunnels, [&](const std::string& tunnel) {
    if (tunnel == event.tunnel) return true;
    // A beginning of an id; that it is of no other tunnel was seen when it was asked for.
    const std::string_view prefix = id_prefix(Kind::tunnel);
    return tunnel.size() > prefix.size() && tunnel.starts_with(prefix) &&
           event.tunnel_id.starts_with(tunnel);
  });
}

}  // namespace

Session::~Session() { wipe_text(input_.data(), input_.size()); }

// --- in ----------------------------------------------------------------------------------------

bool Session::wants_input() const {
  return !line_ && !input_ended_ && last_words_.empty() && ended_.empty();
}

void Session::receive(std::string_view bytes, Time now) {
  if (input_ended_ || !last_words_.empty() || !ended_.empty()) return;
  if (consumed_ > 0) {
    const std::size_t left = unread().size();
    std::copy(input_.begin() + static_cast<std::ptrdiff_t>(consumed_), input_.end(),
              input_.begin());
    wipe_text(input_.data() + left, input_.size() - left);
    input_.resize(left);
    consumed_ = 0;
  }
  append_wiped(input_, bytes);
  look_for_line(now);
}

void Session::end_of_input(Time now) {
  if (std::exchange(input_ended_, true)) return;
  look_for_line(now);
  settle();
}

std::optional<Request> Session::next(Time now) {
  while (ready()) {
    const std::string_view line = unread().substr(0, *line_);
    // What is sent to see whether we still listen is no request.
    const bool blank = line.find_first_not_of(" \t\r\n") == std::string_view::npos;
    auto read = blank ? std::optional<Reading>() : read_request(line);
    consume(*line_);
    look_for_line(now);
    if (!read) continue;
    if (read->has_value()) {
      ++in_flight_;
      return **std::move(read);
    }
    refuse(read->error().id, std::move(read->error().error), now);
  }
  settle();
  return std::nullopt;
}

std::string_view Session::unread() const { return std::string_view(input_).substr(consumed_); }

bool Session::may_begin() const {
  return last_words_.empty() && ended_.empty() && in_flight_ < limits_.in_flight &&
         reply_bytes_ <= limits_.reply_bytes;
}

// The first line of what is unread, or since when it has been coming.
void Session::look_for_line(Time now) {
  if (line_) return;
  const std::string_view text = unread();
  const auto newline = text.find('\n', searched_);
  const bool whole = newline != std::string_view::npos;
  searched_ = whole ? newline + 1 : text.size();
  const bool begun = !whole && !text.empty();
  if (!begun) line_since_.reset();
  if (searched_ > limits_.line_bytes) {
    end_with(fmt::format("a request is one line of at most {} bytes, and this one is longer",
                         limits_.line_bytes),
             "its request was too long", now);
  } else if (whole) {
    line_ = searched_;
  } else if (begun && input_ended_) {
    end_with("the last request has no newline at its end; add one",
             "its last request had no newline", now);
  } else if (begun && !line_since_) {
    line_since_ = now;
  }
}

void Session::consume(std::size_t bytes) {
  wipe_text(input_.data() + consumed_, bytes);
  consumed_ += bytes;
  line_.reset();
  searched_ = 0;
}

// The client hears what is wrong, and nothing more after that.
void Session::end_with(std::string to_client, std::string reason, Time now) {
  consume(unread().size());
  line_since_.reset();
  refuse(0, {ErrorCode::usage, std::move(to_client), {}}, now);
  last_words_ = std::move(reason);
}

void Session::refuse(std::uint64_t id, Error error, Time now) {
  put_reply(write(Reply{id, std::unexpected(std::move(error))}), now);
}

// --- out ---------------------------------------------------------------------------------------

void Session::answer(const Reply& reply, Time now) {
  if (in_flight_ > 0) --in_flight_;
  if (!ended_.empty()) return;
  put_reply(write(reply), now);
}

void Session::answer(std::unique_ptr<Listing> listing, Time now) {
  if (ended_.empty()) return put_reply({}, now, std::move(listing));
  if (in_flight_ > 0) --in_flight_;
}

bool Session::producing() const {
  return ended_.empty() && !output_.empty() && output_.front().listing != nullptr &&
         sent_ == output_.front().bytes.size();
}

void Session::produce(Time now) {
  if (!producing()) return;
  Chunk& chunk = output_.front();
  chunk.bytes.clear();
  sent_ = 0;
  if (auto more = chunk.listing->next()) {
    chunk.bytes = *std::move(more);
    reply_bytes_ += chunk.bytes.size();
    if (!chunk.bytes.empty()) begin_waiting_for_client(now);
    return;
  }
  output_.pop_front();
  if (in_flight_ > 0) --in_flight_;
  settle();
}

void Session::publish(const EventView& event, std::string_view account) {
  if (!subscription_ || !ended_.empty() || !last_words_.empty()) return;
  if (!follows(*subscription_, event, account)) return;
  if (lost_ > 0 || event_bytes_ > limits_.event_bytes) {
    ++lost_;
    last_lost_ = event;
    return;
  }
  put_event(write(event));
}

void Session::put_reply(std::string line, Time now, std::unique_ptr<Listing> listing) {
  reply_bytes_ += line.size();
  if (!line.empty()) begin_waiting_for_client(now);
  output_.push_back({std::move(line), true, std::move(listing)});
}

void Session::begin_waiting_for_client(Time now) {
  if (reply_since_) return;
  reply_since_ = now;
  taken_ = 0;
}

void Session::put_event(std::string line) {
  event_bytes_ += line.size();
  if (!output_.empty() && !output_.back().reply && output_.back().bytes.size() < kTogether) {
    output_.back().bytes += line;
  } else {
    output_.push_back({std::move(line), false, nullptr});
  }
}

// In the place of the events that did not go out, once there is room for more.
void Session::tell_lost() {
  if (lost_ == 0 || event_bytes_ > limits_.event_bytes / 2) return;
  EventView event;
  event.at = last_lost_.at;
  event.number = last_lost_.number;
  event.event = "events-lost";
  event.text = fmt::format(
      "{} events were lost up to here, since this client reads too slowly; ask for 'events' to see "
      "those that are kept",
      lost_);
  lost_ = 0;
  put_event(write(event));
}

std::string_view Session::output() const {
  if (output_.empty() || !ended_.empty()) return {};
  return std::string_view(output_.front().bytes).substr(sent_);
}

void Session::sent(std::size_t bytes, Time now) {
  if (bytes == 0 || output_.empty()) return;
  Chunk& chunk = output_.front();
  const std::size_t count = std::min(bytes, chunk.bytes.size() - sent_);
  sent_ += count;
  (chunk.reply ? reply_bytes_ : event_bytes_) -= count;
  taken_ += count;
  const bool whole = sent_ == chunk.bytes.size();
  if ((whole && chunk.reply) || taken_ >= limits_.reply_step_bytes) {
    reply_since_ = now;
    taken_ = 0;
  }
  if (reply_bytes_ == 0) reply_since_.reset();
  if (whole) {
    wipe_text(chunk.bytes.data(), chunk.bytes.size());  // replies may show keys
    sent_ = 0;
    if (chunk.listing != nullptr) {
      chunk.bytes.clear();
    } else {
      output_.pop_front();
    }
  }
  tell_lost();
  settle();
}

// --- time and end ------------------------------------------------------------------------------

Time Session::next_deadline() const {
  if (!ended_.empty()) return kNever;
  Time first = kNever;
  if (line_since_) first = std::min(first, *line_since_ + limits_.line_age);
  if (reply_since_) first = std::min(first, *reply_since_ + limits_.reply_age);
  return first;
}

void Session::tick(Time now) {
  if (reply_since_ && *reply_since_ + limits_.reply_age <= now) {
    ended_ = fmt::format("it has not taken its reply for {} s", limits_.reply_age.count());
    return;
  }
  if (line_since_ && *line_since_ + limits_.line_age <= now) {
    const auto age_s = limits_.line_age.count();
    end_with(
        fmt::format("the request had no end after {} s; send it in one go, with a newline", age_s),
        fmt::format("its request had no end after {} s", age_s), now);
  }
}

// Ends when all that was owed has been taken.
void Session::settle() {
  if (!ended_.empty() || !output_.empty() || in_flight_ > 0) return;
  if (!last_words_.empty()) {
    ended_ = last_words_;
  } else if (input_ended_ && !line_ && !subscription_) {
    ended_ = kDone;
  }
}

}  // namespace ipsec::control
