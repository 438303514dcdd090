// A small configuration to change: one VPC with two subnets, a gateway, a peer, a tunnel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/draft.h"
#include "ike/gateway/refusal.h"
#include "tests/support/counting_random.h"

namespace ipsec::gateway {

class Site {
 public:
  Site();

  Inventory inventory;
  Settings settings;

  [[nodiscard]] Draft draft(std::string account = std::string(kDefaultAccount)) {
    return {inventory, settings, {std::move(account), now, random_}};
  }
  // One line each; none where it was taken, and then it holds.
  template <typename Change>
  std::vector<std::string> change(Change what) {
    Draft it = draft();
    what(it);
    return take(std::move(it));
  }
  std::vector<std::string> take(Draft draft);
  std::vector<std::string> create(Kind kind, std::string_view name, const Fields& fields);
  std::vector<std::string> set(Kind kind, std::string_view name, const Fields& fields);
  std::vector<std::string> remove(Kind kind, std::string_view name);

  [[nodiscard]] ObjectId id(Kind kind, std::string_view name) const;
  // Of the last change that was taken.
  Plan plan;

  std::chrono::sys_seconds now{std::chrono::seconds(1000)};

 private:
  core::CountingRandom random_;
};

// What tunnel "hq" says, with some of it said otherwise; an empty value leaves a field out.
[[nodiscard]] Fields tunnel_fields(const Fields& otherwise = {});

}  // namespace ipsec::gateway
