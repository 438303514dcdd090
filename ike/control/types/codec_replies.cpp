#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "ike/control/types/codec.h"
#include "ike/control/types/json_members.h"
#include "ike/control/types/reply_members.h"

namespace ipsec::control {
namespace json {
namespace {

// In the order of the alternatives of Result.
constexpr std::array<std::string_view, std::variant_size_v<Result>> kTypes{
    "done",   "version", "objects",  "plan",   "text",    "status", "sas",
    "routes", "events",  "findings", "limits", "vendors", "audit",  "counters"};

// Of our own daemon, so that its length is the answer's affair; deeper than any answer is.
constexpr Bounds kAnswerBounds{.depth = 32, .values = std::numeric_limits<std::size_t>::max()};

void write_result(Writer& out, const Result& result) {
  out.begin_object();
  ObjectWriter on(out);
  on.must("type", std::string(kTypes.at(result.index())));
  std::visit([&](const auto& it) { members(on, it); }, result);
  out.end_object();
}

template <std::size_t... Index>
Result result_at(std::size_t wanted, std::index_sequence<Index...>) {
  Result made;
  (void)((Index == wanted && (made.emplace<Index>(), true)) || ...);
  return made;
}

class AnswerReader {
 public:
  explicit AnswerReader(Object& from) : from_(from) {}

  std::expected<std::variant<Reply, EventView>, std::string> run() {
    std::variant<Reply, EventView> answer;
    if (check_version() && read(answer)) return answer;
    return std::unexpected(context_.message());
  }

 private:
  bool check_version() {
    Value* const version = find(from_, "v");
    const auto* const number = version == nullptr ? nullptr : version->as<std::uint64_t>();
    if (number == nullptr) return context_.fail("it says no version of the API");
    if (*number == std::uint64_t{kVersion}) return true;
    return context_.fail(fmt::format("it is of version {} of the API, and this program knows {}",
                                     *number, kVersion));
  }

  bool read(std::variant<Reply, EventView>& answer) {
    if (Value* const event = find(from_, "event"); event != nullptr) {
      return read_value(*event, answer.emplace<EventView>(), context_) || context_.within("event");
    }
    auto& reply = answer.emplace<Reply>();
    ObjectReader on(from_, context_);
    bool ok = false;
    on.may("id", reply.id);
    on.may("ok", ok);
    if (!on.finish()) return false;
    return ok ? read_result(reply) : read_error(reply);
  }

  bool read_error(Reply& reply) {
    Value* const error = find(from_, "error");
    if (error == nullptr) return context_.fail("it holds no result, error or event");
    Error read;
    if (!read_value(*error, read, context_)) return context_.within("error");
    reply.result = std::unexpected(std::move(read));
    return true;
  }

  bool read_result(Reply& reply) {
    Value* const value = find(from_, "result");
    auto* const object = value == nullptr ? nullptr : value->as<Object>();
    if (object == nullptr) return context_.fail("it holds no result");
    Value* const type = find(*object, "type");
    std::size_t index = 0;
    if (type == nullptr) return context_.fail("'result.type' is missing");
    if (!read_word(*type, index, kTypes, std::nullopt, context_)) {
      return context_.within("result.type");
    }
    Result result = result_at(index, std::make_index_sequence<kTypes.size()>());
    ObjectReader on(*object, context_);
    std::visit([&](auto& it) { members(on, it); }, result);
    if (!on.finish()) return context_.within("result");
    reply.result = std::move(result);
    return true;
  }

  Object& from_;
  Context context_{Context::Mode::lenient};
};

}  // namespace
}  // namespace json

std::string write(const Reply& reply) {
  json::Writer out(json::Writer::Style::line);
  out.begin_object();
  json::ObjectWriter on(out);
  on.must("v", kVersion);
  on.must("id", reply.id);
  on.must("ok", reply.result.has_value());
  if (reply.result) {
    out.key("result");
    json::write_result(out, *reply.result);
  } else {
    on.must("error", reply.result.error());
  }
  out.end_object();
  return out.take() + '\n';
}

std::string print_standing(const ObjectView& object) {
  json::Writer out(json::Writer::Style::line);
  out.begin_object();
  json::ObjectWriter on(out);
  standing_members(on, object);
  out.end_object();
  const std::string whole = out.take();
  return whole.substr(1, whole.size() - 2);
}

// --- lists in parts ----------------------------------------------------------------------------

ListWriter::ListWriter(std::uint64_t id, std::size_t type)
    : out_(std::make_unique<json::Writer>(json::Writer::Style::line)) {
  out_->begin_object();
  json::ObjectWriter on(*out_);
  on.must("v", kVersion);
  on.must("id", id);
  on.must("ok", true);
  out_->key("result");
  out_->begin_object();
  on.must("type", std::string(json::kTypes.at(type)));
}

ListWriter ListWriter::objects(std::uint64_t id, Kind kind) {
  ListWriter list(id, Result(ObjectsReply{}).index());
  json::ObjectWriter(*list.out_).must("kind", kind);
  list.out_->key("objects");
  list.out_->begin_array();
  return list;
}

ListWriter ListWriter::status(std::uint64_t id) {
  ListWriter list(id, Result(StatusReply{}).index());
  list.out_->key("tunnels");
  list.out_->begin_array();
  return list;
}

ListWriter::ListWriter(ListWriter&&) noexcept = default;
ListWriter& ListWriter::operator=(ListWriter&&) noexcept = default;
ListWriter::~ListWriter() = default;

void ListWriter::add(const PrintedObject& object) {
  out_->begin_object();
  out_->members(object.standing);
  json::ObjectWriter(*out_).may("status", object.status);
  out_->end_object();
}

void ListWriter::add(const TunnelStatusView& tunnel) { json::write_value(*out_, tunnel); }

void ListWriter::end() {
  out_->end_array();
  out_->end_object();
  out_->end_object();
  out_->end_line();
}

std::string ListWriter::take() { return out_->take(); }

// -----------------------------------------------------------------------------------------------

std::string write(const EventView& event) {
  json::Writer out(json::Writer::Style::line);
  out.begin_object();
  json::ObjectWriter on(out);
  on.must("v", kVersion);
  on.must("event", event);
  out.end_object();
  return out.take() + '\n';
}

std::expected<std::variant<Reply, EventView>, std::string> read_answer(std::string_view line) {
  json::Parsed parsed = json::parse(line, json::kAnswerBounds);
  if (parsed.error) return std::unexpected("the answer cannot be read: " + *parsed.error);
  auto* const object = parsed.value.as<json::Object>();
  if (object == nullptr) return std::unexpected("the answer cannot be read: it is no object");
  auto answer = json::AnswerReader(*object).run();
  if (!answer) return std::unexpected("the answer cannot be understood: " + answer.error());
  return *std::move(answer);
}

JsonPrinter::JsonPrinter(std::uint64_t id)
    : before_(fmt::format(R"({{"v":{},"id":{},"ok":true,"result":)", kVersion, id)),
      indenter_(std::make_unique<json::Indenter>()) {}
JsonPrinter::JsonPrinter(JsonPrinter&&) noexcept = default;
JsonPrinter& JsonPrinter::operator=(JsonPrinter&&) noexcept = default;
JsonPrinter::~JsonPrinter() = default;

// The last byte may be the bracket that closes the reply.
void JsonPrinter::take(std::string_view line) {
  if (line.size() <= before_.size() || !line.starts_with(before_)) return;
  indenter_->take(line.substr(before_.size(), line.size() - before_.size() - 1));
}

std::optional<std::string> JsonPrinter::end(std::string_view line) {
  if (!line.starts_with(before_) || !line.ends_with('}')) return std::nullopt;
  const auto result = line.substr(before_.size(), line.size() - before_.size() - 1);
  return std::move(*indenter_).end(result);
}

std::string to_json(const Result& result) {
  json::Writer out(json::Writer::Style::indented);
  json::write_result(out, result);
  return out.take();
}

}  // namespace ipsec::control
