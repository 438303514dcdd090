#include "ike/gateway/store/database.h"

#include <utility>

#include <fmt/format.h>

namespace ipsec::gateway {
namespace {

// What an operator can do about it; nothing where SQLite's own words say all.
std::string_view advice_for(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
      return "another daemon has it open: stop that one, or give this one another --state-dir";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "keep it for salvage, put back a copy, or move it away to begin with an empty one";
    case SQLITE_FULL:
      return "nothing was changed: make room and try again";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "the directory and the file must be writable by the daemon's user";
    case SQLITE_IOERR:
      return "nothing was changed: look at the disk";
    default:
      return {};
  }
}

}  // namespace

std::expected<Database, ConfigError> Database::open(std::string file) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  Database database(std::move(file), handle);
  if (opened != SQLITE_OK) return std::unexpected(database.error("open"));
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

std::expected<void, ConfigError> Database::run(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return std::unexpected(error("write"));
}

ConfigError Database::error(std::string_view doing) const {
  const int code = handle_ ? sqlite3_errcode(handle_.get()) : SQLITE_NOMEM;
  std::string why =
      fmt::format("cannot {} it: {}", doing,
                  handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(SQLITE_NOMEM));
  if (const auto advice = advice_for(code); !advice.empty()) why += fmt::format("; {}", advice);
  return {file_, std::move(why)};
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  result_ = sqlite3_prepare_v2(database.handle(), sql, -1, &statement, nullptr);
  statement_.reset(statement);
}

Statement& Statement::bind(std::string_view text) {
  if (result_ == SQLITE_OK) {
    result_ = sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(),
                                  SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  if (result_ == SQLITE_OK) result_ = sqlite3_bind_int64(statement_.get(), ++bound_, number);
  return *this;
}

bool Statement::step() {
  if (result_ != SQLITE_OK && result_ != SQLITE_ROW) return false;
  result_ = sqlite3_step(statement_.get());
  return result_ == SQLITE_ROW;
}

std::expected<void, ConfigError> Statement::finish() {
  while (step()) {
  }
  std::expected<void, ConfigError> finished;
  if (result_ != SQLITE_DONE) finished = std::unexpected(database_.error("use"));
  // A statement that failed, as on a full disk, is good for the next time; not so one that never
  // was.
  if (statement_) {
    sqlite3_reset(statement_.get());
    bound_ = 0;
    result_ = SQLITE_OK;
  }
  return finished;
}

std::string Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(bytes), size);
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

}  // namespace ipsec::gateway
