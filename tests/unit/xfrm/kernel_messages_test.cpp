// Goal: what a kernel says is read as what it is. Method: tests/vectors/xfrm_kernel.txt, captured
// from Linux 6.1 (see make_xfrm_messages.py, which says what was set and done): first the dumps,
// then the events in their order.
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/random_xfrm.h"
#include "tests/support/vectors.h"

namespace ipsec::xfrm {

namespace {

constexpr std::uint32_t kOwnPort = 4711;

std::vector<Bytes> messages(std::string_view kind) {
  std::vector<Bytes> found;
  for (const auto& vector : testing::read_vectors("xfrm_kernel.txt")) {
    if (vector.text("name").starts_with(kind)) found.push_back(vector.hex("message"));
  }
  return found;
}

Address address(std::string_view text) { return Address::parse(text).value(); }

// With the port of whoever asked for the change.
Bytes by(Bytes message, std::uint32_t port) {
  std::memcpy(&message[offsetof(nlmsghdr, nlmsg_pid)], &port, sizeof(port));
  return message;
}

std::optional<KernelEvent> event(const Bytes& message, std::uint32_t port = 0) {
  const auto read = parse_event(by(message, port), kOwnPort);
  REQUIRE(read.has_value());
  return *read;
}

const SaKey kOutbound{address("192.0.2.2"), Protocol::esp, ChildSpi{0x12345678}};
const SaKey kInbound{address("192.0.2.1"), Protocol::esp, ChildSpi{0x12345678}};
const SaKey kShort{address("192.0.2.2"), Protocol::ah, ChildSpi{0x44444444}};

}  // namespace

TEST_CASE("a kernel's SAs") {
  const auto rows = messages("dump state");
  REQUIRE(rows.size() == 5);
  const auto held = parse_sa(rows[0]);
  REQUIRE((held && *held));
  CHECK((*held)->larval);
  CHECK((*held)->spec.direction == Direction::in);
  CHECK((*held)->spec.spi == ChildSpi{0x55555555});

  const auto short_lived = parse_sa(rows[1]);
  REQUIRE((short_lived && *short_lived));
  CHECK((*short_lived)->spec.key() == kShort);
  CHECK((*short_lived)->spec.integrity == find_integrity("sha1"));
  CHECK((*short_lived)->spec.encryption == nullptr);
  CHECK((*short_lived)->spec.hard_limit_s == 2);
  CHECK_FALSE((*short_lived)->larval);

  // Another program's, in transport mode: no SA of ours, but a row that has a key and a reqid.
  CHECK(parse_sa(rows[2]) == std::nullopt);
  const auto foreign = parse_sa_usage(rows[2]);
  REQUIRE((foreign && *foreign));
  CHECK((*foreign)->reqid == Reqid{7});
  CHECK((*foreign)->key.spi == ChildSpi{0x33333333});

  const auto out = parse_sa(rows[3]);
  REQUIRE((out && *out));
  const SaSpec& sender = (*out)->spec;
  CHECK(sender.key() == kOutbound);
  CHECK(sender.direction == Direction::out);
  CHECK(sender.encryption == find_encryption("aes128"));
  CHECK(sender.integrity == find_integrity("sha256"));
  CHECK(to_hex(sender.encryption_key.view()) == "000102030405060708090a0b0c0d0e0f");
  CHECK(sender.integrity_key.size() == 32);
  CHECK(sender.extended_sequence_numbers);
  CHECK(sender.encapsulation == UdpEncapsulation{4500, 4501});
  CHECK_FALSE(sender.copy_dscp);
  CHECK(sender.copy_ecn);
}

TEST_CASE("a kernel's inbound SA with every option") {
  const auto in = parse_sa(messages("dump state").back());
  REQUIRE((in && *in));
  const SaSpec& receiver = (*in)->spec;
  CHECK(receiver.key() == kInbound);
  CHECK(receiver.source == address("192.0.2.2"));
  CHECK(receiver.direction == Direction::in);
  CHECK(receiver.reqid == kFirstReqid);
  CHECK(receiver.encryption == find_encryption("aes128gcm16"));
  CHECK(to_hex(receiver.encryption_key.view()) == "000102030405060708090a0b0c0d0e0f10111213");
  CHECK(receiver.replay_window_packets == 1024);
  CHECK((*in)->replay.window == std::vector<std::uint32_t>(32));
  CHECK(receiver.attachment == Attachment{.interface_id = 0x42, .mark = Mark{7, 0xff}});
  CHECK(receiver.output_mark == Mark{9, 0xf});
  CHECK(receiver.hard_limit_bytes == 1'000'000);
  CHECK(receiver.hard_limit_s == 3'600);
  CHECK((*in)->counters.added_at_s > 1'600'000'000);
  const auto usage = parse_sa_usage(messages("dump state").back());
  REQUIRE((usage && *usage));
  CHECK((*usage)->attachment == receiver.attachment);
}

// Found by fuzz_xfrm_message.
TEST_CASE("an inbound SA that checks no sequence numbers has none") {
  Bytes message = messages("dump state").front();
  // The first attribute is XFRMA_REPLAY_VAL; its second number is the newest received.
  const std::size_t body_end = sizeof(nlmsghdr) + sizeof(xfrm_usersa_info);
  nlattr attribute{};
  std::memcpy(&attribute, &message[body_end], sizeof(attribute));
  REQUIRE(attribute.nla_type == XFRMA_REPLAY_VAL);
  message[body_end + sizeof(attribute) + offsetof(xfrm_replay_state, seq)] = 9;
  const auto read = parse_sa(message);
  REQUIRE((read && *read));
  CHECK((*read)->replay.received == 0);
  CHECK(broken_rule(message) == "");
}

TEST_CASE("a kernel's policies") {
  const auto rows = messages("dump policy");
  REQUIRE(rows.size() == 4);
  // One without a template lets through, and is never ours.
  CHECK(parse_policy(rows[0]) == std::nullopt);
  const auto block = parse_policy(rows[1]);
  REQUIRE((block && *block));
  CHECK((*block)->blocks);
  CHECK((*block)->key.direction == PolicyDirection::forward);
  CHECK((*block)->protection.reqid == kFirstReqid);

  const auto in = parse_policy(rows[2]);
  REQUIRE((in && *in));
  CHECK((*in)->key.direction == PolicyDirection::in);
  CHECK((*in)->key.interface_id == 0x42);
  CHECK((*in)->key.mark == Mark{7, 0xff});
  CHECK((*in)->key.selector.protocol == 6);
  CHECK((*in)->key.selector.source_port == 80);
  CHECK((*in)->key.selector.source_port_mask == 0xffff);
  CHECK((*in)->protection.source == Address::any(Family::v4));

  const auto out = parse_policy(rows[3]);
  REQUIRE((out && *out));
  CHECK((*out)->priority == 70'000);
  CHECK((*out)->key.selector.source == Cidr::parse("10.0.1.0/24").value());
  CHECK((*out)->protection.destination == address("192.0.2.2"));
  CHECK_FALSE((*out)->blocks);
}

TEST_CASE("a kernel's events") {
  const auto events = messages("event");
  REQUIRE(events.size() == 14);
  // SAs of our reqids that another program adds are looked at; one of a foreign reqid is not.
  const KernelEvent changed = ForeignChange{};
  for (const std::size_t of_ours : {0U, 1U, 3U}) CHECK(event(events[of_ours]) == changed);
  CHECK(event(events[2]) == std::nullopt);
  // UPDPOLICY, whatever it bears: it may have taken the place of one of ours.
  for (std::size_t update = 4; update < 8; ++update) CHECK(event(events[update]) == changed);

  // The SA that was to live for two seconds.
  CHECK(event(events[8]) == KernelEvent{HardExpired{kShort}});
  CHECK(event(events[9]) == std::nullopt);  // NEWAE: a row of another kind
  CHECK(event(events[10]) == KernelEvent{ForeignChange{kOutbound}});
  CHECK(event(events[11]) == changed);  // DELPOLICY of ours
  CHECK(event(events[12]) == changed);  // FLUSHSA
  CHECK(event(events[13]) == changed);  // FLUSHPOLICY
}

// By hand, from the structures of <linux/xfrm.h>.
TEST_CASE("an acquire, a first use and a changed mapping") {
  struct Acquire {
    nlmsghdr header;
    xfrm_user_acquire body;
    nlattr attribute;
    xfrm_user_tmpl wanted;
  } acquire;
  std::memset(&acquire, 0, sizeof(acquire));
  acquire.header.nlmsg_len = offsetof(Acquire, wanted) + sizeof(xfrm_user_tmpl);
  acquire.header.nlmsg_type = XFRM_MSG_ACQUIRE;
  acquire.body.sel.family = AF_INET;
  acquire.body.sel.saddr.a4 = htonl(0x0a000101);
  acquire.body.sel.daddr.a4 = htonl(0x0a000205);
  acquire.body.sel.prefixlen_s = acquire.body.sel.prefixlen_d = 32;
  acquire.body.sel.proto = 1;
  acquire.body.sel.sport = htons(8);
  acquire.body.sel.sport_mask = 0xffff;
  acquire.attribute = {sizeof(nlattr) + sizeof(xfrm_user_tmpl), XFRMA_TMPL};
  acquire.wanted.id.proto = 50;
  acquire.wanted.family = AF_INET;
  acquire.wanted.reqid = kFirstReqid.value;
  acquire.wanted.mode = XFRM_MODE_TUNNEL;
  const auto told = [](const auto& message) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&message);
    return event(Bytes(bytes, bytes + message.header.nlmsg_len), 0);
  };
  Acquired expected{.reqid = kFirstReqid, .packet = {}};
  expected.packet.source = Cidr::host(address("10.0.1.1"));
  expected.packet.destination = Cidr::host(address("10.0.2.5"));
  expected.packet.protocol = 1;
  expected.packet.source_port = 8;
  expected.packet.source_port_mask = 0xffff;
  CHECK(told(acquire) == KernelEvent{expected});
  acquire.wanted.reqid = kLastReqid.value + 1;
  CHECK(told(acquire) == std::nullopt);

  struct Expire {
    nlmsghdr header;
    xfrm_user_expire body;
  } expire;
  std::memset(&expire, 0, sizeof(expire));
  expire.header.nlmsg_len = sizeof(expire);
  expire.header.nlmsg_type = XFRM_MSG_EXPIRE;
  expire.body.state.family = AF_INET;
  expire.body.state.id.daddr.a4 = htonl(0xc0000201);
  expire.body.state.id.spi = htonl(0x12345678);
  expire.body.state.id.proto = 50;
  expire.body.state.reqid = kFirstReqid.value;
  expire.body.state.lft.soft_byte_limit = XFRM_INF;
  expire.body.state.lft.soft_packet_limit = kWatchPackets;
  expire.body.state.curlft.packets = 1;
  expire.body.state.curlft.bytes = 1'000;
  CHECK(told(expire) == KernelEvent{FirstUsed{kInbound, false}});
  // With a limit by volume it is the first use until as much has gone through.
  expire.body.state.lft.soft_byte_limit = 1'001;
  CHECK(told(expire) == KernelEvent{FirstUsed{kInbound, true}});
  expire.body.state.lft.soft_byte_limit = 1'000;
  CHECK(told(expire) == KernelEvent{SoftExpired{kInbound}});
  expire.body.hard = 1;
  CHECK(told(expire) == KernelEvent{HardExpired{kInbound}});
  expire.body.state.reqid = 7;
  CHECK(told(expire) == std::nullopt);

  struct Mapping {
    nlmsghdr header;
    xfrm_user_mapping body;
  } mapping;
  std::memset(&mapping, 0, sizeof(mapping));
  mapping.header.nlmsg_len = sizeof(mapping);
  mapping.header.nlmsg_type = XFRM_MSG_MAPPING;
  mapping.body.id.family = AF_INET;
  mapping.body.id.daddr.a4 = htonl(0xc0000201);
  mapping.body.id.spi = htonl(0x12345678);
  mapping.body.id.proto = 50;
  mapping.body.reqid = kFirstReqid.value;
  mapping.body.new_saddr.a4 = htonl(0xcb007109);
  mapping.body.new_sport = htons(61234);
  const Endpoint remote{address("203.0.113.9"), 61234};
  CHECK(told(mapping) == KernelEvent{MappingChanged{kInbound, kFirstReqid, remote}});
  mapping.body.reqid = 7;
  CHECK(told(mapping) == std::nullopt);
}

// A migration moves SAs of whoever it is about: what is there is looked at anew.
TEST_CASE("a migration by another hand is a change, and one of ours is none") {
  struct Migrate {
    nlmsghdr header;
    xfrm_userpolicy_id body;
  } migrate;
  std::memset(&migrate, 0, sizeof(migrate));
  migrate.header.nlmsg_len = sizeof(migrate);
  migrate.header.nlmsg_type = XFRM_MSG_MIGRATE;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&migrate);
  const Bytes message(bytes, bytes + sizeof(migrate));
  CHECK(event(message, kOwnPort + 1) == KernelEvent{ForeignChange{}});
  CHECK(event(message, kOwnPort) == std::nullopt);
}

TEST_CASE("our own changes are no news, and what the kernel does by itself is") {
  const auto events = messages("event");
  for (const std::size_t ours : {0U, 4U, 10U, 11U, 12U, 13U}) {
    CHECK(event(events[ours], kOwnPort) == std::nullopt);
  }
  CHECK(event(events[8], kOwnPort).has_value());
}

}  // namespace ipsec::xfrm
