#include "route/exec/driver.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "route/exec/codec.h"

namespace ipsec::route::exec {
namespace {

constexpr std::size_t kChangesAtOnce = 200;

std::size_t told_of(const Changes& changes) {
  return changes.add.size() + changes.replace.size() + changes.remove.size();
}

// Each of at most `most`, in the order in which they are told. Rules are left out.
std::vector<Changes> split(const Changes& changes, std::size_t most) {
  std::vector<Changes> parts;
  for (const auto kind : {&Changes::add, &Changes::replace, &Changes::remove}) {
    for (const Route& route : changes.*kind) {
      if (parts.empty() || parts.back().size() == most) parts.emplace_back();
      (parts.back().*kind).push_back(route);
    }
  }
  return parts;
}

}  // namespace

ExecDriver::ExecDriver(Reactor& reactor, ExecSettings settings)
    : reactor_(reactor), settings_(std::move(settings)) {
  settings_.concurrency = std::max<std::size_t>(settings_.concurrency, 1);
}

// All at once, and only then one is waited for after the other.
ExecDriver::~ExecDriver() {
  for (const auto& [id, run] : runs_) run.process->kill();
}

Capabilities ExecDriver::capabilities() const {
  return {.tells_drift = false,
          .blackhole = true,
          .several_hops = true,
          .mtu = true,
          .rules = false,
          .changes_at_once = kChangesAtOnce};
}

void ExecDriver::list(const Table& table, const std::set<Cidr>& destinations, Listed listed) {
  auto answer = [name = settings_.name, listed = std::move(listed)](const Said& said) {
    auto listing =
        said.trouble ? std::unexpected(*said.trouble) : read_listing(said.answers.front());
    if (!listing) listing.error().why = fmt::format("{}: {}", name, listing.error().why);
    listed(std::move(listing));
  };
  take({table, {write_list_request(table, destinations)}, std::move(answer), {}});
}

void ExecDriver::apply(const Table& table, const Changes& changes, Applied applied) {
  const Trouble no_rules{Trouble::Kind::other, "a program's table has no rules"};
  if (told_of(changes) == 0) return applied({changes.size(), std::unexpected(no_rules)});
  auto parts = split(changes, kChangesAtOnce);
  std::vector<std::string> requests;
  requests.reserve(parts.size());
  for (const Changes& part : parts) requests.push_back(write_apply_request(table, part));
  auto answer = [name = settings_.name, parts = std::move(parts), size = changes.size(), no_rules,
                 applied = std::move(applied)](const Said& said) {
    Outcomes outcomes;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      auto read = i < said.answers.size() ? read_outcomes(said.answers[i], parts[i])
                                          : std::unexpected(*said.trouble);
      if (!read) read = Outcomes(parts[i].size(), std::unexpected(read.error()));
      outcomes.insert(outcomes.end(), read->begin(), read->end());
    }
    for (Outcome& outcome : outcomes) {
      if (!outcome) outcome.error().why = fmt::format("{}: {}", name, outcome.error().why);
    }
    outcomes.resize(size, std::unexpected(no_rules));
    applied(std::move(outcomes));
  };
  take({table, std::move(requests), std::move(answer), {}});
}

Time ExecDriver::next_deadline() const {
  Time first = kNever;
  for (const auto& [id, run] : runs_) first = std::min(first, run.process->next_deadline());
  return first;
}

void ExecDriver::tick(Time now) {
  std::vector<std::uint64_t> due;
  for (const auto& [id, run] : runs_) {
    if (run.process->next_deadline() <= now) due.push_back(id);
  }
  const std::weak_ptr<bool> alive = alive_;
  for (const std::uint64_t id : due) {
    attend(id, now);
    if (alive.expired()) return;
  }
}

void ExecDriver::take(Call call) {
  if (waiting_.size() >= limits::kProgramCalls) {
    call.said.trouble = trouble("too many calls wait");
    ready_.push_back(std::move(call));
  } else {
    waiting_.push_back(std::move(call));
    start_what_may();
  }
  deliver();
}

void ExecDriver::attend(std::uint64_t id, Time now) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) return;
  Run& run = found->second;
  run.process->advance(now);
  if (auto result = run.process->take_result(); result) take_result(run, *std::move(result));
  const bool gone = run.process->is_gone();
  if (gone) {
    // The table's next one may only begin when this one is no more.
    Call call = std::move(run.call);
    runs_.erase(found);
    if (call.answer) start(std::move(call));
  }
  if (gone || !ready_.empty()) start_what_may();
  deliver();
}

// The call is ready to be answered, or there is more to ask for it.
void ExecDriver::take_result(Run& run, Process::Result result) {
  Said& said = run.call.said;
  if (result) {
    said.answers.push_back(*std::move(result));
    if (said.answers.size() < run.call.requests.size()) return;
  } else {
    said.trouble = trouble(result.error());
  }
  ready_.push_back({run.call.table, {}, std::exchange(run.call.answer, nullptr), std::move(said)});
}

// The first that waits for a table that none is at work on; one for a table on which a program
// hangs is answered, since nobody knows when that ends.
void ExecDriver::start_what_may() {
  std::set<Table> busy;
  for (const auto& [id, run] : runs_) {
    if (run.call.answer) busy.insert(run.call.table);
  }
  std::size_t working = busy.size();
  const bool full_of_hanging = hanging() >= settings_.concurrency;
  for (auto call = waiting_.begin(); call != waiting_.end();) {
    const bool hangs = full_of_hanging || hangs_on(call->table);
    if (!hangs && (working >= settings_.concurrency || busy.contains(call->table))) {
      busy.insert(call->table);
      ++call;
      continue;
    }
    Call next = std::move(*call);
    call = waiting_.erase(call);
    if (hangs) {
      next.said.trouble = trouble("it was killed before and does not die");
      ready_.push_back(std::move(next));
      continue;
    }
    busy.insert(next.table);
    const std::size_t before = runs_.size();
    start(std::move(next));
    working += runs_.size() - before;
  }
}

// With the first of its requests that has no answer.
void ExecDriver::start(Call call) {
  const std::uint64_t id = ++last_id_;
  auto process = Process::start(reactor_,
                                {.program = settings_.program,
                                 .input = call.requests[call.said.answers.size()],
                                 .timeout = settings_.timeout},
                                [this, id] { attend(id, reactor_.now()); });
  if (process) {
    runs_.emplace(id, Run{std::move(call), *std::move(process)});
  } else {
    call.said.trouble = trouble(process.error());
    ready_.push_back(std::move(call));
  }
}

bool ExecDriver::hangs_on(const Table& table) const {
  return std::ranges::any_of(runs_, [&](const auto& it) {
    return !it.second.call.answer && it.second.call.table == table;
  });
}

std::size_t ExecDriver::hanging() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(runs_, [](const auto& it) { return !it.second.call.answer; }));
}

// Last in whatever was done: those who are answered may ask for more, or take the driver away.
void ExecDriver::deliver() {
  const std::weak_ptr<bool> alive = alive_;
  while (!alive.expired() && !ready_.empty()) {
    const Call next = std::move(ready_.front());
    ready_.pop_front();
    next.answer(next.said);
  }
}

Trouble ExecDriver::trouble(std::string_view what) const {
  return {Trouble::Kind::driver, fmt::format("{} ({})", what, settings_.program)};
}

}  // namespace ipsec::route::exec
