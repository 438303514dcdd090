// Children that the peer asks for.
#include <algorithm>
#include <limits>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/v1/informational.h"
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
using wire::v1::LifeType;
using wire::v1::NoncePayload;
using wire::v1::NotificationPayload;
using wire::v1::NotifyType;
using wire::v1::Payload;
using wire::v1::Phase2Attribute;
using wire::v1::SaPayload;

// RFC 2407 4.5: meant by who says nothing of it.
constexpr std::uint64_t kDefaultLifeS = 28'800;

// What the peer asks for, read out of its message.
struct Asked {
  const SaPayload* sa = nullptr;
  const NoncePayload* nonce = nullptr;
  const KePayload* ke = nullptr;
  std::vector<IdPayload> ids;
};

std::optional<Asked> read_asked(std::span<const wire::v1::Placed> payloads) {
  Asked asked{
      find<SaPayload>(payloads), find<NoncePayload>(payloads), find<KePayload>(payloads), {}};
  for (const auto& placed : payloads) {
    if (const auto* id = std::get_if<IdPayload>(&placed.payload)) asked.ids.push_back(*id);
  }
  const bool whole =
      asked.sa != nullptr && asked.nonce != nullptr && (asked.ids.empty() || asked.ids.size() == 2);
  return whole ? std::optional(std::move(asked)) : std::nullopt;
}

// RFC 2409 5.5: without ID payloads the SA is for the two addresses themselves.
std::optional<core::SelectorPair> selectors_of(const Sa& sa, const Asked& asked) {
  if (asked.ids.empty()) {
    return core::SelectorPair{{TrafficSelector::of(Cidr::host(sa.local.address))},
                              {TrafficSelector::of(Cidr::host(sa.remote.address))}};
  }
  const auto remote = wire::v1::selector_of(asked.ids[0]);
  const auto local = wire::v1::selector_of(asked.ids[1]);
  if (!remote || !local) return std::nullopt;
  return core::SelectorPair{{*local}, {*remote}};
}

// IKEv1 does not narrow: the first rule that holds all of it.
std::optional<std::size_t> rule_for(const core::TunnelConfig& tunnel,
                                    const core::SelectorPair& selectors) {
  for (std::size_t rule = 0; rule < tunnel.children.size(); ++rule) {
    if (core::covers(tunnel.children[rule].selectors, selectors)) return rule;
  }
  return std::nullopt;
}

std::expected<proposal::ChildChoice, NoCommonGround> choose(const Sa& sa,
                                                            const core::ChildConfig& config,
                                                            const SaPayload& offered,
                                                            ChildSpi our_spi) {
  return proposal::choose(
      config.offers, {config.lifetime, config.lifetime_bytes / 1024}, offered, our_spi,
      sa.nat.any() ? proposal::Encapsulation::in_udp : proposal::Encapsulation::plain);
}

void refuse(Turn& turn, Sa& sa, MessageId id, const Asked& asked, NotifyType type, Failure why) {
  auto& up = *sa.established();
  remember(up, id.value);
  Bytes spi;
  if (!asked.sa->proposals.empty()) spi = asked.sa->proposals.front().spi;
  send_notify(turn, sa, {wire::v1::Doi::ipsec, wire::v1::ProtocolId::esp, spi, type, {}});
  turn.tell_refused(sa.tunnel().id, std::move(why));
}

// Rule and algorithms, once nothing stands against the child.
std::optional<Quick> negotiate(Turn& turn, Sa& sa, MessageId id, crypto::v1::IvChain iv,
                               const Asked& asked) {
  const auto& tunnel = sa.tunnel();
  const auto selectors = selectors_of(sa, asked);
  const auto rule = selectors ? rule_for(tunnel, *selectors) : std::nullopt;
  if (!rule) {
    refuse(turn, sa, id, asked, NotifyType::invalid_id_information,
           child_failure(Cause::selectors_unacceptable, core::describe_rules(tunnel),
                         selectors ? core::describe(*selectors) : "ranges that cannot be read"));
    return std::nullopt;
  }
  const core::ChildConfig& config = tunnel.children[*rule];
  const auto choice = choose(sa, config, *asked.sa, ChildSpi{});
  if (!choice) {
    refuse(turn, sa, id, asked, NotifyType::no_proposal_chosen,
           child_failure(Cause::no_proposal_chosen, choice.error().ours, choice.error().theirs));
    return std::nullopt;
  }
  const GroupRow* group = choice->algorithms.group;
  if ((group != nullptr) != (asked.ke != nullptr)) {
    refuse(turn, sa, id, asked, NotifyType::no_proposal_chosen,
           child_failure(Cause::invalid_ke, group != nullptr ? std::string(group->name) : "no PFS",
                         asked.ke != nullptr ? "KE payload" : "no KE payload"));
    return std::nullopt;
  }
  Quick quick{wire::Role::responder, Quick::Stage::gathering, std::move(iv), {}, {}};
  quick.making.rule = *rule;
  quick.making.selectors = *selectors;
  quick.making.offers = config.offers;
  quick.making.nonces = {asked.nonce->data, turn.nonce()};
  quick.making.choice = core::ChildChoice{choice->algorithms, {}, choice->peer_spi};
  quick.terms.lifetimes = choice->lifetimes;
  quick.terms.group = group;
  quick.offered = *asked.sa;
  quick.ids = asked.ids;
  return quick;
}

void add_life(Writer& attributes, LifeType unit, std::uint64_t amount) {
  // In the long form, whatever the amount: so all peers read it.
  Writer long_form;
  long_form.u32(static_cast<std::uint32_t>(
      std::min<std::uint64_t>(amount, std::numeric_limits<std::uint32_t>::max())));
  wire::write_attribute(
      attributes, wire::v1::attribute_of(Phase2Attribute::life_type, std::to_underlying(unit)));
  wire::write_attribute(
      attributes, {std::to_underlying(Phase2Attribute::life_duration), to_bytes(long_form.view())});
}

// RFC 2407 4.6.3.1: what of the peer's lifetimes is longer than ours, which the answer repeats as
// they came. Nothing where both are satisfied with the peer's.
std::optional<NotificationPayload> shorter_lifetimes(const Quick& quick, const SaPayload& answer) {
  const auto& theirs = answer.proposals.front().transforms.front();
  const proposal::Lifetimes& agreed = quick.terms.lifetimes;
  const auto seconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(agreed.time).count());
  const auto offered_s = wire::v1::phase2_life(theirs, LifeType::seconds).value_or(kDefaultLifeS);
  const auto offered_kb = wire::v1::phase2_life(theirs, LifeType::kilobytes).value_or(0);
  Writer attributes;
  if (seconds < offered_s) add_life(attributes, LifeType::seconds, seconds);
  const bool fewer = agreed.kilobytes != 0 && (offered_kb == 0 || agreed.kilobytes < offered_kb);
  if (fewer) add_life(attributes, LifeType::kilobytes, agreed.kilobytes);
  if (attributes.view().empty()) return std::nullopt;
  const auto& chosen = answer.proposals.front();
  return NotificationPayload{wire::v1::Doi::ipsec, chosen.protocol, chosen.spi,
                             NotifyType::responder_lifetime, to_bytes(attributes.view())};
}

//   <-- HDR*, HASH(2), SA, Nr, [KE,] [IDci, IDcr,] [N(RESPONDER-LIFETIME)]
std::optional<Bytes> make_answer(const Turn& turn, const Sa& sa, const Established& up, QuickId id,
                                 Quick& quick) {
  const core::ChildConfig& config = sa.tunnel().children[quick.making.rule];
  // The same choice once more, now with the SPI in its answer.
  const auto choice = choose(sa, config, quick.offered, quick.making.reserved->spi);
  if (!choice) return std::nullopt;
  std::vector<Payload> payloads{choice->answer, NoncePayload{quick.making.nonces.responder}};
  if (quick.key != nullptr) payloads.emplace_back(KePayload{to_bytes(quick.key->public_value())});
  for (const IdPayload& one : quick.ids) payloads.emplace_back(one);
  if (auto shorter = shorter_lifetimes(quick, choice->answer)) {
    payloads.emplace_back(*std::move(shorter));
  }
  return seal_with_hash(
      up, quick.iv, header_of(sa.spis(), wire::ExchangeType::quick_mode, MessageId{id}),
      std::move(payloads), [&](ByteView rest) {
        return crypto::v1::hash_2(turn.crypto, *up.algorithms.prf, up.keys.secrets.skeyid_a.view(),
                                  MessageId{id}, quick.making.nonces.initiator, rest);
      });
}

// What is sent goes over to it once the peer has shown that it has its half.
void place(Turn& turn, Sa& sa, Quick& quick) {
  Child& made = join_pair(turn, sa, *std::exchange(quick.making.made, {}), {});
  outlive(turn, sa, made);
  quick.child = made.id;
  turn.act(core::WatchInbound{sa.id, made.inbound_key()});
  sa.association->rule_tries[quick.making.rule] = 0;
  turn.signals.emplace_back(RuleUp{sa.id});
}

}  // namespace

//   HDR*, HASH(1), SA, Ni, [KE,] [IDci, IDcr] -->
void offer_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                   const wire::v1::Message& message) {
  auto& up = *sa.established();
  const MessageId id = message.header.message_id;
  if (id.value == 0) return turn.drop("message not expected");
  auto iv = iv_of(turn, up, id);
  auto opened = iv ? open(up.keys, *iv, datagram.bytes, *message.sealed) : std::nullopt;
  if (!opened || !hash_1_fits(turn, up, id, *opened)) return turn.drop("not authentic");
  iv->passed(opened->ciphertext);
  up.heard_at = turn.now;
  core::follow_peer(turn, sa, datagram.local, datagram.remote);
  // Its Delete overtook it: it takes no answer under this SA any more.
  if (up.deleted) return turn.drop("quick mode under an ISAKMP SA that the peer has deleted");
  const auto asked = read_asked(opened->payloads);
  if (!asked) return turn.drop("quick mode without SA, nonce or identities");
  forget_oldest(up);
  const auto busy = std::ranges::count_if(
      up.quicks, [](const auto& it) { return it.second.stage != Quick::Stage::over; });
  const bool full = static_cast<std::size_t>(busy) >= limits::kV1ExchangesAtOnce ||
                    sa.association->children.size() >= limits::kChildrenPerSa;
  if (full || sa.association->closing) return turn.drop("too many children, or closing");
  auto quick = negotiate(turn, sa, id, *std::move(iv), *asked);
  if (!quick) return;
  quick->said.heard = datagram.bytes;
  quick->making.spi_wanted = turn.numbers.next<core::Ticket>();
  turn.act(core::AllocateSpi{sa.id, *quick->making.spi_wanted,
                             quick->making.choice->algorithms.protocol, sa.remote.address,
                             sa.local.address});
  if (asked->ke != nullptr) {
    quick->key_wanted = turn.numbers.next<JobId>();
    turn.act(core::StartJob{sa.id, *quick->key_wanted,
                            core::AgreeKey{quick->terms.group->id, asked->ke->data}});
  }
  up.quicks.emplace(id.value, *std::move(quick));
}

void go_on_as_responder(Turn& turn, Sa& sa, QuickId id) {
  auto& up = *sa.established();
  Quick& quick = up.quicks.at(id);
  if (quick.stage != Quick::Stage::gathering || quick.making.spi_wanted || quick.key_wanted) return;
  const auto keys = keys_of(turn, up, quick);
  if (!keys) {
    return fail_quick(turn, sa, id, child_failure(Cause::internal, {}, {}, describe(keys.error())));
  }
  quick.making.made = make_quick_child(turn, sa, quick);
  // Outbound waits for the third message: the peer installs its half after it has our answer.
  quick.making.install_wanted = core::install_child(turn, sa, *quick.making.made, *keys,
                                                    wire::Role::responder, Halves::inbound_only);
  quick.stage = Quick::Stage::installing;
}

void installed_as_responder(Turn& turn, Sa& sa, QuickId id,
                            const std::expected<void, KernelError>& result) {
  auto& up = *sa.established();
  Quick& quick = up.quicks.at(id);
  if (!result) {
    quick.making.made.reset();
    return fail_quick(turn, sa, id,
                      child_failure(Cause::kernel_refused, describe(Error(result.error())), {}));
  }
  auto answer = make_answer(turn, sa, up, id, quick);
  if (!answer) {
    return fail_quick(turn, sa, id, child_failure(Cause::internal, {}, {}, "own message failed"));
  }
  turn.act(core::SendDatagram{sa.local, sa.remote, *answer});
  quick.said.answer = *std::move(answer);
  // Not all initiators repeat their third message: we repeat the second until it is there.
  quick.timer = {core::RetransmitSchedule::established(sa.tunnel().dpd_timeout), turn.now};
  quick.stage = Quick::Stage::answered;
  quick.forget_keys();
  place(turn, sa, quick);
}

//   HDR*, HASH(3) -->
void proof_arrived(Turn& turn, Sa& sa, QuickId id, const core::Datagram& datagram,
                   const wire::v1::Message& message) {
  auto& up = *sa.established();
  Quick& quick = up.quicks.at(id);
  const auto opened = open(up.keys, quick.iv, datagram.bytes, *message.sealed);
  const auto* hash = opened ? find<wire::v1::HashPayload>(opened->payloads) : nullptr;
  const auto expected =
      crypto::v1::hash_3(turn.crypto, *up.algorithms.prf, up.keys.secrets.skeyid_a.view(),
                         MessageId{id}, quick.making.nonces.view());
  const bool fits =
      hash != nullptr && expected && equal_constant_time(expected->view(), hash->data);
  if (!fits) return turn.drop("not authentic");
  up.heard_at = turn.now;
  Child* child = quick.child ? sa.association->find(*quick.child) : nullptr;
  remember(up, id);
  up.quicks.erase(id);
  if (child != nullptr && std::holds_alternative<InboundOnly>(child->phase)) {
    core::inbound_seen(turn, sa, *child);
    prove(turn, sa, *child);
  }
}

}  // namespace ipsec::v1
