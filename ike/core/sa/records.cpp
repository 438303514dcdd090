#include "ike/core/sa/records.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ike/base/checksum.h"
#include "ike/core/sa/layouts.h"

namespace ipsec::core {
namespace {

void walk(auto& archive, auto& it) {
  archive(it.id, it.peer, it.peer_vendor, it.current, it.closing, it.patience, it.closes_with_heir,
          it.accompanied, it.begun_as, it.refused_before, it.begun_at, it.established_at,
          it.crossing_until, it.repeat_deletes_at, it.lowest_nonce, it.initial_contact,
          it.begun_alone, it.rule_single_pair, it.children);
}

// Who looks for a child by its number finds one, and the same each time.
bool are_told_apart(const std::vector<Child>& children) {
  std::set<ChildId> ids;
  return std::ranges::all_of(children,
                             [&](const Child& child) { return ids.insert(child.id).second; });
}

void walk_head(auto& archive, auto& it) {
  archive(it.id, it.role, it.our_spi, it.peer_spi, it.local, it.remote, it.nat);
  archive.expect(it.role == wire::Role::initiator || it.role == wire::Role::responder, "role");
}

}  // namespace

std::uint64_t meaning_of(const TunnelConfig& tunnel) {
  Saver archive;
  archive(tunnel.local, tunnel.remote, tunnel.local_identity, tunnel.remote_identity,
          tunnel.credential->fingerprint(), tunnel.version, tunnel.aggressive, tunnel.offers,
          tunnel.encapsulation);
  for (const ChildConfig& child : tunnel.children) {
    archive(child.reqid, child.selectors, child.offers, child.replay_window_packets);
  }
  const KernelWishes& kernel = tunnel.kernel;
  archive(kernel.interface, kernel.attachment, kernel.copy_dscp, kernel.copy_ecn,
          kernel.output_mark, kernel.offload);
  return checksum(archive.view());
}

void save(Saver& archive, const Association& association, std::uint64_t meaning) {
  const auto heir = association.heir.lock();
  archive(association.tunnel->id, meaning, heir != nullptr ? heir->id : AssociationId{});
  walk(archive, association);
}

std::optional<SavedAssociation> load_association(ByteView record) {
  Loader archive(record);
  SavedAssociation saved{std::make_shared<Association>(), {}, 0, {}};
  archive(saved.tunnel, saved.meaning, saved.heir);
  walk(archive, *saved.association);
  archive.expect(are_told_apart(saved.association->children), "child's number");
  if (!archive.is_whole()) return std::nullopt;
  return saved;
}

void save(Saver& archive, const Sa& sa) {
  archive(sa.version(), sa.association->id);
  walk_head(archive, sa);
  sa.save(archive);
}

std::optional<SavedSa> load_sa(ByteView record, ByteView window, MakeSa make,
                               const crypto::Provider& crypto, RandomSource& random) {
  Loader archive(record);
  Loader hot(window);
  IkeVersion version{};
  SavedSa saved;
  archive(version, saved.association);
  archive.expect(version == IkeVersion::v1 || version == IkeVersion::v2, "version");
  if (!archive.ok()) return std::nullopt;
  saved.sa = make(version);
  walk_head(archive, *saved.sa);
  const bool loaded = archive.ok() && saved.sa->load(archive, hot, crypto, random);
  if (!loaded || !archive.is_whole() || !hot.is_whole()) return std::nullopt;
  return saved;
}

}  // namespace ipsec::core
