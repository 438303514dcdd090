#include "ike/v2/init_exchange.h"

#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/nat.h"
#include "ike/core/proposal.h"
#include "ike/core/sa/children.h"
#include "ike/core/vendor.h"
#include "ike/v2/auth_exchange.h"
#include "ike/v2/handlers.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;
using core::Stage;
using wire::NotifyType;

Failure init_failure(Cause cause, std::string ours, std::string theirs, std::string detail = {}) {
  return {Stage::ike_sa_init, cause, std::move(ours), std::move(theirs), std::move(detail)};
}

wire::Header init_header(IkeSpi initiator, IkeSpi responder, wire::Role sender) {
  wire::Header header;
  header.initiator_spi = initiator;
  header.responder_spi = responder;
  header.exchange = wire::ExchangeType::ike_sa_init;
  header.flags.initiator = sender == wire::Role::initiator;
  header.flags.response = sender == wire::Role::responder;
  return header;
}

void append_common_notifies(const Turn& turn, const Sa& sa, wire::Payloads& payloads) {
  const auto force =
      sa.association->tunnel != nullptr ? sa.tunnel().encapsulation : core::ForceEncapsulation::no;
  for (auto& hash : core::nat_notifies(turn.crypto, sa.spis().initiator, sa.spis().responder,
                                       sa.local, sa.remote, force)) {
    payloads.emplace_back(std::move(hash));
  }
  payloads.emplace_back(make_notify(NotifyType::ikev2_fragmentation_supported));
}

void start_key(Turn& turn, Sa& sa, const GroupRow* group, Bytes nonce, Bytes cookie, int restarts) {
  const auto job = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, job, core::GenerateKey{group->id}});
  sa.state = KeyPending{job, group, std::move(nonce), std::move(cookie), restarts};
}

//   HDR, [N(COOKIE),] SAi1, KEi, Ni, N(NAT_DETECTION_*) -->
void send_init(Turn& turn, Sa& sa, InitSent next) {
  wire::Payloads payloads;
  if (!next.cookie.empty()) payloads.emplace_back(make_notify(NotifyType::cookie, next.cookie));
  payloads.emplace_back(core::write_offers(sa.tunnel().offers, {}));
  payloads.emplace_back(wire::KePayload{static_cast<std::uint16_t>(next.group->id),
                                        to_bytes(next.key->public_value())});
  payloads.emplace_back(wire::NoncePayload{next.nonce});
  append_common_notifies(turn, sa, payloads);
  auto message = wire::write_message(init_header(sa.our_spi, {}, wire::Role::initiator), payloads);
  if (!message) {
    fail_opening(turn, sa, init_failure(Cause::internal, {}, {}, message.error().what));
    return;
  }
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  next.request = *std::move(message);
  next.timer = core::Retransmission(core::RetransmitSchedule::opening(), turn.now);
  sa.state = std::move(next);
}

// RFC 7296 2.23: with a NAT between, everything from IKE_AUTH on goes over port 4500.
void float_ports(Sa& sa) {
  if (!sa.nat.any()) return;
  sa.local.port = kNattPort;
  if (sa.remote.port == kIkePort) sa.remote.port = kNattPort;
}

void note_peer_abilities(Sa& sa, std::span<const wire::Payload> payloads, std::size_t bytes) {
  const bool fragments =
      find_notify(payloads, NotifyType::ikev2_fragmentation_supported) != nullptr;
  sa.fragment_bytes = fragments ? bytes : 0;
  std::vector<ByteView> vendors;
  for (const wire::Payload& payload : payloads) {
    const auto* vendor = std::get_if<wire::VendorIdPayload>(&payload);
    if (vendor != nullptr) vendors.emplace_back(vendor->data);
  }
  sa.association->peer_vendor = core::describe_vendors(vendors);
}

// A clear answer may come from anyone: a wrong one is kept as a hint and the right one awaited
// (RFC 7296 2.21.1).
void keep_hint(Turn& turn, InitSent& state, Failure hint) {
  turn.drop("IKE_SA_INIT answer not acceptable");
  state.hint = std::move(hint);
}

}  // namespace

void begin(Turn& turn, Sa& sa) {
  start_key(turn, sa, sa.tunnel().offers.front().groups.front(), turn.nonce(), {}, 0);
}

void init_key_ready(Turn& turn, Sa& sa, core::JobResult result) {
  auto& state = std::get<KeyPending>(sa.state);
  if (!result) {
    fail_opening(turn, sa, init_failure(Cause::internal, {}, {}, describe(result.error())));
    return;
  }
  InitSent next;
  next.group = state.group;
  next.nonce = std::move(state.nonce);
  next.cookie = std::move(state.cookie);
  next.restarts = state.restarts;
  next.key = std::move(result->key);
  send_init(turn, sa, std::move(next));
}

void handle_init_answer(Turn& turn, Sa& sa, const Received& message) {
  auto& state = std::get<InitSent>(sa.state);
  const auto& offers = sa.tunnel().offers;
  const auto& sa_payload = *find<wire::SaPayload>(message.payloads);
  const auto& ke = *find<wire::KePayload>(message.payloads);
  auto choice = core::accept(offers, sa_payload);
  if (!choice) {
    keep_hint(turn, state,
              init_failure(Cause::no_proposal_chosen, core::describe(offers),
                           core::describe(sa_payload), describe(choice.error())));
    return;
  }
  const bool group_agrees = choice->algorithms.group == state.group &&
                            ke.group == static_cast<std::uint16_t>(state.group->id);
  if (!group_agrees) {
    keep_hint(turn, state,
              init_failure(Cause::invalid_ke, std::string(state.group->name),
                           fmt::format("group {}", ke.group)));
    return;
  }
  // RFC 6023 3: only a peer that says so takes an IKE_AUTH that asks for no child.
  if (sa.tunnel().children.empty() &&
      find_notify(message.payloads, NotifyType::childless_ikev2_supported) == nullptr) {
    keep_hint(turn, state,
              init_failure(Cause::peer_refused, "an IKE SA without a child",
                           "no CHILDLESS_IKEV2_SUPPORTED",
                           "the peer takes no IKE SA without a child (RFC 6023)"));
    return;
  }
  AuthPreparing next;
  next.init.algorithms = choice->algorithms;
  next.init.nonces = {state.nonce, find<wire::NoncePayload>(message.payloads)->data};
  next.init.request = state.request;
  next.init.response = message.raw;
  next.secret_wanted = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, *next.secret_wanted, core::DeriveSecret{state.key, ke.data}});

  sa.peer_spi = message.header.responder_spi;
  sa.nat = core::detect_nat(turn.crypto, sa.our_spi, sa.peer_spi, message.local, message.remote,
                            message.payloads);
  if (sa.tunnel().encapsulation == core::ForceEncapsulation::yes) sa.nat.local = true;
  note_peer_abilities(sa, message.payloads, sa.tunnel().fragment_bytes);
  float_ports(sa);
  sa.association->lowest_nonce = next.init.nonces.lowest();
  sa.state = std::move(next);
  prepare_auth(turn, sa);
}

void handle_init_refusal(Turn& turn, Sa& sa, const Received& message) {
  auto& state = std::get<InitSent>(sa.state);
  const auto restart_allowed = [&] { return state.restarts < limits::kInitRestarts; };
  if (const auto* cookie = find_notify(message.payloads, NotifyType::cookie)) {
    const bool sized = !cookie->data.empty() && cookie->data.size() <= limits::kCookieBytesMax;
    if (!sized) return turn.drop("cookie not followed");
    if (!restart_allowed()) {
      keep_hint(
          turn, state,
          init_failure(Cause::peer_refused, fmt::format("COOKIE brought {} times", state.restarts),
                       "COOKIE", "the peer asks for a cookie again and again"));
      return;
    }
    InitSent next = std::move(state);
    next.cookie = cookie->data;
    ++next.restarts;
    send_init(turn, sa, std::move(next));
    return;
  }
  if (const auto* wrong_group = find_notify(message.payloads, NotifyType::invalid_ke_payload)) {
    Reader reader(wrong_group->data);
    const std::uint16_t wanted = reader.u16("group");
    const GroupRow* group = core::offered_group(sa.tunnel().offers, wanted);
    if (group == nullptr || group == state.group || !restart_allowed()) {
      keep_hint(turn, state,
                init_failure(Cause::invalid_ke, core::describe(sa.tunnel().offers),
                             fmt::format("group {}", wanted)));
      return;
    }
    start_key(turn, sa, group, std::move(state.nonce), std::move(state.cookie), state.restarts + 1);
    return;
  }
  const auto* error = find_error(message.payloads);
  if (error == nullptr) return turn.drop("IKE_SA_INIT answer without content");
  fail_opening(turn, sa,
               init_failure(core::cause_of(error->type), core::describe(sa.tunnel().offers),
                            wire::name_of(error->type)));
}

void init_secret_ready(Turn& turn, Sa& sa, core::JobResult result) {
  auto& state = std::get<AuthPreparing>(sa.state);
  auto keys =
      result ? crypto::derive_ike_keys(turn.crypto, state.init.algorithms, result->shared.view(),
                                       state.init.nonces.view(), sa.spis())
             : std::unexpected(result.error());
  if (!keys) {
    fail_opening(
        turn, sa,
        init_failure(Cause::protocol_violation, std::string(state.init.algorithms.group->name), {},
                     describe(keys.error())));
    return;
  }
  state.keys = *std::move(keys);
  state.secret_wanted.reset();
  send_auth_when_ready(turn, sa);
}

namespace {

struct Opening {
  const wire::SaPayload* sa = nullptr;
  const wire::KePayload* ke = nullptr;
  const wire::NoncePayload* nonce = nullptr;
};

std::optional<Opening> read_opening(std::span<const wire::Payload> payloads) {
  const Opening opening{find<wire::SaPayload>(payloads), find<wire::KePayload>(payloads),
                        find<wire::NoncePayload>(payloads)};
  const bool whole = opening.sa != nullptr && opening.ke != nullptr && opening.nonce != nullptr;
  return whole ? std::optional(opening) : std::nullopt;
}

// COOKIE and INVALID_KE_PAYLOAD move an opening on; what ends it goes out so often a second at most
// (RFC 7296 2.21).
bool may_refuse(Turn& turn, NotifyType why) {
  if (why == NotifyType::cookie || why == NotifyType::invalid_ke_payload) return true;
  if (turn.clear_refusals.take(turn.now)) return true;
  turn.drop("refusal withheld, too many a second");
  return false;
}

// Without state: SPIr is zero in a refusal (RFC 7296 2.6).
//   <-- HDR(A,0), N(...)
void refuse_init(Turn& turn, const core::Datagram& datagram, const wire::Header& header,
                 wire::NotifyPayload why) {
  if (!may_refuse(turn, why.type)) return;
  const std::vector<wire::Payload> payloads{std::move(why)};
  auto message =
      wire::write_message(init_header(header.initiator_spi, {}, wire::Role::responder), payloads);
  if (message) {
    turn.act(core::SendDatagram{datagram.local, datagram.remote, *std::move(message)});
  }
}

std::expected<core::IkeChoice, NoCommonGround> choose_among(
    std::span<const core::IkeOffers* const> candidates, const wire::SaPayload& theirs) {
  std::expected<core::IkeChoice, NoCommonGround> result =
      std::unexpected(NoCommonGround{"peer", "none configured for this address", ""});
  for (const core::IkeOffers* offers : candidates) {
    result = core::choose(*offers, theirs, {});
    if (result) return result;
  }
  return result;
}

// One opening message and what is known of it.
struct OpeningRequest {
  const core::Datagram& datagram;
  wire::Header header;
  wire::Payloads payloads;
  Opening opening;
};

void refuse_init(Turn& turn, const OpeningRequest& request, wire::NotifyPayload why) {
  refuse_init(turn, request.datagram, request.header, std::move(why));
}

// Nothing here costs more than reading the message.
std::optional<OpeningRequest> read_request(Turn& turn, const core::Datagram& datagram) {
  auto message = wire::parse_message(datagram.bytes);
  if (!message) return turn.drop("malformed"), std::nullopt;
  const wire::Header& header = message->header;
  if (header.message_id.value != 0 || header.flags.response || !header.flags.initiator ||
      !header.initiator_spi) {
    return turn.drop("IKE_SA_INIT with a wrong header"), std::nullopt;
  }
  if (const auto* critical = find_critical(message->payloads)) {
    refuse_init(turn, datagram, header,
                make_notify(NotifyType::unsupported_critical_payload,
                            {static_cast<std::uint8_t>(critical->type)}));
    return turn.drop("unknown critical payload"), std::nullopt;
  }
  OpeningRequest request{datagram, header, std::move(message->payloads), {}};
  const auto opening = read_opening(request.payloads);
  if (!opening) return turn.drop("IKE_SA_INIT without SA, KE or nonce"), std::nullopt;
  request.opening = *opening;
  return request;
}

// RFC 7296 2.6. True where the request carries the right cookie; else one has been sent.
bool cookie_is_right(Turn& turn, const OpeningRequest& request, const core::Cookies& cookies) {
  const auto& remote = request.datagram.remote;
  const IkeSpi spi = request.header.initiator_spi;
  const ByteView nonce = request.opening.nonce->data;
  const auto* cookie = find_notify(request.payloads, NotifyType::cookie);
  if (cookie != nullptr && cookies.check(cookie->data, remote, spi, nonce)) return true;
  refuse_init(turn, request, make_notify(NotifyType::cookie, cookies.make(remote, spi, nonce)));
  turn.drop("cookie asked for");
  return false;
}

// The algorithms, with the group the peer's KE payload is for; else the peer has been told.
std::optional<core::IkeChoice> negotiate(Turn& turn, const OpeningRequest& request,
                                         std::span<const core::IkeOffers* const> candidates) {
  auto choice = choose_among(candidates, *request.opening.sa);
  if (!choice) {
    refuse_init(turn, request, make_notify(NotifyType::no_proposal_chosen));
    turn.tell(core::ExchangeFailed{
        {},
        init_failure(Cause::no_proposal_chosen, choice.error().ours, choice.error().theirs,
                     request.datagram.remote.to_string())});
    return turn.drop("no proposal chosen"), std::nullopt;
  }
  const GroupRow& group = *choice->algorithms.group;
  if (request.opening.ke->group != static_cast<std::uint16_t>(group.id)) {
    refuse_init(turn, request, make_notify(NotifyType::invalid_ke_payload, group_bytes(group)));
    return turn.drop("another group asked for"), std::nullopt;
  }
  return *std::move(choice);
}

std::unique_ptr<Sa> make_half_open(Turn& turn, const OpeningRequest& request,
                                   core::IkeChoice choice) {
  auto sa = std::make_unique<Sa>();
  sa->id = turn.numbers.next<SaId>();
  sa->role = wire::Role::responder;
  sa->our_spi = turn.spi();
  sa->peer_spi = request.header.initiator_spi;
  sa->local = request.datagram.local;
  sa->remote = request.datagram.remote;
  sa->association = std::make_shared<Association>();
  sa->association->begun_as = wire::Role::responder;
  sa->association->begun_at = turn.now;
  sa->association->current = sa->id;
  sa->nat =
      core::detect_nat(turn.crypto, sa->peer_spi, {}, sa->local, sa->remote, request.payloads);
  note_peer_abilities(*sa, request.payloads, core::TunnelConfig{}.fragment_bytes);
  AgreePending next;
  next.job = turn.numbers.next<JobId>();
  next.init.algorithms = choice.algorithms;
  next.init.nonces = {request.opening.nonce->data, turn.nonce()};
  next.init.request = request.datagram.bytes;
  next.choice = std::move(choice);
  next.expires_at = turn.now + limits::kHalfOpenAge;
  sa->association->lowest_nonce = next.init.nonces.lowest();
  turn.act(core::StartJob{
      sa->id, next.job, core::AgreeKey{next.init.algorithms.group->id, request.opening.ke->data}});
  sa->state = std::move(next);
  return sa;
}

}  // namespace

void refuse_stranger(Turn& turn, const core::Datagram& datagram) {
  const auto request = read_request(turn, datagram);
  if (!request) return;
  const std::size_t before = turn.actions.size();
  refuse_init(turn, *request, make_notify(NotifyType::no_proposal_chosen));
  turn.drop("no tunnel for this peer address");
  // Most often its tunnel is there, and is to speak IKEv1.
  const auto& local = datagram.local.address;
  const auto& remote = datagram.remote.address;
  const auto others = turn.directory.claims(core::IkeVersion::v1, local, remote).all();
  if (turn.actions.size() == before || others == 0) return;
  turn.tell(core::ExchangeFailed{
      {}, init_failure(Cause::no_proposal_chosen, "IKEv1", "IKEv2", datagram.remote.to_string())});
}

std::unique_ptr<Sa> answer_init(Turn& turn, const core::Datagram& datagram,
                                const core::Cookies& cookies, CookieNeeded needed) {
  const auto request = read_request(turn, datagram);
  if (!request) return nullptr;
  const auto candidates = turn.directory.offers_for(core::IkeVersion::v2, datagram.local.address,
                                                    datagram.remote.address);
  if (needed == CookieNeeded::yes && !cookie_is_right(turn, *request, cookies)) return nullptr;
  auto choice = negotiate(turn, *request, candidates);
  return choice ? make_half_open(turn, *request, *std::move(choice)) : nullptr;
}

//   <-- HDR, SAr1, KEr, Nr, N(NAT_DETECTION_*)
void agreed_secret_ready(Turn& turn, Sa& sa, core::JobResult result) {
  auto& state = std::get<AgreePending>(sa.state);
  const auto& algorithms = state.init.algorithms;
  auto keys = result ? crypto::derive_ike_keys(turn.crypto, algorithms, result->shared.view(),
                                               state.init.nonces.view(), sa.spis())
                     : std::unexpected(result.error());
  if (!keys) {
    turn.drop("key exchange refused");
    sa.state = Closed{describe(keys.error())};
    return;
  }
  auto protection = core::Protection::make(turn.crypto, algorithms, *keys, sa.role, turn.random);
  wire::Payloads payloads;
  payloads.emplace_back(state.choice.answer);
  payloads.emplace_back(wire::KePayload{static_cast<std::uint16_t>(algorithms.group->id),
                                        to_bytes(result->key->public_value())});
  payloads.emplace_back(wire::NoncePayload{state.init.nonces.responder});
  append_common_notifies(turn, sa, payloads);
  payloads.emplace_back(make_notify(NotifyType::childless_ikev2_supported));
  auto message =
      wire::write_message(init_header(sa.peer_spi, sa.our_spi, wire::Role::responder), payloads);
  if (!protection || !message) {
    turn.drop("own message or keys failed");
    sa.state = Closed{"internal error"};
    return;
  }
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  InitAnswered next{std::move(state.init), *std::move(keys),
                    open_window(*std::move(protection), 0, 1, turn.now), state.expires_at, false};
  next.init.response = *std::move(message);
  sa.state = std::move(next);
}

void repeat_init_answer(Turn& turn, const Sa& sa, const core::Datagram& datagram) {
  const auto* state = std::get_if<InitAnswered>(&sa.state);
  if (state == nullptr) return turn.drop("IKE_SA_INIT repeated");
  if (!equal(state->init.request, datagram.bytes)) {
    return turn.drop("IKE_SA_INIT differs from the first");
  }
  turn.act(core::SendDatagram{datagram.local, datagram.remote, state->init.response});
}

void release_opening(Turn& turn, Sa& sa) {
  if (auto* state = std::get_if<AuthPreparing>(&sa.state)) {
    if (state->child) abandon(turn, *state->child);
  }
  if (auto* state = std::get_if<AuthSent>(&sa.state)) {
    if (state->child) abandon(turn, *state->child);
  }
}

void fail_opening(Turn& turn, Sa& sa, core::Failure failure) {
  release_opening(turn, sa);
  sa.state = Closed{core::describe(failure)};
  if (sa.role == wire::Role::initiator) {
    turn.signals.emplace_back(OpeningFailed{sa.id, std::move(failure)});
  }
}

}  // namespace ipsec::v2
