#include "ike/daemon/declared.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "ike/base/unique_fd.h"
#include "ike/daemon/problems.h"
#include "ike/gateway/toml/document.h"

namespace ipsec::daemon {
namespace {

struct Read {
  const Source* source;
  std::vector<gateway::toml::Declaration> declarations;
};

control::Problem problem_at(const Source& source, const gateway::toml::Complaint& complaint) {
  control::Problem problem;
  problem.object =
      fmt::format("{}:{}:{}", source.file, complaint.place.line, complaint.place.column);
  problem.why = complaint.what;
  problem.text = gateway::toml::describe(complaint, source.file);
  return problem;
}

bool declares(const Read& read, const gateway::Refusal& refusal) {
  return std::ranges::any_of(read.declarations, [&](const gateway::toml::Declaration& it) {
    return it.kind == refusal.kind && it.name == refusal.object;
  });
}

// Each refusal is told once, at the file that declares its object.
std::vector<control::Problem> problems_of(const gateway::Refusals& refusals,
                                          const std::vector<Read>& reads) {
  std::vector<control::Problem> out;
  for (const gateway::Refusal& refusal : refusals) {
    const auto read = std::ranges::find_if(
        reads, [&](const Read& candidate) { return declares(candidate, refusal); });
    control::Problem problem = problem_of(refusal);
    if (read != reads.end()) {
      const auto complaints =
          gateway::toml::complaints({refusal}, read->declarations, read->source->text);
      problem.text = gateway::toml::describe(complaints.front(), read->source->file);
    }
    out.push_back(std::move(problem));
  }
  return out;
}

// Within one file toml::read has seen to it.
void find_doubles(const std::vector<Read>& reads, std::vector<control::Problem>& problems) {
  std::map<std::pair<Kind, std::string_view>, const Source*> first;
  for (const Read& read : reads) {
    for (const auto& declaration : read.declarations) {
      const auto [at, fresh] = first.emplace(
          std::pair(declaration.kind, std::string_view(declaration.name)), read.source);
      if (fresh) continue;
      problems.push_back(
          problem_at(*read.source,
                     {declaration.place, "",
                      fmt::format("{} '{}' is declared in {} already; take one of them away",
                                  name_of(declaration.kind), declaration.name, at->second->file)}));
    }
  }
}

void prune(gateway::Draft& draft, const DeclaredBase& base, const std::vector<Read>& reads) {
  std::set<std::pair<Kind, std::string_view>> declared;
  for (const Read& read : reads) {
    for (const auto& declaration : read.declarations) {
      declared.emplace(declaration.kind, declaration.name);
    }
  }
  for (const auto& [id, object] : base.inventory.objects()) {
    const gateway::Meta& meta = gateway::meta_of(*object);
    if (meta.account != base.maker.account) continue;
    if (!declared.contains({id.kind, meta.name})) draft.remove(id);
  }
}

}  // namespace

std::expected<std::string, ConfigError> read_file(const std::filesystem::path& file) {
  static constexpr std::size_t kPiece = 65'536;
  const auto failed = [&] {
    return std::unexpected(
        ConfigError{file.string(), fmt::format("cannot be read: {}; mend it or take it away",
                                               std::generic_category().message(errno))});
  };
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return failed();
  std::string text;
  for (;;) {
    const std::size_t had = text.size();
    text.resize(had + kPiece);
    const auto got = ::read(fd.get(), text.data() + had, kPiece);
    text.resize(had + static_cast<std::size_t>(std::max<::ssize_t>(got, 0)));
    if (got == 0) return text;
    if (got < 0 && errno != EINTR) return failed();
  }
}

std::expected<std::vector<Source>, ConfigError> read_sources(
    const std::filesystem::path& directory) {
  std::vector<Source> out;
  std::error_code error;
  const std::filesystem::directory_iterator entries(directory, error);
  if (error == std::errc::no_such_file_or_directory) return out;
  if (error) return std::unexpected(ConfigError{directory.string(), error.message()});
  std::vector<std::filesystem::path> files;
  for (const auto& entry : entries) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    auto text = read_file(file);
    if (!text) return std::unexpected(std::move(text.error()));
    out.push_back({file.string(), *std::move(text)});
  }
  return out;
}

std::expected<gateway::Plan, std::vector<control::Problem>> plan_of(
    const std::vector<Source>& sources, const DeclaredBase& base) {
  std::vector<Read> reads;
  std::vector<control::Problem> problems;
  for (const Source& source : sources) {
    auto declarations = gateway::toml::read(source.text);
    if (!declarations) {
      for (const auto& complaint : declarations.error()) {
        problems.push_back(problem_at(source, complaint));
      }
      continue;
    }
    reads.push_back({&source, *std::move(declarations)});
  }
  find_doubles(reads, problems);
  if (!problems.empty()) return std::unexpected(std::move(problems));

  gateway::Draft draft(base.inventory, base.settings, base.maker);
  if (base.prune) prune(draft, base, reads);
  // What is referred to comes before, whichever file it is in.
  for (const Kind kind : kKinds) {
    for (const Read& read : reads) {
      for (const auto& declaration : read.declarations) {
        if (declaration.kind == kind) draft.declare(kind, declaration.name, declaration.fields);
      }
    }
  }
  auto plan = std::move(draft).finish();
  if (!plan) return std::unexpected(problems_of(plan.error(), reads));
  return *std::move(plan);
}

}  // namespace ipsec::daemon
