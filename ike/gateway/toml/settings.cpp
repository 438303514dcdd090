#include "ike/gateway/toml/settings.h"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/schema/kind.h"
#include "ike/gateway/schema/settings.h"
#include "ike/gateway/toml/places.h"

namespace ipsec::gateway::toml {
namespace {

class SettingsReading {
 public:
  explicit SettingsReading(std::string_view text) : text_(text) {}

  std::expected<DaemonSettings, std::vector<Complaint>> run() {
    // The library throws, and it goes no further than here.
    try {
      take_table(::toml::parse(text_), "");
    } catch (const ::toml::parse_error& error) {
      complaints_.push_back(complaint_of(error, text_));
    }
    if (complaints_.empty()) return std::move(settings_);
    std::ranges::stable_sort(complaints_, {}, &Complaint::place);
    return std::unexpected(std::move(complaints_));
  }

 private:
  void complain(Place place, std::string what) {
    complaints_.push_back(complaint_at(text_, place, std::move(what)));
  }

  // No deeper than the names of settings are.
  void take_table(const ::toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      if (const Setting* setting = find_setting(name)) {
        take_setting(*setting, key, node);
      } else if (is_settings_table(name)) {
        take_settings_table(name, key, node);
      } else {
        complain_unknown(name, key, node);
      }
    }
  }

  void take_settings_table(const std::string& name, const ::toml::key& key,
                           const ::toml::node& node) {
    if (const auto* inner = node.as_table()) return take_table(*inner, name + '.');
    complain(place_of(key), fmt::format("write [{}] above its settings, each in its line", name));
  }

  void complain_unknown(const std::string& name, const ::toml::key& key, const ::toml::node& node) {
    if (parse_kind(name) && (node.is_table() || node.is_array())) {
      return complain(place_of(key),
                      fmt::format("a {} is no setting of the daemon; declare it in a file of the "
                                  "directory conf.d, or with `ipsecctl apply`",
                                  name));
    }
    const auto meant = nearest_setting(name);
    complain(place_of(key),
             fmt::format("no setting '{}'; {}", name,
                         meant ? fmt::format("is '{}' meant?", *meant) : "see ipsecd.toml(5)"));
  }

  void take_setting(const Setting& setting, const ::toml::key& key, const ::toml::node& node) {
    if (!setting.keyed) return take_value(setting, setting.name, "", key, node);
    const auto* table = node.as_table();
    if (table == nullptr) {
      return complain(place_of(key), fmt::format("write [{}] and below it NAME = \"{}\"",
                                                 setting.name, setting.placeholder));
    }
    for (const auto& [own, value] : *table) {
      const std::string whole = fmt::format("{}.{}", setting.name, own.str());
      take_value(setting, whole, own.str(), own, value);
    }
  }

  void take_value(const Setting& setting, std::string_view whole, std::string_view own,
                  const ::toml::key& key, const ::toml::node& node) {
    FieldValue value;
    const auto* list = node.as_array();
    if (list != nullptr && !setting.many) {
      return complain(place_of(node), fmt::format("{} takes one value, not a list", whole));
    }
    if (list == nullptr) {
      if (!take_text(value, setting, whole, node)) return;
    } else {
      for (const auto& each : *list) {
        if (!take_text(value, setting, whole, each)) return;
      }
    }
    const auto set = set_setting(settings_, setting.name, own, value);
    if (set) return;
    complain(place_of_bad(set.error().value, key, node),
             fmt::format("{}: '{}': {}", whole, set.error().value, set.error().why));
  }

  // The one of several that is wrong; else the value; else the key, where that is.
  static Place place_of_bad(std::string_view bad, const ::toml::key& key,
                            const ::toml::node& node) {
    if (bad == key.str()) return place_of(key);
    const auto* list = node.as_array();
    if (list == nullptr) return place_of(node);
    Place place = place_of(node);
    for (const auto& each : *list) {
      // The last such one: an earlier one was right, and it is wrong to have it again.
      if (each.is_string() && each.as_string()->get() == bad) place = place_of(each);
    }
    return place;
  }

  [[nodiscard]] bool take_text(FieldValue& value, const Setting& setting, std::string_view whole,
                               const ::toml::node& node) {
    std::optional<std::string> text;
    std::string_view wanted = "text in quotes";
    if (setting.shape == Shape::flag) {
      wanted = "true or false, without quotes";
      if (node.is_boolean()) text = node.as_boolean()->get() ? "true" : "false";
    } else if (setting.shape == Shape::number) {
      wanted = "a whole number, without quotes";
      if (node.is_integer()) text = fmt::to_string(node.as_integer()->get());
    } else if (node.is_string()) {
      text = node.as_string()->get();
    }
    if (text) {
      value.push_back(*std::move(text));
      return true;
    }
    complain(place_of(node), fmt::format("{} takes {}", whole, wanted));
    return false;
  }

  std::string_view text_;
  DaemonSettings settings_;
  std::vector<Complaint> complaints_;
};

}  // namespace

std::expected<DaemonSettings, std::vector<Complaint>> read_settings(std::string_view text) {
  return SettingsReading(text).run();
}

}  // namespace ipsec::gateway::toml
