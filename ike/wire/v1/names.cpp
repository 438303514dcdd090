// The payload type of each value, and what logs call the numbers of the registries.
#include <array>
#include <string>

#include "ike/wire/named.h"
#include "ike/wire/v1/payloads.h"

namespace ipsec::wire::v1 {
namespace {

struct TypeOf {
  PayloadType operator()(const SaPayload&) const { return PayloadType::sa; }
  PayloadType operator()(const KePayload&) const { return PayloadType::key_exchange; }
  PayloadType operator()(const IdPayload&) const { return PayloadType::id; }
  PayloadType operator()(const CertificatePayload&) const { return PayloadType::certificate; }
  PayloadType operator()(const CertificateRequestPayload&) const {
    return PayloadType::certificate_request;
  }
  PayloadType operator()(const HashPayload&) const { return PayloadType::hash; }
  PayloadType operator()(const SignaturePayload&) const { return PayloadType::signature; }
  PayloadType operator()(const NoncePayload&) const { return PayloadType::nonce; }
  PayloadType operator()(const NotificationPayload&) const { return PayloadType::notification; }
  PayloadType operator()(const DeletePayload&) const { return PayloadType::delete_; }
  PayloadType operator()(const VendorIdPayload&) const { return PayloadType::vendor_id; }
  PayloadType operator()(const NatDiscoveryPayload& discovery) const {
    return discovery.draft ? PayloadType::nat_discovery_draft : PayloadType::nat_discovery;
  }
  PayloadType operator()(const NatOriginalAddressPayload& original) const {
    return original.draft ? PayloadType::nat_original_address_draft
                          : PayloadType::nat_original_address;
  }
  PayloadType operator()(const UnknownPayload& unknown) const { return unknown.type; }
};

constexpr auto kPayloadNames = std::to_array<Named<PayloadType>>({
    {PayloadType::none, "none"},
    {PayloadType::sa, "SA"},
    {PayloadType::key_exchange, "KE"},
    {PayloadType::id, "ID"},
    {PayloadType::certificate, "CERT"},
    {PayloadType::certificate_request, "CR"},
    {PayloadType::hash, "HASH"},
    {PayloadType::signature, "SIG"},
    {PayloadType::nonce, "NONCE"},
    {PayloadType::notification, "NOTIFY"},
    {PayloadType::delete_, "DELETE"},
    {PayloadType::vendor_id, "VENDOR"},
    {PayloadType::nat_discovery, "NAT-D"},
    {PayloadType::nat_original_address, "NAT-OA"},
    {PayloadType::nat_discovery_draft, "NAT-D-DRAFT"},
    {PayloadType::nat_original_address_draft, "NAT-OA-DRAFT"},
});

constexpr auto kNotifyNames = std::to_array<Named<NotifyType>>({
    {NotifyType::invalid_payload_type, "INVALID-PAYLOAD-TYPE"},
    {NotifyType::doi_not_supported, "DOI-NOT-SUPPORTED"},
    {NotifyType::situation_not_supported, "SITUATION-NOT-SUPPORTED"},
    {NotifyType::invalid_cookie, "INVALID-COOKIE"},
    {NotifyType::invalid_major_version, "INVALID-MAJOR-VERSION"},
    {NotifyType::invalid_minor_version, "INVALID-MINOR-VERSION"},
    {NotifyType::invalid_exchange_type, "INVALID-EXCHANGE-TYPE"},
    {NotifyType::invalid_flags, "INVALID-FLAGS"},
    {NotifyType::invalid_message_id, "INVALID-MESSAGE-ID"},
    {NotifyType::invalid_protocol_id, "INVALID-PROTOCOL-ID"},
    {NotifyType::invalid_spi, "INVALID-SPI"},
    {NotifyType::invalid_transform_id, "INVALID-TRANSFORM-ID"},
    {NotifyType::attributes_not_supported, "ATTRIBUTES-NOT-SUPPORTED"},
    {NotifyType::no_proposal_chosen, "NO-PROPOSAL-CHOSEN"},
    {NotifyType::bad_proposal_syntax, "BAD-PROPOSAL-SYNTAX"},
    {NotifyType::payload_malformed, "PAYLOAD-MALFORMED"},
    {NotifyType::invalid_key_information, "INVALID-KEY-INFORMATION"},
    {NotifyType::invalid_id_information, "INVALID-ID-INFORMATION"},
    {NotifyType::invalid_cert_encoding, "INVALID-CERT-ENCODING"},
    {NotifyType::invalid_certificate, "INVALID-CERTIFICATE"},
    {NotifyType::cert_type_unsupported, "CERT-TYPE-UNSUPPORTED"},
    {NotifyType::invalid_cert_authority, "INVALID-CERT-AUTHORITY"},
    {NotifyType::invalid_hash_information, "INVALID-HASH-INFORMATION"},
    {NotifyType::authentication_failed, "AUTHENTICATION-FAILED"},
    {NotifyType::invalid_signature, "INVALID-SIGNATURE"},
    {NotifyType::address_notification, "ADDRESS-NOTIFICATION"},
    {NotifyType::notify_sa_lifetime, "NOTIFY-SA-LIFETIME"},
    {NotifyType::certificate_unavailable, "CERTIFICATE-UNAVAILABLE"},
    {NotifyType::unsupported_exchange_type, "UNSUPPORTED-EXCHANGE-TYPE"},
    {NotifyType::unequal_payload_lengths, "UNEQUAL-PAYLOAD-LENGTHS"},
    {NotifyType::connected, "CONNECTED"},
    {NotifyType::responder_lifetime, "RESPONDER-LIFETIME"},
    {NotifyType::replay_status, "REPLAY-STATUS"},
    {NotifyType::initial_contact, "INITIAL-CONTACT"},
    {NotifyType::r_u_there, "R-U-THERE"},
    {NotifyType::r_u_there_ack, "R-U-THERE-ACK"},
});

}  // namespace

PayloadType type_of(const Payload& payload) { return std::visit(TypeOf{}, payload); }

std::string name_of(PayloadType type) { return find_name(kPayloadNames, type, "payload"); }
std::string name_of(NotifyType type) { return find_name(kNotifyNames, type, "notify"); }

}  // namespace ipsec::wire::v1
