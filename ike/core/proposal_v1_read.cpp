// Transforms off the wire, read into rows. What contradicts itself or asks for what we do not do
// may not be chosen: RFC 2408 4.2 has the responder answer with the transform as it came, and so
// agree to every attribute in it.
#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "ike/core/proposal_v1_suites.h"

namespace ipsec::core::proposal_v1 {
namespace {

using wire::v1::Attribute;
using wire::v1::LifeType;
using wire::v1::Phase1Attribute;
using wire::v1::Phase2Attribute;
using wire::v1::Transform;

// A PRF was never registered, so one that is named is none of ours (RFC 2409 appendix A); group
// type, prime and curve stand for a group of the peer's own making, which nobody has examined.
constexpr std::array kPhase1Types{
    std::to_underlying(Phase1Attribute::encryption),
    std::to_underlying(Phase1Attribute::hash),
    std::to_underlying(Phase1Attribute::auth_method),
    std::to_underlying(Phase1Attribute::group_description),
    std::to_underlying(Phase1Attribute::key_length),
};
constexpr std::array kPhase2Types{
    std::to_underlying(Phase2Attribute::group_description),
    std::to_underlying(Phase2Attribute::encapsulation_mode),
    std::to_underlying(Phase2Attribute::auth_algorithm),
    std::to_underlying(Phase2Attribute::key_length),
    std::to_underlying(Phase2Attribute::extended_sequence_numbers),
};

struct Understood {
  std::span<const std::uint16_t> types;  // those that may be there once
  std::uint16_t life_type = 0;
  std::uint16_t life_duration = 0;
};
constexpr Understood kPhase1{kPhase1Types, std::to_underlying(Phase1Attribute::life_type),
                             std::to_underlying(Phase1Attribute::life_duration)};
constexpr Understood kPhase2{kPhase2Types, std::to_underlying(Phase2Attribute::life_type),
                             std::to_underlying(Phase2Attribute::life_duration)};

std::optional<std::uint16_t> short_number(std::uint64_t number) {
  if (number > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

std::size_t count_of(const Transform& transform, std::uint16_t type) {
  return static_cast<std::size_t>(std::ranges::count(transform.attributes, type, &Attribute::type));
}

std::optional<std::string> misunderstood(const Attribute& attribute, const Transform& transform,
                                         const Understood& understood) {
  // How long a duration is or what is in it does not matter: see lifetimes_of().
  if (attribute.type == understood.life_duration) return std::nullopt;
  const auto number = wire::v1::number_of(attribute);
  if (attribute.type == understood.life_type) {
    if (number == std::to_underlying(LifeType::seconds)) return std::nullopt;
    if (number == std::to_underlying(LifeType::kilobytes)) return std::nullopt;
    return "a lifetime that is neither seconds nor kilobytes";
  }
  if (std::ranges::find(understood.types, attribute.type) == understood.types.end()) {
    return fmt::format("attribute {}, not known here", attribute.type);
  }
  if (!number || !short_number(*number)) {
    return fmt::format("attribute {} with a value out of range", attribute.type);
  }
  if (count_of(transform, attribute.type) > 1) {
    return fmt::format("attribute {} more than once", attribute.type);
  }
  return std::nullopt;
}

std::optional<std::string> misunderstood(const Transform& transform, const Understood& understood) {
  for (const Attribute& attribute : transform.attributes) {
    if (auto words = misunderstood(attribute, transform, understood)) return words;
  }
  const std::size_t units = count_of(transform, understood.life_type);
  if (units != count_of(transform, understood.life_duration)) {
    return "a lifetime without unit or duration";
  }
  return std::nullopt;
}

std::string words_for(std::string_view what, std::optional<std::uint64_t> number) {
  return number ? fmt::format("{} {}", what, *number) : fmt::format("no {}", what);
}

// A duration that is no number of 64 bits limits nothing, and no more does 0.
PeerLifetimes lifetimes_of(std::optional<std::uint64_t> seconds,
                           std::optional<std::uint64_t> kilobytes) {
  return {seconds.value_or(0), kilobytes.value_or(0)};
}

std::expected<ChildTransform, std::string> read_esp(const Transform& transform) {
  const auto key_bits = number_in(transform, Phase2Attribute::key_length);
  const auto auth = number_in(transform, Phase2Attribute::auth_algorithm);
  ChildTransform read;
  read.algorithms.encryption = cipher_of(find_v1_esp, transform.id, key_bits);
  if (read.algorithms.encryption == nullptr) {
    return std::unexpected(
        fmt::format("cipher {} with {}", transform.id,
                    key_bits ? fmt::format("{} bits", *key_bits) : std::string("no key length")));
  }
  if (read.algorithms.encryption->is_aead()) {
    // Combined algorithms need none beside them (RFC 4106 2), and the kernel would apply none.
    if (auth)
      return std::unexpected("an authentication algorithm beside " +
                             std::string(read.algorithms.encryption->name));
    return read;
  }
  read.algorithms.integrity = auth ? auth_of(*auth) : nullptr;
  if (read.algorithms.integrity == nullptr) {
    return std::unexpected(words_for("authentication algorithm", auth));
  }
  return read;
}

// RFC 2407 4.4.3, 4.5: the transform names the hash, the attribute must be there and agree.
std::expected<ChildTransform, std::string> read_ah(const Transform& transform) {
  if (wire::v1::find(transform, Phase2Attribute::key_length) != nullptr) {
    return std::unexpected("a key length for AH");
  }
  const auto auth = number_in(transform, Phase2Attribute::auth_algorithm);
  ChildTransform read;
  read.algorithms.protocol = xfrm::Protocol::ah;
  read.algorithms.integrity = find_v1_ah(transform.id);
  if (read.algorithms.integrity == nullptr) {
    return std::unexpected(words_for("AH transform", transform.id));
  }
  if (!auth || auth_of(*auth) != read.algorithms.integrity) {
    return std::unexpected(fmt::format("{} beside AH transform {}",
                                       words_for("authentication algorithm", auth), transform.id));
  }
  return read;
}

}  // namespace

const EncryptionRow* cipher_of(FindCipher find, std::uint64_t number,
                               std::optional<std::uint64_t> key_bits) {
  constexpr std::uint16_t kUnsaidBits = 128;
  const auto cipher = short_number(number);
  if (!cipher) return nullptr;
  if (!key_bits) {
    const EncryptionRow* const fixed = find(*cipher, 0);
    return fixed != nullptr ? fixed : find(*cipher, kUnsaidBits);
  }
  const auto bits = short_number(*key_bits);
  return bits && *bits != 0 ? find(*cipher, *bits) : nullptr;
}

const IntegrityRow* hash_of(std::uint64_t v1_hash) {
  const auto number = short_number(v1_hash);
  const PrfRow* const prf = number ? find_v1_hash(*number) : nullptr;
  if (prf == nullptr) return nullptr;
  const auto rows = all_integrity();
  const auto row = std::ranges::find(rows, prf->hash, &IntegrityRow::hash);
  return row == rows.end() ? nullptr : &*row;
}

const IntegrityRow* auth_of(std::uint64_t v1_auth) {
  const auto number = short_number(v1_auth);
  return number ? find_v1_auth(*number) : nullptr;
}

const GroupRow* group_of(std::uint64_t number) {
  const auto id = short_number(number);
  return id ? find_group(GroupId{*id}) : nullptr;
}

std::optional<std::string> misunderstood_in_ike(const Transform& transform) {
  return misunderstood(transform, kPhase1);
}

std::optional<std::string> misunderstood_in_child(const Transform& transform) {
  return misunderstood(transform, kPhase2);
}

std::expected<IkeTransform, std::string> read_ike(const Transform& transform) {
  if (transform.id != kKeyIke) return std::unexpected(words_for("transform id", transform.id));
  if (auto words = misunderstood_in_ike(transform)) return std::unexpected(*std::move(words));
  const auto method = number_in(transform, Phase1Attribute::auth_method);
  if (method != std::to_underlying(wire::v1::AuthMethod::pre_shared_key)) {
    return std::unexpected(words_for("authentication method", method));
  }
  const auto cipher = number_in(transform, Phase1Attribute::encryption);
  const auto key_bits = number_in(transform, Phase1Attribute::key_length);
  const auto hash = number_in(transform, Phase1Attribute::hash);
  // RFC 2409 appendix A has no group mean the one of 768 bits. Nobody does; who does may say so.
  const auto group = number_in(transform, Phase1Attribute::group_description);
  IkeTransform read;
  read.algorithms.encryption = cipher ? cipher_of(find_v1_phase1, *cipher, key_bits) : nullptr;
  read.algorithms.integrity = hash ? hash_of(*hash) : nullptr;
  read.algorithms.group = group ? group_of(*group) : nullptr;
  if (read.algorithms.encryption == nullptr) {
    std::string words = words_for("cipher", cipher);
    if (key_bits) words += fmt::format(" with {} bits", *key_bits);
    return std::unexpected(std::move(words));
  }
  if (read.algorithms.integrity == nullptr) return std::unexpected(words_for("hash", hash));
  if (read.algorithms.group == nullptr) return std::unexpected(words_for("group", group));
  read.algorithms.prf = find_v1_hash(static_cast<std::uint16_t>(*hash));
  read.lifetimes = lifetimes_of(wire::v1::phase1_life(transform, LifeType::seconds),
                                wire::v1::phase1_life(transform, LifeType::kilobytes));
  return read;
}

std::expected<ChildTransform, std::string> read_child(xfrm::Protocol protocol,
                                                      const Transform& transform) {
  if (auto words = misunderstood_in_child(transform)) return std::unexpected(*std::move(words));
  auto read = protocol == xfrm::Protocol::ah ? read_ah(transform) : read_esp(transform);
  if (!read) return read;
  const auto group = number_in(transform, Phase2Attribute::group_description);
  read->algorithms.group = group ? group_of(*group) : nullptr;
  if (group && read->algorithms.group == nullptr) {
    return std::unexpected(words_for("group", group));
  }
  const auto esn = number_in(transform, Phase2Attribute::extended_sequence_numbers);
  if (esn && *esn != kExtendedSequenceNumbers) {
    return std::unexpected(words_for("extended sequence numbers", esn));
  }
  read->algorithms.sequence_numbers = esn ? EsnId::yes : EsnId::no;
  // RFC 2407 4.5: without the attribute it depends on the host, and so on nothing we know.
  const auto mode = number_in(transform, Phase2Attribute::encapsulation_mode);
  if (!mode) return std::unexpected(words_for("encapsulation mode", mode));
  read->mode = wire::v1::EncapsulationMode{static_cast<std::uint16_t>(*mode)};
  read->lifetimes = lifetimes_of(wire::v1::phase2_life(transform, LifeType::seconds),
                                 wire::v1::phase2_life(transform, LifeType::kilobytes));
  return read;
}

}  // namespace ipsec::core::proposal_v1
