// What of the board a daemon after this one goes on from.
#include <utility>

#include "ike/core/sa/archive.h"
#include "ike/daemon/board.h"

namespace ipsec::core {

template <>
struct Layout<control::TrafficView> {
  static void walk(auto& archive, auto& it) {
    archive(it.in_bytes, it.in_packets, it.out_bytes, it.out_packets);
  }
};

}  // namespace ipsec::core

namespace ipsec::daemon {
namespace {

std::int64_t seconds_of(control::Moment at) { return at.time_since_epoch().count(); }
control::Moment moment_of(std::int64_t seconds) {
  return control::Moment(std::chrono::seconds(seconds));
}

template <typename Id>
void save_moments(core::Saver& archive, const std::map<Id, control::Moment>& moments) {
  archive(static_cast<std::uint32_t>(moments.size()));
  for (const auto& [id, at] : moments) archive(id, seconds_of(at));
}

template <typename Id>
void load_moments(core::Loader& archive, std::map<Id, control::Moment>& moments) {
  std::uint32_t count = 0;
  archive(count);
  for (std::uint32_t i = 0; i < count && archive.ok(); ++i) {
    Id id;
    std::int64_t seconds = 0;
    archive(id, seconds);
    moments[id] = moment_of(seconds);
  }
}

}  // namespace

bool Board::save(TunnelId tunnel, core::Saver& archive) const {
  const auto found = entries_.find(tunnel);
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  archive(entry.connection, seconds_of(entry.since), seconds_of(entry.failed_at), entry.has_failed,
          entry.normal, entry.settled, entry.at_connection);
  save_moments(archive, entry.ike_since);
  save_moments(archive, entry.child_since);
  return true;
}

void Board::restore(TunnelId tunnel, ByteView saved) {
  core::Loader archive(saved);
  Entry entry;
  std::int64_t since = 0;
  std::int64_t failed_at = 0;
  archive(entry.connection, since, failed_at, entry.has_failed, entry.normal, entry.settled,
          entry.at_connection);
  archive.expect(entry.connection <= core::Connection::phase2_failed, "connection");
  load_moments(archive, entry.ike_since);
  load_moments(archive, entry.child_since);
  if (!archive.is_whole()) return;
  entry.since = moment_of(since);
  entry.failed_at = moment_of(failed_at);
  entries_.insert_or_assign(tunnel, std::move(entry));
}

}  // namespace ipsec::daemon
