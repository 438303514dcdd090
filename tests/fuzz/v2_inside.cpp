// A peer that knows the keys and says what it likes: after an honest handshake, the script chooses
// exchange, message id, direction and payloads of messages that authenticate. Whatever they hold,
// ticking ends, the actions of an input are bounded, and the engine either answers a request with
// its next id or keeps still; afterwards its SA still answers, or it has been closed and says so.
//
// The script, per message: how (what to do), then its operands; see step().
#include <array>
#include <utility>

#include "tests/fuzz/duel_script.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/bare_peer.h"
#include "tests/support/fake_crypto.h"

namespace ipsec::fuzz {
namespace {

using namespace std::chrono_literals;
using test::BarePeer;
using wire::ExchangeType;

constexpr int kStepsPerInput = 40;
constexpr std::size_t kActionsPerInput = 512;
constexpr std::array<Duration, 4> kWaits{100ms, 2s, 9s, 40s};
constexpr std::array kExchanges{ExchangeType::create_child_sa, ExchangeType::informational,
                                ExchangeType::ike_auth, ExchangeType::ike_sa_init};

core::TunnelConfig config(bool engine_side, bool initiates) {
  auto tunnel =
      engine_side
          ? test::tunnel_between(1, "192.0.2.1", "203.0.113.2", "10.1.0.0/16", "10.2.0.0/16")
          : test::tunnel_between(1, "203.0.113.2", "192.0.2.1", "10.2.0.0/16", "10.1.0.0/16");
  if (!initiates) tunnel.start = core::Start::respond;
  return tunnel;
}

class Inside {
 public:
  Inside(Script script, bool engine_initiates)
      : script_(script),
        engine_initiates_(engine_initiates),
        peer_(crypto_, config(false, !engine_initiates), 2) {}
  void run();

 private:
  void step();
  void say(bool response);
  [[nodiscard]] wire::Payloads payloads();
  [[nodiscard]] wire::Payload own_payload(std::uint8_t kind);
  void feed(core::Input input);
  void wait();
  void observe();
  [[nodiscard]] bool alive() const;

  Script script_;
  bool engine_initiates_;
  crypto::FakeProvider crypto_{1};
  test::Host host_{crypto_, 1};
  BarePeer peer_;
  IkeSpi our_spi_;
  Time now_{};
};

void Inside::feed(core::Input input) {
  host_.feed(std::move(input), now_);
  observe();
  require(host_.most_actions <= kActionsPerInput, "actions of one input are bounded");
  require(host_.settle(now_), "ticking comes to an end");
  observe();
}

// Payloads that make sense somewhere, with a byte or two of the script in them: a fuzzer would need
// long to find them.
wire::Payload Inside::own_payload(std::uint8_t kind) {
  const auto& tunnel = peer_.sa().tunnel();
  const auto& rule = tunnel.children.front();
  const auto& group = *tunnel.offers.front().groups.front();
  const ChildSpi spi{script_.u8()};
  Writer bytes;
  switch (kind % 10) {
    case 0:
      return core::write_offers(rule.offers, spi, core::Pfs::negotiated);
    case 1:
      bytes.u64(spi.value);
      return core::write_offers(tunnel.offers, bytes.view());
    case 2:
      return wire::NoncePayload{Bytes(32, static_cast<std::uint8_t>(spi.value))};
    case 3:
      return wire::KePayload{static_cast<std::uint16_t>(group.id),
                             to_bytes(crypto_.generate(group.id).value()->public_value())};
    case 4:
      return wire::TsPayload{wire::Role::initiator, rule.selectors.local};
    case 5:
      return wire::TsPayload{wire::Role::responder, rule.selectors.remote};
    case 6:
      // A child the engine may have: our inbound SPIs begin there (see BarePeer).
      bytes.u32(0xd0000000 + spi.value);
      return wire::NotifyPayload{
          wire::ProtocolId::esp, to_bytes(bytes.view()), wire::NotifyType::rekey_sa, {}};
    case 7:
      return wire::DeletePayload{wire::ProtocolId::esp, {ChildSpi{0xd0000000 + spi.value}}};
    case 8:
      return wire::DeletePayload{};
    default:
      bytes.u16(script_.u8());
      return wire::NotifyPayload{wire::ProtocolId::none,
                                 {},
                                 wire::NotifyType{static_cast<std::uint16_t>(spi.value)},
                                 to_bytes(bytes.view())};
  }
}

// Either raw bytes as a chain, as far as they parse, or payloads of our own making.
wire::Payloads Inside::payloads() {
  wire::Payloads chosen;
  const std::uint8_t form = script_.u8();
  if (form % 4 == 0) {
    const wire::PayloadType first{script_.u8()};
    auto parsed = wire::parse_chain(first, script_.take(script_.u16() % 1024));
    return parsed ? *std::move(parsed) : chosen;
  }
  for (int count = form % 9; count > 0; --count) chosen.push_back(own_payload(script_.u8()));
  return chosen;
}

void Inside::say(bool response) {
  const ExchangeType exchange = kExchanges[script_.u8() % kExchanges.size()];
  const std::uint8_t off = script_.u8();
  auto& window = peer_.up()->window;
  // Mostly the right id: others end at the window.
  std::uint32_t id = response ? window.expected_id : window.next_id;
  if (off > 240) id += off - 248U;
  const auto datagram = peer_.seal({exchange, response, id}, payloads());
  if (datagram.bytes.empty()) return;
  feed(datagram);
}

void Inside::wait() {
  now_ += kWaits[script_.u8() % kWaits.size()];
  require(host_.settle(now_), "ticking comes to an end");
  observe();
}

// Keeps our two message ids where the engine's are.
void Inside::observe() {
  auto& window = peer_.up()->window;
  for (const auto& sent : std::exchange(host_.sent, {})) {
    // Once the SA is gone its messages are answered in clear.
    const auto message = wire::parse_message(sent.bytes);
    if (!message || !message->sealed) continue;
    const wire::Header* header = &message->header;
    const auto spis = peer_.sa().spis();
    if (header->initiator_spi != spis.initiator || header->responder_spi != spis.responder) {
      continue;
    }
    const std::uint32_t id = header->message_id.value;
    if (header->flags.response) {
      require(id <= window.next_id, "nothing is answered that was not asked");
      if (id == window.next_id) ++window.next_id;
    } else {
      require(id <= window.expected_id + 1, "message ids of requests are consecutive");
      window.expected_id = id;
    }
  }
}

void Inside::step() {
  switch (script_.u8() % 6) {
    case 0:
    case 1:
      return say(false);
    case 2:
      return say(true);
    case 3:
      return wait();
    case 4:
      feed(core::Command{TunnelId{1}, static_cast<core::Order>(2 + script_.u8() % 4)});
      return;
    default: {
      const auto how = script_.u8();
      host_.answers_come =
          (how & 1) == 0 ? test::Host::Answers::at_once : test::Host::Answers::when_told;
      if ((how & 2) != 0 && !host_.answers.empty()) host_.answer(how % host_.answers.size(), now_);
    }
  }
}

bool Inside::alive() const {
  for (const auto& ike : host_.tunnel(1).ike) {
    if (ike.established && ike.peer_spi == our_spi_) return true;
  }
  return false;
}

void Inside::run() {
  host_.feed(
      core::SetTunnel{std::make_shared<const core::TunnelConfig>(config(true, engine_initiates_))},
      now_);
  if (!engine_initiates_) peer_.begin(now_);
  require(peer_.shake_hands(host_, now_), "an honest handshake succeeds");
  our_spi_ = peer_.sa().our_spi;
  for (int steps = 0; steps < kStepsPerInput && !script_.done(); ++steps) step();
  host_.answers_come = test::Host::Answers::at_once;
  host_.answer_all(now_);
  require(host_.settle(now_), "ticking comes to an end");
  observe();
  if (!alive()) return;
  require(peer_.ask(host_, ExchangeType::informational, {}, now_).has_value(),
          "an SA that is listed as established answers");
}

}  // namespace
}  // namespace ipsec::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ipsec::fuzz::Script script({data, size});
  const bool engine_initiates = script.u8() % 2 == 0;
  ipsec::fuzz::Inside(script, engine_initiates).run();
  return 0;
}
