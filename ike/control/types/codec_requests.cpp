#include <array>
#include <utility>

#include <fmt/format.h>

#include "ike/base/secret.h"
#include "ike/control/types/codec.h"
#include "ike/control/types/json_members.h"
#include "ike/control/types/request_members.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::control {
namespace json {
namespace {

// In the order of the alternatives of Operation.
constexpr std::array<std::string_view, std::variant_size_v<Operation>> kOperations{
    "version", "list",   "show",    "create", "set",  "rename",    "delete",   "apply",  "dump",
    "import",  "export", "command", "status", "sas",  "routes",    "diagnose", "events", "limits",
    "vendors", "check",  "audit",   "reload", "stop", "log_level", "counters", "upgrade"};

// Nests no deeper than fields in their tables in a request, with room for what may be added.
constexpr Bounds kRequestBounds{.depth = 8, .values = 100'000};

template <std::size_t... Index>
Operation operation_at(std::size_t wanted, std::index_sequence<Index...>) {
  Operation made;
  (void)((Index == wanted && (made.emplace<Index>(), true)) || ...);
  return made;
}

class RequestReader {
 public:
  explicit RequestReader(Object& from) : from_(from) {}

  std::expected<Request, Error> run() {
    if (auto wrong = wrong_version()) return std::unexpected(usage(*std::move(wrong)));
    const auto index = operation();
    if (!index) return std::unexpected(usage(context_.message()));
    Request request;
    request.operation = operation_at(*index, std::make_index_sequence<kOperations.size()>());
    ObjectReader on(from_, context_);
    on.know("v");
    on.know("op");
    on.may("id", request.id);
    on.may("account", request.account);
    std::visit([&](auto& it) { members(on, it); }, request.operation);
    if (on.finish()) return request;
    return std::unexpected(
        usage(fmt::format("{}: {}", kOperations.at(*index), context_.message())));
  }

 private:
  static Error usage(std::string message) { return {ErrorCode::usage, std::move(message), {}}; }

  std::optional<std::string> wrong_version() {
    Value* const version = find(from_, "v");
    if (version == nullptr) {
      return fmt::format(R"(the request says no version of the API; write "v":{})", kVersion);
    }
    const auto* const number = version->as<std::uint64_t>();
    if (number != nullptr && *number == std::uint64_t{kVersion}) return std::nullopt;
    return fmt::format(
        R"(this daemon speaks "v":{} of the API; use the ipsecctl that came with it)", kVersion);
  }

  std::optional<std::size_t> operation() {
    Value* const name = find(from_, "op");
    std::size_t index = 0;
    if (name == nullptr) {
      context_.fail(R"(the request says no operation; write "op":"version", or another)");
    } else if (read_word(*name, index, kOperations, std::nullopt, context_)) {
      return index;
    }
    if (name != nullptr) context_.within("op");
    return std::nullopt;
  }

  Object& from_;
  Context context_{Context::Mode::strict};
};

}  // namespace
}  // namespace json

namespace {

void wipe_text(std::string& text) {
  ipsec::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
}

void wipe_fields(Kind kind, Fields& fields) {
  for (auto& [name, value] : fields) {
    const Field* const field = find_field(kind, name);
    if (field != nullptr && field->shape != Shape::secret) continue;
    for (std::string& text : value) wipe_text(text);
  }
}

}  // namespace

std::string write(const Request& request) {
  json::Writer out(json::Writer::Style::line);
  out.begin_object();
  json::ObjectWriter on(out);
  on.must("v", kVersion);
  on.must("id", request.id);
  on.must("op", std::string(name_of(request.operation)));
  if (!request.account.empty()) on.must("account", request.account);
  std::visit([&](const auto& it) { members(on, it); }, request.operation);
  out.end_object();
  return out.take() + '\n';
}

std::expected<Request, BadRequest> read_request(std::string_view line) {
  const auto usage = [](std::uint64_t id, std::string message) {
    return std::unexpected(BadRequest{id, {ErrorCode::usage, std::move(message), {}}});
  };
  if (line.size() > kRequestBytes) {
    return usage(0, fmt::format("the request is longer than {} bytes", kRequestBytes));
  }
  json::Parsed parsed = json::parse(line, json::kRequestBounds);
  auto* const object = parsed.value.as<json::Object>();
  std::uint64_t id = 0;
  if (object != nullptr) {
    json::Value* const value = json::find(*object, "id");
    const auto* const number = value == nullptr ? nullptr : value->as<std::uint64_t>();
    if (number != nullptr) id = *number;
  }
  if (parsed.error) return usage(id, "the request cannot be read: " + *parsed.error);
  if (object == nullptr) return usage(id, "the request is not an object in braces: {\"v\":1,...}");
  auto request = json::RequestReader(*object).run();
  if (!request) return std::unexpected(BadRequest{id, std::move(request.error())});
  return *std::move(request);
}

std::string_view name_of(const Operation& operation) {
  return json::kOperations.at(operation.index());
}

void wipe(Request& request) {
  if (auto* const create = std::get_if<Create>(&request.operation); create != nullptr) {
    wipe_fields(create->kind, create->fields);
  } else if (auto* const set = std::get_if<Set>(&request.operation); set != nullptr) {
    wipe_fields(set->kind, set->fields);
  } else if (auto* const apply = std::get_if<Apply>(&request.operation); apply != nullptr) {
    wipe_text(apply->text);
  } else if (auto* const taken = std::get_if<Import>(&request.operation); taken != nullptr) {
    wipe_text(taken->text);
    wipe_text(taken->secrets_text);
  }
}

}  // namespace ipsec::control
