// Two honest engines with one tunnel between them, and between them a network, two kernels and two
// worker pools that do as the script says (duel_script.h). What must hold whatever it says:
// an input makes a bounded number of actions; ticking comes to an end; half-open SAs are bounded;
// what is changed on the way or sent by strangers moves no established SA; and once all is quiet
// again, the tunnel comes back.
#include <algorithm>
#include <array>

#include "ike/base/limits.h"
#include "ike/wire/message.h"
#include "tests/fuzz/duel_script.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/host.h"

namespace ipsec::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr int kOpsPerInput = 300;
constexpr std::size_t kOnTheWay = 64;
// Of one input, with one tunnel: 64 ticks, each of which sends a few datagrams.
constexpr std::size_t kActionsPerInput = 512;
constexpr std::array<Duration, 8> kSteps{1ms, 100ms, 1s, 4s, 12s, 31s, 1h, 23h};
constexpr std::array kAddresses{"192.0.2.1", "203.0.113.2"};
constexpr std::array kNets{"10.1.0.0/16", "10.2.0.0/16"};

constexpr std::uint8_t kVersion1 = 64;  // of a variant

core::TunnelPointer tunnel_of(std::size_t side, std::uint8_t variant) {
  const std::size_t other = 1 - side;
  auto tunnel =
      test::tunnel_between(1, kAddresses[side], kAddresses[other], kNets[side], kNets[other]);
  if ((variant & 1) != 0) tunnel.start = core::Start::respond;
  if ((variant & 2) != 0) tunnel.start = core::Start::on_traffic;
  if ((variant & 4) != 0) tunnel.encapsulation = core::ForceEncapsulation::yes;
  if ((variant & 8) != 0) tunnel.fragment_bytes = 200;
  if ((variant & 16) != 0) tunnel.children.clear();
  if ((variant & 32) != 0) tunnel.ike_lifetime = tunnel.ike_lifetime / 24;
  if ((variant & kVersion1) != 0) tunnel.version = core::IkeVersion::v1;
  tunnel.aggressive = (variant & 128) != 0;
  return std::make_shared<const core::TunnelConfig>(std::move(tunnel));
}

enum class Ending : std::uint8_t { open, recovers };

class Duel {
 public:
  explicit Duel(Script script) : script_(script) {}
  void run(Ending ending);

 private:
  enum class Trust : std::uint8_t { honest, forged };

  void step(Op op);
  void change(Op op);
  void inject(Op op);
  void answer(Op op);
  void kernel(Op op);
  void configure(Op op);
  void inject_clear(std::size_t side);
  void inject_openings(std::size_t side);

  [[nodiscard]] std::size_t side() { return script_.u8() % 2; }
  [[nodiscard]] core::SendDatagram* pick();
  void arrive(core::SendDatagram datagram, Trust trust);
  void feed(std::size_t side, core::Input input);
  void forge(std::size_t side, core::Datagram datagram);
  void collect(std::size_t side);
  void deliver_first();
  void calm();
  void settle();
  void recover();
  [[nodiscard]] bool both_up() const;
  [[nodiscard]] test::Host& host(std::size_t side) { return side == 0 ? left_ : right_; }

  Script script_;
  crypto::FakeProvider crypto_{1};
  test::Host left_{crypto_, 1};
  test::Host right_{crypto_, 2};
  std::vector<core::SendDatagram> way_;
  std::size_t picked_ = 0;
  std::size_t openings_left_ = 128;  // each costs as much as ten other steps
  std::vector<IkeSpi> spis_;
  bool v1_spoken_ = false;
  Time now_{};
};

void Duel::collect(std::size_t from) {
  for (auto& datagram : std::exchange(host(from).sent, {})) {
    if (const auto header = wire::parse_header(datagram.bytes)) {
      for (const IkeSpi spi : {header->initiator_spi, header->responder_spi}) {
        if (spis_.size() < 32 && std::ranges::find(spis_, spi) == spis_.end()) spis_.push_back(spi);
      }
    }
    if (way_.size() < kOnTheWay) way_.push_back(std::move(datagram));
  }
}

void Duel::feed(std::size_t to, core::Input input) {
  host(to).feed(std::move(input), now_);
  collect(to);
}

// Somebody else's datagram: nothing that is due may hide in the comparison.
void Duel::forge(std::size_t to, core::Datagram datagram) {
  // The hashes of IKEv1 cover neither padding nor header (RFC 2409 5.5): what was changed there is
  // authentic.
  if (v1_spoken_) return feed(to, std::move(datagram));
  settle();
  const std::string before = test::established_state(host(to).engine());
  feed(to, std::move(datagram));
  require(test::established_state(host(to).engine()) == before,
          "a datagram that does not authenticate leaves established SAs alone");
}

void Duel::arrive(core::SendDatagram datagram, Trust trust) {
  const std::size_t to = datagram.remote.address == Address::parse(kAddresses[0]).value() ? 0 : 1;
  core::Datagram arrived{datagram.remote, datagram.local, std::move(datagram.bytes)};
  if (trust == Trust::honest) return feed(to, std::move(arrived));
  forge(to, std::move(arrived));
}

core::SendDatagram* Duel::pick() {
  if (way_.empty()) return nullptr;
  picked_ = script_.u8() % way_.size();
  return &way_[picked_];
}

void Duel::change(Op op) {
  const auto* found = pick();
  if (found == nullptr) return;
  core::SendDatagram datagram = *found;
  if (op != Op::duplicate && op != Op::mutate && op != Op::truncate) {
    way_.erase(way_.begin() + static_cast<std::ptrdiff_t>(picked_));
  }
  if (op == Op::drop) return;
  if (op == Op::rewrite_port) datagram.local.port = static_cast<std::uint16_t>(1024 + script_.u8());
  if (op == Op::mutate && !datagram.bytes.empty()) {
    const std::size_t offset = script_.u16() % datagram.bytes.size();
    const std::uint8_t bits = script_.u8();
    datagram.bytes[offset] ^= bits == 0 ? 1 : bits;
  }
  if (op == Op::truncate && !datagram.bytes.empty()) {
    datagram.bytes.resize(script_.u16() % datagram.bytes.size());
  }
  const bool forged = op == Op::mutate || op == Op::truncate;
  arrive(std::move(datagram), forged ? Trust::forged : Trust::honest);
}

void Duel::inject_clear(std::size_t to) {
  wire::Header header;
  header.exchange = wire::ExchangeType{static_cast<std::uint8_t>(34 + script_.u8() % 5)};
  const std::uint8_t flags = script_.u8();
  header.flags = {(flags & 1) != 0, (flags & 2) != 0, false};
  const std::uint8_t which = script_.u8();
  const auto spi = [&](std::size_t n) {
    if (n == 0) return IkeSpi{};
    return spis_.empty() ? IkeSpi{n} : spis_[n % spis_.size()];
  };
  header.initiator_spi = spi(which / 16);
  header.responder_spi = spi(which % 16);
  header.message_id = MessageId{script_.u8()};
  const wire::PayloadType first{script_.u8()};
  Bytes body = to_bytes(script_.take(script_.u8()));
  const auto payloads = wire::parse_chain(first, body);
  auto message = wire::write_message(header, payloads ? *payloads : wire::Payloads{});
  if (!message) return;
  const std::size_t from = 1 - to;
  forge(to, {{Address::parse(kAddresses[to]).value(), kIkePort},
             {Address::parse(kAddresses[from]).value(), kIkePort},
             *std::move(message)});
}

// Honest openings from the peer's address and other ports: they cost us memory and cookies.
void Duel::inject_openings(std::size_t to) {
  static const wire::Payloads payloads = [] {
    const auto offers = core::default_ike_offers(core::Profile::automatic);
    const auto* group = offers.front().groups.front();
    const auto key = std::move(crypto::FakeProvider(7).generate(group->id).value());
    return wire::Payloads{
        core::write_offers(offers, {}),
        wire::KePayload{static_cast<std::uint16_t>(group->id), to_bytes(key->public_value())},
        wire::NoncePayload{Bytes(32, 9)}};
  }();
  const std::size_t count = std::min<std::size_t>(script_.u8() % 100, openings_left_);
  openings_left_ -= count;
  for (std::size_t i = 0; i < count; ++i) {
    wire::Header header;
    header.initiator_spi = IkeSpi{0xabcd000000000000 + i};
    header.exchange = wire::ExchangeType::ike_sa_init;
    header.flags.initiator = true;
    core::Datagram datagram{
        {Address::parse(kAddresses[to]).value(), kIkePort},
        {Address::parse(kAddresses[1 - to]).value(), static_cast<std::uint16_t>(2000 + i)},
        wire::write_message(header, payloads).value()};
    host(to).feed(std::move(datagram), now_);
  }
  host(to).sent.clear();
  const std::size_t half_open = host(to).engine().snapshot().half_open;
  require(half_open <= limits::kCookieThreshold + kOnTheWay, "without a cookie few are half-open");
}

void Duel::inject(Op op) {
  const std::size_t to = side();
  if (op == Op::inject_clear) return inject_clear(to);
  if (op == Op::inject_opening) return inject_openings(to);
  const auto bytes = script_.take(script_.u8());
  forge(to, {{Address::parse(kAddresses[to]).value(), kIkePort},
             {Address::parse(kAddresses[1 - to]).value(), kIkePort},
             to_bytes(bytes)});
}

core::Input failed(const core::Input& input) {
  if (const auto* spi = std::get_if<core::SpiAllocated>(&input)) {
    return core::SpiAllocated{spi->sa, spi->ticket, std::unexpected(KernelError{"SPI", 12})};
  }
  if (const auto* sas = std::get_if<core::SasInstalled>(&input)) {
    return core::SasInstalled{sas->sa, sas->ticket, std::unexpected(KernelError{"SA", 105})};
  }
  const auto& job = std::get<core::JobDone>(input);
  return core::JobDone{job.sa, job.job, fail(PeerViolation{"public value", "1"})};
}

core::Input strange(std::uint8_t kind, SaId sa) {
  const xfrm::SaKey key{Address::parse(kAddresses[0]).value(), xfrm::Protocol::esp, ChildSpi{7}};
  if (kind % 3 == 0) return core::SpiAllocated{sa, core::Ticket{kind}, key};
  if (kind % 3 == 1) return core::SasInstalled{sa, core::Ticket{kind}, {}};
  return core::JobDone{sa, JobId{kind}, core::JobOutput{}};
}

void Duel::answer(Op op) {
  const std::size_t whose = side();
  auto& waiting = host(whose).answers;
  const std::uint8_t n = script_.u8();
  if (op == Op::answer_stranger) return feed(whose, strange(n, SaId{n % 16U}));
  if (waiting.empty()) return;
  const std::size_t index = n % waiting.size();
  if (op == Op::answer_error) waiting[index] = failed(waiting[index]);
  core::Input again = failed(waiting[index]);
  host(whose).answer(index, now_);
  collect(whose);
  if (op == Op::answer_twice) feed(whose, std::move(again));
}

void Duel::kernel(Op op) {
  const std::size_t whose = side();
  const std::uint8_t n = script_.u8();
  if (op == Op::acquire) return feed(whose, core::KernelAcquired{Reqid{n}});
  if (op == Op::inbound_seen) {
    const auto& watched = host(whose).watched;
    if (watched.empty()) return;
    const auto& watch = watched[n % watched.size()];
    return feed(whose, core::InboundSeen{watch.sa, watch.key});
  }
  xfrm::SaKey key{Address::parse(kAddresses[whose]).value(), xfrm::Protocol::esp, ChildSpi{n}};
  const auto& known = host(whose).kernel_sas;
  if (!known.empty()) key = known[n % known.size()];
  feed(whose, core::KernelExpired{key, script_.u8() % 2 != 0});
}

void Duel::configure(Op op) {
  const std::size_t whose = side();
  if (op == Op::remove_tunnel) return feed(whose, core::RemoveTunnel{TunnelId{1}});
  const std::uint8_t how = script_.u8();
  if ((how & kVersion1) != 0) v1_spoken_ = true;
  if (op == Op::set_tunnel) return feed(whose, core::SetTunnel{tunnel_of(whose, how)});
  if (op == Op::command) {
    return feed(whose, core::Command{TunnelId{1}, static_cast<core::Order>(how % 6)});
  }
  host(whose).answers_come =
      how % 2 == 0 ? test::Host::Answers::at_once : test::Host::Answers::when_told;
}

void Duel::deliver_first() {
  core::SendDatagram datagram = std::move(way_.front());
  way_.erase(way_.begin());
  arrive(std::move(datagram), Trust::honest);
}

void Duel::calm() {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    for (const std::size_t whose : {0U, 1U}) {
      host(whose).answer_all(now_);
      collect(whose);
    }
    if (way_.empty()) return;
    deliver_first();
  }
  report("two engines talk for ever");
}

void Duel::settle() {
  for (const std::size_t whose : {0U, 1U}) {
    require(host(whose).settle(now_), "ticking comes to an end");
    collect(whose);
  }
}

void Duel::step(Op op) {
  switch (op) {
    case Op::deliver:
    case Op::drop:
    case Op::duplicate:
    case Op::mutate:
    case Op::truncate:
    case Op::rewrite_port:
      return change(op);
    case Op::inject_raw:
    case Op::inject_clear:
    case Op::inject_opening:
      return inject(op);
    case Op::advance:
      now_ += kSteps[script_.u8() % kSteps.size()];
      return settle();
    case Op::answer:
    case Op::answer_error:
    case Op::answer_twice:
    case Op::answer_stranger:
      return answer(op);
    case Op::acquire:
    case Op::expire:
    case Op::inbound_seen:
      return kernel(op);
    case Op::command:
    case Op::set_tunnel:
    case Op::remove_tunnel:
    case Op::answers_come:
      return configure(op);
    case Op::calm:
      return calm();
  }
}

bool Duel::both_up() const {
  return left_.tunnel(1).connection == core::Connection::connected &&
         right_.tunnel(1).connection == core::Connection::connected;
}

// Whatever went before: with honest configurations and an honest network the tunnel comes up.
void Duel::recover() {
  constexpr int kSeconds = 120;  // a dead peer found, a try lost to its remains, and some
  for (const std::size_t whose : {0U, 1U}) {
    host(whose).answers_come = test::Host::Answers::at_once;
    feed(whose, core::SetTunnel{tunnel_of(whose, 0)});
    feed(whose, core::Command{TunnelId{1}, core::Order::up});
  }
  for (int second = 0; second < kSeconds; ++second) {
    settle();
    calm();
    if (both_up()) return;
    now_ += 1s;
  }
  report("the tunnel does not come back");
}

void Duel::run(Ending ending) {
  for (const std::size_t whose : {0U, 1U}) {
    feed(whose, core::SetTunnel{tunnel_of(whose, whose == 0 ? 0 : 1)});
  }
  for (int ops = 0; ops < kOpsPerInput && !script_.done(); ++ops) {
    step(static_cast<Op>(script_.u8() % kOps));
  }
  settle();
  if (ending == Ending::recovers) recover();
  for (const auto* host : {&left_, &right_}) {
    require(host->most_actions <= kActionsPerInput, "actions of one input are bounded");
    require(host->engine().snapshot().half_open <= limits::kHalfOpen, "half-open is bounded");
  }
}

}  // namespace
}  // namespace ipsec::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Coming back takes longer than most scripts: a quarter of the inputs has to.
  const auto end = size % 4 == 0 ? ipsec::fuzz::Ending::recovers : ipsec::fuzz::Ending::open;
  ipsec::fuzz::Duel(ipsec::fuzz::Script({data, size})).run(end);
  return 0;
}
