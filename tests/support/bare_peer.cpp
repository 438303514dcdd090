#include "tests/support/bare_peer.h"

#include <utility>

namespace ipsec::test {

BarePeer::BarePeer(const crypto::Provider& crypto, const core::TunnelConfig& tunnel,
                   std::uint64_t seed)
    : crypto_(crypto),
      random_(seed),
      tunnel_(std::make_shared<const core::TunnelConfig>(tunnel)),
      crash_tokens_(crypto,
                    Secret(Bytes(core::kCrashSecretBytes, static_cast<std::uint8_t>(seed)))) {
  directory_.set(tunnel_);
}

template <typename Step>
void BarePeer::run(Time now, Step step) {
  core::Actions actions;
  core::RateLimit refusals{1};
  v2::Turn turn{now,     crypto_,  random_,       directory_, numbers_, drops_,
                actions, refusals, crash_tokens_, {},         {}};
  step(turn);
  execute(std::move(actions), now);
}

void BarePeer::execute(core::Actions actions, Time now) {
  for (core::Action& action : actions) {
    if (auto* send = std::get_if<core::SendDatagram>(&action)) {
      sent.push_back(std::move(*send));
    } else if (const auto* allocate = std::get_if<core::AllocateSpi>(&action)) {
      const xfrm::SaKey key{allocate->destination, allocate->protocol, ChildSpi{++last_spi_}};
      run(now, [&](v2::Turn& turn) { v2::spi_allocated(turn, *sa_, allocate->ticket, key); });
    } else if (const auto* install = std::get_if<core::InstallSas>(&action)) {
      run(now, [&](v2::Turn& turn) { v2::sas_installed(turn, *sa_, install->ticket, {}); });
    } else if (const auto* job = std::get_if<core::StartJob>(&action)) {
      run(now, [&](v2::Turn& turn) {
        v2::job_done(turn, *sa_, job->job, core::run_job(crypto_, job->what));
      });
    }
  }
}

void BarePeer::begin(Time now) {
  sa_ = std::make_unique<v2::Sa>();
  sa_->id = numbers_.next<SaId>();
  sa_->local = {tunnel_->local, kIkePort};
  sa_->remote = {tunnel_->remote, kIkePort};
  sa_->association = std::make_shared<v2::Association>();
  sa_->association->tunnel = tunnel_;
  sa_->association->current = sa_->id;
  run(now, [this](v2::Turn& turn) {
    sa_->our_spi = turn.spi();
    v2::begin(turn, *sa_);
  });
}

void BarePeer::receive(const core::SendDatagram& datagram, Time now) {
  const core::Datagram arrived = arriving(datagram);
  run(now, [&](v2::Turn& turn) {
    if (sa_ != nullptr) return v2::datagram_arrived(turn, *sa_, arrived);
    sa_ = v2::answer_init(turn, arrived, cookies_, v2::CookieNeeded::no);
  });
}

bool BarePeer::shake_hands(Host& host, Time now) {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& datagram : std::exchange(sent, {})) host.feed(arriving(datagram), now);
    for (const auto& datagram : std::exchange(host.sent, {})) receive(datagram, now);
  }
  return up() != nullptr && !host.tunnel(tunnel_->id.value).ike.empty();
}

core::Datagram BarePeer::arriving(const core::SendDatagram& datagram) {
  return {datagram.remote, datagram.local, datagram.bytes};
}

v2::Window* BarePeer::window() {
  if (sa_ == nullptr) return nullptr;
  if (auto* state = std::get_if<v2::AuthSent>(&sa_->state)) return &state->window;
  if (auto* state = std::get_if<v2::InitAnswered>(&sa_->state)) return &state->window;
  return up() != nullptr ? &up()->window : nullptr;
}

core::Datagram BarePeer::seal(const Place& place, std::span<const wire::Payload> payloads) {
  wire::Header header;
  header.initiator_spi = sa_->spis().initiator;
  header.responder_spi = sa_->spis().responder;
  header.exchange = place.exchange;
  header.flags.initiator = sa_->role == wire::Role::initiator;
  header.flags.response = place.response;
  header.message_id = MessageId{place.id};
  auto sealed = window()->protection.seal(header, payloads, 0);
  core::Datagram datagram{sa_->remote, sa_->local, {}};
  if (sealed) datagram.bytes = std::move(sealed->front());
  return datagram;
}

std::optional<wire::Payloads> BarePeer::ask(Host& host, wire::ExchangeType exchange,
                                            std::span<const wire::Payload> payloads, Time now) {
  host.sent.clear();
  host.feed(seal({exchange, false, up()->window.next_id++}, payloads), now);
  for (const auto& answer : host.sent) {
    const auto header = wire::parse_header(answer.bytes);
    if (header && header->flags.response) return open(answer.bytes);
  }
  return std::nullopt;
}

std::optional<wire::Payloads> BarePeer::open(ByteView datagram) {
  const auto message = wire::parse_message(datagram);
  const v2::Window* keys = window();
  if (!message || !message->sealed || keys == nullptr) return std::nullopt;
  const auto opened = keys->protection.open(datagram, *message->sealed);
  if (!opened) return std::nullopt;
  auto payloads = wire::parse_chain(opened->first_inner, opened->chain);
  if (!payloads) return std::nullopt;
  return *std::move(payloads);
}

}  // namespace ipsec::test
