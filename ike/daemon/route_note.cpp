#include "ike/daemon/route_note.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "ike/daemon/declared.h"
#include "ike/daemon/whole_file.h"

namespace ipsec::daemon {

namespace fs = std::filesystem;

std::expected<std::set<route::Table>, ConfigError> RouteNote::read() const {
  std::error_code error;
  std::set<route::Table> out;
  if (!fs::exists(file_, error)) return out;
  const auto text = read_file(file_);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (const auto target = route::parse_target(rest.substr(0, end))) out.insert(target->table);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

std::expected<void, ConfigError> RouteNote::write(const std::set<route::Table>& tables) const {
  const auto failed = [this](const std::error_code& error) {
    return std::unexpected(ConfigError{
        file_.string(), fmt::format("cannot be written: {}; a table that is taken out of the "
                                    "configuration while ipsecd is down would keep its routes",
                                    error.message())});
  };
  if (tables.empty()) {
    std::error_code error;
    fs::remove(file_, error);
    if (error) return failed(error);
    return {};
  }
  std::string text;
  for (const route::Table& table : tables) text += to_string(route::Target{table}) + '\n';
  const auto written = write_whole(file_, to_bytes(text));
  if (!written) return failed(written.error());
  return {};
}

}  // namespace ipsec::daemon
