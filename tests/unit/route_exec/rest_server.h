// tests/support/rest_tables.py at work in a folder, and the program under test that talks to it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "ike/base/unique_fd.h"
#include "tests/support/folder.h"

namespace ipsec::route::exec::test {

class RestServer {
 public:
  explicit RestServer(const ipsec::test::Folder& folder) : folder_(folder) {}
  ~RestServer() { stop(); }
  RestServer(const RestServer&) = delete;
  RestServer& operator=(const RestServer&) = delete;

  // On the port that it had before; with a configuration for the program.
  void start();
  void stop();
  [[nodiscard]] int port() const { return port_; }
  void configure(const std::string& token, double timeout_s) const;

  [[nodiscard]] nlohmann::json table(std::string_view name) const;
  void put(std::string_view name, const nlohmann::json& routes) const;

 private:
  const ipsec::test::Folder& folder_;
  UniqueFd life_;  // it ends when this does
  pid_t pid_ = -1;
  int port_ = 0;
};

inline constexpr std::string_view kToken = "sesame";
// For the folder's program; $HERE is the folder.
inline constexpr std::string_view kRestProgram =
    "exec " IPSEC_ROUTE_EXEC_REST " --config $HERE/rest.json\n";

}  // namespace ipsec::route::exec::test
