// The courses that take several requests: with a question between, again and again, or without end.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/errand.h"
#include "cli/output.h"
#include "cli/text_width.h"
#include "cli/words.h"
#include "ike/control/types/codec.h"

namespace ipsec::cli {
namespace {

void set_dry_run(control::Operation& operation, bool dry_run) {
  if (auto* it = std::get_if<control::Delete>(&operation)) it->dry_run = dry_run;
  if (auto* it = std::get_if<control::Apply>(&operation)) it->dry_run = dry_run;
}

std::size_t count_removed(const control::PlanReply& plan) {
  return static_cast<std::size_t>(
      std::ranges::count(plan.steps, "remove", &control::StepView::what));
}

std::size_t count_carrying(const control::PlanReply& plan) {
  return static_cast<std::size_t>(
      std::ranges::count_if(plan.steps, [](const control::StepView& step) {
        return step.carries_traffic && (step.what == "remove" || step.reconnects);
      }));
}

}  // namespace

template <typename Wanted>
Step<Wanted> Errand::ask_for(const control::Operation& operation) {
  auto result = ask(operation);
  if (!result) return std::unexpected(result.error());
  if (auto* wanted = std::get_if<Wanted>(&*result)) return std::move(*wanted);
  complain("ipsecd answered something else; are ipsecctl and ipsecd of one version?");
  return std::unexpected(ExitStatus::failed);
}

// --- with a question ---------------------------------------------------------------------------

void Errand::preview(std::string_view text) const { (void)write_all(STDERR_FILENO, text); }

Step<void> Errand::agree(std::string_view question, std::string_view what) const {
  if (command_.yes) return {};
  if (!around_->terminals.in || command_.text_file == "-") {
    complain(fmt::format("{}: nobody is there to be asked; add --yes if it is meant", what));
    return std::unexpected(ExitStatus::usage);
  }
  const auto answer =
      ask_terminal(fmt::format("{} [y/N] ", question), Echo::on, around_->interrupt);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  if (!answer) preview("\n");
  complain("nothing was changed");
  return std::unexpected(answer ? ExitStatus::failed : ExitStatus::interrupted);
}

ExitStatus Errand::confirm() {
  control::Operation operation = command_.operation;
  set_dry_run(operation, true);
  const auto plan = ask_for<control::PlanReply>(operation);
  if (!plan) return plan.error();
  const std::size_t removed = count_removed(*plan);
  if (removed > 0) {
    const std::size_t carrying = count_carrying(*plan);
    if (!command_.yes || carrying > 0) preview(text(*plan, error_look_));
    for (const std::string& line : plan->warnings) complain(fmt::format("warning: {}", line));
    if (carrying > 0) {
      complain(fmt::format("warning: {} now; make sure that nobody needs it",
                           carrying == 1 ? "one of these carries traffic"
                                         : fmt::format("{} of these carry traffic", carrying)));
    }
    if (auto agreed = agree(fmt::format("Delete {}?", counted(removed, "object")),
                            fmt::format("{} would be deleted", counted(removed, "object")));
        !agreed) {
      return agreed.error();
    }
  }
  set_dry_run(operation, false);
  const auto done = ask(operation);
  return done ? tell(*done) : done.error();
}

ExitStatus Errand::confirm_flush() {
  const auto status = ask_for<control::StatusReply>(control::Status{});
  if (!status) return status.error();
  const auto connected =
      std::ranges::count(status->tunnels, "connected", &control::TunnelStatusView::connection);
  const std::string what = fmt::format(
      "{} would end", counted(static_cast<std::uint64_t>(connected), "connected tunnel"));
  if (connected > 0) complain(fmt::format("warning: {}", what));
  if (auto agreed = agree("Stop ipsecd and take the kernel's state away?", what); !agreed) {
    return agreed.error();
  }
  const auto done = ask(command_.operation);
  return done ? tell(*done) : done.error();
}

// --- upgrade -----------------------------------------------------------------------------------

ExitStatus Errand::upgrade() {
  const auto before = ask_for<control::VersionReply>(control::Version{});
  if (!before) return before.error();
  if (const auto begun = ask(command_.operation); !begun) return begun.error();
  client_.reset();
  const auto now = next_daemon(before->pid);
  if (!now) return now.error();
  if (command_.settings.format != Format::table) return tell(*now);
  return put_out(
      fmt::format("ipsecd {} has taken the place of {}\n", now->version, before->version));
}

// It is not there for a moment, and before that the old one may answer still.
Step<control::VersionReply> Errand::next_daemon(std::uint64_t pid_before) {
  static constexpr std::chrono::seconds kLongest{30};
  static constexpr std::chrono::seconds kAnswer{5};
  static constexpr std::chrono::milliseconds kPause{50};
  const auto until = std::chrono::steady_clock::now() + kLongest;
  while (std::chrono::steady_clock::now() < until) {
    if (wait_for(-1, For::reading, around_->interrupt, std::chrono::steady_clock::now() + kPause) ==
        Woke::interrupted) {
      return std::unexpected(ExitStatus::interrupted);
    }
    auto client = Client::connect(command_.settings.run_dir, kAnswer, around_->interrupt);
    if (!client) continue;
    auto reply = client->ask({0, command_.settings.account, control::Version{}});
    if (!reply || !reply->result) continue;
    auto* version = std::get_if<control::VersionReply>(&*reply->result);
    if (version != nullptr && version->pid != pid_before) return std::move(*version);
  }
  complain(fmt::format(
      "the new ipsecd does not answer after {} s; the kernel goes on with what it has, and the new "
      "one is tried again: see its log, or put the program back that was there",
      kLongest.count()));
  return std::unexpected(ExitStatus::failed);
}

// --- import ------------------------------------------------------------------------------------

ExitStatus Errand::import() {
  const auto read = ask_for<control::TextReply>(command_.operation);
  if (!read) return read.error();
  if (command_.settings.format == Format::toml) return tell(*read);
  for (const std::string& line : read->warnings) complain(fmt::format("warning: {}", line));
  const auto& from = std::get<control::Import>(command_.operation);
  const bool for_good = command_.course == Course::do_import;
  const control::Apply apply{read->text, from.file, !for_good, false};
  auto plan = ask(apply);
  if (!plan) return plan.error();
  auto* planned = std::get_if<control::PlanReply>(&*plan);
  if (planned != nullptr && command_.settings.format != Format::json) {
    std::erase_if(planned->warnings, [&](const std::string& line) {
      return std::ranges::find(read->warnings, line) != read->warnings.end();
    });
  }
  const ExitStatus told = tell(*plan);
  if (told == ExitStatus::ok && !for_good) {
    complain("this was the plan; add --apply to take the tunnels over, or -o toml to see them");
  }
  return told;
}

// --- without end -------------------------------------------------------------------------------

ExitStatus Errand::watch() {
  static constexpr std::chrono::seconds kPause{2};
  // Home, and what is left of the screen away: less flicker than clearing it first.
  static constexpr std::string_view kAnew = "\x1b[H\x1b[J";
  const bool screen = look_.width != 0 && command_.settings.format == Format::table;
  while (true) {
    const auto result = ask(command_.operation);
    if (!result) return result.error() == ExitStatus::interrupted ? ExitStatus::ok : result.error();
    if (screen) (void)write_all(STDOUT_FILENO, kAnew);
    if (const ExitStatus told = tell(*result); told != ExitStatus::ok) return told;
    const auto until = std::chrono::steady_clock::now() + kPause;
    if (wait_for(-1, For::reading, around_->interrupt, until) == Woke::interrupted) {
      return ExitStatus::ok;
    }
  }
}

Step<void> Errand::tell_event(const control::EventView& event) {
  std::string line;
  switch (command_.settings.format) {
    case Format::json:
      line = control::write(event);
      break;
    case Format::csv: {
      const std::string all = csv(*sheet_of(control::EventsReply{{event}, true}, false));
      line = all.substr(all.find('\n') + 1);
      break;
    }
    case Format::table:
    case Format::xlsx:
    case Format::toml:
      line = text(event, look_);
      break;
  }
  if (const auto done = write_all(STDOUT_FILENO, line); !done) {
    complain(fmt::format("cannot write to standard output: {}", done.error()));
    return std::unexpected(ExitStatus::failed);
  }
  return {};
}

ExitStatus Errand::follow() {
  const Format format = command_.settings.format;
  if (format == Format::xlsx || format == Format::toml || !command_.settings.output_file.empty()) {
    complain("events that follow have no end: take table, json or csv, on standard output");
    return ExitStatus::usage;
  }
  const auto kept = ask_for<control::EventsReply>(command_.operation);
  if (!kept) return kept.error();
  if (format == Format::csv) {
    const auto head = csv(*sheet_of(control::EventsReply{}, false));
    if (!write_all(STDOUT_FILENO, head)) return ExitStatus::failed;
  }
  for (const control::EventView& event : kept->events) {
    if (auto told = tell_event(event); !told) return told.error();
  }
  while (true) {
    const auto event = client_->next_event();
    // Ctrl-C is how one stops looking, and no failure.
    if (!event && event.error().what == ClientError::What::interrupted) return ExitStatus::ok;
    if (!event) return fail(event.error());
    if (auto told = tell_event(*event); !told) return told.error();
  }
}

}  // namespace ipsec::cli
