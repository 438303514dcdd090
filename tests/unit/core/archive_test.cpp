// Goal: what the runtime store keeps of a child and of a kernel SA comes back as it was, and
// nothing less than all of it is taken for something. Method: values in every form they can have
// are written, read and written again; then each is cut short at every byte, and changed at every
// byte.
#include "ike/core/sa/archive.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/core/sa/layouts.h"

namespace ipsec::core {
namespace {

using namespace std::chrono_literals;

TrafficSelector range(const char* text) { return TrafficSelector::of(Cidr::parse(text).value()); }

xfrm::SaSpec full_spec() {
  xfrm::SaSpec spec;
  spec.direction = xfrm::Direction::out;
  spec.source = Address::parse("192.0.2.1").value();
  spec.destination = Address::parse("2001:db8::2").value();
  spec.spi = ChildSpi{0xc1234567};
  spec.reqid = Reqid{77};
  spec.encryption = find_encryption("aes256");
  spec.integrity = find_integrity("sha256");
  spec.encryption_key = Secret(Bytes(32, 0x11));
  spec.integrity_key = Secret(Bytes(32, 0x22));
  spec.extended_sequence_numbers = true;
  spec.replay_window_packets = 1024;
  spec.encapsulation = xfrm::UdpEncapsulation{4500, 10234};
  spec.soft_limit_bytes = 1'000'000'000'000;
  spec.hard_limit_bytes = 1'100'000'000'000;
  spec.hard_limit_s = 3700;
  spec.attachment = {5, xfrm::Mark{6, 7}};
  spec.output_mark = xfrm::Mark{8, 9};
  spec.copy_ecn = false;
  spec.copy_dscp = false;
  return spec;
}

Child child_in(ChildPhase phase) {
  Child child;
  child.id = ChildId{41};
  child.rule = 3;
  child.reqid = Reqid{77};
  child.inbound = ChildSpi{0xc0000001};
  child.outbound = ChildSpi{0xc0000002};
  child.local = {Address::parse("192.0.2.1").value(), 4500};
  child.remote = {Address::parse("203.0.113.9").value(), 10234};
  child.encapsulated = true;
  child.selectors = {{range("10.1.0.0/16"), range("10.3.0.0/16")}, {range("2001:db8:5::/48")}};
  child.algorithms.encryption = find_encryption("aes256gcm16");
  child.phase = std::move(phase);
  child.lowest_nonce = Bytes(32, 0x33);
  child.successor = ChildId{42};
  child.awaited = full_spec();
  child.announced = true;
  child.lifetime = 3600s;
  child.lifetime_bytes = 5'000'000'000;
  child.rekey_at = Time(10s);
  child.made_at = Time(1s);
  child.asked = true;
  child.settle_at = Time(2s);
  child.switch_at = Time(3s);
  return child;
}

std::vector<ChildPhase> all_phases() {
  std::vector<ChildPhase> phases;
  phases.emplace_back(InboundOnly{full_spec()});
  phases.emplace_back(Active{});
  phases.emplace_back(Replaced{false, Time(9s)});
  phases.emplace_back(Lingering{Time(7s)});
  phases.emplace_back(Unmade{
      xfrm::SaKey{Address::parse("192.0.2.1").value(), xfrm::Protocol::esp, ChildSpi{0xc0000009}},
      3, Time(8s)});
  return phases;
}

Bytes written(const auto& it) {
  Saver saver;
  saver(it);
  return to_bytes(saver.view());
}

template <typename T>
bool loads(ByteView bytes, T& it) {
  Loader loader(bytes);
  loader(it);
  return loader.is_whole();
}

// Whatever a byte says, what is read of it can be written, and is read again the same.
template <typename T>
void check_changes(const Bytes& good) {
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int bits : {0x01, 0x80, 0xff}) {
      Bytes bad = good;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ bits);
      T it;
      if (!loads(bad, it)) continue;
      T again;
      CHECK(loads(written(it), again));
      CHECK(written(again) == written(it));
    }
  }
}

}  // namespace

TEST_CASE("a child comes back as it was, in each of its phases", "[archive]") {
  for (auto& phase : all_phases()) {
    const Child child = child_in(std::move(phase));
    const Bytes bytes = written(child);
    INFO("phase " << child.phase.index());
    Child copy;
    REQUIRE(loads(bytes, copy));
    CHECK(written(copy) == bytes);
    CHECK(copy.phase.index() == child.phase.index());
    CHECK(copy.id == child.id);
    CHECK(copy.rule == child.rule);
    CHECK(copy.inbound_key() == child.inbound_key());
    CHECK(copy.outbound_key() == child.outbound_key());
    CHECK(copy.remote == child.remote);
    CHECK(copy.encapsulated);
    CHECK(copy.selectors == child.selectors);
    CHECK(copy.algorithms.encryption == child.algorithms.encryption);
    CHECK(copy.lowest_nonce == child.lowest_nonce);
    CHECK(copy.successor == child.successor);
    CHECK(copy.announced);
    CHECK(copy.lifetime == child.lifetime);
    CHECK(copy.lifetime_bytes == child.lifetime_bytes);
    CHECK(copy.rekey_at == child.rekey_at);
    CHECK(copy.expires_at == kNever);
    CHECK(copy.switch_at == child.switch_at);
    CHECK(copy.delete_at() == child.delete_at());
    CHECK(copy.has_outbound() == child.has_outbound());
    REQUIRE(copy.awaited.has_value());
    CHECK(copy.awaited->integrity_key == child.awaited->integrity_key);
  }
}

TEST_CASE("the outbound half that waits has its keys, and is cloned with them", "[archive]") {
  const xfrm::SaSpec spec = full_spec();
  const xfrm::SaSpec copy = clone(spec);
  CHECK(written(copy) == written(spec));
  CHECK(copy.key() == spec.key());
  CHECK(copy.source == spec.source);
  CHECK(copy.direction == spec.direction);
  CHECK(copy.encryption == spec.encryption);
  CHECK(copy.integrity == spec.integrity);
  CHECK(copy.encryption_key == spec.encryption_key);
  CHECK(copy.integrity_key == spec.integrity_key);
  CHECK(copy.extended_sequence_numbers);
  CHECK(copy.replay_window_packets == 1024);
  CHECK(copy.encapsulation == spec.encapsulation);
  CHECK(copy.soft_limit_bytes == spec.soft_limit_bytes);
  CHECK(copy.hard_limit_s == spec.hard_limit_s);
  CHECK(copy.attachment == spec.attachment);
  CHECK(copy.output_mark == spec.output_mark);
  CHECK_FALSE(copy.copy_ecn);
  CHECK_FALSE(copy.copy_dscp);
}

TEST_CASE("what is cut short or has something behind it is refused", "[archive]") {
  for (auto& phase : all_phases()) {
    const Bytes bytes = written(child_in(std::move(phase)));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      Child child;
      INFO(size << " of " << bytes.size());
      CHECK_FALSE(loads(ByteView(bytes).first(size), child));
    }
    Bytes longer = bytes;
    longer.push_back(0);
    Child child;
    CHECK_FALSE(loads(longer, child));
  }
}

TEST_CASE("a changed byte is refused, or makes another value", "[archive]") {
  for (auto& phase : all_phases()) check_changes<Child>(written(child_in(std::move(phase))));
  check_changes<xfrm::SaSpec>(written(full_spec()));
}

TEST_CASE("what has no meaning is refused", "[archive]") {
  const auto refused = [](const Bytes& bytes, auto it) { return !loads(bytes, it); };
  CHECK(refused(Bytes{2}, false));
  CHECK(refused(Bytes{2}, std::optional<std::uint8_t>()));
  CHECK(refused(Bytes{0, 0, 0, 3, 1, 2, 3}, Address()));
  CHECK(refused(Bytes{3}, std::variant<std::monostate, std::uint8_t>()));
  // More than there are bytes.
  CHECK(refused(Bytes{0xff, 0xff, 0xff, 0xff, 1}, std::vector<std::uint32_t>()));
  CHECK(refused(Bytes{0, 0, 0, 2, 1}, std::vector<bool>()));
  Saver saver;
  saver(true, EncryptionId{0x7777}, std::uint16_t{128});
  const EncryptionRow* row = find_encryption("aes256");
  Loader loader(saver.view());
  loader(row);
  CHECK_FALSE(loader.ok());
  CHECK(row == nullptr);
  // A range that ends before it begins.
  Saver ends;
  ends(Address::parse("10.0.0.9").value(), Address::parse("10.0.0.1").value(), std::uint8_t{0},
       std::uint16_t{0}, std::uint16_t{65535});
  CHECK(refused(to_bytes(ends.view()), TrafficSelector::of(Cidr::parse("10.0.0.0/8").value())));
}

}  // namespace ipsec::core
