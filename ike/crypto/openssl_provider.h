// The Provider over libcrypto 3.
#pragma once

#include <expected>
#include <memory>

#include "ike/base/secret.h"
#include "ike/crypto/provider.h"

namespace ipsec::crypto {

namespace openssl {
class Library;
}

class OpensslProvider final : public Provider {
 public:
  // Fails where libcrypto lacks something the registry names: its legacy module, for instance.
  [[nodiscard]] static std::expected<std::unique_ptr<OpensslProvider>, Misuse> create();

  [[nodiscard]] Bytes digest(HashId hash, std::initializer_list<ByteView> parts) const override;
  [[nodiscard]] std::unique_ptr<Prf> prf(PrfId id, ByteView key) const override;
  [[nodiscard]] std::unique_ptr<Envelope> envelope(const EncryptionRow& encryption,
                                                   ByteView encryption_key, IntegrityId integrity,
                                                   ByteView integrity_key) const override;
  [[nodiscard]] std::unique_ptr<Cbc> cbc(const EncryptionRow& encryption,
                                         ByteView key) const override;
  [[nodiscard]] Result<std::unique_ptr<KeyExchange>> generate(GroupId group) const override;
  [[nodiscard]] Result<std::unique_ptr<KeyExchange>> import_private(
      GroupId group, const Secret& private_value) const override;

 private:
  explicit OpensslProvider(std::shared_ptr<const openssl::Library> library);

  // Shared with every object made here, so these may outlive the provider.
  std::shared_ptr<const openssl::Library> library_;
};

}  // namespace ipsec::crypto
