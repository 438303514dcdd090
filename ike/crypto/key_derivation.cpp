#include "ike/crypto/key_derivation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ipsec::crypto {
namespace {

constexpr std::size_t kBlocksMax = 255;  // the counter is one byte (RFC 7296 2.13)

// Cuts consecutive keys from key material.
class Cutter {
 public:
  explicit Cutter(const Secret& material) : material_(material) {}
  [[nodiscard]] Secret next(std::size_t size) {
    Secret key = material_.slice(offset_, size);
    offset_ += size;
    return key;
  }

 private:
  const Secret& material_;
  std::size_t offset_ = 0;
};

std::array<std::uint8_t, 8> network_order(IkeSpi spi) {
  std::array<std::uint8_t, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(spi.value >> (56 - 8 * i));
  }
  return bytes;
}

Result<std::unique_ptr<Prf>> keyed_prf(const Provider& provider, PrfId id, ByteView key) {
  auto prf = provider.prf(id, key);
  if (prf == nullptr) {
    return fail(Misuse{fmt::format("PRF {} cannot be keyed", std::to_underlying(id))});
  }
  return prf;
}

Result<Secret> compute_skeyseed(const Provider& provider, PrfId prf, ByteView key,
                                std::initializer_list<ByteView> parts) {
  const auto keyed = keyed_prf(provider, prf, key);
  if (!keyed) return std::unexpected(keyed.error());
  Secret skeyseed = (*keyed)->compute(parts);
  if (skeyseed.empty()) return fail(Misuse{"the PRF failed over SKEYSEED"});
  return skeyseed;
}

// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} =
//     prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr)
Result<IkeKeys> expand_skeyseed(const Provider& provider, const IkeAlgorithms& algorithms,
                                const Secret& skeyseed, const NoncePair& nonces,
                                const SpiPair& spis) {
  const std::size_t prf_size = algorithms.prf->output_bytes;
  const std::size_t encryption_size =
      std::size_t{algorithms.encryption->key_bytes} + algorithms.encryption->salt_bytes;
  const std::size_t integrity_size =
      algorithms.integrity == nullptr ? 0 : algorithms.integrity->key_bytes;

  const auto keyed = keyed_prf(provider, algorithms.prf->id, skeyseed.view());
  if (!keyed) return std::unexpected(keyed.error());
  const Bytes seed = concat({nonces.initiator, nonces.responder, network_order(spis.initiator),
                             network_order(spis.responder)});
  const auto material =
      prf_plus(**keyed, seed, 3 * prf_size + 2 * (encryption_size + integrity_size));
  if (!material) return std::unexpected(material.error());

  Cutter cut(*material);
  IkeKeys keys;
  keys.sk_d = cut.next(prf_size);
  keys.sk_ai = cut.next(integrity_size);
  keys.sk_ar = cut.next(integrity_size);
  keys.sk_ei = cut.next(encryption_size);
  keys.sk_er = cut.next(encryption_size);
  keys.sk_pi = cut.next(prf_size);
  keys.sk_pr = cut.next(prf_size);
  return keys;
}

Result<void> check(const IkeAlgorithms& algorithms) {
  if (algorithms.encryption == nullptr || algorithms.prf == nullptr) {
    return fail(Misuse{"IKE keys need an encryption algorithm and a PRF"});
  }
  if (algorithms.encryption->is_aead() != (algorithms.integrity == nullptr)) {
    return fail(
        Misuse{fmt::format("{} {} an integrity algorithm beside it", algorithms.encryption->name,
                           algorithms.encryption->is_aead() ? "takes no" : "needs")});
  }
  return {};
}

}  // namespace

Result<Secret> prf_plus(const Prf& keyed, ByteView seed, std::size_t size) {
  if (size > kBlocksMax * keyed.size()) {
    return fail(Misuse{fmt::format("prf+ cannot give {} bytes", size)});
  }
  Secret result(size);
  MutableBytes rest = result.writable();
  Secret block;
  for (std::uint8_t counter = 1; !rest.empty(); ++counter) {
    // T1 = prf (K, S | 0x01), T2 = prf (K, T1 | S | 0x02), ...
    block = keyed.compute({block.view(), seed, ByteView(&counter, 1)});
    if (block.empty()) return fail(Misuse{"the PRF failed within prf+"});
    const std::size_t taken = std::min(rest.size(), block.size());
    std::ranges::copy(block.view().first(taken), rest.begin());
    rest = rest.subspan(taken);
  }
  return result;
}

Result<IkeKeys> derive_ike_keys(const Provider& provider, const IkeAlgorithms& algorithms,
                                ByteView shared, const NoncePair& nonces, const SpiPair& spis) {
  if (auto checked = check(algorithms); !checked) return std::unexpected(checked.error());
  // The nonces go in whole: every PRF of the registry is an HMAC, which takes keys of any length
  // (RFC 7296 2.14 shortens them only for PRFs with a fixed key length).
  const Bytes key = concat({nonces.initiator, nonces.responder});
  const auto skeyseed = compute_skeyseed(provider, algorithms.prf->id, key, {shared});
  if (!skeyseed) return std::unexpected(skeyseed.error());
  return expand_skeyseed(provider, algorithms, *skeyseed, nonces, spis);
}

Result<IkeKeys> derive_rekeyed_ike_keys(const Provider& provider, PrfId old_prf, ByteView old_sk_d,
                                        const IkeAlgorithms& algorithms, ByteView shared,
                                        const NoncePair& nonces, const SpiPair& spis) {
  if (auto checked = check(algorithms); !checked) return std::unexpected(checked.error());
  const auto skeyseed =
      compute_skeyseed(provider, old_prf, old_sk_d, {shared, nonces.initiator, nonces.responder});
  if (!skeyseed) return std::unexpected(skeyseed.error());
  return expand_skeyseed(provider, algorithms, *skeyseed, nonces, spis);
}

Result<ChildKeys> derive_child_keys(const Provider& provider, PrfId prf, ByteView sk_d,
                                    ByteView shared, const NoncePair& nonces,
                                    std::size_t encryption_key_size,
                                    std::size_t integrity_key_size) {
  const auto keyed = keyed_prf(provider, prf, sk_d);
  if (!keyed) return std::unexpected(keyed.error());
  const Secret seed(concat({shared, nonces.initiator, nonces.responder}));
  const auto material =
      prf_plus(**keyed, seed.view(), 2 * (encryption_key_size + integrity_key_size));
  if (!material) return std::unexpected(material.error());

  Cutter cut(*material);
  ChildKeys keys;
  keys.initiator_encryption = cut.next(encryption_key_size);
  keys.initiator_integrity = cut.next(integrity_key_size);
  keys.responder_encryption = cut.next(encryption_key_size);
  keys.responder_integrity = cut.next(integrity_key_size);
  return keys;
}

}  // namespace ipsec::crypto
