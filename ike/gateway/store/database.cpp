#include "ike/gateway/store/database.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "ike/base/unique_fd.h"

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
      return "make room and try again";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "the directory and the file must be writable by the daemon's user";
    case SQLITE_IOERR:
      return "look at the disk, and try again";
    case SQLITE_ERROR:
      return "another hand made or changed it: move it away to begin with an empty one";
    default:
      return {};
  }
}

std::string with_advice(std::string why, int code) {
  if (const auto advice = advice_for(code); !advice.empty()) why += fmt::format("; {}", advice);
  return why;
}

bool is_about_the_whole_file(int code) {
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

}  // namespace

std::expected<Database, ConfigError> Database::open(std::string file) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  Database database(std::move(file), handle);
  if (opened != SQLITE_OK) return std::unexpected(database.error("open"));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

void Database::tidy_at_close() {
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

std::expected<void, ConfigError> Database::run(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return std::unexpected(error("write"));
}

ConfigError Database::error(std::string_view doing) {
  const int code = handle_ ? sqlite3_errcode(handle_.get()) : SQLITE_NOMEM;
  const std::string words = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  if (is_about_the_whole_file(code)) broken_ = words;
  return {file_, with_advice(fmt::format("cannot {} it: {}", doing, words), code)};
}

ConfigError Database::call_broken(std::string why) {
  broken_ = std::move(why);
  return {file_, with_advice(fmt::format("it is broken: {}", *broken_), SQLITE_CORRUPT)};
}

std::expected<void, ConfigError> keep_private(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (fd.get() >= 0 && ::fchmod(fd.get(), S_IRUSR | S_IWUSR) == 0) return {};
  return std::unexpected(ConfigError{
      file.string(), fmt::format("cannot open it: {}; the directory and the file must be "
                                 "writable by the daemon's user",
                                 std::generic_category().message(errno))});
}

namespace {

std::expected<std::int64_t, ConfigError> version_of(Database& database, std::int64_t newest) {
  Statement ask(database, "PRAGMA user_version");
  const std::int64_t found = ask.step() ? ask.number(0) : 0;
  if (auto asked = ask.finish(); !asked) return std::unexpected(std::move(asked.error()));
  if (found < 0)
    return std::unexpected(database.call_broken(fmt::format("there is no form {}", found)));
  if (found <= newest) return found;
  return std::unexpected(ConfigError{
      database.file(), fmt::format("its form {} is newer than this daemon's {}; install the newer "
                                   "version, or use another --state-dir",
                                   found, newest)});
}

}  // namespace

std::expected<void, ConfigError> take_into_use(Database& database, const Form& form) {
  // EXCLUSIVE: another daemon is turned away at once.
  if (auto set = database.run("PRAGMA locking_mode = EXCLUSIVE"); !set) return set;
  const auto newest = static_cast<std::int64_t>(form.migrations.size());
  const auto found = version_of(database, newest);
  if (!found) return std::unexpected(found.error());
  if (auto set = database.run(form.settings); !set) return set;
  for (std::int64_t version = *found; version < newest; ++version) {
    const std::string sql =
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA user_version = {}; COMMIT;",
                    form.migrations[static_cast<std::size_t>(version)], version + 1);
    if (auto done = database.run(sql.c_str()); !done) return done;
  }
  return {};
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
