// What of the daemon's own a daemon after this one goes on with, beside the engine's SAs: which
// request ids a tunnel has, so that the kernel's policies stay where they are, and what the board
// has counted, so that counters only grow.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ike/core/record.h"
#include "ike/core/sa/record_writer.h"
#include "ike/daemon/board.h"
#include "ike/daemon/log.h"
#include "ike/daemon/runtime_store.h"

namespace ipsec::daemon {

class Continuity {
 public:
  Continuity(RuntimeStore store, std::vector<core::Record> records, Log& log);

  // The engine's records, once.
  [[nodiscard]] std::vector<core::Record> take_records() { return std::exchange(records_, {}); }
  // What is kept of each tunnel for the board.
  void restore(Board& board);

  // Both in one change. Of the board what it is now, where it has changed.
  void persist(const core::RecordBatch& batch, Board& board);
  void persist(Board& board);

  [[nodiscard]] std::optional<Reqid> first_reqid(TunnelId tunnel) const;
  void set_first_reqid(TunnelId tunnel, Reqid first);
  // The tunnel is no more.
  void forget(TunnelId tunnel);

  // Nothing is to be gone on from.
  void end() { store_.remove(); }

 private:
  void persist(const core::RecordBatch& batch);
  void write(const std::set<TunnelId>& changed, const Board& board);

  RuntimeStore store_;
  Log& log_;
  core::RecordWriter writer_;
  std::vector<core::Record> records_;
  std::map<TunnelId, Secret> boards_;
  std::map<TunnelId, Reqid> first_reqids_;
};

}  // namespace ipsec::daemon
