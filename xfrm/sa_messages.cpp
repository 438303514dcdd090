#include <arpa/inet.h>
#include <linux/udp.h>

#include <algorithm>

#include "xfrm/netlink_message.h"

namespace ipsec::xfrm {
namespace {

constexpr std::size_t kBitsPerWord = 32;
// The kernel's own bound, XFRMA_REPLAY_ESN_MAX bytes of bits.
constexpr std::size_t kMaxWindowWords = XFRMA_REPLAY_ESN_MAX / sizeof(std::uint32_t) / 8;
// The kernel wants some window of an SA with ESN, although it never looks at it outwards; from 6.10
// on, where it is told the direction, it wants none.
constexpr std::uint32_t kWindowOutwards = 32;

constexpr std::size_t words_of(std::uint32_t window_packets) {
  return std::min((window_packets + kBitsPerWord - 1) / kBitsPerWord, kMaxWindowWords);
}

constexpr std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
constexpr std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32);
}
constexpr std::uint64_t join(std::uint32_t high, std::uint32_t low) {
  return std::uint64_t{high} << 32 | low;
}

// --- Writing ---

template <KernelStruct T>
void set_name(T& algorithm, std::string_view name) {
  std::ranges::copy(name, std::begin(algorithm.alg_name));
}

std::uint32_t key_bits(const Secret& key) { return static_cast<std::uint32_t>(8 * key.size()); }

void write_encryption(MessageWriter& writer, const EncryptionRow& row, const Secret& key) {
  if (row.is_aead()) {
    xfrm_algo_aead aead;
    clear(aead);
    set_name(aead, row.kernel);
    aead.alg_key_len = key_bits(key);
    aead.alg_icv_len = 8U * row.icv_bytes;
    writer.attribute(XFRMA_ALG_AEAD, bytes_of(aead), key.view());
  } else {
    xfrm_algo cipher;
    clear(cipher);
    set_name(cipher, row.kernel);
    cipher.alg_key_len = key_bits(key);
    writer.attribute(XFRMA_ALG_CRYPT, bytes_of(cipher), key.view());
  }
}

// The kernel's own truncation of SHA-256 is 96 bits, that of a draft: RFC 4868 2.3 has 128.
void write_integrity(MessageWriter& writer, const IntegrityRow& row, const Secret& key) {
  xfrm_algo_auth auth;
  clear(auth);
  set_name(auth, row.kernel);
  auth.alg_key_len = key_bits(key);
  auth.alg_trunc_len = 8U * row.icv_bytes;
  writer.attribute(XFRMA_ALG_AUTH_TRUNC, bytes_of(auth), key.view());
}

void write_bitmap_replay(MessageWriter& writer, std::uint32_t window_packets,
                         const ReplayState& state) {
  xfrm_replay_state_esn replay;
  clear(replay);
  std::vector<std::uint32_t> bitmap = state.window;
  bitmap.resize(words_of(window_packets));
  replay.bmp_len = static_cast<std::uint32_t>(bitmap.size());
  replay.replay_window = window_packets;
  replay.oseq = low(state.sent);
  replay.oseq_hi = high(state.sent);
  replay.seq = low(state.received);
  replay.seq_hi = high(state.received);
  writer.attribute(XFRMA_REPLAY_ESN_VAL, bytes_of(replay),
                   {reinterpret_cast<const std::uint8_t*>(bitmap.data()),
                    bitmap.size() * sizeof(std::uint32_t)});
}

// Each direction has its half of the state; from 6.10 on the kernel refuses the other half.
void write_replay(MessageWriter& writer, const SaSpec& spec, const MessageFeatures& features,
                  const ReplayState* continued) {
  ReplayState state;
  if (spec.direction == Direction::in) {
    if (continued != nullptr) {
      state.received = continued->received;
      state.window = continued->window;
    }
    if (spec.replay_window_packets != 0 || spec.extended_sequence_numbers) {
      write_bitmap_replay(writer, spec.replay_window_packets, state);
    }
    return;
  }
  if (continued != nullptr) state.sent = continued->sent;
  if (spec.extended_sequence_numbers) {
    write_bitmap_replay(writer, features.sa_direction ? 0 : kWindowOutwards, state);
  } else if (state.sent != 0) {
    xfrm_replay_state replay;
    clear(replay);
    replay.oseq = low(state.sent);
    writer.attribute(XFRMA_REPLAY_VAL, replay);
  }
}

void write_encapsulation(MessageWriter& writer, const SaSpec& spec,
                         const MessageFeatures& features) {
  if (!spec.encapsulation) return;
  xfrm_encap_tmpl encapsulation;
  clear(encapsulation);
  encapsulation.encap_type = UDP_ENCAP_ESPINUDP;
  encapsulation.encap_sport = htons(spec.encapsulation->source_port);
  encapsulation.encap_dport = htons(spec.encapsulation->destination_port);
  writer.attribute(XFRMA_ENCAP, encapsulation);
  if (features.mapping_age && spec.direction == Direction::in) {
    writer.attribute(XFRMA_MTIMER_THRESH, kMappingEventsSeconds);
  }
}

void write_offload(MessageWriter& writer, const SaSpec& spec, std::uint32_t interface) {
  if (!spec.offload || interface == 0) return;
  xfrm_user_offload offload;
  clear(offload);
  offload.ifindex = static_cast<int>(interface);
  const int inbound = spec.direction == Direction::in ? XFRM_OFFLOAD_INBOUND : 0;
  const int packet = spec.offload->kind == Offload::Kind::packet ? XFRM_OFFLOAD_PACKET : 0;
  offload.flags = static_cast<std::uint8_t>(inbound | packet);
  writer.attribute(XFRMA_OFFLOAD_DEV, offload);
}

void write_counters(MessageWriter& writer, const SaCounters* counters) {
  if (counters == nullptr) return;
  writer.attribute(XFRMA_LTIME_VAL, xfrm_lifetime_cur{.bytes = counters->bytes,
                                                      .packets = counters->packets,
                                                      .add_time = counters->added_at_s,
                                                      .use_time = counters->used_at_s});
}

xfrm_lifetime_cfg limits_of(const SaSpec& spec, bool first_use_told) {
  xfrm_lifetime_cfg limits;
  clear(limits);
  limits.soft_packet_limit = limits.hard_packet_limit = XFRM_INF;
  limits.soft_byte_limit = spec.soft_limit_bytes == 0 ? XFRM_INF : spec.soft_limit_bytes;
  limits.hard_byte_limit = spec.hard_limit_bytes == 0 ? XFRM_INF : spec.hard_limit_bytes;
  limits.hard_add_expires_seconds = spec.hard_limit_s;
  if (spec.direction == Direction::in) {
    limits.soft_packet_limit = first_use_told ? kSeenPackets : kWatchPackets;
  }
  return limits;
}

xfrm_usersa_info info_of(const SaSpec& spec, bool first_use_told) {
  xfrm_usersa_info info;
  clear(info);
  info.id.daddr = kernel_address(spec.destination);
  info.id.spi = htonl(spec.spi.value);
  info.id.proto = static_cast<std::uint8_t>(spec.protocol);
  info.saddr = kernel_address(spec.source);
  info.lft = limits_of(spec, first_use_told);
  info.reqid = spec.reqid.value;
  info.family = family_number(spec.destination.family());
  info.mode = XFRM_MODE_TUNNEL;
  // No selector of its own: the tunnel carries both families, and the policies say what.
  int flags = XFRM_STATE_AF_UNSPEC;
  if (!spec.copy_ecn) flags |= XFRM_STATE_NOECN;
  if (spec.extended_sequence_numbers) flags |= XFRM_STATE_ESN;
  // Without it Linux pads AH to 8 bytes even in IPv4, where 4 are right (RFC 4302 3.3.3.2.1), and
  // drops what peers send whose ICV makes the difference: all of SHA-2.
  const bool ipv4 = spec.destination.family() == Family::v4;
  if (spec.protocol == Protocol::ah && ipv4) flags |= XFRM_STATE_ALIGN4;
  info.flags = static_cast<std::uint8_t>(flags);
  return info;
}

void write_output_mark(MessageWriter& writer, const std::optional<Mark>& mark) {
  if (!mark) return;
  writer.attribute(XFRMA_SET_MARK, mark->value);
  writer.attribute(XFRMA_SET_MARK_MASK, mark->mask);
}

void write_sa_id(Bytes& batch, int type, const Header& header, const SaKey& key,
                 const Attachment& where) {
  xfrm_usersa_id id;
  clear(id);
  id.daddr = kernel_address(key.destination);
  id.spi = htonl(key.spi.value);
  id.family = family_number(key.destination.family());
  id.proto = static_cast<std::uint8_t>(key.protocol);

  MessageWriter writer(batch, type, 0, header);
  writer.body(id);
  write_attachment(writer, where);
}

// --- Reading ---

struct Algorithm {
  std::string_view name;
  ByteView key;
  std::uint32_t icv_bits = 0;
};

std::uint32_t icv_bits_of(const xfrm_algo&) { return 0; }
std::uint32_t icv_bits_of(const xfrm_algo_auth& auth) { return auth.alg_trunc_len; }
std::uint32_t icv_bits_of(const xfrm_algo_aead& aead) { return aead.alg_icv_len; }

// One of the kernel's heads, and the key behind it.
template <KernelStruct T>
std::optional<Algorithm> algorithm_of(MessageReader& reader, int type, std::string_view field) {
  const auto& found = reader.find(type);
  if (!found) return std::nullopt;
  const auto [bytes, offset] = *found;
  T head;
  clear(head);
  reader.copy(bytes, offset, head, field);
  if (!reader.ok()) return std::nullopt;
  const std::size_t key_bytes = std::size_t{head.alg_key_len} / 8;
  const ByteView behind = bytes.subspan(sizeof(T));
  if (head.alg_key_len % 8 != 0 || key_bytes > behind.size()) {
    reader.fail_at(field, offset + offsetof(T, alg_key_len));
    return std::nullopt;
  }
  const std::string_view name = as_text(bytes.first(sizeof(head.alg_name)));
  return Algorithm{name.substr(0, name.find('\0')), behind.first(key_bytes), icv_bits_of(head)};
}

const EncryptionRow* find_cipher(std::string_view name, std::size_t key_bytes,
                                 std::uint32_t icv_bits) {
  const auto rows = all_encryption();
  const auto row = std::ranges::find_if(rows, [&](const EncryptionRow& candidate) {
    return candidate.kernel == name && 8U * candidate.icv_bytes == icv_bits &&
           std::size_t{candidate.key_bytes} + candidate.salt_bytes == key_bytes;
  });
  return row == rows.end() ? nullptr : &*row;
}

const IntegrityRow* find_hash(std::string_view name, std::size_t key_bytes,
                              std::uint32_t icv_bits) {
  const auto rows = all_integrity();
  const auto row = std::ranges::find_if(rows, [&](const IntegrityRow& candidate) {
    return candidate.kernel == name && candidate.key_bytes == key_bytes &&
           8U * candidate.icv_bytes == icv_bits;
  });
  return row == rows.end() ? nullptr : &*row;
}

// False where the registry does not know what the SA has.
bool read_algorithms(MessageReader& reader, SaRecord& record) {
  const auto aead = algorithm_of<xfrm_algo_aead>(reader, XFRMA_ALG_AEAD, "AEAD key length");
  const auto cipher = algorithm_of<xfrm_algo>(reader, XFRMA_ALG_CRYPT, "cipher key length");
  const auto hash =
      algorithm_of<xfrm_algo_auth>(reader, XFRMA_ALG_AUTH_TRUNC, "integrity key length");
  // The kernel tells a hash in both forms; one in the old form alone comes from elsewhere.
  const bool alien = reader.find(XFRMA_ALG_COMP) || (reader.find(XFRMA_ALG_AUTH) && !hash);
  if (alien || (aead && (cipher || hash))) return false;

  SaSpec& spec = record.spec;
  if (aead) {
    spec.encryption = find_cipher(aead->name, aead->key.size(), aead->icv_bits);
    if (spec.encryption == nullptr) return false;
    spec.encryption_key = Secret::copy_of(aead->key);
  }
  if (cipher) {
    spec.encryption = find_cipher(cipher->name, cipher->key.size(), cipher->icv_bits);
    if (spec.encryption == nullptr) return false;
    spec.encryption_key = Secret::copy_of(cipher->key);
  }
  if (hash) {
    spec.integrity = find_hash(hash->name, hash->key.size(), hash->icv_bits);
    if (spec.integrity == nullptr) return false;
    spec.integrity_key = Secret::copy_of(hash->key);
  }
  record.larval = !aead && !cipher && !hash;
  return true;
}

Direction direction_of(MessageReader& reader, const xfrm_usersa_info& info, bool larval) {
  const auto told = reader.attribute<std::uint8_t>(kSaDirectionAttribute, "SA direction");
  if (!told) {
    const bool watched =
        info.lft.soft_packet_limit == kWatchPackets || info.lft.soft_packet_limit == kSeenPackets;
    return watched || larval ? Direction::in : Direction::out;
  }
  if (*told != kSaDirectionIn && *told != kSaDirectionOut) {
    reader.fail_at("SA direction", reader.find(kSaDirectionAttribute)->offset);
  }
  return *told == kSaDirectionIn ? Direction::in : Direction::out;
}

void read_bitmap_replay(MessageReader& reader, SaRecord& record) {
  const auto& found = reader.find(XFRMA_REPLAY_ESN_VAL);
  if (!found) return;
  const auto [bytes, offset] = *found;
  xfrm_replay_state_esn head;
  clear(head);
  reader.copy(bytes, offset, head, "replay state");
  if (!reader.ok()) return;
  const ByteView behind = bytes.subspan(sizeof(head));
  // The head alone stands for an empty bitmap: the kernel reads it so, too.
  const bool fits = behind.empty() || head.bmp_len * sizeof(std::uint32_t) <= behind.size();
  if (head.bmp_len > kMaxWindowWords || !fits) {
    return reader.fail_at("replay bitmap", offset + offsetof(xfrm_replay_state_esn, bmp_len));
  }
  if (head.replay_window > head.bmp_len * kBitsPerWord) {
    return reader.fail_at("replay window", offset + offsetof(xfrm_replay_state_esn, replay_window));
  }
  record.replay.sent = join(head.oseq_hi, head.oseq);
  record.replay.received = join(head.seq_hi, head.seq);
  // The kernel goes round in the window's bits alone.
  record.replay.window.resize(words_of(head.replay_window));
  if (!record.replay.window.empty() && !behind.empty()) {
    std::memcpy(record.replay.window.data(), behind.data(),
                record.replay.window.size() * sizeof(std::uint32_t));
  }
  record.spec.replay_window_packets = head.replay_window;
}

// The form of SAs without a bitmap of their own, such as ours outwards. Its bits go back from the
// newest packet; those of the other form stand at (number - 1) % window.
void read_plain_replay(MessageReader& reader, std::uint8_t window_packets, SaRecord& record) {
  const auto plain = reader.attribute<xfrm_replay_state>(XFRMA_REPLAY_VAL, "replay state");
  if (!plain) return;
  record.replay.sent = plain->oseq;
  record.replay.received = plain->seq;
  const std::uint32_t window = std::min<std::uint32_t>(window_packets, kBitsPerWord);
  record.spec.replay_window_packets = window;
  if (window == 0) return;
  std::uint32_t bitmap = 0;
  for (std::uint32_t age = 0; age < window && age < plain->seq; ++age) {
    if ((plain->bitmap >> age & 1U) != 0) bitmap |= 1U << (plain->seq - age - 1) % window;
  }
  record.replay.window = {bitmap};
}

void read_replay(MessageReader& reader, const xfrm_usersa_info& info, SaRecord& record) {
  record.spec.extended_sequence_numbers = (info.flags & XFRM_STATE_ESN) != 0;
  if (reader.find(XFRMA_REPLAY_ESN_VAL)) {
    read_bitmap_replay(reader, record);
  } else {
    read_plain_replay(reader, info.replay_window, record);
  }
  if (!record.spec.extended_sequence_numbers) {
    record.replay.sent = low(record.replay.sent);
    record.replay.received = low(record.replay.received);
  }
  // Each direction has its half.
  if (record.spec.direction == Direction::in) {
    record.replay.sent = 0;
    // What checks no numbers keeps none.
    const bool checks = record.spec.replay_window_packets != 0;
    if (!checks && !record.spec.extended_sequence_numbers) record.replay.received = 0;
  } else {
    record.replay.received = 0;
    record.replay.window.clear();
    record.spec.replay_window_packets = 0;
  }
}

// False for ESP in something else than UDP.
bool read_encapsulation(MessageReader& reader, SaSpec& spec) {
  const auto raw = reader.attribute<xfrm_encap_tmpl>(XFRMA_ENCAP, "encapsulation");
  if (!raw) return true;
  spec.encapsulation = {.source_port = ntohs(raw->encap_sport),
                        .destination_port = ntohs(raw->encap_dport)};
  return raw->encap_type == UDP_ENCAP_ESPINUDP;
}

void read_options(MessageReader& reader, const xfrm_usersa_info& info, SaRecord& record) {
  SaSpec& spec = record.spec;
  spec.copy_ecn = (info.flags & XFRM_STATE_NOECN) == 0;
  const auto extra = reader.attribute<std::uint32_t>(XFRMA_SA_EXTRA_FLAGS, "extra flags");
  spec.copy_dscp =
      spec.direction == Direction::in || !extra || (*extra & XFRM_SA_XFLAG_DONT_ENCAP_DSCP) == 0;
  const auto mark = reader.attribute<std::uint32_t>(XFRMA_SET_MARK, "output mark");
  const auto mask = reader.attribute<std::uint32_t>(XFRMA_SET_MARK_MASK, "output mark mask");
  if (mark) spec.output_mark = Mark{*mark, mask.value_or(0xffffffff)};
  const auto offload = reader.attribute<xfrm_user_offload>(XFRMA_OFFLOAD_DEV, "offload");
  if (offload && offload->ifindex > 0) {
    const bool packet = (offload->flags & XFRM_OFFLOAD_PACKET) != 0;
    spec.offload = {.device = {}, .kind = packet ? Offload::Kind::packet : Offload::Kind::crypto};
    record.offload_interface = static_cast<std::uint32_t>(offload->ifindex);
  }
}

SaCounters counters_of(const xfrm_usersa_info& info) {
  return {.bytes = info.curlft.bytes,
          .packets = info.curlft.packets,
          .added_at_s = info.curlft.add_time,
          .used_at_s = info.curlft.use_time,
          .replayed = info.stats.replay,
          .outside_window = info.stats.replay_window,
          .integrity_failed = info.stats.integrity_failed};
}

}  // namespace

void write_sa(Bytes& batch, const Header& header, SaVerb verb, const SaSpec& spec,
              const MessageFeatures& features, const SaState& state) {
  const int type = verb == SaVerb::add ? XFRM_MSG_NEWSA : XFRM_MSG_UPDSA;
  MessageWriter writer(batch, type, 0, header);
  writer.body(info_of(spec, state.first_use_told));
  if (spec.encryption != nullptr) write_encryption(writer, *spec.encryption, spec.encryption_key);
  if (spec.integrity != nullptr) write_integrity(writer, *spec.integrity, spec.integrity_key);
  write_replay(writer, spec, features, state.replay);
  write_encapsulation(writer, spec, features);
  write_attachment(writer, spec.attachment);
  write_output_mark(writer, spec.output_mark);
  if (!spec.copy_dscp && spec.direction == Direction::out) {
    writer.attribute(XFRMA_SA_EXTRA_FLAGS, std::uint32_t{XFRM_SA_XFLAG_DONT_ENCAP_DSCP});
  }
  write_offload(writer, spec, state.offload_interface);
  write_counters(writer, state.counters);
  if (features.sa_direction) {
    writer.attribute(kSaDirectionAttribute,
                     spec.direction == Direction::in ? kSaDirectionIn : kSaDirectionOut);
  }
}

void write_allocate_spi(Bytes& batch, const Header& header, Protocol protocol,
                        const Address& source, const Address& destination,
                        const MessageFeatures& features) {
  xfrm_userspi_info request;
  clear(request);
  request.info.id.daddr = kernel_address(destination);
  request.info.id.proto = static_cast<std::uint8_t>(protocol);
  request.info.saddr = kernel_address(source);
  request.info.family = family_number(destination.family());
  request.info.mode = XFRM_MODE_TUNNEL;
  request.min = kFirstSpi;
  request.max = 0xffffffff;

  MessageWriter writer(batch, XFRM_MSG_ALLOCSPI, 0, header);
  writer.body(request);
  if (features.sa_direction) writer.attribute(kSaDirectionAttribute, kSaDirectionIn);
}

void write_get_sa(Bytes& batch, const Header& header, const SaKey& key, const Attachment& where) {
  write_sa_id(batch, XFRM_MSG_GETSA, header, key, where);
}

void write_delete_sa(Bytes& batch, const Header& header, const SaKey& key,
                     const Attachment& where) {
  write_sa_id(batch, XFRM_MSG_DELSA, header, key, where);
}

// A dump's message has no body: the kernel reads attributes right behind the header.
void write_dump_sas(Bytes& batch, const Header& header) {
  const MessageWriter writer(batch, XFRM_MSG_GETSA, NLM_F_DUMP, header);
}

std::expected<std::optional<SaRecord>, Malformed> parse_sa(ByteView message) {
  MessageReader reader(message);
  const auto info = reader.body<xfrm_usersa_info>("SA");
  const auto key = sa_key_of(reader, info, sizeof(nlmsghdr));

  SaRecord record;
  SaSpec& spec = record.spec;
  bool known = read_algorithms(reader, record);
  spec.direction = direction_of(reader, info, record.larval);
  read_replay(reader, info, record);
  known = read_encapsulation(reader, spec) && known;
  read_options(reader, info, record);
  spec.attachment = attachment_of(reader);
  if (!reader.ok()) return std::unexpected(reader.error());
  if (!known || !key || info.mode != XFRM_MODE_TUNNEL) return std::nullopt;

  spec.source = address_of(info.saddr, key->destination.family());
  spec.destination = key->destination;
  spec.protocol = key->protocol;
  spec.spi = key->spi;
  spec.reqid = Reqid{info.reqid};
  spec.soft_limit_bytes = bytes_limit_of(info.lft.soft_byte_limit);
  spec.hard_limit_bytes = bytes_limit_of(info.lft.hard_byte_limit);
  spec.hard_limit_s = info.lft.hard_add_expires_seconds;
  record.first_use_told =
      spec.direction == Direction::in && info.lft.soft_packet_limit == kSeenPackets;
  record.counters = counters_of(info);
  return record;
}

std::expected<std::optional<SaUsage>, Malformed> parse_sa_usage(ByteView message) {
  MessageReader reader(message);
  const auto info = reader.body<xfrm_usersa_info>("SA");
  const auto key = sa_key_of(reader, info, sizeof(nlmsghdr));
  const Attachment attachment = attachment_of(reader);
  SaSpec outer;
  (void)read_encapsulation(reader, outer);
  if (!reader.ok()) return std::unexpected(reader.error());
  if (!key) return std::nullopt;
  return SaUsage{.key = *key,
                 .reqid = Reqid{info.reqid},
                 .attachment = attachment,
                 .larval = !reader.find(XFRMA_ALG_AEAD) && !reader.find(XFRMA_ALG_CRYPT) &&
                           !reader.find(XFRMA_ALG_AUTH) && !reader.find(XFRMA_ALG_AUTH_TRUNC),
                 .awaits_first_use = info.lft.soft_packet_limit == kWatchPackets,
                 .soft_limit_bytes = bytes_limit_of(info.lft.soft_byte_limit),
                 .counters = counters_of(info),
                 .source = address_of(info.saddr, key->destination.family()),
                 .encapsulation = outer.encapsulation};
}

}  // namespace ipsec::xfrm
