// A driver whose tables are maps: what it is told it does, at once or when the test says so; it
// fails where the test says so.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "route/driver.h"

namespace ipsec::route {

class TableDriver final : public Driver {
 public:
  struct Content {
    std::vector<Seen> routes;
    std::set<Rule> rules;
  };
  std::map<Table, Content> tables;
  std::optional<Trouble> list_fails;
  std::map<Cidr, Trouble> put_fails;
  std::optional<Trouble> remove_fails;
  bool at_once = true;
  std::size_t most = 0;
  int lists = 0;
  int applies = 0;
  std::size_t changes = 0;
  std::set<Table> forgotten;

  // Of those that were held back, the oldest.
  void answer() {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    next();
  }
  [[nodiscard]] bool is_asked() const { return !waiting_.empty(); }

  [[nodiscard]] Capabilities capabilities() const override {
    return {.tells_drift = true,
            .blackhole = true,
            .several_hops = true,
            .mtu = true,
            .rules = true,
            .changes_at_once = most};
  }
  void list(const Table& table, const std::set<Cidr>& destinations, Listed listed) override {
    ++lists;
    perform([this, table, destinations, listed = std::move(listed)] {
      if (list_fails) return listed(std::unexpected(*list_fails));
      Listing out;
      for (const Seen& seen : tables[table].routes) {
        if (seen.ours || destinations.contains(seen.route.key.destination)) {
          out.routes.push_back(seen);
        }
      }
      out.rules.assign(tables[table].rules.begin(), tables[table].rules.end());
      listed(std::move(out));
    });
  }
  void apply(const Table& table, const Changes& what, Applied done) override {
    ++applies;
    changes += what.size();
    perform([this, table, what, done = std::move(done)] { done(carry_out(tables[table], what)); });
  }
  void forget(const Table& table) override { forgotten.insert(table); }
  void on_drift(Drifted drifted) override { drifted_ = std::move(drifted); }

 private:
  void perform(std::function<void()> what) {
    if (at_once) return what();
    waiting_.push_back(std::move(what));
  }

  Outcomes carry_out(Content& content, const Changes& what) {
    Outcomes out;
    const auto at = [&](const Key& key) {
      return std::ranges::find(content.routes, key, [](const Seen& it) { return it.route.key; });
    };
    for (const Route& route : what.add) {
      if (const auto bad = put_fails.find(route.key.destination); bad != put_fails.end()) {
        out.push_back(std::unexpected(bad->second));
      } else if (at(route.key) != content.routes.end()) {
        out.push_back(std::unexpected(Trouble{Trouble::Kind::conflict, "taken"}));
      } else {
        content.routes.push_back({route, true, ""});
        out.emplace_back();
      }
    }
    for (const Route& route : what.replace) {
      const auto found = at(route.key);
      if (found == content.routes.end()) {
        content.routes.push_back({route, true, ""});
      } else {
        *found = {route, true, ""};
      }
      out.emplace_back();
    }
    for (const Route& route : what.remove) {
      if (remove_fails) {
        out.push_back(std::unexpected(*remove_fails));
        continue;
      }
      std::erase_if(content.routes, [&](const Seen& it) { return it.ours && it.route == route; });
      out.emplace_back();
    }
    for (const Rule& rule : what.add_rules) {
      content.rules.insert(rule);
      out.emplace_back();
    }
    for (const Rule& rule : what.remove_rules) {
      content.rules.erase(rule);
      out.emplace_back();
    }
    return out;
  }

  std::deque<std::function<void()>> waiting_;
  Drifted drifted_;
};

}  // namespace ipsec::route
