#include "route/exec/json.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "route/exec/words.h"

namespace ipsec::route::exec {
namespace {

using Json = nlohmann::json;

// The library's own builder knows no bounds, and lets the last of two members stand.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return put(Json()) != nullptr; }
  bool boolean(bool value) override { return put(Json(value)) != nullptr; }
  bool number_integer(number_integer_t value) override { return put(Json(value)) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return put(Json(value)) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return put(Json(value)) != nullptr;
  }
  bool string(string_t& value) override { return put(Json(std::move(value))) != nullptr; }
  bool binary(binary_t&) override { return false; }  // no such thing in JSON

  bool start_object(std::size_t) override { return enter(Json::object()); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return !open_.back()->contains(key_) ||
           fail(fmt::format("'{}' stands twice in one object", first_line(key_)));
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(Json::array()); }
  bool end_array() override { return leave(); }

  bool parse_error(std::size_t at, const std::string&, const Json::exception&) override {
    return fail(at == 0 ? "it is no JSON" : fmt::format("it is no JSON at byte {}", at));
  }

  std::expected<Json, std::string> result() && {
    if (!error_.empty()) return std::unexpected(std::move(error_));
    return std::move(root_);
  }

 private:
  bool fail(std::string why) {
    error_ = std::move(why);
    return false;
  }

  Json* put(Json value) {
    if (++count_ > limits::kProgramJsonValues) {
      fail(fmt::format("there are more than {} values in it", limits::kProgramJsonValues));
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& holder = *open_.back();
    if (holder.is_array()) {
      holder.push_back(std::move(value));
      return &holder.back();
    }
    return &(holder[key_] = std::move(value));
  }

  bool enter(Json container) {
    if (open_.size() == limits::kProgramJsonDepth) {
      return fail(fmt::format("it is nested deeper than {}", limits::kProgramJsonDepth));
    }
    Json* const made = put(std::move(container));
    if (made == nullptr) return false;
    // Stays where it is until it is left: nothing is added to what holds it before.
    open_.push_back(made);
    return true;
  }

  bool leave() {
    open_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> open_;
  std::string key_;
  std::size_t count_ = 0;
  std::string error_;
};

}  // namespace

std::expected<Json, std::string> parse_json(std::string_view text) {
  Builder builder;
  Json::sax_parse(text.begin(), text.end(), &builder);
  return std::move(builder).result();
}

}  // namespace ipsec::route::exec
