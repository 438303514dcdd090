#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/schema/fields.h"
#include "ike/gateway/toml/document.h"
#include "ike/gateway/toml/places.h"

namespace ipsec::gateway::toml {
namespace {

class Reading {
 public:
  explicit Reading(std::string_view text) : text_(text) {}

  std::expected<std::vector<Declaration>, std::vector<Complaint>> run() {
    // The library throws, and it goes no further than here.
    try {
      const ::toml::table parsed = ::toml::parse(text_);
      for (const auto& [key, node] : parsed) take_kind(key, node);
    } catch (const ::toml::parse_error& error) {
      complaints_.push_back(complaint_of(error, text_));
    }
    if (!complaints_.empty()) {
      std::ranges::sort(complaints_, {}, &Complaint::place);
      return std::unexpected(std::move(complaints_));
    }
    std::ranges::stable_sort(declarations_, {}, &Declaration::kind);
    return std::move(declarations_);
  }

 private:
  void complain(Place place, std::string what) {
    complaints_.push_back(complaint_at(text_, place, std::move(what)));
  }

  void take_kind(const ::toml::key& key, const ::toml::node& node) {
    const auto kind = parse_kind(key.str());
    if (!kind) {
      static constexpr auto kNames = [] {
        std::array<std::string_view, kKinds.size()> names;
        std::ranges::transform(kKinds, names.begin(), name_of);
        return names;
      };
      const auto names = kNames();
      const auto meant = nearest(key.str(), names);
      return complain(place_of(key),
                      fmt::format("no kind of object '{}'; {}", key.str(),
                                  meant ? fmt::format("is '[[{}]]' meant?", *meant)
                                        : "there are vpc, subnet, gateway, peer and tunnel"));
    }
    const auto* all = node.as_array();
    const bool tables =
        all != nullptr && std::ranges::all_of(*all, [](const auto& it) { return it.is_table(); });
    if (!tables) {
      return complain(place_of(key),
                      fmt::format("write [[{}]], with two brackets, above each", key.str()));
    }
    for (const auto& table : *all) take_object(*kind, *table.as_table());
  }

  void take_object(Kind kind, const ::toml::table& table) {
    Declaration declaration{kind, {}, {}, place_of(table), {}};
    const auto* name = table.get("name");
    if (name == nullptr || !name->is_string()) {
      return complain(name == nullptr ? declaration.place : place_of(*name),
                      fmt::format(R"(this {} has no name; write name = "...")", name_of(kind)));
    }
    declaration.name = name->as_string()->get();
    declaration.field_places.emplace("name", place_of(*name));
    const auto [earlier, is_first] =
        lines_.emplace(std::pair(kind, declaration.name), declaration.place.line);
    if (!is_first) {
      return complain(place_of(*name),
                      fmt::format("{} '{}' is declared in line {} already", name_of(kind),
                                  declaration.name, earlier->second));
    }
    take_fields(declaration, table, "");
    declarations_.push_back(std::move(declaration));
  }

  void take_fields(Declaration& declaration, const ::toml::table& table,
                   const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      if (name == "name") continue;
      if (const auto* inner = node.as_table();
          inner != nullptr && prefix.empty() && begins_a_field(declaration.kind, name + '.')) {
        take_fields(declaration, *inner, name + '.');
      } else {
        take_field(declaration, name, place_of(key), node);
      }
    }
  }

  static bool begins_a_field(Kind kind, std::string_view prefix) {
    return std::ranges::any_of(fields_of(kind),
                               [&](const Field& field) { return field.name.starts_with(prefix); });
  }

  void take_field(Declaration& declaration, const std::string& name, Place place,
                  const ::toml::node& node) {
    const Field* field = find_field(declaration.kind, name);
    const std::string whose = fmt::format("{} '{}': ", name_of(declaration.kind), declaration.name);
    if (field == nullptr) {
      const auto meant = nearest_field(declaration.kind, name);
      return complain(place, fmt::format("{}no key '{}'{}", whose, name,
                                         meant ? fmt::format("; is '{}' meant?", *meant) : ""));
    }
    FieldValue value;
    const auto* list = node.as_array();
    if (list == nullptr) {
      take_value(value, *field, whose, node);
    } else if (!field->many) {
      return complain(place, fmt::format("{}{} takes one value, not a list", whose, name));
    } else {
      for (const auto& each : *list) take_value(value, *field, whose, each);
    }
    declaration.field_places.emplace(name, place);
    declaration.fields.emplace_back(name, std::move(value));
  }

  void take_value(FieldValue& value, const Field& field, const std::string& whose,
                  const ::toml::node& node) {
    const auto wanted = [&](std::string_view what) {
      complain(place_of(node), fmt::format("{}{} takes {}", whose, field.name, what));
    };
    if (field.shape == Shape::flag) {
      if (!node.is_boolean()) return wanted("true or false, without quotes");
      return value.emplace_back(node.as_boolean()->get() ? "true" : "false"), void();
    }
    if (node.is_integer() && field.shape != Shape::secret) {
      return value.push_back(fmt::to_string(node.as_integer()->get()));
    }
    if (field.shape == Shape::number) return wanted("a whole number, without quotes");
    if (const auto* rule = node.as_table(); rule != nullptr && field.name == "rules") {
      if (auto text = rule_of(*rule)) return value.push_back(*std::move(text));
      return wanted(R"({ local = "CIDR", peers = ["CIDR", ...] })");
    }
    if (!node.is_string()) return wanted("text in quotes");
    value.push_back(node.as_string()->get());
  }

  static std::optional<std::string> rule_of(const ::toml::table& table) {
    const auto* local = table.get_as<std::string>("local");
    const auto* peers = table.get_as<::toml::array>("peers");
    if (local == nullptr || peers == nullptr || peers->empty() || table.size() != 2) return {};
    std::string text = local->get();
    char before = '=';
    for (const auto& peer : *peers) {
      if (!peer.is_string()) return {};
      text += before + peer.as_string()->get();
      before = ',';
    }
    return text;
  }

  std::string_view text_;
  std::vector<Declaration> declarations_;
  std::map<std::pair<Kind, std::string>, std::uint32_t> lines_;  // where each was declared first
  std::vector<Complaint> complaints_;
};

}  // namespace

std::expected<std::vector<Declaration>, std::vector<Complaint>> read(std::string_view text) {
  return Reading(text).run();
}

std::vector<Complaint> complaints(const Refusals& refusals,
                                  const std::vector<Declaration>& declarations,
                                  std::string_view text) {
  std::map<std::pair<Kind, std::string_view>, const Declaration*> by_name;
  for (const auto& declaration : declarations) {
    by_name.emplace(std::pair(declaration.kind, std::string_view(declaration.name)), &declaration);
  }
  std::vector<Complaint> out;
  for (const Refusal& refusal : refusals) {
    Place place{1, 1};
    const auto found = by_name.find({refusal.kind, refusal.object});
    if (found != by_name.end()) {
      const auto field = found->second->field_places.find(refusal.field);
      const bool said = field != found->second->field_places.end();
      place = said ? field->second : found->second->place;
    }
    out.push_back(complaint_at(text, place, gateway::describe(refusal)));
  }
  std::ranges::stable_sort(out, {}, &Complaint::place);
  return out;
}

std::string describe(const Complaint& complaint, std::string_view file) {
  const auto& [line, column] = complaint.place;
  std::string out = fmt::format("{}:{}:{}: {}", file, line, column, complaint.what);
  if (complaint.line.empty()) return out;
  out += fmt::format("\n  {}\n  ", complaint.line);
  // Tabs are kept, so that the mark stands below its place.
  for (std::uint32_t i = 1; i < column && i <= complaint.line.size(); ++i) {
    out += complaint.line[i - 1] == '\t' ? '\t' : ' ';
  }
  return out + '^';
}

}  // namespace ipsec::gateway::toml
