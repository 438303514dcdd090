#include "ike/daemon/continuity.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "ike/core/sa/archive.h"

namespace ipsec::daemon {
namespace {

using core::RecordKey;
using core::RecordKind;

RecordKey tunnel_key(TunnelId id) { return {RecordKind::tunnel, id.value}; }
RecordKey board_key(TunnelId id) { return {RecordKind::board, id.value}; }

}  // namespace

Continuity::Continuity(RuntimeStore store, std::vector<core::Record> records, Log& log)
    : store_(std::move(store)), log_(log) {
  for (core::Record& record : records) {
    const TunnelId tunnel{record.key.id};
    if (record.key.kind == RecordKind::board) {
      boards_.emplace(tunnel, std::move(record.content));
    } else if (record.key.kind == RecordKind::tunnel) {
      core::Loader archive(record.content.view());
      Reqid first;
      archive(first);
      if (archive.is_whole()) first_reqids_[tunnel] = first;
    } else {
      records_.push_back(std::move(record));
    }
  }
}

void Continuity::restore(Board& board) {
  for (const auto& [tunnel, content] : std::exchange(boards_, {})) {
    board.restore(tunnel, content.view());
  }
}

void Continuity::persist(const core::RecordBatch& batch) {
  const auto kept = store_.append(batch);
  if (kept) return;
  log_.write(
      Level::error,
      fmt::format("the runtime store is given up: {}; tunnels go on, and are negotiated anew "
                  "if ipsecd ends",
                  describe(Error(kept.error()))),
      {.event = "runtime-store"});
}

void Continuity::persist(const core::RecordBatch& batch, Board& board) {
  const std::set<TunnelId> changed = board.take_changed();
  if (changed.empty()) return persist(batch);
  writer_.add(batch);
  write(changed, board);
  persist(writer_.take());
}

void Continuity::persist(Board& board) {
  write(board.take_changed(), board);
  if (!writer_.empty()) persist(writer_.take());
}

void Continuity::write(const std::set<TunnelId>& changed, const Board& board) {
  for (const TunnelId tunnel : changed) {
    core::Saver& archive = writer_.begin(board_key(tunnel));
    if (board.save(tunnel, archive)) writer_.end();
  }
}

std::optional<Reqid> Continuity::first_reqid(TunnelId tunnel) const {
  const auto found = first_reqids_.find(tunnel);
  return found == first_reqids_.end() ? std::nullopt : std::optional(found->second);
}

void Continuity::set_first_reqid(TunnelId tunnel, Reqid first) {
  if (first_reqid(tunnel) == first) return;
  first_reqids_[tunnel] = first;
  writer_.begin(tunnel_key(tunnel))(first);
  writer_.end();
  persist(writer_.take());
}

void Continuity::forget(TunnelId tunnel) {
  if (first_reqids_.erase(tunnel) == 0) return;
  writer_.forget(tunnel_key(tunnel));
  persist(writer_.take());
}

}  // namespace ipsec::daemon
