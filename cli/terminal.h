// What the three standard descriptors are, and questions to whoever sits there.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "cli/table.h"
#include "cli/wait.h"

namespace ipsec::cli {

struct Environment {
  std::optional<std::string> columns;   // $COLUMNS
  std::optional<std::string> no_color;  // $NO_COLOR
  std::optional<std::string> term;      // $TERM
};
struct Terminals {
  bool in = false;
  bool out = false;
  bool error = false;
};

[[nodiscard]] Terminals find_terminals();
// In columns: $COLUMNS, else what the terminal says, else 80.
[[nodiscard]] std::size_t terminal_width(const Environment& environment, int fd);
// Cut and coloured only where a person looks.
[[nodiscard]] Look look_for(bool is_terminal, bool no_color, const Environment& environment,
                            std::size_t width);

// A line from the terminal on standard input; the question goes to standard error. Nothing:
// interrupted, or the end.
enum class Echo : bool { off, on };
[[nodiscard]] std::optional<std::string> ask_terminal(std::string_view question, Echo echo,
                                                      const Interrupt& interrupt);

// Writes all of it; the error is a line.
[[nodiscard]] std::expected<void, std::string> write_all(int fd, std::string_view bytes);

// Reads a file; "-" is standard input. The error names it.
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::string& name,
                                                                const Interrupt& interrupt);
// Takes its place at once and as a whole, so that who reads it never finds half. With secrets it is
// its owner's alone. The error names it.
enum class Privacy : bool { usual, owner_only };
[[nodiscard]] std::expected<void, std::string> replace_file(const std::string& name,
                                                            std::string_view bytes,
                                                            Privacy privacy);
// Whether others may read it.
[[nodiscard]] bool is_readable_by_others(const std::string& name);

}  // namespace ipsec::cli
