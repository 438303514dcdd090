// The payload type of each value, and what logs call the numbers of the registries.
#include <array>
#include <string>

#include "ike/wire/named.h"
#include "ike/wire/payloads.h"

namespace ipsec::wire {
namespace {

struct TypeOf {
  PayloadType operator()(const SaPayload&) const { return PayloadType::sa; }
  PayloadType operator()(const KePayload&) const { return PayloadType::key_exchange; }
  PayloadType operator()(const IdPayload& id) const {
    return id.role == Role::initiator ? PayloadType::id_initiator : PayloadType::id_responder;
  }
  PayloadType operator()(const CertificatePayload&) const { return PayloadType::certificate; }
  PayloadType operator()(const CertificateRequestPayload&) const {
    return PayloadType::certificate_request;
  }
  PayloadType operator()(const AuthPayload&) const { return PayloadType::auth; }
  PayloadType operator()(const NoncePayload&) const { return PayloadType::nonce; }
  PayloadType operator()(const NotifyPayload&) const { return PayloadType::notify; }
  PayloadType operator()(const DeletePayload&) const { return PayloadType::delete_; }
  PayloadType operator()(const VendorIdPayload&) const { return PayloadType::vendor_id; }
  PayloadType operator()(const TsPayload& ts) const {
    return ts.role == Role::initiator ? PayloadType::ts_initiator : PayloadType::ts_responder;
  }
  PayloadType operator()(const ConfigurationPayload&) const { return PayloadType::configuration; }
  PayloadType operator()(const EapPayload&) const { return PayloadType::eap; }
  PayloadType operator()(const UnknownPayload& unknown) const { return unknown.type; }
};

// RFC 7296 3.2 abbreviates most payloads to these.
constexpr auto kPayloadNames = std::to_array<Named<PayloadType>>({
    {PayloadType::none, "none"},
    {PayloadType::sa, "SA"},
    {PayloadType::key_exchange, "KE"},
    {PayloadType::id_initiator, "IDi"},
    {PayloadType::id_responder, "IDr"},
    {PayloadType::certificate, "CERT"},
    {PayloadType::certificate_request, "CERTREQ"},
    {PayloadType::auth, "AUTH"},
    {PayloadType::nonce, "NONCE"},
    {PayloadType::notify, "NOTIFY"},
    {PayloadType::delete_, "DELETE"},
    {PayloadType::vendor_id, "VENDOR"},
    {PayloadType::ts_initiator, "TSi"},
    {PayloadType::ts_responder, "TSr"},
    {PayloadType::encrypted, "SK"},
    {PayloadType::configuration, "CP"},
    {PayloadType::eap, "EAP"},
    {PayloadType::encrypted_fragment, "SKF"},
});

constexpr auto kExchangeNames = std::to_array<Named<ExchangeType>>({
    {ExchangeType::identity_protection, "IDENTITY_PROTECTION"},
    {ExchangeType::aggressive, "AGGRESSIVE"},
    {ExchangeType::informational_v1, "INFORMATIONAL_V1"},
    {ExchangeType::quick_mode, "QUICK_MODE"},
    {ExchangeType::ike_sa_init, "IKE_SA_INIT"},
    {ExchangeType::ike_auth, "IKE_AUTH"},
    {ExchangeType::create_child_sa, "CREATE_CHILD_SA"},
    {ExchangeType::informational, "INFORMATIONAL"},
});

constexpr auto kNotifyNames = std::to_array<Named<NotifyType>>({
    {NotifyType::unsupported_critical_payload, "UNSUPPORTED_CRITICAL_PAYLOAD"},
    {NotifyType::invalid_ike_spi, "INVALID_IKE_SPI"},
    {NotifyType::invalid_major_version, "INVALID_MAJOR_VERSION"},
    {NotifyType::invalid_syntax, "INVALID_SYNTAX"},
    {NotifyType::invalid_message_id, "INVALID_MESSAGE_ID"},
    {NotifyType::invalid_spi, "INVALID_SPI"},
    {NotifyType::no_proposal_chosen, "NO_PROPOSAL_CHOSEN"},
    {NotifyType::invalid_ke_payload, "INVALID_KE_PAYLOAD"},
    {NotifyType::authentication_failed, "AUTHENTICATION_FAILED"},
    {NotifyType::single_pair_required, "SINGLE_PAIR_REQUIRED"},
    {NotifyType::no_additional_sas, "NO_ADDITIONAL_SAS"},
    {NotifyType::internal_address_failure, "INTERNAL_ADDRESS_FAILURE"},
    {NotifyType::failed_cp_required, "FAILED_CP_REQUIRED"},
    {NotifyType::ts_unacceptable, "TS_UNACCEPTABLE"},
    {NotifyType::invalid_selectors, "INVALID_SELECTORS"},
    {NotifyType::temporary_failure, "TEMPORARY_FAILURE"},
    {NotifyType::child_sa_not_found, "CHILD_SA_NOT_FOUND"},
    {NotifyType::initial_contact, "INITIAL_CONTACT"},
    {NotifyType::set_window_size, "SET_WINDOW_SIZE"},
    {NotifyType::additional_ts_possible, "ADDITIONAL_TS_POSSIBLE"},
    {NotifyType::ipcomp_supported, "IPCOMP_SUPPORTED"},
    {NotifyType::nat_detection_source_ip, "NAT_DETECTION_SOURCE_IP"},
    {NotifyType::nat_detection_destination_ip, "NAT_DETECTION_DESTINATION_IP"},
    {NotifyType::cookie, "COOKIE"},
    {NotifyType::use_transport_mode, "USE_TRANSPORT_MODE"},
    {NotifyType::http_cert_lookup_supported, "HTTP_CERT_LOOKUP_SUPPORTED"},
    {NotifyType::rekey_sa, "REKEY_SA"},
    {NotifyType::esp_tfc_padding_not_supported, "ESP_TFC_PADDING_NOT_SUPPORTED"},
    {NotifyType::non_first_fragments_also, "NON_FIRST_FRAGMENTS_ALSO"},
    {NotifyType::mobike_supported, "MOBIKE_SUPPORTED"},
    {NotifyType::additional_ip4_address, "ADDITIONAL_IP4_ADDRESS"},
    {NotifyType::additional_ip6_address, "ADDITIONAL_IP6_ADDRESS"},
    {NotifyType::no_additional_addresses, "NO_ADDITIONAL_ADDRESSES"},
    {NotifyType::update_sa_addresses, "UPDATE_SA_ADDRESSES"},
    {NotifyType::cookie2, "COOKIE2"},
    {NotifyType::no_nats_allowed, "NO_NATS_ALLOWED"},
    {NotifyType::auth_lifetime, "AUTH_LIFETIME"},
    {NotifyType::multiple_auth_supported, "MULTIPLE_AUTH_SUPPORTED"},
    {NotifyType::redirect_supported, "REDIRECT_SUPPORTED"},
    {NotifyType::eap_only_authentication, "EAP_ONLY_AUTHENTICATION"},
    {NotifyType::childless_ikev2_supported, "CHILDLESS_IKEV2_SUPPORTED"},
    {NotifyType::quick_crash_detection, "QUICK_CRASH_DETECTION"},
    {NotifyType::ikev2_fragmentation_supported, "IKEV2_FRAGMENTATION_SUPPORTED"},
    {NotifyType::signature_hash_algorithms, "SIGNATURE_HASH_ALGORITHMS"},
});

}  // namespace

PayloadType type_of(const Payload& payload) { return std::visit(TypeOf{}, payload); }

std::string name_of(PayloadType type) { return find_name(kPayloadNames, type, "payload"); }
std::string name_of(NotifyType type) { return find_name(kNotifyNames, type, "notify"); }
std::string name_of(ExchangeType type) { return find_name(kExchangeNames, type, "exchange"); }

}  // namespace ipsec::wire
