// A connection to the daemon's control socket.
//
// NOTE: Limits. Nothing waits longer than the time it was given, counted from the last byte that
// moved; only the next event may take for ever. Failure. Every error is one line with the next
// step.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>

#include "cli/wait.h"
#include "ike/base/unique_fd.h"
#include "ike/control/types/codec.h"

namespace ipsec::cli {

struct ClientError {
  enum class What : std::uint8_t { unreachable, broken, interrupted };
  What what = What::broken;
  std::string message;
};

class Client {
 public:
  [[nodiscard]] static std::expected<Client, ClientError> connect(const std::string& run_dir,
                                                                  std::chrono::milliseconds limit,
                                                                  const Interrupt& interrupt);

  // Its id is given here. What comes of other requests meanwhile is passed over.
  [[nodiscard]] std::expected<control::Reply, ClientError> ask(control::Request request);
  // As before, but a result comes as what `-o json` prints, and is not taken apart on the way.
  using Printed = std::variant<std::string, control::Reply>;
  [[nodiscard]] std::expected<Printed, ClientError> ask_for_json(control::Request request);
  // Of a request for events that follow.
  [[nodiscard]] std::expected<control::EventView, ClientError> next_event();

 private:
  Client(UniqueFd socket, std::string path, std::chrono::milliseconds limit,
         const Interrupt& interrupt)
      : socket_(std::move(socket)), path_(std::move(path)), limit_(limit), interrupt_(&interrupt) {}

  using Answer = std::variant<control::Reply, control::EventView>;
  [[nodiscard]] std::expected<void, ClientError> send(control::Request& request);
  [[nodiscard]] std::expected<void, ClientError> send(std::string_view line);
  [[nodiscard]] std::expected<Answer, ClientError> receive(bool for_ever);
  [[nodiscard]] std::expected<Answer, ClientError> read(std::string_view line) const;
  // The printer, if there is one, is shown the line while it comes.
  [[nodiscard]] std::expected<std::string, ClientError> next_line(
      bool for_ever, control::JsonPrinter* printer = nullptr);
  [[nodiscard]] Deadline deadline() const { return std::chrono::steady_clock::now() + limit_; }
  [[nodiscard]] ClientError broken(std::string_view why) const;
  [[nodiscard]] ClientError silent() const;

  UniqueFd socket_;
  std::string path_;
  std::chrono::milliseconds limit_;
  const Interrupt* interrupt_;
  std::string read_;          // and not yet taken
  std::size_t searched_ = 0;  // of it, for a newline
  std::uint64_t last_id_ = 0;
};

}  // namespace ipsec::cli
