#include "ike/v1/channel.h"

#include <utility>
#include <vector>

namespace ipsec::v1 {

Result<Keys> Keys::make(const crypto::Provider& crypto, const crypto::IkeAlgorithms& algorithms,
                        crypto::v1::Secrets secrets) {
  auto key = crypto::v1::derive_message_key(crypto, *algorithms.prf, secrets.skeyid_e.view(),
                                            *algorithms.encryption);
  if (!key) return std::unexpected(key.error());
  auto cipher = crypto.cbc(*algorithms.encryption, key->view());
  if (cipher == nullptr) return std::unexpected(Misuse{"no cipher for messages"});
  return Keys{std::move(secrets), std::move(cipher)};
}

wire::v1::Header header_of(const crypto::SpiPair& cookies, wire::ExchangeType exchange,
                           MessageId id) {
  wire::v1::Header header;
  header.initiator_cookie = cookies.initiator;
  header.responder_cookie = cookies.responder;
  header.exchange = exchange;
  header.message_id = id;
  return header;
}

MessageId new_message_id(IkeSpi drawn) {
  return MessageId{static_cast<std::uint32_t>(drawn.value) | 1U};
}

std::optional<Bytes> write_refusal(const crypto::SpiPair& cookies, MessageId id,
                                   wire::v1::NotifyType error) {
  const std::vector<wire::v1::Payload> payloads{wire::v1::NotificationPayload{
      wire::v1::Doi::ipsec, wire::v1::ProtocolId::isakmp, {}, error, {}}};
  auto message = wire::v1::write_message(
      header_of(cookies, wire::ExchangeType::informational_v1, id), payloads);
  return message ? std::optional(*std::move(message)) : std::nullopt;
}

std::optional<Bytes> seal(const Keys& keys, crypto::v1::IvChain& iv, const wire::v1::Header& header,
                          std::span<const wire::v1::Payload> payloads) {
  auto chain = wire::v1::write_chain(payloads);
  if (!chain) return std::nullopt;
  // Appendix B: zeros to the end of a block.
  const std::size_t block = keys.cipher->block_size();
  chain->resize((chain->size() + block - 1) / block * block);
  const auto ciphertext = keys.cipher->encrypt(iv.next(), *chain);
  if (!ciphertext) return std::nullopt;
  auto message =
      wire::v1::write_sealed_head(header, wire::v1::first_type(payloads), ciphertext->size());
  if (!message) return std::nullopt;
  message->insert(message->end(), ciphertext->begin(), ciphertext->end());
  iv.passed(*ciphertext);
  return *std::move(message);
}

std::optional<Opened> open(const Keys& keys, const crypto::v1::IvChain& iv, ByteView datagram,
                           const wire::v1::SealedBody& body) {
  const ByteView ciphertext = datagram.subspan(body.offset);
  auto chain = keys.cipher->decrypt(iv.next(), ciphertext);
  if (!chain) return std::nullopt;
  auto payloads = wire::v1::parse_chain(body.first_inner, *chain);
  if (!payloads) return std::nullopt;
  return Opened{*std::move(chain), *std::move(payloads), ciphertext};
}

Bytes body_of(const wire::v1::Payload& payload) {
  static constexpr std::size_t kGenericHeader = 4;
  const auto chain = wire::v1::write_chain(std::span(&payload, 1));
  return chain ? Bytes(chain->begin() + kGenericHeader, chain->end()) : Bytes{};
}

}  // namespace ipsec::v1
