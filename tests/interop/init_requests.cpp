#include "tests/interop/init_requests.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>

#include "ike/core/proposal.h"
#include "ike/crypto/openssl_provider.h"

namespace ipsec::interop {
namespace {

constexpr std::size_t kNonceBytes = 32;

}  // namespace

InitRequests::InitRequests() {
  const auto provider = crypto::OpensslProvider::create();
  if (!provider) throw std::runtime_error(provider.error().what);
  const auto key = (*provider)->generate(GroupId::x25519);
  if (!key) throw std::runtime_error("no key");
  const core::IkeOffer offer{{find_encryption("aes128")},
                             {find_integrity("sha256")},
                             {find_prf("prfsha256")},
                             {find_group("x25519")}};
  payloads_.emplace_back(core::write_offers(core::IkeOffers{offer}, {}));
  payloads_.emplace_back(wire::KePayload{static_cast<std::uint16_t>((*key)->group()),
                                         to_bytes((*key)->public_value())});
}

Bytes InitRequests::next() {
  Bytes drawn(sizeof(std::uint64_t) + kNonceBytes);
  random_.fill(drawn);
  wire::Header header;
  for (const auto byte : std::span(drawn).first<sizeof(std::uint64_t)>()) {
    header.initiator_spi.value = header.initiator_spi.value << 8U | byte;
  }
  header.exchange = wire::ExchangeType::ike_sa_init;
  header.flags.initiator = true;
  auto payloads = payloads_;
  payloads.emplace_back(wire::NoncePayload{to_bytes(ByteView(drawn).last(kNonceBytes))});
  auto message = wire::write_message(header, payloads);
  if (!message) throw std::runtime_error("no request could be written");
  return *std::move(message);
}

}  // namespace ipsec::interop
