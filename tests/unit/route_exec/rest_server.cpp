#include "tests/unit/route_exec/rest_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>

#include <fmt/format.h>

#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec::test {
namespace {

std::string file_of(std::string_view table) { return std::string(table) + ".table"; }

}  // namespace

void RestServer::start() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const UniqueFd input(ends[0]);
  life_ = UniqueFd(ends[1]);
  std::filesystem::remove(folder_ / "port");
  const std::string folder = folder_.path().string();
  const std::string port = fmt::to_string(port_);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(input.get(), STDIN_FILENO);
    ::execlp("python3", "python3", IPSEC_REST_TABLES, folder.c_str(), port.c_str(), nullptr);
    ::_exit(127);
  }
  for (int turn = 0; turn < kTurns && !std::filesystem::exists(folder_ / "port"); ++turn) {
    (void)::poll(nullptr, 0, kTurnMs);
  }
  port_ = std::stoi("0" + ipsec::test::text_of(folder_ / "port"));
  REQUIRE(port_ != 0);
  configure(std::string(kToken), 50);  // the machine may have other things to do
}

void RestServer::stop() {
  life_.reset();
  if (pid_ > 0) (void)::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RestServer::configure(const std::string& token, double timeout_s) const {
  const nlohmann::json config{{"url", fmt::format("http://127.0.0.1:{}", port_)},
                              {"token", token},
                              {"timeout_s", timeout_s}};
  folder_.write("rest.json", config.dump());
  ::chmod((folder_ / "rest.json").c_str(), S_IRUSR | S_IWUSR);
}

nlohmann::json RestServer::table(std::string_view name) const {
  return nlohmann::json::parse(ipsec::test::text_of(folder_ / file_of(name)));
}

void RestServer::put(std::string_view name, const nlohmann::json& routes) const {
  folder_.write(file_of(name), routes.dump());
}

}  // namespace ipsec::route::exec::test
