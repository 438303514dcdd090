// The commands beside those of each kind: tunnels at work, whole configurations, the daemon.
#include <utility>

#include <fmt/format.h>

#include "cli/completion.h"
#include "cli/grammar.h"

namespace ipsec::cli {
namespace {

using What = Choices::What;
using Built = std::expected<Command, UsageError>;

constexpr std::string_view kExportFormats =
    "ipsec.conf|swanctl|literal|cisco-asa|cisco-ios|juniper-srx|fortigate|huawei|h3c|hillstone|"
    "sangfor";

Command asking(const Given& given, control::Operation operation) {
  Command command;
  command.settings = given.settings;
  command.operation = std::move(operation);
  command.yes = given.has("yes");
  command.secrets_shown = given.has("show-secrets");
  return command;
}

// "a, b, c"
std::string in_sentence(std::string_view words) {
  std::string out;
  for (const char c : words) out += c == '|' ? std::string(", ") : std::string(1, c);
  return out;
}

ArgumentSpec tunnels(bool required) {
  return {"NAME", required, true, {What::objects, {}, Kind::tunnel}};
}
ArgumentSpec one_tunnel() { return {"NAME", true, false, {What::objects, {}, Kind::tunnel}}; }
OptionSpec tunnel_option(std::string help) {
  return {"tunnel", 0, "NAME", std::move(help), false, {What::objects, {}, Kind::tunnel}};
}
OptionSpec drift_option() { return {"drift", 0, "", "only those that are not as they are to be"}; }
OptionSpec secrets_option() { return {"show-secrets", 0, "", "the pre-shared keys too"}; }
OptionSpec yes_option() { return {"yes", 'y', "", "without asking"}; }

// --- tunnels at work ---------------------------------------------------------------------------

template <control::Order kOrder>
Built build_order(const CommandSpec&, const Given& given) {
  return asking(given, control::Command{kOrder, given.arguments});
}

Built build_rekey(const CommandSpec&, const Given& given) {
  const auto order = given.has("ike") ? control::Order::rekey_ike : control::Order::rekey;
  return asking(given, control::Command{order, given.arguments});
}

Built build_export(const CommandSpec&, const Given& given) {
  const std::string side = given.value("side");
  if (given.has("side") && side != "peer" && side != "own") {
    return std::unexpected(UsageError{fmt::format("no side '{}'; there are own and peer", side)});
  }
  if (given.value("format").empty()) {
    return std::unexpected(UsageError{fmt::format("tunnel export needs --format FORMAT, one of {}",
                                                  in_sentence(kExportFormats))});
  }
  return asking(given, control::Export{given.arguments.front(), given.value("format"),
                                       side == "peer", given.has("show-secrets")});
}

Built build_routes(const CommandSpec&, const Given& given) {
  return asking(given, control::Routes{given.arguments, given.has("drift")});
}

// What is withdrawn by hand stays so until it is announced by hand, over restarts too.
template <bool kAnnounce>
Built build_announce(const CommandSpec&, const Given& given) {
  return asking(
      given,
      control::Set{Kind::tunnel, given.arguments, {{"announce", {kAnnounce ? "true" : "false"}}}});
}

Built build_status(const CommandSpec&, const Given& given) {
  Command command = asking(given, control::Status{given.arguments});
  if (given.has("watch")) command.course = Course::watch;
  return command;
}

Built build_sa(const CommandSpec&, const Given& given) {
  return asking(given, control::ListSas{given.arguments});
}

Built build_diag(const CommandSpec&, const Given& given) {
  return asking(given, control::Diagnose{given.arguments.front()});
}

Built build_events(const CommandSpec&, const Given& given) {
  control::Events events;
  if (const auto found = given.options.find("tunnel"); found != given.options.end()) {
    events.tunnels = found->second;
  }
  if (given.has("since")) {
    events.since_s = parse_duration_s(given.value("since"));
    if (!events.since_s) {
      return std::unexpected(UsageError{fmt::format(
          "--since {}: no length of time; write 90s, 15m, 1h30m, 2d or 1w", given.value("since"))});
    }
  }
  if (given.has("most")) {
    const auto most = parse_count(given.value("most"));
    if (!most) {
      return std::unexpected(
          UsageError{fmt::format("--most {}: no number of events", given.value("most"))});
    }
    events.most = *most;
  }
  events.follow = given.has("follow");
  Command command = asking(given, std::move(events));
  if (given.has("follow")) command.course = Course::follow;
  return command;
}

void add_route_commands(Grammar& grammar) {
  grammar.push_back({{"tunnel", "routes"},
                     "the routes that tunnels put into the subnets' tables",
                     {tunnels(true)},
                     {drift_option()},
                     {},
                     build_routes});
  grammar.push_back({{"tunnel", "routes", "withdraw"},
                     "keep the routes of tunnels out of all tables",
                     {tunnels(true)},
                     {},
                     {},
                     build_announce<false>});
  grammar.push_back({{"tunnel", "routes", "announce"},
                     "put them back where their tunnels are up",
                     {tunnels(true)},
                     {},
                     {},
                     build_announce<true>});
  grammar.push_back({{"routes"},
                     "the routes of all tunnels, or of those named",
                     {tunnels(false)},
                     {drift_option()},
                     {},
                     build_routes});
}

}  // namespace

void add_tunnel_commands(Grammar& grammar) {
  grammar.push_back({{"tunnel", "up"},
                     "bring tunnels up, now",
                     {tunnels(true)},
                     {},
                     {},
                     build_order<control::Order::up>});
  grammar.push_back({{"tunnel", "down"},
                     "take tunnels down until they are brought up again",
                     {tunnels(true)},
                     {},
                     {},
                     build_order<control::Order::down>});
  grammar.push_back({{"tunnel", "reconnect"},
                     "take tunnels down and bring them up anew",
                     {tunnels(true)},
                     {},
                     {},
                     build_order<control::Order::reconnect>});
  grammar.push_back(
      {{"tunnel", "rekey"},
       "new keys for the traffic of tunnels, without a break",
       {tunnels(true)},
       {{"ike", 0, "", "for the IKE SA instead, which protects what the gateways say"}},
       {},
       build_rekey});
  grammar.push_back({{"tunnel", "export"},
                     "the tunnel as a configuration for the device at an end",
                     {one_tunnel()},
                     {{"format",
                       0,
                       "FORMAT",
                       fmt::format("what it is written for: {}", in_sentence(kExportFormats)),
                       false,
                       {What::words, std::string(kExportFormats)}},
                      {"side",
                       0,
                       "own|peer",
                       "whose end it is written for (own)",
                       false,
                       {What::words, "own|peer"}},
                      secrets_option()},
                     {},
                     build_export});
  add_route_commands(grammar);
  grammar.push_back({{"status"},
                     "how tunnels are; of those named, in full",
                     {tunnels(false)},
                     {{"watch", 'w', "", "again every two seconds, until interrupted"}},
                     {},
                     build_status});
  OptionSpec of_tunnel = tunnel_option("of these tunnels alone");
  of_tunnel.repeats = true;
  grammar.push_back({{"events"},
                     "what happened to tunnels",
                     {},
                     {{"follow", 'f', "", "and what happens from now on, until interrupted"},
                      std::move(of_tunnel),
                      {"since", 0, "TIME", "no longer ago than this: 90s, 15m, 1h30m, 2d, 1w"},
                      {"most", 'n', "NUMBER", "the newest so many (1000)"}},
                     {},
                     build_events});
  grammar.push_back(
      {{"sa"}, "the kernel's security associations", {tunnels(false)}, {}, {}, build_sa});
  grammar.push_back({{"diag"},
                     "why a tunnel does not carry traffic, and what to do",
                     {one_tunnel()},
                     {},
                     {},
                     build_diag});
}

// --- the gateway as a whole --------------------------------------------------------------------

namespace {

template <typename Asked>
Built build_plain(const CommandSpec&, const Given& given) {
  return asking(given, Asked{});
}

Built build_apply(const CommandSpec&, const Given& given) {
  const std::string file = given.value("file");
  if (file.empty()) {
    return std::unexpected(UsageError{"apply needs -f FILE, or -f - for standard input"});
  }
  const bool dry_run = given.has("dry-run");
  const bool prune = given.has("prune");
  Command command =
      asking(given, control::Apply{{}, file == "-" ? "standard input" : file, dry_run, prune});
  command.text_file = file;
  if (prune && !dry_run) command.course = Course::confirm;
  return command;
}

Built build_dump(const CommandSpec&, const Given& given) {
  return asking(given, control::Dump{given.has("show-secrets")});
}

Built build_import(const CommandSpec&, const Given& given) {
  const std::string& file = given.arguments[1];
  Command command = asking(
      given, control::Import{given.arguments[0], {}, {}, file == "-" ? "standard input" : file});
  command.text_file = file;
  command.secrets_file = given.value("secrets");
  // The text that comes back bears the keys.
  command.secrets_shown = true;
  command.course = given.has("apply") ? Course::do_import : Course::plan_import;
  return command;
}

Built build_audit(const CommandSpec&, const Given& given) {
  control::Audit audit;
  if (given.has("most")) {
    const auto most = parse_count(given.value("most"));
    if (!most) {
      return std::unexpected(
          UsageError{fmt::format("--most {}: no number of entries", given.value("most"))});
    }
    audit.most = *most;
  }
  return asking(given, audit);
}

Built build_log_level(const CommandSpec&, const Given& given) {
  return asking(given, control::SetLogLevel{given.arguments.front(), given.value("tunnel")});
}

Built build_stop(const CommandSpec&, const Given& given) {
  Command command = asking(given, control::Stop{given.has("flush")});
  if (given.has("flush")) command.course = Course::confirm_flush;
  return command;
}

Built build_upgrade(const CommandSpec&, const Given& given) {
  Command command = asking(given, control::Upgrade{});
  command.course = Course::upgrade;
  return command;
}

// Without a daemon: parse() answers it.
constexpr auto kBuiltByParser = nullptr;

void add_configuration_commands(Grammar& grammar) {
  grammar.push_back(
      {{"apply"},
       "make the configuration be what a TOML file declares, as one change",
       {},
       {{"file", 'f', "FILE", "the file; - is standard input", false, {What::file, {}}},
        {"dry-run", 0, "", "say what would change, and change nothing"},
        {"prune", 0, "", "objects that the file does not declare go"},
        yes_option()},
       {},
       build_apply});
  grammar.push_back(
      {{"dump"}, "the whole configuration as TOML", {}, {secrets_option()}, {}, build_dump});
  grammar.push_back(
      {{"import"},
       "tunnels of another program's configuration: a plan, then with --apply for good",
       {{"swanctl|ipsec.conf", true, false, {What::words, "swanctl|ipsec.conf"}},
        {"FILE", true, false, {What::file, {}}}},
       {{"secrets",
         0,
         "FILE",
         "ipsec.secrets, where the keys are in a file of their own",
         false,
         {What::file, {}}},
        {"apply", 0, "", "take the tunnels over"}},
       {},
       build_import});
}

void add_daemon_commands(Grammar& grammar) {
  grammar.push_back(
      {{"limits"}, "how many there may be of what", {}, {}, {}, build_plain<control::ListLimits>});
  grammar.push_back({{"vendors"},
                     "the makers of peer gateways that are known to work",
                     {},
                     {},
                     {},
                     build_plain<control::ListVendors>});
  grammar.push_back({{"check"},
                     "whether this machine can do it: kernel, ports, forwarding, clock",
                     {},
                     {},
                     {},
                     build_plain<control::Check>});
  grammar.push_back({{"counters"},
                     "what came to nothing, by reason, and what sockets and kernel counted",
                     {},
                     {},
                     {},
                     build_plain<control::ListCounters>});
  grammar.push_back({{"audit"},
                     "who changed what",
                     {},
                     {{"most", 'n', "NUMBER", "the newest so many (100)"}},
                     {},
                     build_audit});
  grammar.push_back(
      {{"log-level"},
       "how much the daemon logs",
       {{"error|warning|info|debug", true, false, {What::words, "error|warning|info|debug"}}},
       {tunnel_option("of this tunnel alone")},
       {},
       build_log_level});
  grammar.push_back({{"reload"},
                     "read settings and the files of the boot configuration again",
                     {},
                     {},
                     {},
                     build_plain<control::Reload>});
  grammar.push_back(
      {{"stop"},
       "end the daemon; what the kernel holds goes on carrying traffic",
       {},
       {{"flush", 0, "", "and take the kernel's state away: all tunnels end"}, yes_option()},
       {},
       build_stop});
  grammar.push_back({{"upgrade"},
                     "start the program that is installed now in the place of the one that runs",
                     {},
                     {},
                     {},
                     build_upgrade});
  grammar.push_back({{"version"},
                     "the versions of daemon, interface and kernel",
                     {},
                     {},
                     {},
                     build_plain<control::Version>});
  grammar.push_back({{"completion"},
                     "a script that lets the shell complete commands, options and names",
                     {{"bash|zsh|fish", true, false, {What::words, "bash|zsh|fish"}}},
                     {},
                     {},
                     kBuiltByParser});
}

}  // namespace

void add_gateway_commands(Grammar& grammar) {
  add_configuration_commands(grammar);
  add_daemon_commands(grammar);
}

}  // namespace ipsec::cli
