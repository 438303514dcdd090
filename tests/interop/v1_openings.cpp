#include "tests/interop/v1_openings.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>

#include "ike/core/proposal_v1.h"
#include "ike/crypto/openssl_provider.h"
#include "ike/wire/v1/identity.h"

namespace ipsec::interop {
namespace {

constexpr std::size_t kNonceBytes = 32;
constexpr std::size_t kNonceIndex = 2;

}  // namespace

V1Openings::V1Openings(std::string_view name) {
  const auto provider = crypto::OpensslProvider::create();
  if (!provider) throw std::runtime_error(provider.error().what);
  const auto* group = find_group("modp2048");
  const auto key = (*provider)->generate(group->id);
  const auto identity = Identity::parse(name);
  const auto id = identity ? wire::v1::id_of(*identity) : std::nullopt;
  if (!key || !id) throw std::runtime_error("no key, or a name that is none");
  const core::IkeOffer offer{
      {find_encryption("aes128")}, {find_integrity("sha256")}, {find_prf("prfsha256")}, {group}};
  payloads_ = {core::proposal_v1::write_offers(core::IkeOffers{offer}, std::chrono::hours(24)),
               wire::v1::KePayload{to_bytes((*key)->public_value())}, wire::v1::NoncePayload{},
               *id};
}

Bytes V1Openings::next() {
  Bytes drawn(sizeof(std::uint64_t) + kNonceBytes);
  random_.fill(drawn);
  wire::v1::Header header;
  for (const auto byte : std::span(drawn).first<sizeof(std::uint64_t)>()) {
    header.initiator_cookie.value = header.initiator_cookie.value << 8U | byte;
  }
  header.exchange = wire::ExchangeType::aggressive;
  payloads_[kNonceIndex] = wire::v1::NoncePayload{to_bytes(ByteView(drawn).last(kNonceBytes))};
  auto message = wire::v1::write_message(header, payloads_);
  if (!message) throw std::runtime_error("no opening could be written");
  return *std::move(message);
}

}  // namespace ipsec::interop
