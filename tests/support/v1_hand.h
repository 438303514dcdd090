// The far end of an engine in IKEv1, made by hand: the messages of phase 1, quick mode and
// informational exchanges over the codec, with every key, hash and IV computed here from the
// formulas of RFC 2409, and nothing shared with ike/v1 or ike/crypto/key_derivation_v1. So what the
// engine says is held against the RFC; and with the keys a test says whatever it likes.
//
// The suite is always AES-CBC of 128 bits, SHA2-256, group 14 and a pre-shared key.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ike/crypto/provider.h"
#include "ike/wire/v1/message.h"
#include "tests/support/host.h"

namespace ipsec::test {

// RFC 3947 3.1 and the drafts before it, RFC 3706 5.1.
inline constexpr std::string_view kNatRfc = "4a131c81070358455c5728f20e95452f";
inline constexpr std::string_view kNatDraft3 = "7d9419a65310ca6f2c179d9215529d56";
inline constexpr std::string_view kNatDraft2 = "cd60464335df21f87cfdb2fc68b6a448";
inline constexpr std::string_view kNatDraft2Lf = "90cb80913ebb696e086381b5ec427b1f";
inline constexpr std::string_view kDeadPeerDetection = "afcad71368a1f1c96b8696fc77570100";

// What the engine's tunnel must have for the hand: `left` is the engine, 192.0.2.1 and 10.1/16.
[[nodiscard]] core::TunnelConfig v1_left_config(bool aggressive);

class V1Hand {
 public:
  struct Wishes {
    bool aggressive = false;
    std::string key = "secret";
    std::vector<std::string_view> vendor_ids = {kNatRfc, kDeadPeerDetection};
    // The number that NAT-D had in the drafts, 130 instead of 20.
    bool draft = false;
    bool behind_nat = false;       // the hash of our own end fits nothing
    wire::v1::Payloads last = {};  // behind the hash of our last encrypted message of phase 1
    std::uint8_t flags = 0;        // of every message, beside the encryption bit
  };
  V1Hand(const crypto::Provider& crypto, std::uint64_t seed, Wishes wishes);
  ~V1Hand();

  // --- Phase 1 ---

  // As initiator, message 1.
  [[nodiscard]] Bytes begin();
  // What the engine says in phase 1. What we say to that, or nothing where it is our time to wait,
  // or over, or something was wrong: see faults.
  [[nodiscard]] std::optional<Bytes> hear(ByteView message);
  // Begins, or answers what the engine has sent, to the end of phase 1.
  [[nodiscard]] bool shake_hands(Host& host, Time now);
  [[nodiscard]] bool up() const { return up_; }
  // Of phase 1, before it is over: what is sealed now can be read.
  [[nodiscard]] bool has_keys() const { return cipher_ != nullptr; }
  // How the engine's messages broke the RFC.
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

  // --- Behind it ---

  struct Opened {
    wire::v1::Header header;
    wire::v1::PlacedPayloads payloads;
    Bytes chain;  // decrypted, with the padding
  };
  // Under the IV that is next in that exchange, which goes on by it.
  [[nodiscard]] std::optional<Opened> open(ByteView message);
  [[nodiscard]] Bytes seal(wire::ExchangeType exchange, std::uint32_t id, ByteView hash,
                           const wire::v1::Payloads& rest);
  [[nodiscard]] Bytes seal_chain(wire::ExchangeType exchange, std::uint32_t id,
                                 wire::v1::PayloadType first, Bytes chain);
  // The next one of an exchange; to be put back by who seals what is not to count.
  [[nodiscard]] Bytes& iv_of(std::uint32_t id);
  // As if nothing had been said in that exchange.
  void forget(std::uint32_t id) { ivs_.erase(id); }
  // HASH(1) of what opened, which also is that of an informational exchange.
  [[nodiscard]] bool hash_1_fits(const Opened& opened) const;

  [[nodiscard]] Bytes inform(std::uint32_t id, const wire::v1::Payloads& rest);

  // Quick mode without PFS, for 10.2/16 here and 10.1/16 there.
  struct Quick {
    Bytes initiator_nonce;
    Bytes responder_nonce;
  };
  // SA, nonce and two IDs.
  [[nodiscard]] wire::v1::Payloads quick_payloads(
      ChildSpi spi, const Bytes& nonce, const std::vector<wire::Attribute>& lifetimes) const;
  [[nodiscard]] Bytes quick_1(std::uint32_t id, const wire::v1::Payloads& rest);
  [[nodiscard]] Bytes quick_2(std::uint32_t id, const wire::v1::Payloads& rest);
  [[nodiscard]] Bytes quick_3(std::uint32_t id);
  // HASH(2) and HASH(3) of what opened.
  [[nodiscard]] bool hash_2_fits(const Opened& opened) const;
  [[nodiscard]] bool hash_3_fits(const Opened& opened) const;
  // Nonces of an exchange as they were said; who reads them off the engine writes them here.
  [[nodiscard]] Quick& quick(std::uint32_t id) { return quicks_[id]; }
  // RFC 2409 5.5: KEYMAT for ESP under that SPI.
  [[nodiscard]] Bytes key_material(std::uint32_t id, ChildSpi spi, std::size_t size) const;

  [[nodiscard]] Bytes cookies() const;
  [[nodiscard]] const crypto::Provider& crypto() const { return crypto_; }
  // In clear, with our cookies.
  [[nodiscard]] Bytes clear(wire::ExchangeType exchange, std::uint32_t id,
                            const wire::v1::Payloads& payloads) const;

  Endpoint ours;
  Endpoint theirs;
  [[nodiscard]] core::Datagram arriving(Bytes bytes) const {
    return {theirs, ours, std::move(bytes)};
  }

 private:
  enum class Step : std::uint8_t { idle, wait_sa, wait_key, wait_auth, done };

  [[nodiscard]] Bytes prf(ByteView key, std::initializer_list<ByteView> parts) const;
  [[nodiscard]] Bytes hash(std::initializer_list<ByteView> parts) const;
  [[nodiscard]] Bytes nat_hash(const Endpoint& end) const;
  void append_nat_hashes(wire::v1::Payloads& payloads) const;
  void check_nat_hashes(std::span<const wire::v1::Placed> payloads);
  void append_vendor_ids(wire::v1::Payloads& payloads) const;
  [[nodiscard]] wire::v1::SaPayload offer() const;
  [[nodiscard]] wire::v1::IdPayload id() const;
  void draw_key();
  void derive(ByteView peer_public);
  [[nodiscard]] Bytes hash_of(bool initiator) const;
  void fault(std::string what) { faults_.push_back(std::move(what)); }
  [[nodiscard]] std::optional<Bytes> hear_opening(ByteView bytes, const wire::v1::Message& message);
  [[nodiscard]] std::optional<Bytes> hear_sa(ByteView bytes, const wire::v1::Message& message);
  [[nodiscard]] std::optional<Bytes> hear_key(const wire::v1::Message& message);
  [[nodiscard]] std::optional<Bytes> hear_auth(ByteView bytes);
  [[nodiscard]] Bytes last_message();
  void finish();
  template <typename T>
  [[nodiscard]] const T* need(std::span<const wire::v1::Placed> payloads, std::string_view what);

  const crypto::Provider& crypto_;
  SeededRandom random_;
  Wishes wishes_;
  bool initiator_ = false;
  bool up_ = false;
  Step step_ = Step::idle;
  IkeSpi cky_i_;
  IkeSpi cky_r_;
  Bytes sa_body_, id_i_body_, id_r_body_;
  Bytes nonce_i_, nonce_r_, public_i_, public_r_;
  std::unique_ptr<crypto::KeyExchange> key_;
  Bytes skeyid_, skeyid_d_, skeyid_a_;
  std::unique_ptr<crypto::Cbc> cipher_;
  Bytes phase1_iv_;
  std::map<std::uint32_t, Bytes> ivs_;
  std::map<std::uint32_t, Quick> quicks_;
  std::vector<std::string> faults_;
};

}  // namespace ipsec::test
