// A Provider that sees the keys of every IKE SA go by and writes them down for Wireshark.
//
// The engine tells nobody its keys, and need not: it asks its Provider for an envelope a direction,
// with the keys, and each message sealed or opened begins with the SPIs and says whose it is. That
// is all a line of Wireshark's ikev2_decryption_table holds. For tests only: a product that could
// do this would be a product that gives keys away.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
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

class KeyWatcher final : public crypto::Provider {
 public:
  KeyWatcher(const crypto::Provider& inner, std::ostream& out)
      : inner_(inner), table_(std::make_shared<KeyTable>(out)) {}

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
  // IKEv1's; its SAs stand in another table of Wireshark's.
  [[nodiscard]] std::unique_ptr<crypto::Cbc> cbc(const EncryptionRow& encryption,
                                                 ByteView key) const override {
    return inner_.cbc(encryption, key);
  }
  [[nodiscard]] Result<std::unique_ptr<crypto::KeyExchange>> generate(
      GroupId group) const override {
    return inner_.generate(group);
  }

 private:
  const crypto::Provider& inner_;
  std::shared_ptr<KeyTable> table_;
};

}  // namespace ipsec::interop
