#include "tests/interop/key_watcher.h"

#include <algorithm>
#include <cstddef>
#include <ostream>

#include <fmt/format.h>

#include "ike/wire/header.h"

namespace ipsec::interop {
namespace {

// RFC 7296 3.1: two SPIs of 8 bytes, and the Initiator flag in byte 19.
constexpr std::size_t kSpisBytes = 16;
constexpr std::size_t kSpiDigits = 16;
constexpr std::size_t kFlagsOffset = 19;
constexpr std::uint8_t kInitiatorFlag = 0x08;
// RFC 2408 3.1
constexpr std::size_t kCookieBytes = 8;
constexpr std::size_t kVersionOffset = 17;
constexpr std::uint8_t kVersion1 = 0x10;

// Empty where Wireshark cannot decipher it.
std::string wireshark_name(const EncryptionRow& row) {
  switch (row.id) {
    case EncryptionId::triple_des:
      return "3DES [RFC2451]";
    case EncryptionId::aes_cbc:
      return fmt::format("AES-CBC-{} [RFC3602]", row.key_bits);
    case EncryptionId::aes_ctr:
      return fmt::format("AES-CTR-{} [RFC5930]", row.key_bits);
    case EncryptionId::aes_gcm_16:
      return fmt::format("AES-GCM-{} with 16 octet ICV [RFC5282]", row.key_bits);
    default:
      return {};
  }
}

std::string wireshark_name(IntegrityId id) {
  switch (id) {
    case IntegrityId::hmac_md5_96:
      return "HMAC_MD5_96 [RFC2403]";
    case IntegrityId::hmac_sha1_96:
      return "HMAC_SHA1_96 [RFC2404]";
    case IntegrityId::hmac_sha2_256_128:
      return "HMAC_SHA2_256_128 [RFC4868]";
    case IntegrityId::hmac_sha2_384_192:
      return "HMAC_SHA2_384_192 [RFC4868]";
    case IntegrityId::hmac_sha2_512_256:
      return "HMAC_SHA2_512_256 [RFC4868]";
    default:
      return "NONE [RFC4306]";
  }
}

class WatchedEnvelope final : public crypto::Envelope {
 public:
  WatchedEnvelope(std::unique_ptr<crypto::Envelope> inner, std::shared_ptr<KeyTable> table,
                  DirectionKeys keys)
      : inner_(std::move(inner)), table_(std::move(table)), keys_(std::move(keys)) {}

  [[nodiscard]] std::size_t sealed_size(std::size_t plaintext_size) const override {
    return inner_->sealed_size(plaintext_size);
  }
  [[nodiscard]] std::size_t iv_size() const override { return inner_->iv_size(); }
  [[nodiscard]] std::expected<Bytes, Misuse> seal(ByteView head, ByteView plaintext,
                                                  ByteView iv) const override {
    table_->note(head, keys_);
    return inner_->seal(head, plaintext, iv);
  }
  [[nodiscard]] std::optional<Bytes> open(ByteView head, ByteView body) const override {
    auto opened = inner_->open(head, body);
    if (opened) table_->note(head, keys_);
    return opened;
  }

 private:
  std::unique_ptr<crypto::Envelope> inner_;
  std::shared_ptr<KeyTable> table_;
  DirectionKeys keys_;
};

class WatchedCbc final : public crypto::Cbc {
 public:
  WatchedCbc(std::unique_ptr<crypto::Cbc> inner, std::shared_ptr<V1KeyTable> table, ByteView key)
      : inner_(std::move(inner)), table_(std::move(table)), key_(to_bytes(key)) {}

  [[nodiscard]] std::size_t block_size() const override { return inner_->block_size(); }
  [[nodiscard]] std::expected<Bytes, Misuse> encrypt(ByteView iv,
                                                     ByteView plaintext) const override {
    auto ciphertext = inner_->encrypt(iv, plaintext);
    if (ciphertext) table_->encrypted(*ciphertext, key_);
    return ciphertext;
  }
  [[nodiscard]] std::optional<Bytes> decrypt(ByteView iv, ByteView ciphertext) const override {
    return inner_->decrypt(iv, ciphertext);
  }

 private:
  std::unique_ptr<crypto::Cbc> inner_;
  std::shared_ptr<V1KeyTable> table_;
  Bytes key_;
};

}  // namespace

void V1KeyTable::encrypted(ByteView ciphertext, ByteView key) {
  messages_.push_back({to_bytes(ciphertext), to_hex(key)});
  if (messages_.size() > kKept) messages_.pop_front();
}

void V1KeyTable::sent(ByteView datagram) {
  const bool v1 = datagram.size() > wire::kHeaderSize && datagram[kVersionOffset] == kVersion1;
  if (!v1 || messages_.empty()) return;
  const ByteView body = datagram.subspan(wire::kHeaderSize);
  const auto found = std::ranges::find_if(
      messages_, [&](const Message& message) { return equal(message.ciphertext, body); });
  if (found == messages_.end()) return;
  const std::string cookie = to_hex(datagram.first(kCookieBytes));
  if (written_.insert(cookie).second) out_ << cookie << ',' << found->key << std::endl;
}

void KeyTable::note(ByteView head, const DirectionKeys& keys) {
  if (head.size() <= kFlagsOffset) return;
  const std::string spis = to_hex(head.first(kSpisBytes));
  Entry& entry = entries_[spis];
  const bool initiator = (head[kFlagsOffset] & kInitiatorFlag) != 0;
  (initiator ? entry.initiator : entry.responder) = keys;
  const auto& [from_initiator, from_responder, written] = entry;
  if (written || from_initiator.cipher.empty() || from_responder.cipher.empty()) return;
  entry.written = true;
  if (keys.encryption.empty()) {
    out_ << fmt::format("# {},{} {}\n", spis.substr(0, kSpiDigits), spis.substr(kSpiDigits),
                        keys.cipher)
         << std::flush;
    return;
  }
  out_ << fmt::format("{},{},{},{},\"{}\",{},{},\"{}\"\n", spis.substr(0, kSpiDigits),
                      spis.substr(kSpiDigits), from_initiator.encryption_key,
                      from_responder.encryption_key, keys.encryption, from_initiator.integrity_key,
                      from_responder.integrity_key, keys.integrity)
       << std::flush;
}

std::unique_ptr<crypto::Envelope> KeyWatcher::envelope(const EncryptionRow& encryption,
                                                       ByteView encryption_key,
                                                       IntegrityId integrity,
                                                       ByteView integrity_key) const {
  auto made = inner_.envelope(encryption, encryption_key, integrity, integrity_key);
  if (made == nullptr) return nullptr;
  return std::make_unique<WatchedEnvelope>(
      std::move(made), table_,
      DirectionKeys{std::string(encryption.name), wireshark_name(encryption),
                    to_hex(encryption_key), wireshark_name(integrity), to_hex(integrity_key)});
}

std::unique_ptr<crypto::Cbc> KeyWatcher::cbc(const EncryptionRow& encryption, ByteView key) const {
  auto made = inner_.cbc(encryption, key);
  if (made == nullptr) return nullptr;
  return std::make_unique<WatchedCbc>(std::move(made), v1_table_, key);
}

}  // namespace ipsec::interop
