#include "ike/core/auth.h"

#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "ike/base/checksum.h"
#include "ike/base/writer.h"

namespace ipsec::core {
namespace {

constexpr std::string_view kKeyPad = "Key Pad for IKEv2";

// RFC 7296 3.5: what follows the generic header of an identity payload.
Bytes rest_of_id_payload(const Identity& identity) {
  Writer writer;
  writer.u8(std::to_underlying(identity.type));
  writer.zeros(3);
  writer.bytes(identity.data);
  return to_bytes(writer.view());
}

class SharedKeyCredential final : public Credential {
 public:
  explicit SharedKeyCredential(Secret secret) : secret_(std::move(secret)) {}

  [[nodiscard]] std::uint64_t fingerprint() const override { return checksum(secret_.view()); }

  [[nodiscard]] wire::AuthPayload sign(const crypto::Provider& crypto,
                                       const AuthContext& context) const override {
    return {wire::AuthMethod::shared_key_mic, to_bytes(mac(crypto, context).view())};
  }

  [[nodiscard]] bool verify(const crypto::Provider& crypto, const AuthContext& context,
                            const wire::AuthPayload& received) const override {
    if (received.method != wire::AuthMethod::shared_key_mic) return false;
    const Secret expected = mac(crypto, context);
    return !expected.empty() && equal_constant_time(expected.view(), received.data);
  }

  [[nodiscard]] Result<crypto::v1::Secrets> derive_v1(
      const crypto::Provider& crypto, const PrfRow& prf, const crypto::NoncePair& nonces,
      ByteView shared, const crypto::SpiPair& cookies) const override {
    if (secret_.empty()) return std::unexpected(Misuse{"an empty key authenticates nobody"});
    return crypto::v1::derive_secrets(crypto, prf, secret_.view(), nonces, shared, cookies);
  }

 private:
  // Empty where nothing may be authenticated: no key, no identity, a PRF nobody knows.
  [[nodiscard]] Secret mac(const crypto::Provider& crypto, const AuthContext& context) const {
    if (secret_.empty() || context.identity == nullptr) return {};
    const Secret& padded = padded_secret(crypto, context.prf);
    const auto identity_prf = crypto.prf(context.prf, context.sk_p);
    const auto outer = crypto.prf(context.prf, padded.view());
    if (padded.empty() || identity_prf == nullptr || outer == nullptr) return {};
    const Secret maced_id = identity_prf->compute({rest_of_id_payload(*context.identity)});
    if (maced_id.empty()) return {};
    return outer->compute({context.first_message, context.peer_nonce, maced_id.view()});
  }

  [[nodiscard]] const Secret& padded_secret(const crypto::Provider& crypto, PrfId id) const {
    Secret& padded = padded_[id];
    if (!padded.empty()) return padded;
    if (const auto inner = crypto.prf(id, secret_.view())) {
      padded = inner->compute({to_bytes(kKeyPad)});
    }
    return padded;
  }

  Secret secret_;
  // Grows by one for each PRF of the registry at most: only negotiated ones get here.
  mutable std::map<PrfId, Secret> padded_;
};

}  // namespace

std::unique_ptr<Credential> make_shared_key_credential(Secret secret) {
  return std::make_unique<SharedKeyCredential>(std::move(secret));
}

}  // namespace ipsec::core
