// What is said to a program, and what it answers: docs/route-exec.md to the letter. Pure.
#pragma once

#include <expected>
#include <set>
#include <string>
#include <string_view>

#include "ike/base/cidr.h"
#include "route/driver.h"
#include "route/model.h"
#include "route/plan.h"

namespace ipsec::route::exec {

inline constexpr unsigned kVersion = 1;

// One JSON object and a line break. Rules are not told.
[[nodiscard]] std::string write_list_request(const Table& table,
                                             const std::set<Cidr>& destinations);
[[nodiscard]] std::string write_apply_request(const Table& table, const Changes& changes);

// Trouble is the program's own, in its words, or of the kind `driver` where the answer is none.
[[nodiscard]] std::expected<Listing, Trouble> read_listing(std::string_view answer);
// One for each change that was told: the answer must name them all, in their order.
[[nodiscard]] std::expected<Outcomes, Trouble> read_outcomes(std::string_view answer,
                                                             const Changes& changes);

}  // namespace ipsec::route::exec
