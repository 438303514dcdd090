// Requests, replies and events as lines of JSON; docs/api.md is the description for people.
//
//   {"v":1,"id":7,"op":"create","kind":"tunnel","name":"hq","fields":{"ike":{"version":2}}}
//   {"v":1,"id":7,"ok":true,"result":{"type":"plan","done":true,"steps":[...]}}
//   {"v":1,"id":7,"ok":false,"error":{"code":"not_found","message":"...","problems":[]}}
//   {"v":1,"event":{"at":"2026-11-23T10:00:00Z","number":12,"tunnel":"hq",...}}
//
// NOTE: Contract. Reading is strict for requests: an unknown member, operation or field is an error
// that suggests the nearest known one. For replies it is lenient: unknown members are passed over.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ike/control/types/replies.h"
#include "ike/control/types/requests.h"

namespace ipsec::control {

namespace json {
class Writer;
class Indenter;
}  // namespace json

// Bytes of a line, the newline included. A reply may be as long as it must.
inline constexpr std::size_t kRequestBytes = std::size_t{16} * 1024 * 1024;

// Each ends in a newline and has no other.
[[nodiscard]] std::string write(const Request& request);
[[nodiscard]] std::string write(const Reply& reply);
[[nodiscard]] std::string write(const EventView& event);

// An object as lists print it: what stands, which one list may print for the next, and a tunnel's
// status.
struct PrintedObject {
  std::string_view standing;
  std::optional<TunnelStatusView> status;
};
[[nodiscard]] std::string print_standing(const ObjectView& object);

// A reply that lists, in parts: all of them together are what write(Reply) makes of the whole list,
// which need never stand in memory.
class ListWriter {
 public:
  static ListWriter objects(std::uint64_t id, Kind kind);
  static ListWriter status(std::uint64_t id);
  ListWriter(ListWriter&&) noexcept;
  ListWriter& operator=(ListWriter&&) noexcept;
  ListWriter(const ListWriter&) = delete;
  ListWriter& operator=(const ListWriter&) = delete;
  ~ListWriter();

  void add(const PrintedObject& object);
  void add(const TunnelStatusView& tunnel);
  void end();
  // What was written since the last time.
  [[nodiscard]] std::string take();

 private:
  ListWriter(std::uint64_t id, std::size_t type);

  std::unique_ptr<json::Writer> out_;
};

// What could be read of the id of a request that is otherwise wrong, so that the answer finds it.
struct BadRequest {
  std::uint64_t id = 0;
  Error error;
};
[[nodiscard]] std::expected<Request, BadRequest> read_request(std::string_view line);
// The error says what is wrong with the line. It never repeats a value of a field, which may be a
// key.
[[nodiscard]] std::expected<std::variant<Reply, EventView>, std::string> read_answer(
    std::string_view line);

// The `result` member of a reply, indented for people and stable for programs: what
// `ipsecctl -o json` prints. Without a newline at its end.
[[nodiscard]] std::string to_json(const Result& result);

// The same of the line that answers request `id` with a result, without a look at what it says.
// Much of it is done while the line still comes.
class JsonPrinter {
 public:
  explicit JsonPrinter(std::uint64_t id);
  JsonPrinter(JsonPrinter&&) noexcept;
  JsonPrinter& operator=(JsonPrinter&&) noexcept;
  JsonPrinter(const JsonPrinter&) = delete;
  JsonPrinter& operator=(const JsonPrinter&) = delete;
  ~JsonPrinter();

  // The beginning of the line, each time more of it.
  void take(std::string_view line);
  // The whole line, once; nothing where it is another answer.
  [[nodiscard]] std::optional<std::string> end(std::string_view line);

 private:
  std::string before_;  // the result
  std::unique_ptr<json::Indenter> indenter_;
};

// "create": what `op` says.
[[nodiscard]] std::string_view name_of(const Operation& operation);

// Overwrites what may be a key: secret fields, and texts of configurations.
void wipe(Request& request);

}  // namespace ipsec::control
