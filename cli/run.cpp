#include "cli/run.h"

#include <unistd.h>

#include <fmt/format.h>

#include "cli/completion.h"
#include "cli/errand.h"
#include "cli/text_width.h"

namespace ipsec::cli {
namespace {

// Nobody waits for the shell's bell.
constexpr std::chrono::seconds kCompletionLimit{1};

void add_objects(std::string& out, const Candidates& candidates, const std::string& run_dir,
                 const Interrupt& interrupt) {
  auto client = Client::connect(run_dir, kCompletionLimit, interrupt);
  if (!client) return;
  control::Request request;
  request.operation = control::List{candidates.kind, {}};
  const auto reply = client->ask(std::move(request));
  if (!reply || !reply->result) return;
  const auto* objects = std::get_if<control::ObjectsReply>(&*reply->result);
  if (objects == nullptr) return;
  for (const control::ObjectView& object : objects->objects) {
    out += fmt::format("{}{}\t{}\n", candidates.stem, harmless(object.name), harmless(object.id));
  }
}

}  // namespace

ExitStatus run(const Command& command, const Surroundings& around) {
  return Errand(command, around).run();
}

ExitStatus run(const Complete& complete, const Surroundings& around,
               const std::string& default_run_dir) {
  const Candidates candidates = cli::complete(make_grammar(), complete.words);
  std::string out;
  if (candidates.what == Choices::What::file) out += ":file\n";
  if (candidates.what == Choices::What::directory) out += ":directory\n";
  for (const Candidate& it : candidates.known) {
    out +=
        fmt::format("{}{}{}{}\n", candidates.stem, it.word, it.help.empty() ? "" : "\t", it.help);
  }
  if (candidates.what == Choices::What::objects) {
    add_objects(out, candidates, candidates.run_dir.empty() ? default_run_dir : candidates.run_dir,
                around.interrupt);
  }
  return write_all(STDOUT_FILENO, out) ? ExitStatus::ok : ExitStatus::failed;
}

}  // namespace ipsec::cli
