#include "ike/gateway/store/journal.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "ike/gateway/store/aside.h"
#include "ike/gateway/store/database.h"

namespace ipsec::gateway {
namespace {

// Never changed once released; see store.cpp.
constexpr std::array kJournalMigrations{
    "CREATE TABLE event (number INTEGER PRIMARY KEY, at_s INTEGER NOT NULL, account TEXT NOT NULL,"
    "  tunnel_id TEXT NOT NULL, tunnel TEXT NOT NULL, phase TEXT NOT NULL, event TEXT NOT NULL,"
    "  text TEXT NOT NULL);"
    "CREATE INDEX event_of_tunnel ON event (tunnel_id, number);",
};

// NORMAL: lines of the last seconds may be lost with the machine, never with the process.
constexpr const char* kJournalSettings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";

constexpr std::size_t kMostBroken = 3;

struct Unopened {
  ConfigError error;
  std::optional<std::string> broken;  // and why, where that is so
};

std::expected<void, ConfigError> check_pages(Database& database) {
  Statement check(database, "PRAGMA quick_check(1)");
  std::string found = check.step() ? check.text(0) : std::string();
  if (auto checked = check.finish(); !checked) return checked;
  if (found == "ok") return {};
  std::ranges::replace(found, '\n', ' ');
  return std::unexpected(database.call_broken(std::move(found)));
}

std::expected<Database, Unopened> open_database(const std::filesystem::path& file) {
  const auto unopened = [](ConfigError error, std::optional<std::string> broken = {}) {
    return std::unexpected(Unopened{std::move(error), std::move(broken)});
  };
  if (auto kept = keep_private(file); !kept) return unopened(std::move(kept.error()));
  auto database = Database::open(file.string());
  if (!database) return unopened(std::move(database.error()));
  auto usable = take_into_use(*database, {kJournalSettings, kJournalMigrations});
  if (usable) usable = check_pages(*database);
  if (!usable) return unopened(std::move(usable.error()), database->broken());
  database->tidy_at_close();
  return *std::move(database);
}

}  // namespace

struct Journal::State {
  State(Database opened, const Bounds& its_bounds)
      : database(std::move(opened)), bounds(its_bounds) {}

  Database database;
  Bounds bounds;
  Statement put{database,
                "INSERT INTO event (number, at_s, account, tunnel_id, tunnel, phase, event, text)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"};
  Statement trim_tunnel{database,
                        "DELETE FROM event WHERE tunnel_id = ?1 AND number <="
                        " (SELECT number FROM event WHERE tunnel_id = ?1"
                        "  ORDER BY number DESC LIMIT 1 OFFSET ?2)"};
  Statement trim_all{database,
                     "DELETE FROM event WHERE number <="
                     " (SELECT number FROM event ORDER BY number DESC LIMIT 1 OFFSET ?)"};
};

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {}
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;
Journal::~Journal() = default;

std::expected<Journal::Opened, ConfigError> Journal::open(const std::filesystem::path& file,
                                                          const Bounds& bounds) {
  std::optional<MovedAside> moved;
  auto database = open_database(file);
  if (!database && database.error().broken) {
    auto aside = move_aside(file, kMostBroken);
    if (!aside) return std::unexpected(std::move(aside.error()));
    moved = {*std::move(aside), *std::move(database.error().broken)};
    database = open_database(file);
  }
  if (!database) return std::unexpected(std::move(database.error().error));
  Journal journal(std::make_unique<State>(*std::move(database), bounds));
  Statement last(journal.state_->database, "SELECT coalesce(max(number), 0) FROM event");
  if (last.step()) journal.last_number_ = static_cast<std::uint64_t>(last.number(0));
  if (auto read = last.finish(); !read) return std::unexpected(std::move(read.error()));
  return Opened{std::move(journal), std::move(moved)};
}

std::expected<void, ConfigError> Journal::append(std::span<const JournalEntry> entries) {
  if (entries.empty()) return {};
  if (auto begun = state_->database.run("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = write(entries);
  if (done) done = trim(entries);
  if (done) done = state_->database.run("COMMIT");
  if (done) {
    last_number_ = entries.back().number;
  } else {
    // Where this fails too there is nothing to take back any more.
    (void)state_->database.run("ROLLBACK");
  }
  return done;
}

std::expected<void, ConfigError> Journal::write(std::span<const JournalEntry> entries) {
  for (const JournalEntry& entry : entries) {
    state_->put.bind(static_cast<std::int64_t>(entry.number))
        .bind(entry.at.time_since_epoch().count())
        .bind(entry.account)
        .bind(entry.tunnel_id)
        .bind(entry.tunnel)
        .bind(entry.phase)
        .bind(entry.event)
        .bind(entry.text);
    if (auto put = state_->put.finish(); !put) return put;
  }
  return {};
}

std::expected<void, ConfigError> Journal::trim(std::span<const JournalEntry> entries) {
  std::set<std::string_view> tunnels;
  for (const JournalEntry& entry : entries) tunnels.insert(entry.tunnel_id);
  for (const std::string_view tunnel : tunnels) {
    state_->trim_tunnel.bind(tunnel).bind(
        static_cast<std::int64_t>(state_->bounds.entries_of_tunnel));
    if (auto trimmed = state_->trim_tunnel.finish(); !trimmed) return trimmed;
  }
  state_->trim_all.bind(static_cast<std::int64_t>(state_->bounds.entries));
  return state_->trim_all.finish();
}

std::expected<std::vector<JournalEntry>, ConfigError> Journal::read(const Query& query) {
  std::string sql =
      "SELECT number, at_s, account, tunnel_id, tunnel, phase, event, text FROM event"
      " WHERE account = ? AND at_s >= ?";
  for (std::size_t i = 0; i < query.tunnel_ids.size(); ++i) {
    sql += i == 0 ? " AND tunnel_id IN (?" : ", ?";
  }
  if (!query.tunnel_ids.empty()) sql += ")";
  sql += " ORDER BY number DESC LIMIT ?";
  Statement ask(state_->database, sql.c_str());
  const auto since = query.since ? query.since->time_since_epoch().count() : 0;
  ask.bind(query.account).bind(since);
  for (const std::string& id : query.tunnel_ids) ask.bind(id);
  ask.bind(static_cast<std::int64_t>(query.most));
  std::vector<JournalEntry> out;
  while (ask.step()) {
    out.push_back({static_cast<std::uint64_t>(ask.number(0)),
                   std::chrono::sys_seconds(std::chrono::seconds(ask.number(1))), ask.text(2),
                   ask.text(3), ask.text(4), ask.text(5), ask.text(6), ask.text(7)});
  }
  if (auto read = ask.finish(); !read) return std::unexpected(std::move(read.error()));
  std::ranges::reverse(out);
  return out;
}

}  // namespace ipsec::gateway
