#include "ike/daemon/problems.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ipsec::daemon {

control::Problem problem_of(const gateway::Refusal& refusal) {
  return {fmt::format("{} '{}'", name_of(refusal.kind), refusal.object),
          refusal.field,
          refusal.value,
          refusal.why,
          refusal.advice,
          gateway::describe(refusal)};
}

control::Error error_of(const gateway::Refusals& refusals) {
  std::vector<control::Problem> problems;
  problems.reserve(refusals.size());
  for (const gateway::Refusal& refusal : refusals) problems.push_back(problem_of(refusal));
  control::Error error = error_of(std::move(problems));
  const bool all_missing = std::ranges::all_of(refusals, [](const gateway::Refusal& refusal) {
    return refusal.cause == gateway::Refusal::Cause::not_found;
  });
  if (all_missing) error.code = control::ErrorCode::not_found;
  return error;
}

control::Error error_of(std::vector<control::Problem> problems) {
  control::Error error{control::ErrorCode::refused, "refused", {}};
  // Of a complaint about a file the source line and its mark follow in the problem itself.
  if (!problems.empty()) {
    const std::string& text = problems.front().text;
    error.message = text.substr(0, text.find('\n'));
  }
  if (problems.size() > 1) {
    error.message += fmt::format("; and {} more", problems.size() - 1);
  }
  error.problems = std::move(problems);
  return error;
}

}  // namespace ipsec::daemon
