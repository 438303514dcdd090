#include "ike/daemon/chronicle.h"

#include <utility>

#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

constexpr std::chrono::seconds kWriteDelay{1};
constexpr std::chrono::seconds kAgainAfterFailure{30};
// A storm of 10,000 tunnels going down and up is some 50,000 lines.
constexpr std::size_t kMostWaiting = 50'000;

}  // namespace

Chronicle::Chronicle(Loop& loop, Log& log, std::expected<gateway::Journal, ConfigError> journal)
    : loop_(loop), log_(log), journal_(std::move(journal)) {
  if (!journal_) {
    log_.write(Level::error, fmt::format("the log of connections is not kept until a restart: {}",
                                         describe(Error(journal_.error()))));
  }
  loop_.add(*this);
}

Chronicle::~Chronicle() {
  write();
  loop_.remove(*this);
}

std::uint64_t Chronicle::last_number() const { return journal_ ? journal_->last_number() : 0; }

void Chronicle::add(const control::EventView& event, std::string account) {
  if (!journal_) return;
  if (waiting_.size() >= kMostWaiting) return ++lost_, void();
  waiting_.push_back({event.number, event.at, std::move(account), event.tunnel_id, event.tunnel,
                      event.phase, event.event, event.text});
  if (write_at_ == kNever) write_at_ = loop_.now() + kWriteDelay;
}

void Chronicle::tick(Time) { write(); }

void Chronicle::write() {
  write_at_ = kNever;
  if (!journal_ || waiting_.empty()) return;
  if (const auto written = journal_->append(waiting_); !written) {
    write_at_ = loop_.now() + kAgainAfterFailure;
    return tell_of_failure(written.error());
  }
  waiting_.clear();
  tell_of_recovery();
}

void Chronicle::tell_of_failure(const ConfigError& error) {
  if (std::exchange(failing_, true)) return;
  log_.write(Level::error,
             fmt::format("the log of connections cannot be written, which is tried again every {} "
                         "s: {}",
                         kAgainAfterFailure.count(), describe(Error(error))));
}

void Chronicle::tell_of_recovery() {
  const std::size_t lost = std::exchange(lost_, 0);
  if (!std::exchange(failing_, false)) return;
  log_.write(Level::info,
             lost == 0 ? "the log of connections is written again, and nothing was lost"
                       : fmt::format("the log of connections is written again; {} events were lost",
                                     lost));
}

std::expected<std::vector<control::EventView>, ConfigError> Chronicle::read(
    const gateway::Journal::Query& query) {
  if (!journal_) return std::unexpected(journal_.error());
  write();
  const auto entries = journal_->read(query);
  if (!entries) return std::unexpected(entries.error());
  std::vector<control::EventView> out;
  out.reserve(entries->size());
  for (const gateway::JournalEntry& entry : *entries) {
    out.push_back({entry.at, entry.number, entry.tunnel_id, entry.tunnel, entry.phase, entry.event,
                   entry.text});
  }
  return out;
}

}  // namespace ipsec::daemon
