// Children that we ask for.
#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/v1/pairs.h"
#include "ike/v1/quick.h"
#include "ike/wire/structure.h"
#include "ike/wire/v1/identity.h"

namespace ipsec::v1 {
namespace {

namespace proposal = core::proposal_v1;

using core::Cause;
using core::Failure;
using wire::v1::IdPayload;
using wire::v1::KePayload;
using wire::v1::NoncePayload;
using wire::v1::NotificationPayload;
using wire::v1::Payload;
using wire::v1::SaPayload;

MessageId unused_message_id(Turn& turn, const Established& up) {
  for (;;) {
    const MessageId id = new_message_id(turn.spi());
    if (!up.quicks.contains(id.value)) return id;
  }
}

wire::v1::EncapsulationMode mode_of(const Sa& sa, const Established& up) {
  if (!sa.nat.any()) return wire::v1::EncapsulationMode::tunnel;
  return up.peer.nat == NatWords::draft ? wire::v1::EncapsulationMode::udp_tunnel_draft
                                        : wire::v1::EncapsulationMode::udp_tunnel;
}

void start(Turn& turn, Sa& sa, core::ChildMaking making, const GroupRow* group) {
  auto& up = *sa.established();
  const MessageId id = unused_message_id(turn, up);
  auto iv = iv_of(turn, up, id);
  if (!iv) return turn.drop("own keys failed");
  const core::ChildConfig& rule = sa.tunnel().children[making.rule];
  Quick quick{
      wire::Role::initiator, Quick::Stage::gathering, *std::move(iv), std::move(making), {}};
  quick.terms = {{rule.lifetime, rule.lifetime_bytes / 1024}, group, mode_of(sa, up)};
  for (const Child* child : pair_of(*sa.association, quick.making.rule, quick.making.selectors)) {
    quick.known.push_back(child->id);
  }
  quick.making.offers = rule.offers;
  quick.making.spi_wanted = turn.numbers.next<core::Ticket>();
  turn.act(core::AllocateSpi{sa.id, *quick.making.spi_wanted, rule.offers.front().protocol,
                             sa.remote.address, sa.local.address});
  if (group != nullptr) {
    quick.key_wanted = turn.numbers.next<JobId>();
    turn.act(core::StartJob{sa.id, *quick.key_wanted, core::GenerateKey{group->id}});
  }
  forget_oldest(up);
  up.quicks.emplace(id.value, std::move(quick));
}

// What the two ID payloads say of our end and of the peer's; the initiator's stands first.
std::optional<std::pair<IdPayload, IdPayload>> ids_of(const core::SelectorPair& selectors) {
  const auto local = wire::v1::id_of(selectors.local.front());
  const auto remote = wire::v1::id_of(selectors.remote.front());
  if (!local || !remote) return std::nullopt;
  return std::pair(*local, *remote);
}

//   HDR*, HASH(1), SA, Ni, [KE,] IDci, IDcr -->
void send_offer(Turn& turn, Sa& sa, QuickId id) {
  auto& up = *sa.established();
  Quick& quick = up.quicks.at(id);
  const auto ids = ids_of(quick.making.selectors);
  if (!ids) {
    return fail_quick(
        turn, sa, id,
        child_failure(Cause::selectors_unacceptable, core::describe(quick.making.selectors), {},
                      "IKEv1 cannot say these ports"));
  }
  quick.making.nonces.initiator = turn.nonce();
  std::vector<Payload> payloads{
      proposal::write_offers(quick.making.offers, quick.making.reserved->spi, quick.terms),
      NoncePayload{quick.making.nonces.initiator}};
  if (quick.key != nullptr) payloads.emplace_back(KePayload{to_bytes(quick.key->public_value())});
  payloads.emplace_back(ids->first);
  payloads.emplace_back(ids->second);
  auto message = seal_with_hash(
      up, quick.iv, header_of(sa.spis(), wire::ExchangeType::quick_mode, MessageId{id}),
      std::move(payloads), [&](ByteView rest) {
        return crypto::v1::hash_1(turn.crypto, *up.algorithms.prf, up.keys.secrets.skeyid_a.view(),
                                  MessageId{id}, rest);
      });
  if (!message) {
    return fail_quick(turn, sa, id, child_failure(Cause::internal, {}, {}, "own message failed"));
  }
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  ++up.path.requests;
  quick.said.answer = *std::move(message);
  quick.timer = {core::RetransmitSchedule::established(sa.tunnel().dpd_timeout), turn.now};
  quick.stage = Quick::Stage::offered;
}

// RFC 2407 4.6.3.1: the responder's lifetime, where it is shorter than what we offered.
void take_responder_lifetime(Quick& quick, const NotificationPayload& notify) {
  if (notify.type != wire::v1::NotifyType::responder_lifetime) return;
  wire::v1::Transform attributes;
  Reader reader(notify.data);
  while (reader.ok() && reader.remaining() >= 4) {
    attributes.attributes.push_back(wire::read_attribute(reader));
  }
  if (!reader.ok()) return;
  core::proposal_v1::Lifetimes& ours = quick.terms.lifetimes;
  const auto seconds = wire::v1::phase2_life(attributes, wire::v1::LifeType::seconds);
  if (seconds && *seconds != 0) {
    const Duration theirs = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400'000));
    ours.time = std::min(ours.time, theirs);
  }
  const auto kilobytes = wire::v1::phase2_life(attributes, wire::v1::LifeType::kilobytes);
  if (kilobytes && *kilobytes != 0 && (ours.kilobytes == 0 || *kilobytes < ours.kilobytes)) {
    ours.kilobytes = *kilobytes;
  }
}

bool ids_fit(const Quick& quick, std::span<const wire::v1::Placed> payloads) {
  const auto ids = ids_of(quick.making.selectors);
  std::vector<IdPayload> received;
  for (const auto& placed : payloads) {
    if (const auto* id = std::get_if<IdPayload>(&placed.payload)) received.push_back(*id);
  }
  // Some leave them out where they agree.
  if (received.empty()) return true;
  if (received.size() != 2 || !ids) return false;
  return wire::v1::selector_of(received[0]) == wire::v1::selector_of(ids->first) &&
         wire::v1::selector_of(received[1]) == wire::v1::selector_of(ids->second);
}

std::optional<Failure> check_answer(Quick& quick, std::span<const wire::v1::Placed> payloads) {
  const auto* offer = find<SaPayload>(payloads);
  const auto* nonce = find<NoncePayload>(payloads);
  const auto* ke = find<KePayload>(payloads);
  if (offer == nullptr || nonce == nullptr) {
    return child_failure(Cause::protocol_violation, "SA and nonce", "neither or one");
  }
  auto accepted = proposal::accept(quick.making.offers, quick.terms, *offer);
  if (!accepted) {
    return child_failure(Cause::no_proposal_chosen, core::describe(quick.making.offers),
                         proposal::describe(*offer), describe(accepted.error()));
  }
  if ((ke != nullptr) != (quick.key != nullptr)) {
    return child_failure(Cause::invalid_ke, quick.key != nullptr ? "PFS" : "no PFS",
                         ke != nullptr ? "PFS" : "no PFS");
  }
  if (!ids_fit(quick, payloads)) {
    return child_failure(Cause::selectors_unacceptable, core::describe(quick.making.selectors),
                         "other ranges", "the peer answered other ranges than we offered");
  }
  quick.making.nonces.responder = nonce->data;
  quick.making.choice = core::ChildChoice{accepted->algorithms, {}, accepted->peer_spi};
  quick.terms.lifetimes = accepted->lifetimes;
  for (const auto& placed : payloads) {
    const auto* notify = std::get_if<NotificationPayload>(&placed.payload);
    if (notify != nullptr) take_responder_lifetime(quick, *notify);
  }
  return std::nullopt;
}

void install(Turn& turn, Sa& sa, QuickId id) {
  auto& up = *sa.established();
  Quick& quick = up.quicks.at(id);
  const auto keys = keys_of(turn, up, quick);
  if (!keys) {
    return fail_quick(turn, sa, id, child_failure(Cause::internal, {}, {}, describe(keys.error())));
  }
  quick.making.made = make_quick_child(turn, sa, quick);
  // The peer installs its half only when it has our third message: until then an older one serves.
  const bool rekeys =
      core::find_equal(*sa.association, quick.making.rule, quick.making.selectors) != nullptr;
  quick.making.install_wanted =
      core::install_child(turn, sa, *quick.making.made, *keys, wire::Role::initiator,
                          rekeys ? Halves::inbound_only : Halves::both);
  quick.stage = Quick::Stage::installing;
}

//   HDR*, HASH(3) -->
bool send_proof(Turn& turn, Sa& sa, QuickId id) {
  auto& up = *sa.established();
  Quick& quick = up.quicks.at(id);
  auto message = seal_with_hash(
      up, quick.iv, header_of(sa.spis(), wire::ExchangeType::quick_mode, MessageId{id}), {},
      [&](ByteView) {
        return crypto::v1::hash_3(turn.crypto, *up.algorithms.prf, up.keys.secrets.skeyid_a.view(),
                                  MessageId{id}, quick.making.nonces.view());
      });
  if (!message) return false;
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  quick.said.answer = *std::move(message);
  // What answers a repeated message 2.
  quick.stage = Quick::Stage::over;
  quick.timer = {};
  quick.expires_at = turn.now + limits::kHalfOpenAge;
  return true;
}

// The peer can only take the one group that we offer, or refuse. So what it has taken before comes
// first, for another pair of the rule or in phase 1; then none; then, try by try, all the others.
const GroupRow* group_to_try(const Sa& sa, std::size_t rule) {
  const core::Association& association = *sa.association;
  for (const Child& child : association.children) {
    if (child.rule == rule && child.usable()) return child.algorithms.group;
  }
  auto groups = proposal::groups_of(sa.tunnel().children[rule].offers);
  if (groups.empty()) return nullptr;
  const GroupRow* taken = sa.established()->algorithms.group;
  for (const GroupRow* first : {static_cast<const GroupRow*>(nullptr), taken}) {
    const auto at = std::ranges::find(groups, first);
    if (at != groups.end()) std::rotate(groups.begin(), at, at + 1);
  }
  return groups[static_cast<std::size_t>(association.rule_tries[rule]) % groups.size()];
}

void withdraw(Turn& turn, Sa& sa, QuickId id) {
  auto& quicks = sa.established()->quicks;
  take_back(turn, sa, quicks.at(id), Duration::zero());
  quicks.erase(id);
}

void finish(Turn& turn, Sa& sa, QuickId id) {
  Quick& quick = sa.established()->quicks.at(id);
  core::ChildMaking& making = quick.making;
  Child made = *std::exchange(making.made, {});
  made.asked = true;
  Child& child = join_pair(turn, sa, std::move(made), std::exchange(quick.known, {}));
  quick.child = child.id;
  if (std::holds_alternative<InboundOnly>(child.phase)) {
    child.switch_at = turn.now + limits::kV1SwitchesAfter;
    turn.act(core::WatchInbound{sa.id, child.inbound_key()});
  }
  outlive(turn, sa, child);
  sa.association->rule_tries[making.rule] = 0;
  quick.forget_keys();
  turn.signals.emplace_back(RuleUp{sa.id});
}

}  // namespace

void start_quick(Turn& turn, Sa& sa, std::size_t rule, core::SelectorPair selectors) {
  core::ChildMaking making;
  making.rule = rule;
  making.selectors = std::move(selectors);
  start(turn, sa, std::move(making), group_to_try(sa, rule));
}

void start_child_rekey(Turn& turn, Sa& sa, Child& child) {
  core::ChildMaking making;
  making.rule = child.rule;
  making.selectors = child.selectors;
  making.replaces = child.id;
  child.rekey_at = kNever;
  start(turn, sa, std::move(making), child.algorithms.group);
}

void repeat_proof(Turn& turn, const Sa& sa, ChildId child) {
  for (const auto& [id, quick] : sa.established()->quicks) {
    if (quick.role != wire::Role::initiator || quick.child != child) continue;
    turn.act(core::SendDatagram{sa.local, sa.remote, quick.said.answer});
  }
}

void go_on_as_initiator(Turn& turn, Sa& sa, QuickId id) {
  const Quick& quick = sa.established()->quicks.at(id);
  if (quick.making.spi_wanted || quick.key_wanted || quick.secret_wanted) return;
  const bool gathered = quick.stage == Quick::Stage::gathering;
  // Another phase 1 was faster: under that one.
  if (gathered && !sa.is_current()) return withdraw(turn, sa, id);
  if (gathered) return send_offer(turn, sa, id);
  if (quick.stage == Quick::Stage::deriving) install(turn, sa, id);
}

//   <-- HDR*, HASH(2), SA, Nr, [KE,] IDci, IDcr
void offer_answered(Turn& turn, Sa& sa, QuickId id, const core::Datagram& datagram,
                    const wire::v1::Message& message) {
  auto& up = *sa.established();
  Quick& quick = up.quicks.at(id);
  auto opened = open(up.keys, quick.iv, datagram.bytes, *message.sealed);
  const bool first = opened && !opened->payloads.empty() &&
                     std::holds_alternative<wire::v1::HashPayload>(opened->payloads[0].payload);
  if (!first) return turn.drop("not authentic");
  const auto expected = crypto::v1::hash_2(
      turn.crypto, *up.algorithms.prf, up.keys.secrets.skeyid_a.view(), MessageId{id},
      quick.making.nonces.initiator, wire::v1::bytes_behind(opened->chain, opened->payloads, 0));
  const auto& received = std::get<wire::v1::HashPayload>(opened->payloads[0].payload);
  if (!expected || !equal_constant_time(expected->view(), received.data)) {
    return turn.drop("not authentic");
  }
  quick.iv.passed(opened->ciphertext);
  up.heard_at = turn.now;
  quick.said.heard = datagram.bytes;
  quick.timer = {};
  if (auto problem = check_answer(quick, opened->payloads)) {
    return fail_quick(turn, sa, id, *std::move(problem));
  }
  core::follow_peer(turn, sa, datagram.local, datagram.remote);
  quick.said.answer.clear();
  quick.stage = Quick::Stage::deriving;
  if (quick.key != nullptr) {
    quick.secret_wanted = turn.numbers.next<JobId>();
    turn.act(
        core::StartJob{sa.id, *quick.secret_wanted,
                       core::DeriveSecret{quick.key, find<KePayload>(opened->payloads)->data}});
  }
  go_on_as_initiator(turn, sa, id);
}

void installed_as_initiator(Turn& turn, Sa& sa, QuickId id,
                            const std::expected<void, KernelError>& result) {
  if (!result) {
    Quick& quick = sa.established()->quicks.at(id);
    // The peer has its half, which is to go.
    core::leave_unmade(*sa.association, *std::exchange(quick.making.made, {}), {});
    return fail_quick(turn, sa, id,
                      child_failure(Cause::kernel_refused, describe(Error(result.error())), {}));
  }
  if (!send_proof(turn, sa, id)) {
    return fail_quick(turn, sa, id, child_failure(Cause::internal, {}, {}, "own message failed"));
  }
  finish(turn, sa, id);
}

void refused(Turn& turn, Sa& sa, const NotificationPayload& notify) {
  auto& up = *sa.established();
  std::optional<QuickId> only;
  std::size_t count = 0;
  for (const auto& [id, quick] : up.quicks) {
    if (quick.stage != Quick::Stage::offered) continue;
    ++count;
    Writer spi;
    spi.u32(quick.making.reserved->spi.value);
    if (equal(notify.spi, spi.view())) {
      only = id;
      count = 1;
      break;
    }
    only = id;
  }
  if (count != 1) return turn.drop("refusal of nothing that we asked for");
  const Quick& quick = up.quicks.at(*only);
  const bool ranges = notify.type == wire::v1::NotifyType::invalid_id_information;
  const bool algorithms = notify.type == wire::v1::NotifyType::no_proposal_chosen;
  fail_quick(turn, sa, *only,
             child_failure(ranges       ? Cause::selectors_unacceptable
                           : algorithms ? Cause::no_proposal_chosen
                                        : Cause::peer_refused,
                           ranges ? core::describe(quick.making.selectors)
                                  : core::describe(quick.making.offers),
                           wire::v1::name_of(notify.type)));
}

}  // namespace ipsec::v1
