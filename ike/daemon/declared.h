// Configurations in TOML, of one file or of a directory of them, as one change.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "ike/base/error.h"
#include "ike/control/types/replies.h"
#include "ike/gateway/draft.h"

namespace ipsec::daemon {

struct Source {
  std::string file;  // for complaints
  std::string text;
};

[[nodiscard]] std::expected<std::string, ConfigError> read_file(const std::filesystem::path& file);
// The *.toml of a directory in the order of their names; none where there is no directory.
[[nodiscard]] std::expected<std::vector<Source>, ConfigError> read_sources(
    const std::filesystem::path& directory);

struct DeclaredBase {
  const gateway::Inventory& inventory;
  const gateway::Settings& settings;
  gateway::Draft::Maker maker;
  bool prune = false;  // objects of the account that no source declares go
};
// The plan, or everything that stands against it, each with its place in its file.
[[nodiscard]] std::expected<gateway::Plan, std::vector<control::Problem>> plan_of(
    const std::vector<Source>& sources, const DeclaredBase& base);

}  // namespace ipsec::daemon
