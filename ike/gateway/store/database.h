// SQLite without its corners: statements that finalize themselves, errors as values. Internal to
// the room.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ike/base/error.h"

namespace ipsec::gateway {

class Database {
 public:
  [[nodiscard]] static std::expected<Database, ConfigError> open(std::string file);

  // Statements without values; several, with semicolons.
  [[nodiscard]] std::expected<void, ConfigError> run(const char* sql);
  // The last one of this connection, in words.
  [[nodiscard]] ConfigError error(std::string_view doing);
  // Where SQLite itself found nothing wrong with it.
  [[nodiscard]] ConfigError call_broken(std::string why);
  // Why the file is no database, or no whole one, once an error said so.
  [[nodiscard]] const std::optional<std::string>& broken() const { return broken_; }
  // As SQLite does it otherwise: what waits in the file's companion goes into the file at the
  // close, and the companion goes. A file that is not ours to use stays as it was found.
  void tidy_at_close();
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  Database(std::string file, sqlite3* handle) : file_(std::move(file)), handle_(handle) {}

  std::string file_;
  std::unique_ptr<sqlite3, Closer> handle_;
  std::optional<std::string> broken_;
};

// Before SQLite would make it with the process's mask. An existing file that others may read is
// narrowed.
[[nodiscard]] std::expected<void, ConfigError> keep_private(const std::filesystem::path& file);

struct Form {
  const char* settings;
  std::span<const char* const> migrations;  // one a version, from a file of the version before
};
// For this daemon alone, brought to the newest version. A file of a later one is refused before
// anything of it is changed.
[[nodiscard]] std::expected<void, ConfigError> take_into_use(Database& database, const Form& form);

// NOTE: Failure. As in Reader: the first error sticks until finish(), and there are no more rows.
class Statement {
 public:
  Statement(Database& database, const char* sql);

  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);
  // The next row, with the values that were bound since the last reset.
  [[nodiscard]] bool step();
  // To its end, and ready to be bound again.
  [[nodiscard]] std::expected<void, ConfigError> finish();

  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  int bound_ = 0;
  int result_ = SQLITE_OK;
};

}  // namespace ipsec::gateway
