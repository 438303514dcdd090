// A peer of IKEv1 that says what it likes, in every state of phase 1 and behind it: in clear, under
// the keys with no hash or a wrong one, and as quick mode and informational exchanges with the
// right one. Whatever it says: ticking ends, the actions of an input and what is kept are bounded,
// what is in clear moves no established SA; a phase 1 that the script leaves alone succeeds and
// keeps to the RFC; and at the end the SA still answers, or it has been closed.
//
// The script: mode and roles, then the steps, each with its operands; see step().
#include <algorithm>
#include <array>
#include <utility>

#include "ike/base/limits.h"
#include "tests/fuzz/duel_script.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/v1_hand.h"

namespace ipsec::fuzz {
namespace {

using namespace std::chrono_literals;
using test::V1Hand;
using wire::ExchangeType;
namespace v1 = wire::v1;

constexpr int kStepsPerInput = 60;
constexpr std::size_t kActionsPerInput = 512;
constexpr std::size_t kHeardKept = 64;
constexpr std::uint32_t kHandSpis = 0xd0000000;
constexpr std::array<Duration, 6> kWaits{100ms, 2s, 9s, 40s, 20min, 23h};
constexpr std::array kExchanges{ExchangeType::identity_protection, ExchangeType::aggressive,
                                ExchangeType::informational_v1, ExchangeType::quick_mode,
                                ExchangeType::ike_sa_init};

V1Hand::Wishes wishes_of(std::uint8_t how) {
  V1Hand::Wishes wishes;
  wishes.aggressive = (how & 2) != 0;
  wishes.draft = (how & 4) != 0;
  wishes.behind_nat = (how & 8) != 0;
  if (wishes.draft) wishes.vendor_ids = {test::kNatDraft3, test::kDeadPeerDetection};
  return wishes;
}

class Inside {
 public:
  Inside(Script script, std::uint8_t how)
      : script_(script), hand_begins_((how & 1) != 0), hand_(crypto_, 2, wishes_of(how)) {
    auto tunnel = test::v1_left_config((how & 2) != 0);
    if (hand_begins_) tunnel.start = core::Start::respond;
    if ((how & 16) != 0) tunnel.children.front().offers.front().groups = {find_group("modp2048")};
    host_.feed(core::SetTunnel{std::make_shared<const core::TunnelConfig>(std::move(tunnel))},
               now_);
  }
  void run();

 private:
  void step();
  void go_on();
  void in_clear();
  void sealed_noise();
  void quick(std::uint8_t message);
  void kernel();
  void say(Bytes bytes);
  void feed(core::Input input);
  void observe();
  void note(const V1Hand::Opened& opened);
  [[nodiscard]] bool is_ours(ByteView bytes) const;
  [[nodiscard]] std::uint32_t quick_id();
  [[nodiscard]] v1::Payloads payloads();
  [[nodiscard]] v1::Payload own_payload(std::uint8_t kind);
  [[nodiscard]] v1::NotificationPayload notification(std::uint8_t kind);
  [[nodiscard]] bool alive() const;
  void expect_answer();

  Script script_;
  bool hand_begins_;
  crypto::FakeProvider crypto_{1};
  test::Host host_{crypto_, 1};
  V1Hand hand_;
  std::vector<Bytes> waiting_;                // of phase 1, for the hand to hear
  std::vector<Bytes> heard_;                  // what comes again does not move the IVs
  std::vector<std::uint32_t> engine_quicks_;  // the ids of those that the engine has begun
  Bytes last_said_;
  bool untouched_ = true;
  bool begun_ = false;
  std::uint32_t next_id_ = 0x70000000;
  std::uint8_t sequence_ = 0;  // of the engine's last question
  Time now_{};
};

void Inside::feed(core::Input input) {
  host_.feed(std::move(input), now_);
  require(host_.most_actions <= kActionsPerInput, "actions of one input are bounded");
  require(host_.settle(now_), "ticking comes to an end");
  observe();
}

void Inside::say(Bytes bytes) {
  if (bytes.empty()) return;
  last_said_ = bytes;
  feed(hand_.arriving(std::move(bytes)));
}

bool Inside::is_ours(ByteView bytes) const {
  const auto header = v1::parse_header(bytes);
  return header && equal(bytes.first(16), hand_.cookies());
}

void Inside::note(const V1Hand::Opened& opened) {
  const std::uint32_t id = opened.header.message_id.value;
  for (const auto& placed : opened.payloads) {
    if (const auto* notify = std::get_if<v1::NotificationPayload>(&placed.payload)) {
      if (!notify->data.empty()) sequence_ = notify->data.back();
    }
    const auto* nonce = std::get_if<v1::NoncePayload>(&placed.payload);
    if (nonce == nullptr) continue;
    auto& quick = hand_.quick(id);
    if (!quick.initiator_nonce.empty()) {
      quick.responder_nonce = nonce->data;
      continue;
    }
    quick.initiator_nonce = nonce->data;
    if (engine_quicks_.size() < kHeardKept) engine_quicks_.push_back(id);
  }
}

void Inside::observe() {
  for (auto& sent : std::exchange(host_.sent, {})) {
    if (std::ranges::find(heard_, sent.bytes) != heard_.end()) continue;
    if (heard_.size() == kHeardKept) heard_.erase(heard_.begin());
    heard_.push_back(sent.bytes);
    if (!hand_.up()) {
      // As the network would bring it: with a NAT between it moved to port 4500.
      hand_.ours = sent.remote;
      hand_.theirs = sent.local;
      if (waiting_.size() < kHeardKept) waiting_.push_back(std::move(sent.bytes));
      continue;
    }
    if (!is_ours(sent.bytes)) continue;
    if (const auto opened = hand_.open(sent.bytes)) note(*opened);
  }
}

// Phase 1, honestly.
void Inside::go_on() {
  if (hand_.up()) return;
  if (hand_begins_ && !std::exchange(begun_, true)) return say(hand_.begin());
  if (waiting_.empty()) return;
  const Bytes message = std::move(waiting_.front());
  waiting_.erase(waiting_.begin());
  if (auto answer = hand_.hear(message)) say(*std::move(answer));
  // A quick mode of the engine's may have come with its last message.
  if (!hand_.up()) return;
  for (const auto& bytes : std::exchange(waiting_, {})) {
    if (!is_ours(bytes)) continue;
    if (const auto opened = hand_.open(bytes)) note(*opened);
  }
}

v1::NotificationPayload Inside::notification(std::uint8_t kind) {
  const std::uint8_t n = script_.u8();
  v1::NotificationPayload notify{
      v1::Doi::ipsec, v1::ProtocolId::isakmp, hand_.cookies(), v1::NotifyType::r_u_there, {}};
  switch (kind % 5) {
    case 0:
      notify.data = {0, 0, 0, n};
      break;
    case 1:
      notify.type = v1::NotifyType::r_u_there_ack;
      notify.data = {0, 0, 0, n == 0 ? sequence_ : n};
      break;
    case 2:
      notify.type = v1::NotifyType::initial_contact;
      break;
    case 3:
      notify.type = v1::NotifyType{n};
      notify.protocol = v1::ProtocolId::esp;
      notify.spi = {0xc0, 0, 0, script_.u8()};
      break;
    default:
      notify.type = v1::NotifyType::responder_lifetime;
      notify.data = to_bytes(script_.take(n % 32));
  }
  return notify;
}

// Payloads that make sense somewhere, with a byte or two of the script in them: a fuzzer would need
// long to find them.
v1::Payload Inside::own_payload(std::uint8_t kind) {
  switch (kind % 13) {
    case 0: {
      const ChildSpi spi{kHandSpis + script_.u8()};
      std::vector<wire::Attribute> more;
      const std::uint8_t seconds = script_.u8();
      if (seconds > 8) {
        more = {v1::attribute_of(v1::Phase2Attribute::life_type, 1U + seconds % 2),
                v1::attribute_of(v1::Phase2Attribute::life_duration, seconds)};
      }
      return hand_.quick_payloads(spi, {}, more)[0];
    }
    case 1:
      return v1::NoncePayload{Bytes(8U + script_.u8() % 32, 0x5a)};
    case 2:
      return hand_.quick_payloads({}, {}, {})[2];
    case 3:
      return hand_.quick_payloads({}, {}, {})[3];
    case 4:
      return v1::KePayload{to_bytes(crypto_.generate(GroupId::modp2048).value()->public_value())};
    case 5:
      return v1::IdPayload{v1::IdType{script_.u8()}, script_.u8(), script_.u8(),
                           to_bytes(script_.take(8))};
    case 6:
    case 7:
      return notification(script_.u8());
    case 8:
      return v1::DeletePayload{
          v1::Doi::ipsec, v1::ProtocolId::esp, {}, {ChildSpi{kHandSpis + script_.u8()}}};
    case 9: {
      const Bytes cookies = hand_.cookies();
      Reader reader(cookies);
      v1::CookiePair pair{IkeSpi{reader.u64("i")}, IkeSpi{reader.u64("r")}};
      if (script_.u8() % 4 == 3) pair.responder = IkeSpi{7};
      return v1::DeletePayload{v1::Doi::ipsec, v1::ProtocolId::isakmp, {pair}, {}};
    }
    case 10:
      return v1::HashPayload{Bytes(script_.u8() % 64, 1)};
    case 11:
      return v1::NatDiscoveryPayload{script_.u8() % 2 == 0, Bytes(32, 1)};
    default:
      return v1::UnknownPayload{v1::PayloadType{static_cast<std::uint8_t>(140 + script_.u8() % 64)},
                                Bytes(script_.u8(), 2)};
  }
}

// Either raw bytes as a chain, as far as they parse, or payloads of our own making.
v1::Payloads Inside::payloads() {
  v1::Payloads chosen;
  const std::uint8_t form = script_.u8();
  if (form % 8 == 7) {
    const v1::PayloadType first{script_.u8()};
    const auto parsed = v1::parse_chain(first, script_.take(script_.u16() % 1024));
    if (!parsed) return chosen;
    for (const auto& placed : *parsed) chosen.push_back(placed.payload);
  } else {
    for (int count = form % 8; count > 0; --count) chosen.push_back(own_payload(script_.u8()));
  }
  return v1::write_chain(chosen) ? chosen : v1::Payloads{};
}

void Inside::in_clear() {
  const ExchangeType exchange = kExchanges[script_.u8() % kExchanges.size()];
  const std::uint32_t id = script_.u8() / 8U;
  const auto chosen = payloads();
  if (chosen.empty()) return;
  const bool up = hand_.up();
  if (!up) untouched_ = false;
  // Nothing that is due, or has been answered, may hide in the comparison.
  if (host_.answers_come == test::Host::Answers::at_once) host_.answer_all(now_);
  require(host_.settle(now_), "ticking comes to an end");
  observe();
  const std::string before = test::established_state(host_.engine());
  host_.feed(hand_.arriving(hand_.clear(exchange, id, chosen)), now_);
  require(!up || test::established_state(host_.engine()) == before,
          "what is in clear leaves established SAs alone");
  feed(core::Tick{});
}

// Under the keys, but whatever it likes.
void Inside::sealed_noise() {
  const ExchangeType exchange = kExchanges[script_.u8() % kExchanges.size()];
  const std::uint8_t id = script_.u8();
  const v1::PayloadType first{script_.u8()};
  Bytes chain = to_bytes(script_.take(script_.u16() % 512));
  if (!hand_.has_keys() || chain.empty()) return;
  if (!hand_.up()) untouched_ = false;
  // Phase 1's last block is where all IVs behind it come from, and noise is no part of it.
  const Bytes iv = hand_.iv_of(id);
  Bytes message = hand_.seal_chain(exchange, id, first, std::move(chain));
  if (id == 0) hand_.iv_of(id) = iv;
  say(std::move(message));
}

std::uint32_t Inside::quick_id() {
  const std::uint8_t n = script_.u8();
  if (n < 128 || engine_quicks_.empty()) return 1U + n % 16;
  return engine_quicks_[n % engine_quicks_.size()];
}

void Inside::quick(std::uint8_t message) {
  if (!hand_.up()) return;
  // Of the engine's the newest, where it is for us to answer.
  const bool answers = message == 2;
  if (answers && engine_quicks_.empty()) return;
  const std::uint32_t id = answers ? engine_quicks_.back() : quick_id();
  if (message == 3) return say(hand_.quick_3(id));
  const auto chosen = payloads();
  if (chosen.empty()) return;
  say(answers ? hand_.quick_2(id, chosen) : hand_.quick_1(id, chosen));
}

void Inside::kernel() {
  const std::uint8_t how = script_.u8();
  host_.answers_come =
      (how & 1) == 0 ? test::Host::Answers::at_once : test::Host::Answers::when_told;
  if ((how & 2) == 0 || host_.answers.empty()) return;
  auto& answer = host_.answers[how % host_.answers.size()];
  if ((how & 4) != 0) {
    if (auto* spi = std::get_if<core::SpiAllocated>(&answer)) {
      spi->result = std::unexpected(KernelError{"SPI", 12});
    } else if (auto* sas = std::get_if<core::SasInstalled>(&answer)) {
      sas->result = std::unexpected(KernelError{"SA", 105});
    }
  }
  host_.answer(how % host_.answers.size(), now_);
  require(host_.settle(now_), "ticking comes to an end");
  observe();
}

void Inside::step() {
  switch (script_.u8() % 11) {
    case 0:
      return go_on();
    case 1:
      return in_clear();
    case 2: {
      const auto chosen = payloads();
      if (hand_.up()) say(hand_.inform(next_id_++, chosen));
      return;
    }
    case 3:
      return quick(1);
    case 4:
      return quick(2);
    case 5:
      return quick(3);
    case 6:
      now_ += kWaits[script_.u8() % kWaits.size()];
      untouched_ = untouched_ && hand_.up();
      return feed(core::Tick{});
    case 7:
      untouched_ = untouched_ && hand_.up();
      return feed(core::Command{TunnelId{1}, static_cast<core::Order>(2 + script_.u8() % 4)});
    case 8:
      untouched_ = untouched_ && hand_.up();
      return kernel();
    case 9:
      return sealed_noise();
    default:
      return say(last_said_);
  }
}

bool Inside::alive() const {
  const Bytes cookies = hand_.cookies();
  Reader reader(cookies);
  const std::array<std::uint64_t, 2> both{reader.u64("i"), reader.u64("r")};
  for (const auto& ike : host_.tunnel(1).ike) {
    if (ike.established && ike.peer_spi == IkeSpi{both[hand_begins_ ? 0 : 1]}) return true;
  }
  return false;
}

void Inside::expect_answer() {
  host_.sent.clear();
  const std::uint32_t id = next_id_++;
  host_.feed(hand_.arriving(hand_.inform(id, {v1::NotificationPayload{v1::Doi::ipsec,
                                                                      v1::ProtocolId::isakmp,
                                                                      hand_.cookies(),
                                                                      v1::NotifyType::r_u_there,
                                                                      {9, 9, 9, 9}}})),
             now_);
  for (const auto& sent : host_.sent) {
    if (!is_ours(sent.bytes)) continue;
    const auto opened = hand_.open(sent.bytes);
    if (!opened || !hand_.hash_1_fits(*opened)) continue;
    for (const auto& placed : opened->payloads) {
      const auto* notify = std::get_if<v1::NotificationPayload>(&placed.payload);
      if (notify != nullptr && notify->data == Bytes{9, 9, 9, 9}) return;
    }
  }
  report("an SA that is listed as established answers");
}

void Inside::run() {
  host_.settle(now_) ? observe() : report("ticking comes to an end");
  for (int steps = 0; steps < kStepsPerInput && !script_.done(); ++steps) step();
  host_.answers_come = test::Host::Answers::at_once;
  host_.answer_all(now_);
  require(host_.settle(now_), "ticking comes to an end");
  observe();
  if (untouched_ && (begun_ || !hand_begins_)) {
    for (int messages = 0; messages < 8 && !hand_.up(); ++messages) go_on();
    require(hand_.up() && hand_.faults().empty(), "an honest phase 1 succeeds");
  }
  for (const auto& ike : host_.tunnel(1).ike) {
    require(ike.children.size() <= limits::kChildrenPerSa, "children are bounded");
  }
  require(host_.engine().snapshot().half_open <= limits::kHalfOpen, "half-open is bounded");
  if (hand_.up() && alive()) expect_answer();
}

}  // namespace
}  // namespace ipsec::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ipsec::fuzz::Script script({data, size});
  const std::uint8_t how = script.u8();
  ipsec::fuzz::Inside(script, how).run();
  return 0;
}
