#include "ike/crypto/key_derivation_v1.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "ike/crypto/weak_keys.h"

namespace ipsec::crypto::v1 {
namespace {

// The longest keys of the registry, 32 and 64 bytes, are 6 blocks of HMAC-MD5. The RFC has no
// limit.
constexpr std::size_t kBlocksMax = 16;

template <typename Tag, typename Rep>
std::array<std::uint8_t, sizeof(Rep)> network_order(StrongId<Tag, Rep> id) {
  std::array<std::uint8_t, sizeof(Rep)> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(id.value >> (8 * (bytes.size() - 1 - i)));
  }
  return bytes;
}

class KeyedPrf {
 public:
  KeyedPrf(const Provider& provider, const PrfRow& row, ByteView key)
      : row_(row), prf_(provider.prf(row.id, key)) {}

  [[nodiscard]] Result<Secret> compute(std::initializer_list<ByteView> parts) const {
    if (prf_ == nullptr) return fail(Misuse{fmt::format("{} cannot be keyed", row_.name)});
    Secret value = prf_->compute(parts);
    if (value.empty()) return fail(Misuse{fmt::format("{} failed", row_.name)});
    return value;
  }

  // K1 | K2 | ... cut to `size`: K1 = prf(key, first), each other Kn = prf(key, Kn-1 | rest).
  [[nodiscard]] Result<Secret> expand(ByteView first, ByteView rest, std::size_t size) const {
    if (size > kBlocksMax * row_.output_bytes) {
      return fail(Misuse{fmt::format("{} cannot be expanded to {} bytes", row_.name, size)});
    }
    Secret result(size);
    MutableBytes left = result.writable();
    auto block = compute({first});
    while (block && !left.empty()) {
      const std::size_t taken = std::min(left.size(), block->size());
      std::ranges::copy(block->view().first(taken), left.begin());
      left = left.subspan(taken);
      if (!left.empty()) block = compute({block->view(), rest});
    }
    if (!block) return std::unexpected(block.error());
    return result;
  }

 private:
  const PrfRow& row_;
  std::unique_ptr<Prf> prf_;
};

// Both sides have the same weak key, so it is nobody's fault; but it came of what the peer sent.
Result<void> check_strength(const EncryptionRow& encryption, ByteView key) {
  const auto found = weakness(encryption, key);
  if (!found) return {};
  return fail(PeerViolation{fmt::format("{} is not used with a weak key", encryption.name),
                            std::string(*found)});
}

Result<Bytes> iv_of(const Provider& provider, const PrfRow& prf, ByteView first, ByteView second,
                    std::size_t block_size) {
  Bytes iv = provider.digest(prf.hash, {first, second});
  if (block_size == 0 || iv.size() < block_size) {
    return fail(Misuse{fmt::format("{} gives no IV of {} bytes", prf.name, block_size)});
  }
  iv.resize(block_size);
  return iv;
}

Result<void> check(Protocol protocol, const ChildAlgorithms& algorithms) {
  const bool encrypts = algorithms.encryption != nullptr;
  const bool aead = encrypts && algorithms.encryption->is_aead();
  if (encrypts != (protocol == Protocol::esp)) {
    return fail(Misuse{encrypts ? "AH has no cipher" : "ESP needs a cipher"});
  }
  // ESP with a cipher alone may be negotiated (RFC 2407 4.5), and whoever does can be forged to.
  if (aead != (algorithms.integrity == nullptr)) {
    return fail(Misuse{aead ? "an AEAD takes no integrity algorithm beside it"
                            : "a child needs an integrity algorithm"});
  }
  return {};
}

}  // namespace

Result<Secret> derive_skeyid(const Provider& provider, const PrfRow& prf, ByteView pre_shared_key,
                             const NoncePair& nonces) {
  return KeyedPrf(provider, prf, pre_shared_key).compute({nonces.initiator, nonces.responder});
}

Result<Secrets> derive_secrets(const Provider& provider, const PrfRow& prf, ByteView pre_shared_key,
                               const NoncePair& nonces, ByteView shared, const SpiPair& cookies) {
  auto skeyid = derive_skeyid(provider, prf, pre_shared_key, nonces);
  if (!skeyid) return std::unexpected(skeyid.error());
  Secrets secrets;
  secrets.skeyid = std::move(*skeyid);

  // SKEYID_d = prf(SKEYID, g^xy | CKY-I | CKY-R | 0)
  // SKEYID_a = prf(SKEYID, SKEYID_d | g^xy | CKY-I | CKY-R | 1)
  // SKEYID_e = prf(SKEYID, SKEYID_a | g^xy | CKY-I | CKY-R | 2)
  const KeyedPrf keyed(provider, prf, secrets.skeyid.view());
  const auto cky_i = network_order(cookies.initiator);
  const auto cky_r = network_order(cookies.responder);
  ByteView before;
  std::uint8_t number = 0;
  for (Secret* next : {&secrets.skeyid_d, &secrets.skeyid_a, &secrets.skeyid_e}) {
    auto value = keyed.compute({before, shared, cky_i, cky_r, ByteView(&number, 1)});
    if (!value) return std::unexpected(value.error());
    *next = std::move(*value);
    before = next->view();
    ++number;
  }
  return secrets;
}

Result<Secret> derive_message_key(const Provider& provider, const PrfRow& prf, ByteView skeyid_e,
                                  const EncryptionRow& encryption) {
  if (encryption.v1_phase1 == 0) {
    return fail(Misuse{fmt::format("{} is no cipher of IKEv1", encryption.name)});
  }
  const std::size_t size = encryption.key_bytes;
  Secret key;
  if (skeyid_e.size() >= size) {
    key = Secret::copy_of(skeyid_e.first(size));
  } else {
    constexpr std::array<std::uint8_t, 1> kZero{0};
    auto expanded = KeyedPrf(provider, prf, skeyid_e).expand(kZero, {}, size);
    if (!expanded) return std::unexpected(expanded.error());
    key = std::move(*expanded);
  }
  if (auto checked = check_strength(encryption, key.view()); !checked) {
    return std::unexpected(checked.error());
  }
  return key;
}

Result<Secret> initiator_hash(const Provider& provider, const PrfRow& prf, ByteView skeyid,
                              const Exchange& exchange, ByteView initiator_sa,
                              ByteView initiator_id) {
  return KeyedPrf(provider, prf, skeyid)
      .compute({exchange.initiator_public, exchange.responder_public,
                network_order(exchange.cookies.initiator),
                network_order(exchange.cookies.responder), initiator_sa, initiator_id});
}

Result<Secret> responder_hash(const Provider& provider, const PrfRow& prf, ByteView skeyid,
                              const Exchange& exchange, ByteView initiator_sa,
                              ByteView responder_id) {
  return KeyedPrf(provider, prf, skeyid)
      .compute({exchange.responder_public, exchange.initiator_public,
                network_order(exchange.cookies.responder),
                network_order(exchange.cookies.initiator), initiator_sa, responder_id});
}

Result<Secret> hash_1(const Provider& provider, const PrfRow& prf, ByteView skeyid_a,
                      MessageId message, ByteView rest) {
  return KeyedPrf(provider, prf, skeyid_a).compute({network_order(message), rest});
}

Result<Secret> hash_2(const Provider& provider, const PrfRow& prf, ByteView skeyid_a,
                      MessageId message, ByteView initiator_nonce, ByteView rest) {
  return KeyedPrf(provider, prf, skeyid_a).compute({network_order(message), initiator_nonce, rest});
}

Result<Secret> hash_3(const Provider& provider, const PrfRow& prf, ByteView skeyid_a,
                      MessageId message, const NoncePair& nonces) {
  constexpr std::array<std::uint8_t, 1> kZero{0};
  return KeyedPrf(provider, prf, skeyid_a)
      .compute({kZero, network_order(message), nonces.initiator, nonces.responder});
}

Result<DirectionKeys> derive_direction_keys(const Provider& provider, const PrfRow& prf,
                                            ByteView skeyid_d, ByteView shared, Protocol protocol,
                                            ChildSpi spi, const NoncePair& nonces,
                                            const ChildAlgorithms& algorithms) {
  if (auto checked = check(protocol, algorithms); !checked) {
    return std::unexpected(checked.error());
  }
  const auto* encryption = algorithms.encryption;
  const auto* integrity = algorithms.integrity;
  const std::size_t encryption_size =
      encryption == nullptr ? 0 : std::size_t{encryption->key_bytes} + encryption->salt_bytes;
  const std::size_t integrity_size = integrity == nullptr ? 0 : integrity->key_bytes;

  const std::uint8_t number = std::to_underlying(protocol);
  const Secret seed(concat(
      {shared, ByteView(&number, 1), network_order(spi), nonces.initiator, nonces.responder}));
  const auto material = KeyedPrf(provider, prf, skeyid_d)
                            .expand(seed.view(), seed.view(), encryption_size + integrity_size);
  if (!material) return std::unexpected(material.error());

  DirectionKeys keys{material->slice(0, encryption_size),
                     material->slice(encryption_size, integrity_size)};
  if (encryption != nullptr) {
    if (auto checked = check_strength(*encryption, keys.encryption.view()); !checked) {
      return std::unexpected(checked.error());
    }
  }
  return keys;
}

Result<ChildKeys> derive_child_keys(const Provider& provider, const PrfRow& prf, ByteView skeyid_d,
                                    ByteView shared, Protocol protocol, const ChildSpiPair& spis,
                                    const NoncePair& nonces, const ChildAlgorithms& algorithms) {
  const auto direction = [&](ChildSpi spi) {
    return derive_direction_keys(provider, prf, skeyid_d, shared, protocol, spi, nonces,
                                 algorithms);
  };
  auto from_initiator = direction(spis.responder);
  if (!from_initiator) return std::unexpected(from_initiator.error());
  auto from_responder = direction(spis.initiator);
  if (!from_responder) return std::unexpected(from_responder.error());
  return ChildKeys{std::move(from_initiator->encryption), std::move(from_initiator->integrity),
                   std::move(from_responder->encryption), std::move(from_responder->integrity)};
}

Result<Bytes> phase1_iv(const Provider& provider, const PrfRow& prf, const Exchange& exchange,
                        std::size_t block_size) {
  return iv_of(provider, prf, exchange.initiator_public, exchange.responder_public, block_size);
}

Result<Bytes> exchange_iv(const Provider& provider, const PrfRow& prf, ByteView last_phase1_block,
                          MessageId message, std::size_t block_size) {
  return iv_of(provider, prf, last_phase1_block, network_order(message), block_size);
}

void IvChain::passed(ByteView ciphertext) {
  if (ciphertext.size() < iv_.size()) return;
  std::ranges::copy(ciphertext.last(iv_.size()), iv_.begin());
}

}  // namespace ipsec::crypto::v1
