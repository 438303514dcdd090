// What a line of arguments means: the request that is sent, and how its answer is treated. Made by
// parse.h from the grammar, carried out by run.h; holds no descriptor and has read no file yet.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <variant>
#include <vector>

#include "ike/control/types/requests.h"

namespace ipsec::cli {

// What scripts rely on; see ipsecctl(8).
enum class ExitStatus : std::uint8_t {
  ok = 0,
  failed = 1,
  usage = 2,
  not_found = 3,
  unreachable = 4,
  interrupted = 130,
};

enum class Format : std::uint8_t { table, json, csv, xlsx, toml };

struct Settings {
  std::string run_dir = "/run/ipsecd";
  std::string account;  // empty: the caller's own
  Format format = Format::table;
  std::string output_file;  // empty: standard output
  bool no_color = false;
  std::chrono::seconds timeout{60};
};

// Where the pre-shared key of a tunnel comes from, where it is not among the fields already.
struct KeySource {
  enum class From : std::uint8_t { nowhere, file, standard_input, prompt };
  From from = From::nowhere;
  std::string file;
};

// What is done with the request.
enum class Course : std::uint8_t {
  ask,            // sent, and the answer shown
  confirm,        // first as a dry run, shown; then a person agrees, or said --yes
  confirm_flush,  // the same where there is no dry run: what is connected is shown
  plan_import,    // the text that comes back is applied as a dry run
  do_import,      // and then for good
  watch,          // again every two seconds
  follow,         // events as they come
  upgrade,        // and the next daemon is waited for
};

struct Command {
  Settings settings;
  control::Operation operation;
  Course course = Course::ask;
  KeySource key;
  std::string text_file;     // of Apply and Import: read into the request; "-" is standard input
  std::string secrets_file;  // of Import
  bool yes = false;
  bool secrets_shown = false;  // what is written is then for its owner's eyes alone
};

// Done without a daemon.
struct Print {
  std::string text;
};
// What could stand where the last word is being typed.
struct Complete {
  std::vector<std::string> words;
};

// One line with the next step.
struct UsageError {
  std::string message;
};

using Parsed = std::variant<Command, Print, Complete>;

}  // namespace ipsec::cli
