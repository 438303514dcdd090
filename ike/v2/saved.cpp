// What the runtime store keeps of an IKEv2 SA, and how it goes on from there.
//
// Kept is what both sides know: of exchanges under way those whose request is out. What we only
// gathered for begins anew, and what the peer asks for it asks again, until it is answered.
#include <utility>

#include "ike/base/limits.h"
#include "ike/core/sa/children.h"
#include "ike/core/sa/layouts.h"
#include "ike/v2/channel.h"
#include "ike/v2/child_request.h"
#include "ike/v2/handlers.h"
#include "ike/v2/sa.h"

namespace ipsec::core {

template <>
struct Layout<v2::RivalChild> {
  static void walk(auto& archive, auto& it) { archive(it.id, it.lowest_nonce); }
};
template <>
struct Layout<v2::Rival> {
  static void walk(auto& archive, auto& it) { archive(it.sa, it.lowest_nonce, it.born); }
};
template <>
struct Layout<v2::ChildDeleteRequest> {
  static void walk(auto& archive, auto& it) { archive(it.children); }
};
template <>
struct Layout<v2::IkeDeleteRequest> {
  static void walk(auto& /*archive*/, auto& /*it*/) {}
};
template <>
struct Layout<v2::ProbeRequest> {
  static void walk(auto& /*archive*/, auto& /*it*/) {}
};
template <>
struct Layout<crypto::IkeKeys> {
  static void walk(auto& archive, auto& it) {
    archive(it.sk_d, it.sk_ai, it.sk_ar, it.sk_ei, it.sk_er, it.sk_pi, it.sk_pr);
  }
};
template <>
struct Layout<v2::InitOutcome> {
  static void walk(auto& archive, auto& it) {
    archive(it.algorithms, it.nonces, it.request, it.response);
  }
};

}  // namespace ipsec::core

namespace ipsec::v2 {
namespace {

using core::Loader;
using core::Saver;

// Which exchange of ours is kept; the numbers are those in the file.
enum class Kept : std::uint8_t { none = 0, child = 1, rekey = 2, deletes = 3, farewell = 4 };

Kept kept_of(const OurExchange& ours) {
  if (const auto* child = std::get_if<ChildRequest>(&ours)) {
    return child->nonces.initiator.empty() ? Kept::none : Kept::child;
  }
  if (const auto* rekey = std::get_if<IkeRekeyRequest>(&ours)) {
    return rekey->nonces.initiator.empty() ? Kept::none : Kept::rekey;
  }
  if (std::holds_alternative<ChildDeleteRequest>(ours)) return Kept::deletes;
  return std::holds_alternative<IkeDeleteRequest>(ours) ? Kept::farewell : Kept::none;
}

void save_key(Saver& archive, const core::KeyPointer& key) {
  archive(key != nullptr ? key->private_value() : Secret());
}

// Null where the exchange had none, or it cannot be made again.
core::KeyPointer load_key(Loader& archive, const GroupRow* group, const crypto::Provider& crypto) {
  Secret value;
  archive(value);
  if (value.empty() || group == nullptr) return nullptr;
  auto key = crypto.import_private(group->id, value);
  archive.expect(key.has_value(), "private value");
  if (!key) return nullptr;
  return *std::move(key);
}

void walk_request(auto& archive, auto& it) {
  archive(it.rule, it.replaces, it.offers, it.nonces, it.reserved, it.offered, it.rival, it.group,
          it.restarts, it.in_auth, it.deleted_early, it.made);
}

void walk_rekey(auto& archive, auto& it) {
  archive(it.new_spi, it.offers, it.group, it.restarts, it.nonces.initiator);
}

void save_ours(Saver& archive, const OurExchange& ours) {
  const Kept kept = kept_of(ours);
  archive(kept);
  if (kept == Kept::child) {
    const auto& request = std::get<ChildRequest>(ours);
    walk_request(archive, request);
    save_key(archive, request.key);
  } else if (kept == Kept::rekey) {
    const auto& request = std::get<IkeRekeyRequest>(ours);
    walk_rekey(archive, request);
    save_key(archive, request.key);
  } else if (kept == Kept::deletes) {
    archive(std::get<ChildDeleteRequest>(ours));
  }
}

OurExchange load_ours(Loader& archive, const crypto::Provider& crypto) {
  Kept kept{};
  archive(kept);
  switch (kept) {
    case Kept::none:
      return std::monostate{};
    case Kept::child: {
      ChildRequest request;
      walk_request(archive, request);
      request.key = load_key(archive, request.group, crypto);
      return request;
    }
    case Kept::rekey: {
      IkeRekeyRequest request;
      walk_rekey(archive, request);
      request.key = load_key(archive, request.group, crypto);
      archive.expect(request.key != nullptr, "private value");
      return request;
    }
    case Kept::deletes: {
      ChildDeleteRequest request;
      archive(request);
      return request;
    }
    case Kept::farewell:
      return IkeDeleteRequest{};
  }
  archive.expect(false, "exchange");
  return std::monostate{};
}

void walk_rest(auto& archive, auto& sa, auto& up) {
  archive(sa.fragment_bytes, up.lowest_nonce, up.delete_wanted, up.rekey_wanted, up.rekey_at,
          up.patience, up.expires_at, up.rival, up.peer_token, up.token_owed);
}

void walk_window(auto& archive, auto& window) {
  archive(window.next_id, window.expected_id, window.last_request, window.last_answer);
}

std::optional<Window> load_window(Loader& archive, const crypto::Provider& crypto,
                                  RandomSource& random, const crypto::IkeAlgorithms& algorithms,
                                  const crypto::IkeKeys& keys, wire::Role role) {
  if (algorithms.prf == nullptr) return std::nullopt;
  auto protection = core::Protection::make(crypto, algorithms, keys, role, random);
  if (!protection) return std::nullopt;
  Window window = open_window(*std::move(protection), 0, 0, {});
  walk_window(archive, window);
  window.protection.use_other_ivs();
  if (!archive.ok()) return std::nullopt;
  return window;
}

void hold(Turn& turn, const Sa& sa, const ChildRequest& request) {
  core::AdoptSas held{sa.tunnel().id, {}, {}};
  if (request.reserved) held.held.push_back(*request.reserved);
  turn.act(std::move(held));
}

// The peer's answer makes the child, whether it has come before or not: it is said again. The
// kernel still holds the SPI.
void ask_again(Turn& turn, const Sa& sa, Established& up) {
  auto* request = std::get_if<ChildRequest>(&up.ours);
  if (request == nullptr) return;
  request->nonces.responder.clear();
  request->made.reset();
  hold(turn, sa, *request);
}

// Its child came to the kernel, and there it ended.
bool is_in_place(const core::Comeback& comeback, const ChildRequest& request) {
  if (!request.made) return false;
  const Child& child = *request.made;
  return comeback.find(child.protocol, child.inbound, child.local.address) != nullptr &&
         comeback.find(child.protocol, child.outbound, child.remote.address) != nullptr;
}

// What the peer asked for and had no answer to, it asks for again.
void forget_lost(Sa& sa, Established& up) {
  auto* request = std::get_if<ChildRequest>(&up.ours);
  if (request != nullptr && request->rival && sa.association->find(request->rival->id) == nullptr) {
    request->rival.reset();
  }
  if (up.rival && !up.rival->born) up.rival.reset();
}

}  // namespace

// Once our IKE_AUTH is out the peer may hold it for up, and it is said again; what we have not
// answered the peer says again. With the first child on its way to the kernel packets may go
// through it already.
bool Sa::outlives_us() const {
  const auto* up = established();
  if (up == nullptr) return is_committed();
  if (up->peers && up->peers->exchange == wire::ExchangeType::ike_auth) return false;
  const auto* request = std::get_if<ChildRequest>(&up->ours);
  return request == nullptr || !request->in_auth || request->made;
}

void Sa::save(Saver& archive) const {
  archive(is_committed());
  if (const auto* sent = std::get_if<AuthSent>(&state)) {
    archive(fragment_bytes, sent->init, sent->keys, sent->child.has_value());
    if (sent->child) walk_request(archive, *sent->child);
    return;
  }
  const Established& up = *established();
  archive(up.algorithms, up.keys);
  walk_rest(archive, *this, up);
  save_ours(archive, up.ours);
}

void Sa::save_window(Saver& archive) const {
  const auto* sent = std::get_if<AuthSent>(&state);
  const Window& window = sent != nullptr ? sent->window : established()->window;
  walk_window(archive, window);
}

bool Sa::load(Loader& archive, Loader& window, const crypto::Provider& crypto,
              RandomSource& random) {
  bool opens = false;
  archive(opens);
  if (opens) {
    InitOutcome init;
    crypto::IkeKeys keys;
    bool has_child = false;
    archive(fragment_bytes, init, keys, has_child);
    std::optional<ChildRequest> child;
    if (has_child) walk_request(archive, child.emplace());
    auto opened = load_window(window, crypto, random, init.algorithms, keys, role);
    if (!archive.ok() || !opened) return false;
    state = AuthSent{std::move(init), std::move(keys), *std::move(opened), std::move(child)};
    return true;
  }
  crypto::IkeAlgorithms algorithms;
  crypto::IkeKeys keys;
  archive(algorithms, keys);
  auto opened = load_window(window, crypto, random, algorithms, keys, role);
  if (!archive.ok() || !opened) return false;
  Established up{algorithms, std::move(keys), *std::move(opened)};
  walk_rest(archive, *this, up);
  up.ours = load_ours(archive, crypto);
  state = std::move(up);
  return archive.ok();
}

void Sa::resumed(Turn& turn, const core::Comeback& comeback) {
  if (auto* sent = std::get_if<AuthSent>(&state)) {
    if (sent->child) hold(turn, *this, *sent->child);
    const auto again = core::RetransmitSchedule::opening().after(comeback.probe_after);
    sent->window.sent =
        SentRequest{sent->window.next_id - 1, core::Retransmission(again, turn.now), turn.now};
    return;
  }
  auto& up = *established();
  Window& window = up.window;
  forget_lost(*this, up);
  if (const auto* asked = std::get_if<ChildRequest>(&up.ours);
      asked != nullptr && asked->rule >= tunnel().children.size()) {
    up.ours = std::monostate{};
  }
  const bool was_gathering =
      up.rekey_at == kNever && !std::holds_alternative<IkeRekeyRequest>(up.ours);
  up.rekey_at = was_gathering ? turn.now : up.rekey_at;
  up.expires_at = core::Comeback::end_of(up.expires_at, turn.now);
  up.rekey_at = std::max(up.rekey_at, comeback.succeed_at(up.expires_at, turn.now));
  if (nat.local) up.keepalive_at = turn.now;
  auto* request = std::get_if<ChildRequest>(&up.ours);
  if (request != nullptr && is_in_place(comeback, *request)) {
    core::adopt(turn, *association, *request->made, comeback);
    return request_installed(turn, *this, {});
  }
  if (request != nullptr && request->in_auth && request->made) {
    // That exchange cannot be had again.
    core::leave_unmade(*association, *std::move(request->made), {});
    up.ours = std::monostate{};
  }
  // Its answer shows that the peer is there, also where that was given long ago.
  window.heard_at = turn.now;
  if (window.last_request.empty()) {
    window.heard_at = turn.now + comeback.probe_after - tunnel().dpd_delay;
    return;
  }
  ask_again(turn, *this, up);
  if (std::holds_alternative<std::monostate>(up.ours)) up.ours = ProbeRequest{};
  const auto schedule = core::RetransmitSchedule::established(tunnel().dpd_timeout);
  window.sent =
      SentRequest{window.next_id - 1,
                  core::Retransmission(schedule.after(comeback.probe_after), turn.now), turn.now};
}

}  // namespace ipsec::v2
