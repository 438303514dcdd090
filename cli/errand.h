// One command with its connection: asking, telling, and the courses that take several requests.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/run.h"
#include "cli/table.h"

namespace ipsec::cli {

// What ended it has been told to the user.
template <typename T>
using Step = std::expected<T, ExitStatus>;

class Errand {
 public:
  Errand(Command command, const Surroundings& around);

  [[nodiscard]] ExitStatus run();

 private:
  // --- errand.cpp: what every course needs
  [[nodiscard]] Step<void> prepare();
  [[nodiscard]] Step<void> take_key();
  [[nodiscard]] Step<std::string> key_of_prompt();
  [[nodiscard]] Step<void> take_files();
  [[nodiscard]] Step<void> connect();
  [[nodiscard]] Step<control::Result> ask(const control::Operation& operation);
  template <typename Wanted>
  [[nodiscard]] Step<Wanted> ask_for(const control::Operation& operation);
  [[nodiscard]] ExitStatus tell(const control::Result& result);
  // For lists as JSON: they may be long, and what the daemon says is what is printed.
  [[nodiscard]] ExitStatus pass_on();
  [[nodiscard]] ExitStatus put_out(std::string_view bytes) const;
  [[nodiscard]] ExitStatus fail(const control::Error& error) const;
  [[nodiscard]] ExitStatus fail(const ClientError& error) const;
  void warn(const control::Result& result) const;

  // --- courses.cpp
  [[nodiscard]] ExitStatus confirm();
  [[nodiscard]] ExitStatus confirm_flush();
  [[nodiscard]] ExitStatus import();
  [[nodiscard]] ExitStatus watch();
  [[nodiscard]] ExitStatus follow();
  [[nodiscard]] ExitStatus upgrade();
  [[nodiscard]] Step<control::VersionReply> next_daemon(std::uint64_t pid_before);
  [[nodiscard]] Step<void> agree(std::string_view question, std::string_view what) const;
  void preview(std::string_view text) const;
  [[nodiscard]] Step<void> tell_event(const control::EventView& event);

  Command command_;
  const Surroundings* around_;
  Look look_;        // of standard output
  Look error_look_;  // of standard error
  std::optional<Client> client_;
};

}  // namespace ipsec::cli
