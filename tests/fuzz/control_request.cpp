// A line of a client's, to the reader of requests: what is read is written as a line that is read
// as the same, nothing of a key shows in a refusal, and in pieces it comes out of a connection as
// it does whole.
#include <algorithm>
#include <string>
#include <string_view>

#include "ike/control/access.h"
#include "ike/control/session.h"
#include "ike/control/types/codec.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ipsec;
using fuzz::require;

void read_and_write(std::string_view line) {
  const auto read = control::read_request(line);
  if (!read) {
    const control::Error& error = read.error().error;
    require(!error.message.empty(), "a refusal says why");
    require(error.message.size() < 2000, "a refusal is short");
    require(std::ranges::none_of(error.message,
                                 [](char c) { return static_cast<unsigned char>(c) < 0x20; }),
            "a refusal is one line");
    const auto told = control::read_answer(
        control::write(control::Reply{read.error().id, std::unexpected(error)}));
    require(told.has_value(), "a refusal can be read");
    return;
  }
  const std::string written = control::write(*read);
  const auto again = control::read_request(written);
  require(again.has_value(), "what was written can be read");
  require(*again == *read, "what was written is read as the same");
  require(control::write(*again) == written, "it is written as the same");
  require(std::ranges::count(written, '\n') == 1 && written.ends_with('\n'), "it is one line");
  require(control::right_for(read->operation) != control::Right::none, "it needs some right");
}

// The first byte says how long the pieces are.
void in_pieces(std::string_view bytes) {
  control::SessionLimits limits;
  limits.line_bytes = 512;
  control::Session session(limits);
  const std::size_t piece = bytes.empty() ? 1 : 1 + static_cast<unsigned char>(bytes.front());
  Time now{};
  std::size_t lines = 0;
  while (!bytes.empty() && session.wants_input()) {
    now += std::chrono::seconds(1);
    session.receive(bytes.substr(0, piece), now);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (const auto request = session.next(now)) {
      session.answer({request->id, control::DoneReply{}}, now);
    }
    session.tick(now);
    while (!session.output().empty()) {
      ++lines;
      session.sent(std::max<std::size_t>(1, session.output().size() / 2), now);
    }
  }
  session.end_of_input(now);
  while (session.next(now)) session.answer({0, control::DoneReply{}}, now);
  while (!session.output().empty()) session.sent(session.output().size(), now);
  require(!session.ended().empty(), "a connection ends after its input");
  require(session.next_deadline() == kNever, "what has ended waits for nothing");
  require(lines < 1'000'000, "answers are bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_and_write(bytes);
  in_pieces(bytes);
  return 0;
}
