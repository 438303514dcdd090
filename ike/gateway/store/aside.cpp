#include "ike/gateway/store/aside.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace ipsec::gateway {
namespace {

namespace fs = std::filesystem;

// What SQLite keeps beside a file. A log that stayed behind would be played into the new one: they
// go first, whatever happens in between.
constexpr std::array kCompanions{"-journal", "-wal", "-shm"};

fs::path with(const fs::path& file, std::string_view suffix) {
  return file.native() + std::string(suffix);
}

fs::path aside(const fs::path& file, std::uint32_t number) {
  return with(file, fmt::format(".broken.{}", number));
}

// Also where only a companion is left of one.
std::set<std::uint32_t> numbers_in_use(const fs::path& file, std::error_code& error) {
  const std::string prefix = file.filename().native() + ".broken.";
  const fs::path directory = file.has_parent_path() ? file.parent_path() : fs::path(".");
  std::set<std::uint32_t> out;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().native();
    if (!name.starts_with(prefix)) continue;
    std::uint32_t number = 0;
    const auto [rest, wrong] =
        std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
    if (wrong == std::errc() && (*rest == '\0' || *rest == '-')) out.insert(number);
  }
  return out;
}

void remove_whole(const fs::path& file) {
  std::error_code ignored;
  fs::remove(file, ignored);
  for (const char* companion : kCompanions) fs::remove(with(file, companion), ignored);
}

}  // namespace

std::expected<fs::path, ConfigError> move_aside(const fs::path& file, std::size_t most) {
  std::error_code error;
  auto numbers = numbers_in_use(file, error);
  const std::uint32_t last = numbers.empty() ? 0 : *numbers.rbegin();
  const auto failed = [&](std::string_view why) {
    return std::unexpected(ConfigError{
        file.string(), fmt::format("it is broken and cannot be moved aside: {}; move it away, "
                                   "together with {}-wal",
                                   why, file.filename().string())});
  };
  if (error) return failed(error.message());
  if (last == std::numeric_limits<std::uint32_t>::max()) {
    return failed(fmt::format("{} is there", aside(file, last).filename().string()));
  }
  fs::path to = aside(file, last + 1);
  for (const char* companion : kCompanions) {
    fs::rename(with(file, companion), with(to, companion), error);
    if (error && error != std::errc::no_such_file_or_directory) return failed(error.message());
  }
  fs::rename(file, to, error);
  if (error) return failed(error.message());
  numbers.insert(last + 1);
  while (numbers.size() > most) {
    remove_whole(aside(file, *numbers.begin()));
    numbers.erase(numbers.begin());
  }
  return to;
}

}  // namespace ipsec::gateway
