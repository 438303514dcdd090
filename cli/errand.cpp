#include "cli/errand.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/output.h"
#include "cli/text_width.h"

namespace ipsec::cli {
namespace {

bool is_whole(const Command& command) {
  if (std::holds_alternative<control::Show>(command.operation)) return true;
  const auto* status = std::get_if<control::Status>(&command.operation);
  return status != nullptr && !status->tunnels.empty();
}

bool passes_as_it_is(const Command& command) {
  return command.settings.format == Format::json &&
         (std::holds_alternative<control::List>(command.operation) ||
          std::holds_alternative<control::Status>(command.operation));
}

// What `check` and `diag` are asked for is an answer by status, too.
ExitStatus verdict_of(const control::Result& result) {
  const auto* reply = std::get_if<control::FindingsReply>(&result);
  if (reply == nullptr) return ExitStatus::ok;
  const bool bad = std::ranges::any_of(reply->findings, [](const control::Finding& finding) {
    return finding.grade == control::Finding::Grade::bad;
  });
  return bad ? ExitStatus::failed : ExitStatus::ok;
}

}  // namespace

void complain(std::string_view message) {
  (void)write_all(STDERR_FILENO, fmt::format("ipsecctl: {}\n", harmless_lines(message)));
}

ExitStatus status_of(control::ErrorCode code) {
  switch (code) {
    case control::ErrorCode::usage:
      return ExitStatus::usage;
    case control::ErrorCode::not_found:
      return ExitStatus::not_found;
    case control::ErrorCode::refused:
    case control::ErrorCode::failed:
    case control::ErrorCode::forbidden:
    case control::ErrorCode::unavailable:
      return ExitStatus::failed;
  }
  return ExitStatus::failed;
}

Errand::Errand(Command command, const Surroundings& around)
    : command_(std::move(command)), around_(&around) {
  const bool to_terminal = around.terminals.out && command_.settings.output_file.empty();
  look_ = look_for(to_terminal, command_.settings.no_color, around.environment,
                   terminal_width(around.environment, STDOUT_FILENO));
  error_look_ = look_for(around.terminals.error, command_.settings.no_color, around.environment,
                         terminal_width(around.environment, STDERR_FILENO));
}

ExitStatus Errand::run() {
  if (auto ready = prepare(); !ready) return ready.error();
  switch (command_.course) {
    case Course::ask:
      break;
    case Course::confirm:
      return confirm();
    case Course::confirm_flush:
      return confirm_flush();
    case Course::plan_import:
    case Course::do_import:
      return import();
    case Course::watch:
      return watch();
    case Course::follow:
      return follow();
    case Course::upgrade:
      return upgrade();
  }
  if (passes_as_it_is(command_)) return pass_on();
  const auto result = ask(command_.operation);
  return result ? tell(*result) : result.error();
}

// --- before the daemon is asked ----------------------------------------------------------------

Step<void> Errand::prepare() {
  const Settings& settings = command_.settings;
  if (settings.format == Format::xlsx && settings.output_file.empty() && around_->terminals.out) {
    complain("an Excel file is not for a terminal; add --output FILE");
    return std::unexpected(ExitStatus::usage);
  }
  if (auto taken = take_files(); !taken) return taken;
  // Nobody types a key for a daemon that is not there.
  if (auto connected = connect(); !connected) return connected;
  return take_key();
}

Step<void> Errand::take_files() {
  const auto take = [&](const std::string& name, std::string& into) -> Step<void> {
    if (name.empty()) return {};
    auto text = read_file(name, around_->interrupt);
    if (!text) {
      complain(text.error());
      return std::unexpected(ExitStatus::failed);
    }
    into = *std::move(text);
    return {};
  };
  if (auto* apply = std::get_if<control::Apply>(&command_.operation)) {
    return take(command_.text_file, apply->text);
  }
  if (auto* import = std::get_if<control::Import>(&command_.operation)) {
    if (auto taken = take(command_.text_file, import->text); !taken) return taken;
    return take(command_.secrets_file, import->secrets_text);
  }
  return {};
}

Step<void> Errand::take_key() {
  using From = KeySource::From;
  std::string key;
  if (command_.key.from == From::nowhere) return {};
  if (command_.key.from == From::prompt) {
    auto typed = key_of_prompt();
    if (!typed) return std::unexpected(typed.error());
    key = *std::move(typed);
  } else {
    const bool file = command_.key.from == From::file;
    auto text = read_file(file ? command_.key.file : "-", around_->interrupt);
    if (!text) {
      complain(text.error());
      return std::unexpected(ExitStatus::failed);
    }
    if (file && is_readable_by_others(command_.key.file)) {
      complain(fmt::format("warning: others may read {0}; chmod 600 {0}", command_.key.file));
    }
    key = text->substr(0, text->find_first_of("\r\n"));
    if (key.empty()) {
      complain(fmt::format("no pre-shared key in the first line of {}",
                           file ? command_.key.file : "standard input"));
      return std::unexpected(ExitStatus::usage);
    }
  }
  const auto put = [&](control::Fields& fields) { fields.emplace_back("psk", FieldValue{key}); };
  if (auto* create = std::get_if<control::Create>(&command_.operation)) put(create->fields);
  if (auto* set = std::get_if<control::Set>(&command_.operation)) put(set->fields);
  return {};
}

Step<std::string> Errand::key_of_prompt() {
  if (!around_->terminals.in) {
    complain("a tunnel needs a pre-shared key; give it with --psk-file FILE or --psk-stdin");
    return std::unexpected(ExitStatus::usage);
  }
  const auto once = ask_terminal("Pre-shared key: ", Echo::off, around_->interrupt);
  if (!once) return std::unexpected(ExitStatus::interrupted);
  const auto again = ask_terminal("The same again: ", Echo::off, around_->interrupt);
  if (!again) return std::unexpected(ExitStatus::interrupted);
  if (*once != *again) {
    complain("the two keys differ; nothing was changed");
    return std::unexpected(ExitStatus::usage);
  }
  if (once->empty()) {
    complain("an empty pre-shared key; nothing was changed");
    return std::unexpected(ExitStatus::usage);
  }
  return *once;
}

// --- asking ------------------------------------------------------------------------------------

Step<void> Errand::connect() {
  auto client =
      Client::connect(command_.settings.run_dir, command_.settings.timeout, around_->interrupt);
  if (!client) return std::unexpected(fail(client.error()));
  client_.emplace(*std::move(client));
  return {};
}

Step<control::Result> Errand::ask(const control::Operation& operation) {
  control::Request request;
  request.account = command_.settings.account;
  request.operation = operation;
  auto reply = client_->ask(std::move(request));
  if (!reply) return std::unexpected(fail(reply.error()));
  if (!reply->result) return std::unexpected(fail(reply->result.error()));
  return *std::move(reply->result);
}

ExitStatus Errand::fail(const control::Error& error) const {
  const auto text_of = [](const control::Problem& problem) -> std::string_view {
    return problem.text.empty() ? problem.why : problem.text;
  };
  // The message is often the first problem's line, or begins with it.
  const std::string_view first = error.problems.empty() ? "" : text_of(error.problems.front());
  const bool comes_below =
      !first.empty() && error.message.starts_with(first.substr(0, first.find('\n')));
  if (!error.message.empty() && !comes_below) complain(error.message);
  for (const control::Problem& problem : error.problems) complain(text_of(problem));
  return status_of(error.code);
}

ExitStatus Errand::fail(const ClientError& error) const {
  complain(error.message);
  switch (error.what) {
    case ClientError::What::unreachable:
      return ExitStatus::unreachable;
    case ClientError::What::interrupted:
      return ExitStatus::interrupted;
    case ClientError::What::broken:
      break;
  }
  return ExitStatus::failed;
}

// --- telling -----------------------------------------------------------------------------------

void Errand::warn(const control::Result& result) const {
  const auto each = [](const std::vector<std::string>& warnings) {
    for (const std::string& line : warnings) complain(fmt::format("warning: {}", line));
  };
  if (const auto* it = std::get_if<control::PlanReply>(&result)) each(it->warnings);
  if (const auto* it = std::get_if<control::TextReply>(&result)) each(it->warnings);
  if (const auto* it = std::get_if<control::DoneReply>(&result)) each(it->warnings);
}

ExitStatus Errand::tell(const control::Result& result) {
  const Settings& settings = command_.settings;
  // In JSON they are in the answer.
  if (settings.format != Format::json) warn(result);
  const auto bytes = written(result, settings.format, is_whole(command_), look_);
  if (!bytes) {
    complain(bytes.error());
    return ExitStatus::usage;
  }
  const ExitStatus done = put_out(*bytes);
  return done == ExitStatus::ok ? verdict_of(result) : done;
}

ExitStatus Errand::pass_on() {
  control::Request request;
  request.account = command_.settings.account;
  request.operation = command_.operation;
  auto answer = client_->ask_for_json(std::move(request));
  if (!answer) return fail(answer.error());
  if (const auto* printed = std::get_if<std::string>(&*answer)) return put_out(*printed + '\n');
  const auto& reply = std::get<control::Reply>(*answer);
  return reply.result ? tell(*reply.result) : fail(reply.result.error());
}

ExitStatus Errand::put_out(std::string_view bytes) const {
  const Settings& settings = command_.settings;
  if (settings.output_file.empty()) {
    const auto done = write_all(STDOUT_FILENO, bytes);
    if (!done) {
      complain(fmt::format("cannot write to standard output: {}", done.error()));
      return ExitStatus::failed;
    }
    return ExitStatus::ok;
  }
  const auto privacy = command_.secrets_shown ? Privacy::owner_only : Privacy::usual;
  if (const auto done = replace_file(settings.output_file, bytes, privacy); !done) {
    complain(done.error());
    return ExitStatus::failed;
  }
  return ExitStatus::ok;
}

}  // namespace ipsec::cli
