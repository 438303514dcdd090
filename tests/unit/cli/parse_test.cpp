// Goal: every command that the grammar has becomes the request it stands for, and what is wrong is
// told in one line that names the next step. Method: a table of lines, and the grammar itself.
#include "cli/parse.h"

#include <sstream>
#include <utility>

#include <catch2/catch.hpp>

#include "cli/grammar.h"
#include "cli/help.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::cli {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  std::istringstream in(line);
  Words out;
  for (std::string word; in >> word;) out.push_back(word == "''" ? std::string() : word);
  return out;
}

Command command_of(const Words& words) {
  const auto parsed = parse(words, {});
  INFO((parsed ? std::string() : parsed.error().message));
  REQUIRE(parsed);
  REQUIRE(std::holds_alternative<Command>(*parsed));
  return std::get<Command>(*parsed);
}
Command command_of(const std::string& line) { return command_of(split(line)); }

std::string error_of(const std::string& line) {
  const auto parsed = parse(split(line), {});
  INFO(line);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message.find('\n') == std::string::npos);
  return parsed.error().message;
}

std::string printed(const std::string& line) {
  const auto parsed = parse(split(line), {});
  REQUIRE(parsed);
  REQUIRE(std::holds_alternative<Print>(*parsed));
  return std::get<Print>(*parsed).text;
}

struct Row {
  std::string line;
  control::Operation operation;
  Course course = Course::ask;
};

std::vector<Row> rows() {
  using namespace control;  // NOLINT(google-build-using-namespace): a table of requests
  return {
      {"vpc list", List{Kind::vpc, {}}},
      {"subnet list --search office", List{Kind::subnet, "office"}},
      {"gateway show a b", Show{Kind::gateway, {"a", "b"}, false}},
      {"tunnel show a --show-secrets", Show{Kind::tunnel, {"a"}, true}},
      {"vpc create v --cidrs 10.0.0.0/8 --cidrs 172.16.0.0/12",
       Create{Kind::vpc, "v", {{"cidrs", {"10.0.0.0/8", "172.16.0.0/12"}}}, false}},
      {"vpc create v --cidrs 10.0.0.0/8,172.16.0.0/12 --region east --dry-run",
       Create{Kind::vpc,
              "v",
              {{"cidrs", {"10.0.0.0/8", "172.16.0.0/12"}}, {"region", {"east"}}},
              true}},
      {"tunnel set t --ike-lifetime-s 7200 --dpd-delay-s ''",
       Set{Kind::tunnel, {"t"}, {{"ike.lifetime_s", {"7200"}}, {"dpd.delay_s", {}}}, false}},
      {"tunnel set t u --peer-cidrs= --remarks=x",
       Set{Kind::tunnel, {"t", "u"}, {{"peer_cidrs", {}}, {"remarks", {"x"}}}, false}},
      // A rule has commas of its own.
      {"tunnel set t --rules 10.0.1.0/24=10.1.0.0/16,10.2.0.0/16 --rules 10.0.2.0/24=10.1.0.0/16",
       Set{Kind::tunnel,
           {"t"},
           {{"rules", {"10.0.1.0/24=10.1.0.0/16,10.2.0.0/16", "10.0.2.0/24=10.1.0.0/16"}}},
           false}},
      {"tunnel set t --psk [a,b]", Set{Kind::tunnel, {"t"}, {{"psk", {"[a,b]"}}}, false}},
      {"tunnel set t --psk -x", Set{Kind::tunnel, {"t"}, {{"psk", {"-x"}}}, false}},
      {"peer rename old new", Rename{Kind::peer, "old", "new"}},
      {"peer delete a b", Delete{Kind::peer, {"a", "b"}, false}, Course::confirm},
      {"peer delete a --dry-run", Delete{Kind::peer, {"a"}, true}},
      // Names may be words of commands.
      {"tunnel show status list", Show{Kind::tunnel, {"status", "list"}, false}},
      {"tunnel show -- -odd", Show{Kind::tunnel, {"-odd"}, false}},
      {"tunnel up a b", control::Command{Order::up, {"a", "b"}}},
      {"tunnel down a", control::Command{Order::down, {"a"}}},
      {"tunnel reconnect a", control::Command{Order::reconnect, {"a"}}},
      {"tunnel rekey a b", control::Command{Order::rekey, {"a", "b"}}},
      {"tunnel rekey --ike a", control::Command{Order::rekey_ike, {"a"}}},
      {"tunnel export t --format literal", Export{"t", "literal", false, false}},
      {"tunnel export t --format swanctl --side peer --show-secrets",
       Export{"t", "swanctl", true, true}},
      {"tunnel routes t", Routes{{"t"}}},
      {"tunnel routes withdraw a b",
       Set{Kind::tunnel, {"a", "b"}, {{"announce", {"false"}}}, false}},
      {"tunnel routes announce a", Set{Kind::tunnel, {"a"}, {{"announce", {"true"}}}, false}},
      {"routes", Routes{}},
      {"routes --drift a", Routes{{"a"}, true}},
      {"status", Status{}},
      {"status a --watch", Status{{"a"}}, Course::watch},
      {"events", Events{}},
      {"events -f --tunnel a --tunnel b --since 1h30m -n 5", Events{{"a", "b"}, 5400, 5, true},
       Course::follow},
      {"sa a", ListSas{{"a"}}},
      {"limits", ListLimits{}},
      {"vendors", ListVendors{}},
      {"apply -f site.toml --dry-run", Apply{{}, "site.toml", true, false}},
      {"apply -f - --prune", Apply{{}, "standard input", false, true}, Course::confirm},
      {"dump --show-secrets", Dump{true}},
      {"import swanctl a.conf", Import{"swanctl", {}, {}, "a.conf"}, Course::plan_import},
      {"import ipsec.conf a --secrets s --apply", Import{"ipsec.conf", {}, {}, "a"},
       Course::do_import},
      {"check", Check{}},
      {"diag t", Diagnose{"t"}},
      {"audit", Audit{}},
      {"audit -n 7", Audit{7}},
      {"log-level debug --tunnel t", SetLogLevel{"debug", "t"}},
      {"reload", Reload{}},
      {"stop", Stop{false}},
      {"stop --flush", Stop{true}, Course::confirm_flush},
      {"counters", ListCounters{}},
      {"upgrade", Upgrade{}, Course::upgrade},
      {"version", Version{}},
  };
}

}  // namespace

TEST_CASE("a line becomes its request") {
  for (const Row& row : rows()) {
    INFO(row.line);
    const Command command = command_of(row.line);
    CHECK(command.operation == row.operation);
    CHECK(command.course == row.course);
  }
}

TEST_CASE("no command is without a line in the table") {
  std::vector<std::string> lines;
  for (const Row& row : rows()) lines.push_back(row.line);
  for (const CommandSpec& spec : make_grammar()) {
    // The verbs of kinds are the same for each; the completion is printed.
    const std::string name =
        spec.kind && *spec.kind != Kind::tunnel ? spec.words.back() : spec.name();
    INFO(spec.name());
    const bool there = std::ranges::any_of(lines, [&](const std::string& line) {
      return line.starts_with(name + ' ') || line == name ||
             line.find(' ' + spec.words.back()) != std::string::npos;
    });
    CHECK((there || spec.name() == "completion"));
  }
}

TEST_CASE("every field of every kind is an option of create and set") {
  for (const Kind kind : kKinds) {
    for (const Field& field : fields_of(kind)) {
      const Words words{std::string(name_of(kind)), "set", "x", "--" + option_of_field(field.name),
                        "1"};
      const auto command = command_of(words);
      const control::Fields wanted{{std::string(field.name), {"1"}}};
      CHECK(std::get<control::Set>(command.operation).fields == wanted);
      CHECK(printed(std::string(name_of(kind)) + " create --help")
                .find("--" + option_of_field(field.name)) != std::string::npos);
    }
  }
}

TEST_CASE("settings stand anywhere in the line") {
  const Command command = command_of(
      "--run-dir /tmp/x tunnel list -o csv --account ops --output f.csv --no-color --timeout 5");
  CHECK(command.settings.run_dir == "/tmp/x");
  CHECK(command.settings.format == Format::csv);
  CHECK(command.settings.account == "ops");
  CHECK(command.settings.output_file == "f.csv");
  CHECK(command.settings.no_color);
  CHECK(command.settings.timeout == std::chrono::seconds(5));

  CHECK(command_of("version").settings.run_dir == "/run/ipsecd");
  const auto from_environment = parse({"version"}, {.run_dir = "/env"});
  CHECK(std::get<Command>(*from_environment).settings.run_dir == "/env");
  const auto said = parse({"version", "--run-dir", "/said"}, {.run_dir = "/env"});
  CHECK(std::get<Command>(*said).settings.run_dir == "/said");
}

TEST_CASE("where the key of a tunnel comes from") {
  const std::string create = "tunnel create t --gateway g --peer p";
  CHECK(command_of(create).key.from == KeySource::From::prompt);
  CHECK(command_of(create + " --psk k").key.from == KeySource::From::nowhere);
  const Command file = command_of(create + " --psk-file k.txt");
  CHECK(file.key.from == KeySource::From::file);
  CHECK(file.key.file == "k.txt");
  CHECK(command_of(create + " --psk-stdin").key.from == KeySource::From::standard_input);
  CHECK(command_of("tunnel set t --psk-stdin").key.from == KeySource::From::standard_input);
  CHECK(command_of("tunnel set t --remarks x").key.from == KeySource::From::nowhere);
  CHECK(error_of(create + " --psk k --psk-stdin").find("exclude") != std::string::npos);
}

TEST_CASE("what is wrong is told with the next step") {
  const std::vector<std::pair<std::string, std::string>> lines{
      {"tunel list", "no command 'tunel'; is 'tunnel' meant? See `ipsecctl --help`"},
      {"tunnel lst", "no command 'lst'; is 'list' meant? See `ipsecctl tunnel --help`"},
      {"tunnel zzzzzz", "no command 'zzzzzz'; see `ipsecctl tunnel --help`"},
      {"tunnel list --serch x",
       "no option '--serch'; is '--search' meant? See `ipsecctl tunnel list --help`"},
      {"tunnel set t --ike-lifetime 3",
       "no option '--ike-lifetime'; is '--ike-lifetime-s' meant? See `ipsecctl tunnel set --help`"},
      {"tunnel list --serch=x",
       "no option '--serch'; is '--search' meant? See `ipsecctl tunnel list --help`"},
      {"--search x tunnel list",
       "'--search' is an option of the command 'ipsecctl tunnel list' and stands behind it"},
      {"tunnel list x", "'x' is one argument too many; usage: ipsecctl tunnel list [OPTION...]"},
      {"peer rename a",
       "peer rename needs NEW-NAME; usage: ipsecctl peer rename NAME NEW-NAME [OPTION...]"},
      {"peer rename a b c",
       "'c' is one argument too many; usage: ipsecctl peer rename NAME NEW-NAME [OPTION...]"},
      {"peer show ''", "a name is empty; usage: ipsecctl peer show NAME... [OPTION...]"},
      {"peer create p",
       "peer 'p' needs --address ADDRESS: the peer's public address; 0.0.0.0 for "
       "any, which only responds"},
      {"tunnel set t", "nothing to set; say what is to be changed: see ipsecctl tunnel set --help"},
      {"version -o jsn",
       "-o jsn: no such format; is 'json' meant?; there are table, json, csv, "
       "xlsx, toml"},
      {"version --timeout 0", "--timeout 0: no number of seconds above 0"},
      {"events --since soon", "--since soon: no length of time; write 90s, 15m, 1h30m, 2d or 1w"},
      {"tunnel export t --format x --side left", "no side 'left'; there are own and peer"},
      {"apply", "apply needs -f FILE, or -f - for standard input"},
      {"completion basch",
       "no completion for 'basch'; is 'bash' meant?; there are bash, zsh and "
       "fish"},
  };
  for (const auto& [line, message] : lines) CHECK(error_of(line) == message);
  CHECK(
      error_of("").starts_with("a command is missing, one of vpc, subnet, gateway, peer, tunnel"));
  CHECK(error_of("tunnel").starts_with("tunnel: a command is missing, one of create, list"));
  CHECK(error_of("version --timeout 1 --timeout 2").find("once") != std::string::npos);
}

TEST_CASE("one object is created at a time") {
  const std::string line = "gateway create one two --vpc v --subnet s";
  CHECK(
      error_of(line).starts_with("'two' is one argument too many; usage: ipsecctl gateway create"));
}

TEST_CASE("lengths of time") {
  CHECK(parse_duration_s("90s") == 90U);
  CHECK(parse_duration_s("1w") == 604800U);
  CHECK(parse_duration_s("1d2h3m4s") == 93784U);
  for (const char* wrong : {"", "h", "90", "1x", "1h30", "-1s", "99999999999s", "9999w9999w"}) {
    INFO(wrong);
    CHECK_FALSE(parse_duration_s(wrong));
  }
}

TEST_CASE("help is printed for what is not finished, and names every command") {
  CHECK(printed("tunnel create --help").starts_with("usage: ipsecctl tunnel create NAME"));
  CHECK(printed("tunnel create x --gatway g --help").starts_with("usage: ipsecctl tunnel create"));
  CHECK(printed("--version").starts_with("ipsecctl "));
  const std::string all = printed("--help-all");
  for (const CommandSpec& spec : make_grammar()) {
    CHECK(all.find(usage_of(spec)) != std::string::npos);
    CHECK(printed("--help").find("\n  " + spec.name() + ' ') != std::string::npos);
  }
}

}  // namespace ipsec::cli
