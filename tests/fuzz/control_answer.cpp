// What a daemon says, to the reader in the command line: what is read is written as a line that is
// read as the same, in a line and indented alike.
#include <algorithm>
#include <string>
#include <string_view>
#include <variant>

#include "ike/control/types/codec.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ipsec;
using fuzz::require;

void check(const control::Reply& reply) {
  const std::string written = control::write(reply);
  const auto again = control::read_answer(written);
  require(again.has_value() && std::holds_alternative<control::Reply>(*again),
          "a reply that was written can be read");
  // Fields of a newer daemon lose their types, and their tables come together: once.
  const std::string twice = control::write(std::get<control::Reply>(*again));
  const auto third = control::read_answer(twice);
  require(third.has_value() && *third == *again, "a reply is read as it was written");
  require(std::ranges::count(written, '\n') == 1, "a reply is one line");
  if (!reply.result) return;
  const std::string indented = control::to_json(*reply.result);
  const std::string wrapped = R"({"v":1,"id":0,"ok":true,"result":)" + indented + "}";
  const auto shown = control::read_answer(wrapped);
  require(shown.has_value(), "what is shown to programs can be read");
  require(std::get<control::Reply>(*shown).result == std::get<control::Reply>(*again).result,
          "what is shown to programs is the result");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = control::read_answer({reinterpret_cast<const char*>(data), size});
  if (!read) {
    require(!read.error().empty(), "a refusal says why");
  } else if (const auto* reply = std::get_if<control::Reply>(&*read); reply != nullptr) {
    check(*reply);
  } else {
    const auto& event = std::get<control::EventView>(*read);
    const auto again = control::read_answer(control::write(event));
    require(again.has_value() && std::get<control::EventView>(*again) == event,
            "an event is read as it was written");
  }
  return 0;
}
