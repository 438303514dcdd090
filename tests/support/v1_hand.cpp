#include "tests/support/v1_hand.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "ike/base/writer.h"

namespace ipsec::test {
namespace {

namespace v1 = wire::v1;
using wire::ExchangeType;

constexpr std::size_t kBlock = 16;
constexpr std::size_t kGenericHeader = 4;
constexpr PrfId kPrf = PrfId::hmac_sha2_256;
constexpr HashId kHash = HashId::sha2_256;
constexpr GroupId kGroup = GroupId::modp2048;
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kFlagsOffset = 19;

Bytes body_of(const v1::Payload& payload) {
  const Bytes whole = v1::write_chain({&payload, 1}).value();
  return {whole.begin() + kGenericHeader, whole.end()};
}

Bytes key_bytes(const std::string& text) { return {text.begin(), text.end()}; }

// As it came, for what hashes cover.
template <typename T>
Bytes body_in(ByteView bytes, std::span<const v1::Placed> payloads) {
  for (const auto& placed : payloads) {
    if (std::holds_alternative<T>(placed.payload)) return to_bytes(v1::body_of(bytes, placed));
  }
  return {};
}

Bytes four(std::uint32_t number) {
  Writer writer;
  writer.u32(number);
  return to_bytes(writer.view());
}

Bytes padded(Bytes chain) {
  chain.resize((chain.size() + kBlock - 1) / kBlock * kBlock);
  return chain;
}

}  // namespace

core::TunnelConfig v1_left_config(bool aggressive) {
  auto tunnel = tunnel_between(1, "192.0.2.1", "203.0.113.2", "10.1.0.0/16", "10.2.0.0/16");
  tunnel.version = core::IkeVersion::v1;
  tunnel.aggressive = aggressive;
  tunnel.offers = {{{find_encryption("aes128")},
                    {find_integrity("sha256")},
                    {find_prf(kPrf)},
                    {find_group(kGroup)}}};
  core::ChildOffer child;
  child.encryption = {find_encryption("aes128")};
  child.integrity = {find_integrity("sha256")};
  tunnel.children.front().offers = {child};
  return tunnel;
}

V1Hand::V1Hand(const crypto::Provider& crypto, std::uint64_t seed, Wishes wishes)
    : ours{Address::parse("203.0.113.2").value(), kIkePort},
      theirs{Address::parse("192.0.2.1").value(), kIkePort},
      crypto_(crypto),
      random_(seed),
      wishes_(std::move(wishes)) {}

V1Hand::~V1Hand() = default;

// --- formulas ---

Bytes V1Hand::prf(ByteView key, std::initializer_list<ByteView> parts) const {
  return to_bytes(crypto_.prf(kPrf, key)->compute(parts).view());
}

Bytes V1Hand::hash(std::initializer_list<ByteView> parts) const {
  return crypto_.digest(kHash, parts);
}

Bytes V1Hand::cookies() const {
  Writer writer;
  writer.u64(cky_i_.value);
  writer.u64(cky_r_.value);
  return to_bytes(writer.view());
}

// RFC 3947 3.2: HASH(CKY-I | CKY-R | IP | Port)
Bytes V1Hand::nat_hash(const Endpoint& end) const {
  Writer port;
  port.u16(end.port);
  return hash({cookies(), end.address.bytes(), port.view()});
}

void V1Hand::derive(ByteView peer_public) {
  const auto shared = key_->derive(peer_public);
  if (!shared) return fault("public value");
  const Bytes zero{0};
  const Bytes one{1};
  const Bytes two{2};
  // RFC 2409 5
  skeyid_ = prf(key_bytes(wishes_.key), {nonce_i_, nonce_r_});
  skeyid_d_ = prf(skeyid_, {shared->view(), cookies(), zero});
  skeyid_a_ = prf(skeyid_, {skeyid_d_, shared->view(), cookies(), one});
  Bytes skeyid_e = prf(skeyid_, {skeyid_a_, shared->view(), cookies(), two});
  skeyid_e.resize(kKeyBytes);
  cipher_ = crypto_.cbc(*find_encryption("aes128"), skeyid_e);
  // Appendix B
  phase1_iv_ = hash({public_i_, public_r_});
  phase1_iv_.resize(kBlock);
}

// HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)
// HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b)
Bytes V1Hand::hash_of(bool initiator) const {
  Writer i;
  Writer r;
  i.u64(cky_i_.value);
  r.u64(cky_r_.value);
  if (initiator)
    return prf(skeyid_, {public_i_, public_r_, i.view(), r.view(), sa_body_, id_i_body_});
  return prf(skeyid_, {public_r_, public_i_, r.view(), i.view(), sa_body_, id_r_body_});
}

Bytes& V1Hand::iv_of(std::uint32_t id) {
  if (id == 0) return phase1_iv_;
  const auto [entry, fresh] = ivs_.try_emplace(id);
  if (fresh) {
    entry->second = hash({phase1_iv_, four(id)});
    entry->second.resize(kBlock);
  }
  return entry->second;
}

Bytes V1Hand::key_material(std::uint32_t id, ChildSpi spi, std::size_t size) const {
  const Quick& quick = quicks_.at(id);
  const Bytes esp{3};
  Bytes all;
  Bytes last;
  while (all.size() < size) {
    last =
        prf(skeyid_d_, {last, esp, four(spi.value), quick.initiator_nonce, quick.responder_nonce});
    append(all, last);
  }
  all.resize(size);
  return all;
}

// --- what goes out ---

Bytes V1Hand::clear(ExchangeType exchange, std::uint32_t id, const v1::Payloads& payloads) const {
  v1::Header header;
  header.initiator_cookie = cky_i_;
  header.responder_cookie = cky_r_;
  header.exchange = exchange;
  header.message_id = MessageId{id};
  Bytes message = v1::write_message(header, payloads).value();
  message[kFlagsOffset] |= wishes_.flags;
  return message;
}

Bytes V1Hand::seal_chain(ExchangeType exchange, std::uint32_t id, v1::PayloadType first,
                         Bytes chain) {
  v1::Header header;
  header.initiator_cookie = cky_i_;
  header.responder_cookie = cky_r_;
  header.exchange = exchange;
  header.message_id = MessageId{id};
  Bytes& iv = iv_of(id);
  const Bytes ciphertext = cipher_->encrypt(iv, padded(std::move(chain))).value();
  iv.assign(ciphertext.end() - kBlock, ciphertext.end());
  Bytes message = v1::write_sealed_head(header, first, ciphertext.size()).value();
  message[kFlagsOffset] |= wishes_.flags;
  append(message, ciphertext);
  return message;
}

Bytes V1Hand::seal(ExchangeType exchange, std::uint32_t id, ByteView hash,
                   const v1::Payloads& rest) {
  v1::Payloads payloads{v1::HashPayload{to_bytes(hash)}};
  payloads.insert(payloads.end(), rest.begin(), rest.end());
  return seal_chain(exchange, id, v1::PayloadType::hash, v1::write_chain(payloads).value());
}

Bytes V1Hand::inform(std::uint32_t id, const v1::Payloads& rest) {
  const Bytes chain = rest.empty() ? Bytes{} : v1::write_chain(rest).value();
  return seal(ExchangeType::informational_v1, id, prf(skeyid_a_, {four(id), chain}), rest);
}

void V1Hand::append_vendor_ids(v1::Payloads& payloads) const {
  for (const auto hex : wishes_.vendor_ids) {
    payloads.emplace_back(v1::VendorIdPayload{*from_hex(hex)});
  }
}

void V1Hand::append_nat_hashes(v1::Payloads& payloads) const {
  if (wishes_.vendor_ids.empty()) return;
  Endpoint own = ours;
  if (wishes_.behind_nat) own.port = 1;
  payloads.emplace_back(v1::NatDiscoveryPayload{wishes_.draft, nat_hash(theirs)});
  payloads.emplace_back(v1::NatDiscoveryPayload{wishes_.draft, nat_hash(own)});
}

v1::SaPayload V1Hand::offer() const {
  // RFC 2409 appendix A: AES-CBC is 7, SHA2-256 4, the pre-shared key 1.
  using enum v1::Phase1Attribute;
  const auto attribute = [](v1::Phase1Attribute type, std::uint32_t number) {
    return v1::attribute_of(type, number);
  };
  const v1::Transform transform{
      1,
      1,
      {attribute(encryption, 7), attribute(key_length, 128), attribute(hash, 4),
       attribute(auth_method, 1), attribute(group_description, 14), attribute(life_type, 1),
       attribute(life_duration, 86400)}};
  return {{{1, v1::ProtocolId::isakmp, {}, {transform}}}};
}

v1::IdPayload V1Hand::id() const {
  return {v1::IdType::ipv4, 0, 0, to_bytes(ours.address.bytes())};
}

void V1Hand::draw_key() {
  key_ = std::move(crypto_.generate(kGroup).value());
  Bytes nonce(16);
  random_.fill(nonce);
  (initiator_ ? nonce_i_ : nonce_r_) = nonce;
  (initiator_ ? public_i_ : public_r_) = to_bytes(key_->public_value());
}

// --- phase 1 ---

Bytes V1Hand::begin() {
  initiator_ = true;
  std::array<std::uint8_t, 8> cookie{};
  random_.fill(cookie);
  Reader reader{ByteView(cookie)};
  cky_i_ = IkeSpi{reader.u64("cookie")};
  v1::Payloads payloads{offer()};
  sa_body_ = body_of(payloads.front());
  step_ = Step::wait_sa;
  if (wishes_.aggressive) {
    draw_key();
    id_i_body_ = body_of(id());
    payloads.emplace_back(v1::KePayload{public_i_});
    payloads.emplace_back(v1::NoncePayload{nonce_i_});
    payloads.emplace_back(id());
  }
  append_vendor_ids(payloads);
  return clear(wishes_.aggressive ? ExchangeType::aggressive : ExchangeType::identity_protection, 0,
               payloads);
}

template <typename T>
const T* V1Hand::need(std::span<const v1::Placed> payloads, std::string_view what) {
  for (const auto& placed : payloads) {
    if (const T* found = std::get_if<T>(&placed.payload)) return found;
  }
  fault(fmt::format("no {}", what));
  return nullptr;
}

void V1Hand::check_nat_hashes(std::span<const v1::Placed> payloads) {
  if (wishes_.vendor_ids.empty()) return;
  std::vector<Bytes> hashes;
  for (const auto& placed : payloads) {
    const auto* nat = std::get_if<v1::NatDiscoveryPayload>(&placed.payload);
    if (nat == nullptr) continue;
    if (nat->draft != wishes_.draft) fault("NAT-D under another number");
    hashes.push_back(nat->hash);
  }
  // The receiver's first.
  if (hashes != std::vector{nat_hash(ours), nat_hash(theirs)}) fault("NAT-D");
}

std::optional<Bytes> V1Hand::hear(ByteView bytes) {
  const auto message = v1::parse_message(bytes);
  if (!message) return fault("malformed"), std::nullopt;
  const auto exchange =
      wishes_.aggressive ? ExchangeType::aggressive : ExchangeType::identity_protection;
  if (message->header.exchange != exchange) return fault("exchange"), std::nullopt;
  switch (step_) {
    case Step::idle:
      return hear_opening(bytes, *message);
    case Step::wait_sa:
      return hear_sa(bytes, *message);
    case Step::wait_key:
      return hear_key(*message);
    case Step::wait_auth:
      return hear_auth(bytes);
    case Step::done:
      break;
  }
  return std::nullopt;
}

// As responder: message 1.
std::optional<Bytes> V1Hand::hear_opening(ByteView bytes, const v1::Message& message) {
  const auto* sa = need<v1::SaPayload>(message.payloads, "SA");
  if (sa == nullptr) return std::nullopt;
  cky_i_ = message.header.initiator_cookie;
  std::array<std::uint8_t, 8> cookie{};
  random_.fill(cookie);
  Reader reader{ByteView(cookie)};
  cky_r_ = IkeSpi{reader.u64("cookie")};
  sa_body_ = body_in<v1::SaPayload>(bytes, message.payloads);
  v1::Payloads payloads{offer()};
  if (!wishes_.aggressive) {
    append_vendor_ids(payloads);
    step_ = Step::wait_key;
    return clear(ExchangeType::identity_protection, 0, payloads);
  }
  const auto* ke = need<v1::KePayload>(message.payloads, "KE");
  const auto* nonce = need<v1::NoncePayload>(message.payloads, "nonce");
  const auto* peer = need<v1::IdPayload>(message.payloads, "ID");
  if (ke == nullptr || nonce == nullptr || peer == nullptr) return std::nullopt;
  public_i_ = ke->data;
  nonce_i_ = nonce->data;
  id_i_body_ = body_in<v1::IdPayload>(bytes, message.payloads);
  id_r_body_ = body_of(id());
  draw_key();
  derive(public_i_);
  payloads.emplace_back(v1::KePayload{public_r_});
  payloads.emplace_back(v1::NoncePayload{nonce_r_});
  payloads.emplace_back(id());
  payloads.emplace_back(v1::HashPayload{hash_of(false)});
  append_nat_hashes(payloads);
  append_vendor_ids(payloads);
  step_ = Step::wait_auth;
  return clear(ExchangeType::aggressive, 0, payloads);
}

// As initiator: message 2.
std::optional<Bytes> V1Hand::hear_sa(ByteView bytes, const v1::Message& message) {
  if (need<v1::SaPayload>(message.payloads, "SA") == nullptr) return std::nullopt;
  cky_r_ = message.header.responder_cookie;
  if (wishes_.aggressive) {
    const auto* ke = need<v1::KePayload>(message.payloads, "KE");
    const auto* nonce = need<v1::NoncePayload>(message.payloads, "nonce");
    const auto* peer = need<v1::IdPayload>(message.payloads, "ID");
    const auto* hash = need<v1::HashPayload>(message.payloads, "HASH_R");
    if (ke == nullptr || nonce == nullptr || peer == nullptr || hash == nullptr)
      return std::nullopt;
    public_r_ = ke->data;
    nonce_r_ = nonce->data;
    id_r_body_ = body_in<v1::IdPayload>(bytes, message.payloads);
    derive(public_r_);
    check_nat_hashes(message.payloads);
    if (hash->data != hash_of(false)) fault("HASH_R");
    Bytes last = last_message();
    finish();
    return last;
  }
  draw_key();
  v1::Payloads payloads{v1::KePayload{public_i_}, v1::NoncePayload{nonce_i_}};
  append_nat_hashes(payloads);
  step_ = Step::wait_key;
  return clear(ExchangeType::identity_protection, 0, payloads);
}

// Main mode's message 3 or 4.
std::optional<Bytes> V1Hand::hear_key(const v1::Message& message) {
  const auto* ke = need<v1::KePayload>(message.payloads, "KE");
  const auto* nonce = need<v1::NoncePayload>(message.payloads, "nonce");
  if (ke == nullptr || nonce == nullptr) return std::nullopt;
  (initiator_ ? public_r_ : public_i_) = ke->data;
  (initiator_ ? nonce_r_ : nonce_i_) = nonce->data;
  if (!initiator_) draw_key();
  derive(ke->data);
  check_nat_hashes(message.payloads);
  step_ = Step::wait_auth;
  if (initiator_) return last_message();
  v1::Payloads payloads{v1::KePayload{public_r_}, v1::NoncePayload{nonce_r_}};
  append_nat_hashes(payloads);
  return clear(ExchangeType::identity_protection, 0, payloads);
}

// Our last one: HDR*, ID, HASH in main mode, HDR*, HASH_I, NAT-D, NAT-D in aggressive mode.
Bytes V1Hand::last_message() {
  v1::Payloads payloads;
  // RFC 3947 4: before the hashes of aggressive mode, which are of the ports that it goes between.
  if (initiator_ && wishes_.behind_nat) ours.port = theirs.port = kNattPort;
  if (!wishes_.aggressive) {
    (initiator_ ? id_i_body_ : id_r_body_) = body_of(id());
    payloads.emplace_back(id());
  }
  payloads.emplace_back(v1::HashPayload{hash_of(initiator_)});
  if (wishes_.aggressive) append_nat_hashes(payloads);
  payloads.insert(payloads.end(), wishes_.last.begin(), wishes_.last.end());
  const auto first = v1::first_type(payloads);
  return seal_chain(
      wishes_.aggressive ? ExchangeType::aggressive : ExchangeType::identity_protection, 0, first,
      v1::write_chain(payloads).value());
}

// The engine's last one.
std::optional<Bytes> V1Hand::hear_auth(ByteView bytes) {
  auto opened = open(bytes);
  if (!opened) return fault("does not open"), std::nullopt;
  const auto* hash = need<v1::HashPayload>(opened->payloads, "hash");
  if (hash == nullptr) return std::nullopt;
  if (!wishes_.aggressive) {
    if (need<v1::IdPayload>(opened->payloads, "ID") == nullptr) return std::nullopt;
    (initiator_ ? id_r_body_ : id_i_body_) =
        body_in<v1::IdPayload>(opened->chain, opened->payloads);
  }
  if (hash->data != hash_of(!initiator_)) fault(initiator_ ? "HASH_R" : "HASH_I");
  if (wishes_.aggressive) check_nat_hashes(opened->payloads);
  std::optional<Bytes> answer;
  if (!initiator_ && !wishes_.aggressive) answer = last_message();
  finish();
  return answer;
}

void V1Hand::finish() {
  step_ = Step::done;
  up_ = true;
}

bool V1Hand::shake_hands(Host& host, Time now) {
  constexpr int kMessages = 8;
  if (step_ == Step::idle && host.sent.empty()) host.feed(arriving(begin()), now);
  for (int round = 0; round < kMessages && !up_; ++round) {
    auto sent = std::exchange(host.sent, {});
    std::size_t heard = 0;
    while (heard < sent.size() && !up_) {
      const auto& datagram = sent[heard++];
      // As the network brought it: with a NAT between it moved to port 4500.
      ours = datagram.remote;
      theirs = datagram.local;
      if (auto answer = hear(datagram.bytes)) host.feed(arriving(*std::move(answer)), now);
    }
    // What the engine has begun already stays for the caller.
    sent.erase(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(heard));
    std::ranges::move(host.sent, std::back_inserter(sent));
    host.sent = std::move(sent);
  }
  return up_ && faults_.empty();
}

// --- behind it ---

std::optional<V1Hand::Opened> V1Hand::open(ByteView message) {
  const auto parsed = v1::parse_message(message);
  if (!parsed || !parsed->sealed || cipher_ == nullptr) return std::nullopt;
  const ByteView ciphertext = message.subspan(parsed->sealed->offset);
  Bytes& iv = iv_of(parsed->header.message_id.value);
  auto chain = cipher_->decrypt(iv, ciphertext);
  if (!chain) return std::nullopt;
  auto payloads = v1::parse_chain(parsed->sealed->first_inner, *chain);
  if (!payloads) return std::nullopt;
  iv.assign(ciphertext.end() - kBlock, ciphertext.end());
  return Opened{parsed->header, *std::move(payloads), *std::move(chain)};
}

// HASH(1) = prf(SKEYID_a, M-ID | rest)
bool V1Hand::hash_1_fits(const Opened& opened) const {
  if (opened.payloads.empty()) return false;
  const auto* found = std::get_if<v1::HashPayload>(&opened.payloads[0].payload);
  return found != nullptr &&
         found->data == prf(skeyid_a_, {four(opened.header.message_id.value),
                                        v1::bytes_behind(opened.chain, opened.payloads, 0)});
}

// HASH(2) = prf(SKEYID_a, M-ID | Ni_b | rest)
bool V1Hand::hash_2_fits(const Opened& opened) const {
  const std::uint32_t id = opened.header.message_id.value;
  if (opened.payloads.empty() || !quicks_.contains(id)) return false;
  const auto* found = std::get_if<v1::HashPayload>(&opened.payloads[0].payload);
  return found != nullptr &&
         found->data == prf(skeyid_a_, {four(id), quicks_.at(id).initiator_nonce,
                                        v1::bytes_behind(opened.chain, opened.payloads, 0)});
}

// HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)
bool V1Hand::hash_3_fits(const Opened& opened) const {
  const std::uint32_t id = opened.header.message_id.value;
  if (opened.payloads.size() != 1 || !quicks_.contains(id)) return false;
  const Quick& quick = quicks_.at(id);
  const auto* found = std::get_if<v1::HashPayload>(&opened.payloads[0].payload);
  return found != nullptr &&
         found->data ==
             prf(skeyid_a_, {Bytes{0}, four(id), quick.initiator_nonce, quick.responder_nonce});
}

v1::Payloads V1Hand::quick_payloads(ChildSpi spi, const Bytes& nonce,
                                    const std::vector<wire::Attribute>& lifetimes) const {
  using enum v1::Phase2Attribute;
  // RFC 2407 4.4.4 and 4.5: ESP_AES is 12, HMAC-SHA2-256 5, tunnel mode 1, and 3 or 61443 in UDP.
  std::uint32_t mode = 1;
  if (wishes_.behind_nat) mode = wishes_.draft ? 61443 : 3;
  v1::Transform transform{1,
                          12,
                          {v1::attribute_of(key_length, 128), v1::attribute_of(auth_algorithm, 5),
                           v1::attribute_of(encapsulation_mode, mode)}};
  for (const auto& attribute : lifetimes) transform.attributes.push_back(attribute);
  const v1::IdPayload here{v1::IdType::ipv4_subnet, 0, 0, {10, 2, 0, 0, 255, 255, 0, 0}};
  const v1::IdPayload there{v1::IdType::ipv4_subnet, 0, 0, {10, 1, 0, 0, 255, 255, 0, 0}};
  return {v1::SaPayload{{{1, v1::ProtocolId::esp, four(spi.value), {transform}}}},
          v1::NoncePayload{nonce}, here, there};
}

Bytes V1Hand::quick_1(std::uint32_t id, const v1::Payloads& rest) {
  for (const auto& payload : rest) {
    if (const auto* nonce = std::get_if<v1::NoncePayload>(&payload)) {
      quicks_[id].initiator_nonce = nonce->data;
    }
  }
  const Bytes chain = v1::write_chain(rest).value();
  return seal(ExchangeType::quick_mode, id, prf(skeyid_a_, {four(id), chain}), rest);
}

Bytes V1Hand::quick_2(std::uint32_t id, const v1::Payloads& rest) {
  for (const auto& payload : rest) {
    if (const auto* nonce = std::get_if<v1::NoncePayload>(&payload)) {
      quicks_[id].responder_nonce = nonce->data;
    }
  }
  const Bytes chain = v1::write_chain(rest).value();
  return seal(ExchangeType::quick_mode, id,
              prf(skeyid_a_, {four(id), quicks_[id].initiator_nonce, chain}), rest);
}

Bytes V1Hand::quick_3(std::uint32_t id) {
  const Quick& quick = quicks_[id];
  return seal(ExchangeType::quick_mode, id,
              prf(skeyid_a_, {Bytes{0}, four(id), quick.initiator_nonce, quick.responder_nonce}),
              {});
}

}  // namespace ipsec::test
