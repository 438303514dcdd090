// A Provider that sees the keys of every IKE SA go by and writes them down for Wireshark.
//
// The engine tells nobody its keys, and need not: it asks its Provider for an envelope a direction,
// with the keys, and each message sealed or opened begins with the SPIs and says whose it is. That
// is all a line of Wireshark's ikev2_decryption_table holds. Of IKEv1 the Provider sees no header:
// there the message that goes out tells whose its ciphertext is, for a line of
// ikev1_decryption_table. For tests only: a product that could
// do this would be a product that gives keys away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iosfwd>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "ike/crypto/provider.h"

namespace ipsec::interop {

// The keys of one direction, in the words of the table.
struct DirectionKeys {
  std::string cipher;      // our name
  std::string encryption;  // Wireshark's; empty where it cannot decipher it
  std::string encryption_key;
  std::string integrity;
  std::string integrity_key;
};

// Collects directions until both of an SA are known. Of an SA that Wireshark cannot decipher it
// gets a remark: `# SPIi,SPIr CIPHER`.
class KeyTable {
 public:
  explicit KeyTable(std::ostream& out) : out_(out) {}
  // `head` is the beginning of a message that these keys protect.
  void note(ByteView head, const DirectionKeys& keys);

 private:
  struct Entry {
    DirectionKeys initiator;
    DirectionKeys responder;
    bool written = false;
  };
  std::ostream& out_;
  std::map<std::string, Entry> entries_;
};

// The key of an SA is known with its cookies once a message of ours was sent under it. A message
// is encrypted before it is sent, so the last few are enough.
class V1KeyTable {
 public:
  explicit V1KeyTable(std::ostream& out) : out_(out) {}
  void encrypted(ByteView ciphertext, ByteView key);
  void sent(ByteView datagram);

 private:
  static constexpr std::size_t kKept = 64;
  struct Message {
    Bytes ciphertext;
    std::string key;
  };
  std::ostream& out_;
  std::deque<Message> messages_;
  std::set<std::string> written_;  // initiator's cookies
};

class KeyWatcher final : public crypto::Provider {
 public:
  KeyWatcher(const crypto::Provider& inner, std::ostream& out, std::ostream& v1_out)
      : inner_(inner),
        table_(std::make_shared<KeyTable>(out)),
        v1_table_(std::make_shared<V1KeyTable>(v1_out)) {}

  void sent(ByteView datagram) const { v1_table_->sent(datagram); }

  [[nodiscard]] Bytes digest(HashId hash, std::initializer_list<ByteView> parts) const override {
    return inner_.digest(hash, parts);
  }
  [[nodiscard]] std::unique_ptr<crypto::Prf> prf(PrfId id, ByteView key) const override {
    return inner_.prf(id, key);
  }
  [[nodiscard]] std::unique_ptr<crypto::Envelope> envelope(const EncryptionRow& encryption,
                                                           ByteView encryption_key,
                                                           IntegrityId integrity,
                                                           ByteView integrity_key) const override;
  [[nodiscard]] std::unique_ptr<crypto::Cbc> cbc(const EncryptionRow& encryption,
                                                 ByteView key) const override;
  [[nodiscard]] Result<std::unique_ptr<crypto::KeyExchange>> generate(
      GroupId group) const override {
    return inner_.generate(group);
  }
  [[nodiscard]] Result<std::unique_ptr<crypto::KeyExchange>> import_private(
      GroupId group, const Secret& private_value) const override {
    return inner_.import_private(group, private_value);
  }

 private:
  const crypto::Provider& inner_;
  std::shared_ptr<KeyTable> table_;
  std::shared_ptr<V1KeyTable> v1_table_;
};

}  // namespace ipsec::interop
