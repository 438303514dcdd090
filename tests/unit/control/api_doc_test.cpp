// docs/api.md is held against the codec: every example in it is read, and nothing that there is
// goes unmentioned.
#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ike/control/session.h"
#include "ike/control/types/codec.h"
#include "tests/support/control_examples.h"

namespace ipsec::control {
namespace {

std::string document() {
  std::ifstream file(IPSEC_API_DOCUMENT);
  REQUIRE(file.is_open());
  return {std::istreambuf_iterator<char>(file), {}};
}

// Blocks of JSON hold messages with blank lines between them.
std::vector<std::string> examples() {
  std::vector<std::string> found;
  std::istringstream lines(document());
  bool inside = false;
  std::string message;
  for (std::string line; std::getline(lines, line);) {
    const bool fence = line.starts_with("```");
    if ((fence || line.empty()) && !message.empty()) found.push_back(std::exchange(message, {}));
    if (fence) {
      inside = line == "```json";
    } else if (inside) {
      message += line;
    }
  }
  return found;
}

bool is_request(const std::string& example) { return example.contains("\"op\":"); }

// Of all members in it, whatever they are in.
std::set<std::string> keys_in(const std::string& json) {
  std::set<std::string> keys;
  for (auto end = json.find("\":"); end != std::string::npos; end = json.find("\":", end + 1)) {
    const auto begin = json.rfind('"', end - 1) + 1;
    keys.insert(json.substr(begin, end - begin));
  }
  return keys;
}

std::string code_in(const std::string& reply) {
  static constexpr std::string_view kBefore = R"("code":")";
  const auto begin = reply.find(kBefore) + kBefore.size();
  return reply.substr(begin, reply.find('"', begin) - begin);
}

TEST_CASE("every example of the document can be read, and has no member that is unknown") {
  std::set<std::size_t> operations;
  std::set<std::size_t> results;
  bool event = false;
  for (const std::string& example : examples()) {
    INFO(example);
    std::string written;
    if (is_request(example)) {
      const auto request = read_request(example);
      if (!request) FAIL(request.error().error.message);
      operations.insert(request->operation.index());
      written = write(*request);
    } else {
      const auto answer = read_answer(example);
      if (!answer) FAIL(answer.error());
      if (const auto* reply = std::get_if<Reply>(&*answer); reply != nullptr) {
        if (reply->result) results.insert(reply->result->index());
        written = write(*reply);
      } else {
        written = write(std::get<EventView>(*answer));
        event = true;
      }
      CHECK(keys_in(example) == keys_in(written));
    }
    const auto known = keys_in(written);
    for (const std::string& key : keys_in(example)) {
      INFO(key);
      CHECK(known.contains(key));
    }
  }
  CHECK(operations.size() == std::variant_size_v<Operation>);
  CHECK(results.size() == std::variant_size_v<Result>);
  CHECK(event);
}

TEST_CASE("the document names every operation, member, error and limit") {
  const std::string text = document();
  std::vector<Request> requests = test::all_requests();
  const auto says = [&](const std::string& what) {
    INFO(what);
    CHECK(text.contains(what));
  };
  for (Request& request : requests) {
    // Fields are ipsecd.toml's affair.
    if (auto* create = std::get_if<Create>(&request.operation)) create->fields.clear();
    if (auto* set = std::get_if<Set>(&request.operation)) set->fields.clear();
    for (const std::string& key : keys_in(write(request))) {
      INFO(key);
      CHECK((text.contains('"' + key + '"') || text.contains('`' + key + '`')));
    }
  }
  for (const Reply& reply : test::all_replies()) {
    if (!reply.result) says("| `" + code_in(write(reply)) + "` |");
  }
  const SessionLimits limits;
  says("| " + std::to_string(limits.in_flight) + " a connection |");
  says("| " + std::to_string(limits.line_age.count()) + " s from its first byte |");
  says("| " + std::to_string(limits.reply_age.count()) + " s, or for each " +
       std::to_string(limits.reply_step_bytes / 1024) + " KiB of it |");
  says("| " + std::to_string(limits.event_bytes / 1024) + " KiB |");
  says("| " + std::to_string(limits.reply_bytes / 1024 / 1024) + " MiB |");
  says("| " + std::to_string(limits.line_bytes / 1024 / 1024) + " MiB, 8 levels, 100,000 values |");
}

}  // namespace
}  // namespace ipsec::control
