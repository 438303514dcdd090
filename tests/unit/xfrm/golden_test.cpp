// Goal: our messages are those that iproute2 sends for the same thing, and its messages read as
// what they mean. Method: tests/vectors/xfrm_requests.txt, captured from `ip xfrm` (see
// make_xfrm_messages.py); attributes are compared whatever their order, the header by its type.
#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <map>

#include "tests/support/hex.h"
#include "tests/support/random_xfrm.h"
#include "tests/support/vectors.h"

namespace ipsec::xfrm {

namespace {

// A message taken apart by this test's own hand.
struct Pieces {
  std::uint16_t type = 0;
  std::string body;
  std::map<int, std::string> attributes;
  bool operator==(const Pieces&) const = default;
};

Pieces pieces_of(ByteView message, std::size_t body_size) {
  Pieces pieces;
  std::memcpy(&pieces.type, &message[4], 2);
  pieces.body = to_hex(message.subspan(16, body_size));
  for (std::size_t at = 16 + (body_size + 3) / 4 * 4; at + 4 <= message.size();) {
    std::uint16_t length = 0;
    std::uint16_t type = 0;
    std::memcpy(&length, &message[at], 2);
    std::memcpy(&type, &message[at + 2], 2);
    pieces.attributes[type] = to_hex(message.subspan(at + 4, length - 4U));
    at += (length + 3U) / 4 * 4;
  }
  return pieces;
}

void check_same(ByteView ours, ByteView theirs, std::size_t body_size) {
  const Pieces a = pieces_of(ours, body_size);
  Pieces b = pieces_of(theirs, body_size);
  // iproute2 names the source even where an SPI names the SA.
  if (body_size == sizeof(xfrm_usersa_id)) b.attributes.erase(XFRMA_SRCADDR);
  // It leaves out an empty bitmap: what we write must be one.
  if (const auto replay = b.attributes.find(XFRMA_REPLAY_ESN_VAL); replay != b.attributes.end()) {
    const std::size_t words = test::hex(replay->second.substr(0, 2)).front();
    replay->second += std::string(words * 8, '0');
  }
  CHECK(a.type == b.type);
  CHECK(a.body == b.body);
  CHECK(a.attributes == b.attributes);
}

Bytes golden(std::string_view name) {
  for (const auto& vector : testing::read_vectors("xfrm_requests.txt")) {
    if (vector.text("name") == name) return vector.hex("message");
  }
  throw std::runtime_error("no such message: " + std::string(name));
}

Address address(std::string_view text) { return Address::parse(text).value(); }

Secret counting_key(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return Secret(std::move(bytes));
}

void use(SaSpec& spec, const EncryptionRow* encryption, const IntegrityRow* integrity) {
  spec.encryption = encryption;
  spec.integrity = integrity;
  if (encryption != nullptr) {
    spec.encryption_key = counting_key(std::size_t{encryption->key_bytes} + encryption->salt_bytes);
  }
  if (integrity != nullptr) spec.integrity_key = counting_key(integrity->key_bytes);
}

SaSpec outbound() {
  SaSpec spec;
  spec.direction = Direction::out;
  spec.source = address("192.0.2.1");
  spec.destination = address("192.0.2.2");
  spec.spi = ChildSpi{0x12345678};
  spec.reqid = kFirstReqid;
  use(spec, find_encryption("aes128gcm16"), nullptr);
  return spec;
}

SaSpec inbound() {
  SaSpec spec = outbound();
  spec.direction = Direction::in;
  std::swap(spec.source, spec.destination);
  return spec;
}

void check_sa(std::string_view name, const SaSpec& spec, const SaState& state = {},
              SaVerb verb = SaVerb::add) {
  INFO(name);
  const Bytes theirs = golden(name);
  Bytes ours;
  write_sa(ours, {}, verb, spec, {}, state);
  check_same(ours, theirs, sizeof(xfrm_usersa_info));
  const auto read = parse_sa(theirs);
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  CHECK(same((*read)->spec, spec));
  if (state.replay != nullptr) {
    CHECK((*read)->replay.sent == state.replay->sent);
    CHECK((*read)->replay.received == state.replay->received);
    CHECK((*read)->replay.window == state.replay->window);
  }
  CHECK((*read)->offload_interface == state.offload_interface);
}

const Template kOutward{.reqid = kFirstReqid,
                        .source = address("192.0.2.1"),
                        .destination = address("192.0.2.2"),
                        .protocol = Protocol::esp,
                        .spi = ChildSpi{}};
const Template kInward{.reqid = kFirstReqid,
                       .source = Address::any(Family::v4),
                       .destination = address("192.0.2.1"),
                       .protocol = Protocol::esp,
                       .spi = ChildSpi{}};

PolicyRecord policy(PolicyDirection direction, std::string_view source,
                    std::string_view destination, std::uint32_t priority,
                    const Template& protection) {
  PolicyRecord record;
  record.key.direction = direction;
  record.key.selector.source = Cidr::parse(source).value();
  record.key.selector.destination = Cidr::parse(destination).value();
  record.priority = priority;
  record.protection = protection;
  return record;
}

void check_policy(std::string_view name, const PolicyRecord& record) {
  INFO(name);
  const Bytes theirs = golden(name);
  check_same(written(record), theirs, sizeof(xfrm_userpolicy_info));
  const auto read = parse_policy(theirs);
  REQUIRE(read.has_value());
  CHECK(*read == record);
}

}  // namespace

TEST_CASE("SAs of every algorithm are those of iproute2") {
  const IntegrityRow* sha256 = find_integrity("sha256");
  for (const EncryptionRow& row : all_encryption()) {
    SaSpec spec = outbound();
    use(spec, &row, row.is_aead() ? nullptr : sha256);
    check_sa("esp " + std::string(row.name) + (row.is_aead() ? "" : " sha256"), spec);
  }
  for (const IntegrityRow& row : all_integrity()) {
    SaSpec spec = outbound();
    use(spec, find_encryption("aes128"), &row);
    check_sa("esp aes128 " + std::string(row.name), spec);
    SaSpec ah = outbound();
    ah.protocol = Protocol::ah;
    ah.encryption_key = Secret();
    use(ah, nullptr, &row);
    check_sa("ah " + std::string(row.name), ah);
    ah.source = address("2001:db8::1");
    ah.destination = address("2001:db8::2");
    check_sa("ah " + std::string(row.name) + " v6", ah);
  }
}

TEST_CASE("the options of outbound SAs are those of iproute2") {
  const auto check = [](std::string_view name, const std::function<void(SaSpec&)>& change,
                        const SaState& state = {}) {
    SaSpec spec = outbound();
    change(spec);
    check_sa(name, spec, state);
  };
  check("v6", [](SaSpec& spec) {
    spec.source = address("2001:db8::1");
    spec.destination = address("2001:db8::2");
  });
  check("out esn", [](SaSpec& spec) { spec.extended_sequence_numbers = true; });
  const ReplayState short_state{.sent = 77, .received = 0, .window = {}};
  check("out continued", [](SaSpec&) {}, {.replay = &short_state});
  const ReplayState long_state{.sent = (2ULL << 32) + 77, .received = 0, .window = {}};
  check("out esn continued", [](SaSpec& spec) { spec.extended_sequence_numbers = true; },
        {.replay = &long_state});
  check("encapsulated", [](SaSpec& spec) { spec.encapsulation = UdpEncapsulation{4500, 61234}; });
  check("limits", [](SaSpec& spec) {
    spec.soft_limit_bytes = 4'000'000'000;
    spec.hard_limit_bytes = 5'000'000'000;
    spec.hard_limit_s = 86'400;
  });
  check("no ecn", [](SaSpec& spec) { spec.copy_ecn = false; });
  check("no dscp", [](SaSpec& spec) { spec.copy_dscp = false; });
  check("mark", [](SaSpec& spec) { spec.attachment.mark = Mark{7, 0xff}; });
  check("interface", [](SaSpec& spec) { spec.attachment.interface_id = 0x42; });
  check("output mark", [](SaSpec& spec) { spec.output_mark = Mark{9, 0xf}; });
  check_sa("update", outbound(), {}, SaVerb::update);
}

TEST_CASE("the options of inbound SAs are those of iproute2") {
  SaSpec spec = inbound();
  spec.replay_window_packets = 1024;
  check_sa("in window", spec);
  check_sa("in seen", spec, {.first_use_told = true});
  spec.offload = Offload{.device = {}, .kind = Offload::Kind::crypto};
  check_sa("offload in", spec, {.offload_interface = 1});
  SaSpec esn = inbound();
  esn.extended_sequence_numbers = true;
  esn.replay_window_packets = 128;
  check_sa("in esn", esn);
  esn.replay_window_packets = 64;
  const ReplayState state{.sent = 0, .received = (3ULL << 32) + 9, .window = {0, 0}};
  check_sa("in continued", esn, {.replay = &state});
}

TEST_CASE("SAs are named, asked for and deleted as by iproute2") {
  const SaKey key = outbound().key();
  const Attachment marked{.interface_id = 0, .mark = Mark{7, 0xff}};
  Bytes message;
  write_delete_sa(message, {}, key, marked);
  check_same(message, golden("delete"), sizeof(xfrm_usersa_id));
  message.clear();
  write_get_sa(message, {}, key, marked);
  check_same(message, golden("get"), sizeof(xfrm_usersa_id));
  message.clear();
  write_delete_sa(message, {}, {address("2001:db8::2"), Protocol::ah, key.spi}, {});
  check_same(message, golden("delete ah v6"), sizeof(xfrm_usersa_id));
  message.clear();
  write_allocate_spi(message, {}, Protocol::esp, address("192.0.2.1"), address("192.0.2.2"), {});
  check_same(message, golden("allocate"), sizeof(xfrm_userspi_info));

  // No iproute2 of today names a direction here: 8 bytes more, for inwards.
  Bytes directed;
  write_allocate_spi(directed, {}, Protocol::esp, address("192.0.2.1"), address("192.0.2.2"),
                     {.sa_direction = true, .mapping_age = false});
  CHECK(to_hex(ByteView(directed).subspan(message.size())) == "0500210001000000");
}

TEST_CASE("hash thresholds are those of iproute2, and are read as they were written") {
  const HashThresholds thresholds{{24, 20}, {64, 56}};
  const Bytes theirs = golden("hash thresholds");
  Bytes ours;
  write_hash_thresholds(ours, {}, thresholds);
  check_same(ours, theirs, sizeof(std::uint32_t));
  // The kernel tells them in the form in which they are set.
  CHECK(parse_hash_thresholds(theirs) == thresholds);
  for (std::size_t size = 0; size < theirs.size(); ++size) {
    CHECK_FALSE(parse_hash_thresholds(ByteView(theirs).first(size)).has_value());
  }
  Bytes half = theirs;
  half.resize(28);
  half[0] = 28;
  CHECK_FALSE(parse_hash_thresholds(half).has_value());
}

TEST_CASE("policies are those of iproute2") {
  Template pinned = kOutward;
  pinned.spi = ChildSpi{0x12345678};
  check_policy("policy out",
               policy(PolicyDirection::out, "10.0.1.0/24", "10.0.2.0/25", 70'000, pinned));

  PolicyRecord in = policy(PolicyDirection::in, "10.0.2.0/25", "10.0.1.0/24", 70'001, kInward);
  in.key.selector.protocol = 6;
  in.key.selector.source_port = 80;
  in.key.selector.source_port_mask = 0xffff;
  in.key.selector.destination_port = 443;
  in.key.selector.destination_port_mask = 0xffff;
  in.key.interface_id = 0x42;
  in.key.mark = Mark{7, 0xff};
  check_policy("policy in", in);

  PolicyRecord icmp =
      policy(PolicyDirection::forward, "10.0.2.0/25", "10.0.1.0/24", 70'002, kInward);
  icmp.protection.protocol = Protocol::ah;
  icmp.key.selector.protocol = 1;
  icmp.key.selector.source_port = 8;
  icmp.key.selector.source_port_mask = 0xffff;
  icmp.key.selector.destination_port_mask = 0xffff;
  check_policy("policy icmp", icmp);

  PolicyRecord block =
      policy(PolicyDirection::out, "2001:db8:1::/64", "2001:db8:2::/48", 70'003, kOutward);
  block.blocks = true;
  check_policy("policy v6 block", block);

  PolicyKey key = policy(PolicyDirection::out, "10.0.1.0/24", "10.0.2.0/25", 0, kOutward).key;
  key.interface_id = 0x42;
  key.mark = Mark{7, 0xff};
  Bytes message;
  write_delete_policy(message, {}, key);
  check_same(message, golden("policy delete"), sizeof(xfrm_userpolicy_id));
}

// By hand, from <linux/netlink.h>: length, type, flags, sequence, port.
TEST_CASE("a dump is asked for with a header alone") {
  Bytes message;
  write_dump_sas(message, {.sequence = 0x01020304, .acknowledge = false});
  nlmsghdr header{.nlmsg_len = 16,
                  .nlmsg_type = XFRM_MSG_GETSA,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                  .nlmsg_seq = 0x01020304,
                  .nlmsg_pid = 0};
  REQUIRE(message.size() == sizeof(header));
  CHECK(std::memcmp(message.data(), &header, sizeof(header)) == 0);
  message.clear();
  write_dump_policies(message, {.sequence = 0x01020304, .acknowledge = true});
  header.nlmsg_type = XFRM_MSG_GETPOLICY;
  header.nlmsg_flags |= NLM_F_ACK;
  REQUIRE(message.size() == sizeof(header));
  CHECK(std::memcmp(message.data(), &header, sizeof(header)) == 0);
}

// By hand: iproute2 of 2022 knows none of these attributes.
TEST_CASE("what newer kernels take is written where they are said to take it") {
  const MessageFeatures all{.sa_direction = true, .mapping_age = true};
  constexpr int kSaDirection = 33;
  const auto attributes_of = [&](const SaSpec& spec, const SaState& state = {}) {
    Bytes message;
    write_sa(message, {}, SaVerb::add, spec, all, state);
    return pieces_of(message, sizeof(xfrm_usersa_info)).attributes;
  };
  SaSpec out = outbound();
  out.extended_sequence_numbers = true;
  out.encapsulation = UdpEncapsulation{4500, 4500};
  const auto outwards = attributes_of(out);
  CHECK(outwards.at(kSaDirection) == "02");
  // Six words, all of them zero: a window outwards is refused from 6.10 on.
  CHECK(outwards.at(XFRMA_REPLAY_ESN_VAL) == std::string(48, '0'));
  CHECK_FALSE(outwards.contains(XFRMA_MTIMER_THRESH));

  SaSpec in = inbound();
  in.encapsulation = UdpEncapsulation{4500, 4500};
  in.copy_dscp = false;
  const auto inwards = attributes_of(in);
  CHECK(inwards.at(kSaDirection) == "01");
  CHECK(inwards.at(XFRMA_MTIMER_THRESH) == "0a000000");
  CHECK_FALSE(inwards.contains(XFRMA_SA_EXTRA_FLAGS));
  in.encapsulation.reset();
  CHECK_FALSE(attributes_of(in).contains(XFRMA_MTIMER_THRESH));

  // struct xfrm_user_offload: interface 3, XFRM_OFFLOAD_PACKET.
  out.offload = Offload{.device = "eth0", .kind = Offload::Kind::packet};
  CHECK(attributes_of(out, {.offload_interface = 3}).at(XFRMA_OFFLOAD_DEV) == "0300000004000000");
  CHECK_FALSE(attributes_of(out).contains(XFRMA_OFFLOAD_DEV));

  // struct xfrm_lifetime_cur: four numbers of 64 bits.
  const SaCounters counters{.bytes = 1, .packets = 2, .added_at_s = 3, .used_at_s = 4};
  CHECK(attributes_of(out, {.counters = &counters}).at(XFRMA_LTIME_VAL) ==
        "0100000000000000020000000000000003000000000000000400000000000000");
}

}  // namespace ipsec::xfrm
