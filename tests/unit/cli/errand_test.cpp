// Goal: ipsecctl as scripts and people meet it: exit status, what goes to which descriptor, what is
// asked on a terminal and what is not. Method: the program itself, with a daemon made of a script.
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/unit/cli/server.h"

namespace ipsec::test {
namespace {

using control::Operation;
using control::Request;
using Answer = Server::Answer;

control::StepView removal(bool carries) {
  return {"remove", Kind::tunnel, "tun-1", "hq", {}, false, carries};
}

// Answers as the daemon would; deletions would remove one tunnel, that carries traffic.
Answer as_daemon(const Request& request) {
  if (const auto* it = std::get_if<control::Delete>(&request.operation)) {
    return control::PlanReply{!it->dry_run, {removal(it->names.front() == "busy")}, {}};
  }
  if (const auto* it = std::get_if<control::Apply>(&request.operation)) {
    control::PlanReply plan{!it->dry_run, {}, {"the key is short"}};
    if (it->prune) plan.steps.push_back(removal(true));
    return plan;
  }
  if (std::holds_alternative<control::Create>(request.operation)) {
    return control::PlanReply{true, {{"create", Kind::tunnel, "tun-1", "t", {}, false, false}}, {}};
  }
  if (std::holds_alternative<control::Import>(request.operation)) {
    return control::TextReply{"[[tunnel]]\n", {"conn road: certificates"}};
  }
  if (const auto* it = std::get_if<control::Dump>(&request.operation)) {
    return control::TextReply{it->secrets ? "psk = \"k\"\n" : "no = 1\n", {}};
  }
  if (std::holds_alternative<control::Status>(request.operation)) {
    control::TunnelStatusView status;
    status.name = "hq";
    status.connection = "connected";
    return control::StatusReply{{status}};
  }
  if (std::holds_alternative<control::Check>(request.operation)) {
    return control::FindingsReply{
        {{"ESP", control::Finding::Grade::bad, "missing", "modprobe esp4"}}};
  }
  if (std::holds_alternative<control::ListLimits>(request.operation)) {
    return control::LimitsReply{{{"tunnels_per_gateway", 20, "tunnels of one gateway"}}};
  }
  if (std::holds_alternative<control::Show>(request.operation)) {
    return std::unexpected(control::Error{
        control::ErrorCode::not_found,
        "two names are unknown",
        {{"a", "", "", "", "", "peer 'a': unknown"}, {"b", "", "", "", "", "peer 'b': unknown"}}});
  }
  if (std::holds_alternative<control::Reload>(request.operation)) {
    return std::unexpected(control::Error{control::ErrorCode::failed, "the disk is full", {}});
  }
  if (std::holds_alternative<control::Audit>(request.operation)) {
    return std::unexpected(control::Error{control::ErrorCode::refused,
                                          "f.toml:1:3: first; and 1 more",
                                          {{"", "", "", "", "", "f.toml:1:3: first\n  line\n  ^"},
                                           {"", "", "", "", "", "f.toml:2:1: second"}}});
  }
  return control::DoneReply{};
}

struct Stage {
  std::vector<Request> requests;
  Server server{Server::answering(requests, as_daemon)};
  Folder folder;

  [[nodiscard]] Arguments with(const Arguments& words) const {
    Arguments all{"--run-dir", server.run_dir(), "--timeout", "20"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  [[nodiscard]] Ran run(const Arguments& words, std::string_view input = {}) const {
    return run_program(with(words), input);
  }
  template <typename Wanted>
  [[nodiscard]] const Wanted& asked(std::size_t number) const {
    REQUIRE(requests.size() > number);
    return std::get<Wanted>(requests[number].operation);
  }
};

std::string content_of(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat there{};
  return ::stat(path.c_str(), &there) == 0 ? there.st_mode & 0777U : 0U;
}

const Arguments kCreate{"tunnel", "create", "t", "--gateway", "g", "--peer", "p"};

Arguments create_with(const Arguments& more) {
  Arguments all = kCreate;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

TEST_CASE("the exit status tells what happened, and standard error why") {
  const Stage stage;
  const Ran fine = stage.run({"limits"});
  CHECK(fine.status == 0);
  CHECK(
      fine.out ==
      "LIMIT                VALUE  OF WHAT\ntunnels_per_gateway     20  tunnels of one gateway\n");
  CHECK(fine.error.empty());

  const Ran failed = stage.run({"reload"});
  CHECK(failed.status == 1);
  CHECK(failed.out.empty());
  CHECK(failed.error == "ipsecctl: the disk is full\n");

  CHECK(stage.run({"limts"}).status == 2);
  CHECK(stage.run({"limits", "-o", "toml"}).status == 2);

  const Ran unknown = stage.run({"peer", "show", "a", "b"});
  CHECK(unknown.status == 3);
  CHECK(unknown.error ==
        "ipsecctl: two names are unknown\nipsecctl: peer 'a': unknown\nipsecctl: peer 'b': "
        "unknown\n");

  const Ran away = run_program({"--run-dir", stage.folder.path().string(), "limits"});
  CHECK(away.status == 4);
  CHECK(away.error.starts_with("ipsecctl: cannot reach ipsecd at "));

  const Ran check = stage.run({"check"});
  CHECK(check.status == 1);
  CHECK(check.out.find("-> modprobe esp4") != std::string::npos);
}

TEST_CASE("of several problems each is told once") {
  const Stage stage;
  const Ran refused = stage.run({"audit"});
  CHECK(refused.status == 1);
  CHECK(refused.error ==
        "ipsecctl: f.toml:1:3: first\n  line\n  ^\nipsecctl: f.toml:2:1: second\n");
}

TEST_CASE("help, versions and mistakes need no daemon") {
  CHECK(run_program({"--help"}).status == 0);
  CHECK(run_program({"tunnel", "create", "--help"}).status == 0);
  CHECK(run_program({"--version"}).out.starts_with("ipsecctl "));
  const Ran nothing = run_program({});
  CHECK(nothing.status == 2);
  CHECK(nothing.out.empty());
}

TEST_CASE("an upgrade is done when another process answers") {
  // The old one answers once more before it ends.
  std::vector<Request> requests;
  const Server server(Server::answering(requests, [&](const Request& request) -> Answer {
    if (std::holds_alternative<control::Upgrade>(request.operation)) return control::DoneReply{};
    const bool is_new = requests.size() >= 4;
    return control::VersionReply{is_new ? "2.0" : "1.0", 1, is_new ? 12U : 11U, {}, "", 0, {}};
  }));
  const Ran ran = run_program({"--run-dir", server.run_dir(), "upgrade"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "ipsecd 2.0 has taken the place of 1.0\n");
  CHECK(ran.error.empty());
  CHECK(requests.size() == 4);
}

TEST_CASE("an upgrade that is refused says why") {
  std::vector<Request> requests;
  const Server server(Server::answering(requests, [](const Request& request) -> Answer {
    if (std::holds_alternative<control::Version>(request.operation)) return control::VersionReply{};
    return std::unexpected(control::Error{control::ErrorCode::refused, "it is no program", {}});
  }));
  const Ran ran = run_program({"--run-dir", server.run_dir(), "upgrade"});
  CHECK(ran.status == 1);
  CHECK(ran.out.empty());
  CHECK(ran.error == "ipsecctl: it is no program\n");
}

TEST_CASE("deleting without a terminal wants --yes, after it was said what goes") {
  const Stage stage;
  const Ran refused = stage.run({"tunnel", "delete", "busy"});
  CHECK(refused.status == 2);
  CHECK(refused.error.find("- would delete tunnel hq (tun-1); it carries traffic") !=
        std::string::npos);
  CHECK(refused.error.find("add --yes") != std::string::npos);
  REQUIRE(stage.requests.size() == 1);
  CHECK(stage.asked<control::Delete>(0).dry_run);

  const Ran done = stage.run({"tunnel", "delete", "busy", "--yes"});
  CHECK(done.status == 0);
  CHECK(done.error.find("one of these carries traffic now") != std::string::npos);
  CHECK(done.out == "- deleted tunnel hq (tun-1); it carried traffic\n");
  CHECK_FALSE(stage.asked<control::Delete>(2).dry_run);

  const Ran quiet = stage.run({"tunnel", "delete", "idle", "--yes"});
  CHECK(quiet.error.empty());
}

TEST_CASE("deleting on a terminal asks, and only yes is yes") {
  const Stage stage;
  const Arguments words = stage.with({"tunnel", "delete", "busy"});
  const Ran no = run_on_terminal(words, {{"[y/N] ", "n\n"}});
  CHECK(no.status == 1);
  CHECK(no.out.find("make sure that nobody needs it") != std::string::npos);
  CHECK(no.out.find("nothing was changed") != std::string::npos);
  CHECK(stage.requests.size() == 1);

  CHECK(run_on_terminal(words, {{"[y/N] ", "\n"}}).status == 1);
  const Ran yes = run_on_terminal(words, {{"[y/N] ", "y\n"}});
  CHECK(yes.status == 0);
  CHECK_FALSE(std::get<control::Delete>(stage.requests.back().operation).dry_run);
}

TEST_CASE("Ctrl-C at a question changes nothing") {
  const Stage stage;
  const Ran ran = run_on_terminal(stage.with({"tunnel", "delete", "busy"}), {{"[y/N] ", "\x03"}});
  CHECK(ran.status == 130);
  CHECK(stage.requests.size() == 1);
}

TEST_CASE("pruning asks, applying does not") {
  const Stage stage;
  stage.folder.write("site.toml", "x = 1\n");
  const std::string file = (stage.folder / "site.toml").string();
  const Ran plain = stage.run({"apply", "-f", file});
  CHECK(plain.status == 0);
  CHECK(plain.error == "ipsecctl: warning: the key is short\n");
  CHECK(stage.asked<control::Apply>(0).text == "x = 1\n");
  CHECK(stage.asked<control::Apply>(0).file == file);
  CHECK(stage.run({"apply", "-f", file, "--prune"}).status == 2);
  CHECK(stage.asked<control::Apply>(1).dry_run);
  CHECK(stage.run({"apply", "-f", "-", "--prune", "--yes"}, "y = 2\n").status == 0);
  CHECK(stage.asked<control::Apply>(3).text == "y = 2\n");
  CHECK_FALSE(stage.asked<control::Apply>(3).dry_run);
  const Ran absent = stage.run({"apply", "-f", "/nowhere.toml"});
  CHECK(absent.status == 1);
  CHECK(absent.error == "ipsecctl: cannot read /nowhere.toml: No such file or directory\n");
}

TEST_CASE("stopping with --flush tells how many tunnels end") {
  const Stage stage;
  const Ran refused = stage.run({"stop", "--flush"});
  CHECK(refused.status == 2);
  CHECK(refused.error.find("1 connected tunnel would end") != std::string::npos);
  CHECK(stage.run({"stop", "--flush", "--yes"}).status == 0);
  CHECK(stage.asked<control::Stop>(2).flush);
  CHECK(stage.run({"stop"}).status == 0);
}

TEST_CASE("a key comes from a file, from standard input, or is asked for unseen") {
  const Stage stage;
  stage.folder.write("key", "from-a-file\nsecond line\n");
  const std::string file = (stage.folder / "key").string();
  ::chmod(file.c_str(), 0644);
  const Ran open = stage.run(create_with({"--psk-file", file}));
  CHECK(open.status == 0);
  CHECK(open.error.find("others may read") != std::string::npos);
  ::chmod(file.c_str(), 0600);
  CHECK(stage.run(create_with({"--psk-file", file})).error.empty());
  CHECK(stage.run(create_with({"--psk-stdin"}), "typed\r\n").status == 0);
  const Ran absent = stage.run(kCreate);
  CHECK(absent.status == 2);
  CHECK(absent.error.find("--psk-file FILE or --psk-stdin") != std::string::npos);
  CHECK(stage.run(create_with({"--psk-stdin"}), "\n").status == 2);

  const auto psk_of = [&](std::size_t number) {
    return stage.asked<control::Create>(number).fields.back();
  };
  using Said = std::pair<std::string, FieldValue>;
  REQUIRE(stage.requests.size() == 3);
  CHECK(psk_of(0) == Said{"psk", {"from-a-file"}});
  CHECK(psk_of(2) == Said{"psk", {"typed"}});

  const Arguments words = stage.with(kCreate);
  const Ran asked = run_on_terminal(
      words, {{"Pre-shared key: ", "unseen-key\n"}, {"The same again: ", "unseen-key\n"}});
  CHECK(asked.status == 0);
  CHECK(asked.out.find("unseen-key") == std::string::npos);
  CHECK(psk_of(3) == Said{"psk", {"unseen-key"}});
  const Ran differs =
      run_on_terminal(words, {{"Pre-shared key: ", "one\n"}, {"The same again: ", "two\n"}});
  CHECK(differs.status == 2);
  CHECK(stage.requests.size() == 4);
}

TEST_CASE("import plans first, and takes over when told") {
  const Stage stage;
  stage.folder.write("ipsec.conf", "conn a\n");
  stage.folder.write("ipsec.secrets", ": PSK x\n");
  const std::string file = (stage.folder / "ipsec.conf").string();
  const std::string secrets = (stage.folder / "ipsec.secrets").string();
  const Ran plan = stage.run({"import", "ipsec.conf", file, "--secrets", secrets});
  CHECK(plan.status == 0);
  CHECK(plan.error.find("warning: conn road: certificates") != std::string::npos);
  CHECK(plan.error.find("add --apply") != std::string::npos);
  CHECK(stage.asked<control::Import>(0).text == "conn a\n");
  CHECK(stage.asked<control::Import>(0).secrets_text == ": PSK x\n");
  CHECK(stage.asked<control::Apply>(1).dry_run);
  CHECK(stage.asked<control::Apply>(1).text == "[[tunnel]]\n");
  CHECK(stage.run({"import", "ipsec.conf", file, "--apply"}).status == 0);
  CHECK_FALSE(stage.asked<control::Apply>(3).dry_run);
  CHECK(stage.run({"import", "ipsec.conf", file, "-o", "toml"}).out == "[[tunnel]]\n");
}

TEST_CASE("what is written with keys is its owner's alone, and takes its place as a whole") {
  const Stage stage;
  const auto open = stage.folder / "open.toml";
  const auto secret = stage.folder / "secret.toml";
  stage.folder.write("secret.toml", "old");
  ::umask(022);
  CHECK(stage.run({"dump", "--output", open.string()}).status == 0);
  CHECK(stage.run({"dump", "--show-secrets", "--output", secret.string()}).status == 0);
  CHECK(content_of(open) == "no = 1\n");
  CHECK(mode_of(open) == 0644U);
  CHECK(content_of(secret) == "psk = \"k\"\n");
  CHECK(mode_of(secret) == 0600U);
  const auto left = std::distance(std::filesystem::directory_iterator(stage.folder.path()), {});
  CHECK(left == 2);
  const Ran absent = stage.run({"dump", "--output", "/nowhere/x"});
  CHECK(absent.status == 1);
  CHECK(absent.error.find("cannot write /nowhere/x: No such file") != std::string::npos);
  CHECK(run_program(stage.with({"dump", "--output", "/dev/full"})).status == 1);
}

TEST_CASE("colours and cutting are for terminals") {
  const Stage stage;
  CHECK(stage.run({"check"}).out.find('\x1b') == std::string::npos);
  CHECK(run_on_terminal(stage.with({"check"})).out.find("\x1b[31mbad") != std::string::npos);
  CHECK(run_on_terminal(stage.with({"check", "--no-color"})).out.find('\x1b') == std::string::npos);
  const Ran excel = run_on_terminal(stage.with({"limits", "-o", "xlsx"}));
  CHECK(excel.status == 2);
  CHECK(excel.out.find("add --output FILE") != std::string::npos);
  CHECK(stage.run({"limits", "-o", "xlsx"}).out.starts_with("PK"));
}

TEST_CASE("watching and following end with Ctrl-C, as success") {
  const Stage stage;
  const Ran watched = run_interrupted(stage.with({"status", "--watch"}), "connected");
  CHECK(watched.status == 0);
  CHECK(watched.error.empty());

  const Server server([](Caller& caller) {
    const auto request = control::read_request(caller.line());
    control::EventView event;
    event.event = "ike-up";
    event.tunnel = "hq";
    caller.send(control::write(control::Reply{request->id, control::EventsReply{{event}, true}}));
    event.event = "child-up";
    caller.send(control::write(event));
    (void)caller.line();
  });
  const Ran followed = run_interrupted({"--run-dir", server.run_dir(), "events", "-f"}, "child-up");
  CHECK(followed.status == 0);
  CHECK(followed.out.find("ike-up") < followed.out.find("child-up"));
  const Ran json =
      run_interrupted({"--run-dir", server.run_dir(), "events", "-f", "-o", "json"}, "child-up");
  CHECK(json.out.starts_with("{\"v\":1,\"event\":"));
}

TEST_CASE("Ctrl-C while the daemon thinks") {
  std::promise<void> asked;
  auto when = asked.get_future();
  const Server silent([&](Caller& caller) {
    (void)caller.line();
    asked.set_value();
    (void)caller.line();
  });
  const Ran ran = run_interrupted({"--run-dir", silent.run_dir(), "limits"}, std::move(when));
  CHECK(ran.status == 130);
  CHECK(ran.error == "ipsecctl: interrupted\n");
}

TEST_CASE("completion asks the daemon for names, and is silent without one") {
  const Stage stage;
  const Ran names = stage.run({});
  CHECK(names.status == 2);
  const Server server([](Caller& caller) {
    const auto request = control::read_request(caller.line());
    control::ObjectView view;
    view.kind = Kind::tunnel;
    view.id = "tun-1";
    view.name = "hq";
    caller.send(
        control::write(control::Reply{request->id, control::ObjectsReply{Kind::tunnel, {view}}}));
  });
  const Ran known = run_program({"__complete", "--run-dir", server.run_dir(), "status", ""});
  CHECK(known.out == "hq\ttun-1\n");
  const Ran away = run_program({"__complete", "--run-dir", "/nowhere", "status", ""});
  CHECK(away.status == 0);
  CHECK(away.out.empty());
  CHECK(away.error.empty());
}

}  // namespace ipsec::test
