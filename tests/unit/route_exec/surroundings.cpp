#include "tests/unit/route_exec/surroundings.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

namespace ipsec::route::exec::test {
namespace {

std::size_t descriptors() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

}  // namespace

void ManualReactor::watch(int fd, std::function<void()> readable) {
  handlers_[fd] = std::make_shared<std::function<void()>>(std::move(readable));
}

void ManualReactor::forget(int fd) { handlers_.erase(fd); }

void ManualReactor::turn() {
  std::vector<pollfd> asked;
  for (const auto& [fd, handler] : handlers_) asked.push_back({fd, POLLIN, 0});
  if (::poll(asked.data(), asked.size(), kTurnMs) <= 0) return;
  for (const pollfd& one : asked) {
    const auto found = handlers_.find(one.fd);
    if (one.revents == 0 || found == handlers_.end()) continue;
    const auto handler = found->second;
    (*handler)();
  }
}

NothingLeft::NothingLeft() : descriptors_(descriptors()) {}

NothingLeft::~NothingLeft() {
  const bool no_child = ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
  CHECK(no_child);
  CHECK(descriptors() == descriptors_);
}

bool is_dead(int pid) {
  const std::string status = ipsec::test::text_of("/proc/" + std::to_string(pid) + "/stat");
  return status.empty() || status.substr(status.rfind(')')).starts_with(") Z");
}

void write_program(const ipsec::test::Folder& folder, std::string_view text) {
  const std::string here = "#!/bin/sh\nHERE=" + folder.path().string() + "\n";
  std::string whole(text);
  if (!text.starts_with("#!")) whole.insert(0, here);
  folder.write("program.new", whole);
  ::chmod((folder / "program.new").c_str(), S_IRWXU);
  std::filesystem::rename(folder / "program.new", folder / "program");
}

Bench::Bench(std::string_view program, ExecSettings settings) {
  settings.name = "rest";
  if (settings.program.empty()) {
    settings.program = folder_ / "program";
    write_program(program);
  }
  driver_ = std::make_unique<ExecDriver>(reactor_, std::move(settings));
}

std::string Bench::read(std::string_view name) const {
  return ipsec::test::text_of(folder_ / name);
}

bool Bench::has(std::string_view name) const { return std::filesystem::exists(folder_ / name); }

int Bench::number_in(std::string_view name) {
  REQUIRE(until([&] { return read(name).ends_with('\n'); }));
  return std::stoi(read(name));
}

Listed Bench::list(const std::string& of) {
  std::optional<Listed> said;
  driver_->list(table(of), {}, [&](Listed told) { said = std::move(told); });
  REQUIRE(until([&] { return said.has_value(); }));
  return *said;
}

Outcomes Bench::apply(const Changes& changes, const std::string& to) {
  std::optional<Outcomes> said;
  driver_->apply(table(to), changes, [&](Outcomes told) { said = std::move(told); });
  REQUIRE(until([&] { return said.has_value(); }));
  return *said;
}

bool Bench::until(const std::function<bool()>& done) {
  for (int turn = 0; turn < kTurns; ++turn) {
    if (done()) return true;
    reactor_.turn();
    if (driver_ && driver_->next_deadline() <= reactor_.now()) driver_->tick(reactor_.now());
  }
  return done();
}

void Bench::skip(Duration by) {
  reactor_.skip(by);
  if (driver_->next_deadline() <= reactor_.now()) driver_->tick(reactor_.now());
}

Route route(std::string_view destination, std::uint32_t metric, std::string_view via) {
  return {{*Cidr::parse(destination), metric}, {{Address::parse(via), ""}}, 0, 0};
}

Changes three_changes() {
  Changes changes;
  changes.add.push_back(route("10.0.2.0/24"));
  changes.replace.push_back(route("10.0.3.0/24"));
  changes.replace.back().hops.clear();
  changes.remove.push_back(route("10.0.4.0/24"));
  return changes;
}

}  // namespace ipsec::route::exec::test
