#include "ike/gateway/store/store.h"

#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/gateway/access.h"
#include "ike/gateway/schema/fields.h"
#include "ike/gateway/store/database.h"

namespace ipsec::gateway {
namespace {

// One entry a version: it brings a store of the version before to it. Never changed once released.
constexpr std::array kMigrations{
    "CREATE TABLE object (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL,"
    "  created_s INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE field (object TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,"
    "  value TEXT NOT NULL, PRIMARY KEY (object, name, position)) WITHOUT ROWID;"
    "CREATE TABLE secret (object TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    "  PRIMARY KEY (object, name)) WITHOUT ROWID;"
    "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, at_s INTEGER NOT NULL,"
    "  who TEXT NOT NULL, what TEXT NOT NULL);"
    // What has been written there stays, whoever has the file open.
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN"
    "  SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
    "CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN"
    "  SELECT RAISE(ABORT, 'the audit log is append-only'); END;",
    // INSERT OR REPLACE deletes what it replaces without asking the triggers about deletion.
    "CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit"
    "  WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number) BEGIN"
    "  SELECT RAISE(ABORT, 'the audit log is append-only'); END;",
};

// FULL: a commit that was answered is on the disk.
constexpr const char* kSettings =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;";

std::string list(const FieldValue& value) {
  return value.empty() ? "nothing" : fmt::format("{}", fmt::join(value, ", "));
}

}  // namespace

std::string describe(const Step& step) {
  static constexpr std::array kWords{"create", "change", "remove", "follow"};
  std::string out = fmt::format("{} {} '{}' ({})", kWords.at(static_cast<std::size_t>(step.what)),
                                name_of(step.id.kind), step.name, step.id.to_string());
  const char* before = ": ";
  for (const FieldChange& change : step.changes) {
    out += std::exchange(before, ", ") + change.field;
    // Both empty: a secret, of which nothing more is said.
    if (change.before.empty() && change.after.empty()) continue;
    out += fmt::format(" {} -> {}", list(change.before), list(change.after));
  }
  return out;
}

struct Store::State {
  explicit State(Database opened, std::string path)
      : database(std::move(opened)), file(std::move(path)) {}

  std::expected<void, ConfigError> put(const Object& object);
  std::expected<void, ConfigError> erase(const ObjectId& id);
  std::expected<void, ConfigError> save(const Plan& plan, std::string_view who,
                                        std::chrono::sys_seconds now);

  Database database;
  std::string file;
  Statement put_object{database,
                       "INSERT INTO object (id, account, name, created_s) VALUES (?, ?, ?, ?)"};
  Statement put_field{database,
                      "INSERT INTO field (object, name, position, value) VALUES (?, ?, ?, ?)"};
  Statement put_secret{database, "INSERT INTO secret (object, name, value) VALUES (?, ?, ?)"};
  Statement put_audit{database, "INSERT INTO audit (at_s, who, what) VALUES (?, ?, ?)"};
  Statement erase_object{database, "DELETE FROM object WHERE id = ?"};
  Statement erase_fields{database, "DELETE FROM field WHERE object = ?"};
  Statement erase_secrets{database, "DELETE FROM secret WHERE object = ?"};
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

std::expected<Store, ConfigError> Store::open(const std::filesystem::path& file) {
  if (auto kept = keep_private(file); !kept) return std::unexpected(std::move(kept.error()));
  auto database = Database::open(file.string());
  if (!database) return std::unexpected(std::move(database.error()));
  if (auto taken = take_into_use(*database, {kSettings, kMigrations}); !taken) {
    return std::unexpected(std::move(taken.error()));
  }
  database->tidy_at_close();
  return Store(std::make_unique<State>(*std::move(database), file.string()));
}

// --- reading -----------------------------------------------------------------------------------

std::expected<Inventory, ConfigError> Store::load() {
  Database& database = state_->database;
  const auto broken = [&](std::string_view id, std::string why) {
    return std::unexpected(ConfigError{
        state_->file, fmt::format("object '{}': {}; mend it or put back a copy", id, why)});
  };
  std::map<std::string, Object, std::less<>> objects;
  Statement rows(database, "SELECT id, account, name, created_s FROM object");
  while (rows.step()) {
    const auto id = ObjectId::parse(rows.text(0));
    if (!id) return broken(rows.text(0), "no object's id");
    Object object = make_object(id->kind);
    meta_of(object) = {*id,
                       rows.text(1),
                       rows.text(2),
                       {},
                       std::chrono::sys_seconds(std::chrono::seconds(rows.number(3)))};
    objects.emplace(rows.text(0), std::move(object));
  }
  if (auto read = rows.finish(); !read) return std::unexpected(std::move(read.error()));

  Statement values(database,
                   "SELECT object, name, value, position FROM field UNION ALL "
                   "SELECT object, name, value, 0 FROM secret ORDER BY 1, 2, 4");
  std::string id;
  std::string name;
  FieldValue value;
  const auto set = [&]() -> std::expected<void, ConfigError> {
    if (value.empty()) return {};
    const auto object = objects.find(id);
    if (object == objects.end()) return broken(id, "has fields and is not there");
    const auto done = set_field(object->second, name, std::exchange(value, {}));
    if (!done) return broken(id, fmt::format("{}: {}", name, done.error().why));
    return {};
  };
  while (values.step()) {
    if (values.text(0) != id || values.text(1) != name) {
      if (auto done = set(); !done) return std::unexpected(std::move(done.error()));
      id = values.text(0);
      name = values.text(1);
    }
    value.push_back(values.text(2));
  }
  if (auto read = values.finish(); !read) return std::unexpected(std::move(read.error()));
  if (auto done = set(); !done) return std::unexpected(std::move(done.error()));

  Inventory inventory;
  for (auto& [text, object] : objects) {
    inventory.put(std::make_shared<const Object>(std::move(object)));
  }
  return inventory;
}

std::expected<std::vector<AuditEntry>, ConfigError> Store::audit(std::size_t most) {
  Statement rows(state_->database,
                 "SELECT at_s, who, what FROM audit ORDER BY number DESC LIMIT ?");
  rows.bind(static_cast<std::int64_t>(most));
  std::vector<AuditEntry> out;
  while (rows.step()) {
    out.push_back({std::chrono::sys_seconds(std::chrono::seconds(rows.number(0))), rows.text(1),
                   rows.text(2)});
  }
  if (auto read = rows.finish(); !read) return std::unexpected(std::move(read.error()));
  return out;
}

// --- writing -----------------------------------------------------------------------------------

std::expected<void, ConfigError> Store::save(const Plan& plan, std::string_view who,
                                             std::chrono::sys_seconds now) {
  if (auto begun = state_->database.run("BEGIN IMMEDIATE"); !begun) return begun;
  auto saved = state_->save(plan, who, now);
  if (saved) saved = state_->database.run("COMMIT");
  // Where it was rolled back already, as on a full disk, there is nothing to roll back.
  if (!saved) [[maybe_unused]]
    const auto undone = state_->database.run("ROLLBACK");
  return saved;
}

std::expected<void, ConfigError> Store::State::save(const Plan& plan, std::string_view who,
                                                    std::chrono::sys_seconds now) {
  for (const Step& step : plan.steps) {
    if (step.what == Step::What::follow) continue;  // nothing of its own changed
    // What is new has nothing there; asking for it thrice an object took a fifth of the time.
    if (step.what != Step::What::create) {
      if (auto done = erase(step.id); !done) return done;
    }
    if (const auto object = plan.inventory.find(step.id)) {
      if (auto done = put(*object); !done) return done;
    }
    put_audit.bind(now.time_since_epoch().count()).bind(who).bind(gateway::describe(step));
    if (auto done = put_audit.finish(); !done) return done;
  }
  return {};
}

std::expected<void, ConfigError> Store::State::put(const Object& object) {
  const Meta& meta = meta_of(object);
  const std::string id = meta.id.to_string();
  put_object.bind(id).bind(meta.account).bind(meta.name);
  put_object.bind(meta.created.time_since_epoch().count());
  if (auto done = put_object.finish(); !done) return done;
  for (const Field& field : fields_of(meta.id.kind)) {
    const FieldValue value = get_field(object, field.name);
    // Also what is at its default: a later version may have another one.
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (field.shape == Shape::secret) {
        put_secret.bind(id).bind(field.name).bind(value[i]);
        if (auto done = put_secret.finish(); !done) return done;
      } else {
        put_field.bind(id).bind(field.name).bind(static_cast<std::int64_t>(i)).bind(value[i]);
        if (auto done = put_field.finish(); !done) return done;
      }
    }
  }
  return {};
}

std::expected<void, ConfigError> Store::State::erase(const ObjectId& id) {
  const std::string text = id.to_string();
  for (Statement* statement : {&erase_object, &erase_fields, &erase_secrets}) {
    statement->bind(text);
    if (auto done = statement->finish(); !done) return done;
  }
  return {};
}

}  // namespace ipsec::gateway
