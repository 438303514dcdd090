#include "tests/support/random_xfrm.h"

namespace ipsec::xfrm {

using test::Random;

namespace {

Address random_address(Random& random, Family family) {
  return Address::from_bytes(random.bytes(family == Family::v4 ? 4 : 16)).value();
}

Family random_family(Random& random) { return random.one_in(2) ? Family::v4 : Family::v6; }

Cidr random_cidr(Random& random, Family family) {
  // Few networks: so that many of them contain one another.
  Bytes bytes(family == Family::v4 ? 4 : 16);
  bytes[0] = 10;
  bytes[1] = static_cast<std::uint8_t>(random.below(2) << 7);
  bytes[3] = static_cast<std::uint8_t>(random.below(2));
  const int length = static_cast<int>(random.below(static_cast<std::size_t>(bits(family)) + 1));
  return Cidr::enclosing(Address::from_bytes(bytes).value(), length);
}

void random_algorithms(Random& random, SaSpec& spec) {
  if (spec.protocol == Protocol::esp) {
    spec.encryption = &all_encryption()[random.below(all_encryption().size())];
    spec.encryption_key =
        Secret(random.bytes(std::size_t{spec.encryption->key_bytes} + spec.encryption->salt_bytes));
    if (spec.encryption->is_aead()) return;
  }
  spec.integrity = &all_integrity()[random.below(all_integrity().size())];
  spec.integrity_key = Secret(random.bytes(spec.integrity->key_bytes));
}

void random_options(Random& random, SaSpec& spec) {
  if (random.one_in(2)) spec.encapsulation = UdpEncapsulation{random.u16(), random.u16()};
  if (random.one_in(2)) spec.soft_limit_bytes = 1 + random.u32();
  if (random.one_in(2)) spec.hard_limit_bytes = 1 + random.u32();
  if (random.one_in(2)) spec.hard_limit_s = 1 + random.u32();
  if (random.one_in(2)) spec.attachment.interface_id = 1 + random.u8();
  if (random.one_in(2)) spec.attachment.mark = Mark{random.u32() | 1U, random.u32()};
  if (random.one_in(2)) spec.output_mark = Mark{random.u32(), random.u32()};
  spec.copy_ecn = random.one_in(2);
  spec.copy_dscp = spec.direction == Direction::in || random.one_in(2);
}

void random_replay(Random& random, SaSpec& spec, ReplayState& replay) {
  spec.extended_sequence_numbers = random.one_in(2);
  const std::uint64_t number = spec.extended_sequence_numbers ? random.next() : random.u32();
  if (spec.direction == Direction::out) {
    replay.sent = number;
    return;
  }
  spec.replay_window_packets = 32 + static_cast<std::uint32_t>(random.below(4096 - 32 + 1));
  replay.received = number;
  replay.window.resize((spec.replay_window_packets + 31) / 32);
  for (std::uint32_t& word : replay.window) word = random.u32();
}

bool same_sa(const SaRecord& a, const SaRecord& b) {
  return same(a.spec, b.spec) && a.larval == b.larval && a.replay == b.replay &&
         a.offload_interface == b.offload_interface && a.first_use_told == b.first_use_told;
}

std::string broken_sa_rule(const SaRecord& record) {
  // Both ways to write it: with the direction said, and from the watch limit alone.
  for (const bool says_direction : {true, false}) {
    Bytes bytes;
    const SaState state{.replay = &record.replay,
                        .counters = &record.counters,
                        .offload_interface = record.offload_interface,
                        .first_use_told = record.first_use_told};
    write_sa(bytes, {}, SaVerb::add, record.spec,
             {.sa_direction = says_direction, .mapping_age = true}, state);
    const auto again = parse_sa(bytes);
    if (!again || !*again) return "an SA that was read cannot be written and read again";
    // A held SPI is inbound by its nature.
    if (!says_direction && record.larval) continue;
    if (!same_sa(record, **again)) return "an SA is not the same once written and read again";
  }
  return {};
}

std::string broken_policy_rule(const PolicyRecord& record) {
  const auto again = parse_policy(written(record));
  if (!again || !*again) return "a policy that was read cannot be written and read again";
  if (record != **again) return "a policy is not the same once written and read again";
  return {};
}

std::string broken_offset_rule(ByteView message, const Malformed& error) {
  if (error.field.empty()) return "an error names no field";
  return error.offset > message.size() ? "an error lies behind the message" : "";
}

}  // namespace

RandomSa random_sa(Random& random) {
  RandomSa sa;
  SaSpec& spec = sa.spec;
  const Family family = random_family(random);
  spec.direction = random.one_in(2) ? Direction::in : Direction::out;
  spec.source = random_address(random, family);
  spec.destination = random_address(random, family);
  spec.protocol = random.one_in(3) ? Protocol::ah : Protocol::esp;
  spec.spi = ChildSpi{random.u32()};
  spec.reqid = Reqid{random.u32()};
  random_algorithms(random, spec);
  random_options(random, spec);
  random_replay(random, spec, sa.replay);
  sa.first_use_told = spec.direction == Direction::in && random.one_in(2);
  if (random.one_in(4)) {
    spec.offload = {.device = {},
                    .kind = random.one_in(2) ? Offload::Kind::crypto : Offload::Kind::packet};
    sa.offload_interface = 1 + random.u8();
  }
  return sa;
}

MessageFeatures random_features(Random& random) {
  return {.sa_direction = random.one_in(2), .mapping_age = random.one_in(2)};
}

Selector random_selector(Random& random) {
  const Family family = random_family(random);
  Selector selector{.source = random_cidr(random, family),
                    .destination = random_cidr(random, family)};
  if (random.one_in(2)) return selector;
  selector.protocol = random.one_in(2) ? 6 : 17;
  // Masks of leading bits, as ranges of ports give.
  const auto mask = [&] {
    return static_cast<std::uint16_t>(0xffff0000U >> random.below(17) & 0xffffU);
  };
  const auto value = [&](std::uint16_t bits) {
    return static_cast<std::uint16_t>((random.one_in(2) ? 0xffffU : 0x1000U) & bits);
  };
  selector.source_port_mask = mask();
  selector.source_port = value(selector.source_port_mask);
  selector.destination_port_mask = mask();
  selector.destination_port = value(selector.destination_port_mask);
  return selector;
}

PolicyRecord random_policy(Random& random) {
  PolicyRecord policy;
  policy.key.direction = PolicyDirection{static_cast<std::uint8_t>(random.below(3))};
  policy.key.selector = random_selector(random);
  if (random.one_in(2)) policy.key.interface_id = 1 + random.u8();
  if (random.one_in(2)) policy.key.mark = Mark{random.u8(), 0xff};
  policy.priority = random.u32();
  policy.blocks = random.one_in(2);
  const Family outer = random_family(random);
  policy.protection = {.reqid = Reqid{random.u32()},
                       .source = random_address(random, outer),
                       .destination = random_address(random, outer),
                       .protocol = random.one_in(2) ? Protocol::esp : Protocol::ah,
                       .spi = ChildSpi{random.u32()}};
  return policy;
}

Bytes written(const RandomSa& sa, const MessageFeatures& features) {
  Bytes bytes;
  write_sa(bytes, {}, SaVerb::add, sa.spec, features,
           {.replay = &sa.replay,
            .counters = nullptr,
            .offload_interface = sa.offload_interface,
            .first_use_told = sa.first_use_told});
  return bytes;
}

Bytes written(const PolicyRecord& policy) {
  Bytes bytes;
  write_policy(bytes, {}, PolicyVerb::replace, policy);
  return bytes;
}

bool same(const SaSpec& a, const SaSpec& b) {
  return a.direction == b.direction && a.source == b.source && a.key() == b.key() &&
         a.reqid == b.reqid && a.encryption == b.encryption && a.integrity == b.integrity &&
         a.encryption_key == b.encryption_key && a.integrity_key == b.integrity_key &&
         a.extended_sequence_numbers == b.extended_sequence_numbers &&
         a.replay_window_packets == b.replay_window_packets && a.encapsulation == b.encapsulation &&
         a.soft_limit_bytes == b.soft_limit_bytes && a.hard_limit_bytes == b.hard_limit_bytes &&
         a.hard_limit_s == b.hard_limit_s && a.attachment == b.attachment &&
         a.output_mark == b.output_mark && a.copy_ecn == b.copy_ecn && a.copy_dscp == b.copy_dscp &&
         a.offload == b.offload;
}

std::string broken_rule(ByteView message) {
  const auto sa = parse_sa(message);
  if (!sa) {
    if (auto broken = broken_offset_rule(message, sa.error()); !broken.empty()) return broken;
  } else if (*sa) {
    if (auto broken = broken_sa_rule(**sa); !broken.empty()) return broken;
    const auto usage = parse_sa_usage(message);
    if (!usage || !*usage || (*usage)->key != (*sa)->spec.key() ||
        (*usage)->counters != (*sa)->counters || (*usage)->reqid != (*sa)->spec.reqid ||
        (*usage)->attachment != (*sa)->spec.attachment ||
        (*usage)->soft_limit_bytes != (*sa)->spec.soft_limit_bytes) {
      return "an SA and its usage do not agree";
    }
  }
  const auto policy = parse_policy(message);
  if (!policy) {
    if (auto broken = broken_offset_rule(message, policy.error()); !broken.empty()) return broken;
  } else if (*policy) {
    if (auto broken = broken_policy_rule(**policy); !broken.empty()) return broken;
  }
  const auto event = parse_event(message, 7);
  return event ? std::string{} : broken_offset_rule(message, event.error());
}

}  // namespace ipsec::xfrm
