// IKEv1 payloads as values (RFC 2408 3.7 to 3.16, RFC 2407 4.6, RFC 3947). Numbers are open enums:
// what has no name is kept.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/bytes.h"
#include "ike/base/strong_id.h"
#include "ike/wire/v1/header.h"
#include "ike/wire/v1/sa_payload.h"

namespace ipsec::wire::v1 {

// Of notifications and deletions; an SA payload is always of the IPsec DOI.
// NOLINTNEXTLINE(performance-enum-size): 32 bits on the wire, of which others are refused
enum class Doi : std::uint32_t { isakmp = 0, ipsec = 1 };

// RFC 2408 3.14.1, RFC 2407 4.6.3 and the RFC named. An open enum.
enum class NotifyType : std::uint16_t {
  invalid_payload_type = 1,
  doi_not_supported = 2,
  situation_not_supported = 3,
  invalid_cookie = 4,
  invalid_major_version = 5,
  invalid_minor_version = 6,
  invalid_exchange_type = 7,
  invalid_flags = 8,
  invalid_message_id = 9,
  invalid_protocol_id = 10,
  invalid_spi = 11,
  invalid_transform_id = 12,
  attributes_not_supported = 13,
  no_proposal_chosen = 14,
  bad_proposal_syntax = 15,
  payload_malformed = 16,
  invalid_key_information = 17,
  invalid_id_information = 18,
  invalid_cert_encoding = 19,
  invalid_certificate = 20,
  cert_type_unsupported = 21,
  invalid_cert_authority = 22,
  invalid_hash_information = 23,
  authentication_failed = 24,
  invalid_signature = 25,
  address_notification = 26,
  notify_sa_lifetime = 27,
  certificate_unavailable = 28,
  unsupported_exchange_type = 29,
  unequal_payload_lengths = 30,
  connected = 16384,
  responder_lifetime = 24576,
  replay_status = 24577,
  initial_contact = 24578,
  r_u_there = 36136,  // RFC 3706
  r_u_there_ack = 36137,
};
// RFC 2408 3.14.1: types below 16384 report errors.
[[nodiscard]] constexpr bool is_error(NotifyType type) {
  return static_cast<std::uint16_t>(type) < 16384;
}

// RFC 2407 4.6.2.1
enum class IdType : std::uint8_t {
  ipv4 = 1,
  fqdn = 2,
  user_fqdn = 3,
  ipv4_subnet = 4,
  ipv6 = 5,
  ipv6_subnet = 6,
  ipv4_range = 7,
  ipv6_range = 8,
  der_asn1_dn = 9,
  der_asn1_gn = 10,
  key_id = 11,
};

struct KePayload {
  Bytes data;
  bool operator==(const KePayload&) const = default;
};

// Phase 1: who the peer is; protocol and port are then zero or UDP port 500 (RFC 2407 4.6.2), and
// 4500 behind a NAT. Phase 2: what an SA is to carry. Addresses, subnets and ranges have the size
// that their type asks for; what they say is for identity.h to find out.
struct IdPayload {
  IdType type = IdType::ipv4;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;
  Bytes data;
  bool operator==(const IdPayload&) const = default;
};

struct CertificatePayload {
  std::uint8_t encoding = 0;
  Bytes data;
  bool operator==(const CertificatePayload&) const = default;
};

struct CertificateRequestPayload {
  std::uint8_t encoding = 0;
  Bytes data;
  bool operator==(const CertificateRequestPayload&) const = default;
};

struct HashPayload {
  Bytes data;
  bool operator==(const HashPayload&) const = default;
};

struct SignaturePayload {
  Bytes data;
  bool operator==(const SignaturePayload&) const = default;
};

struct NoncePayload {
  Bytes data;  // 8 to 256 bytes (RFC 2409 5)
  bool operator==(const NoncePayload&) const = default;
};

struct NotificationPayload {
  Doi doi = Doi::ipsec;
  ProtocolId protocol = ProtocolId::isakmp;
  Bytes spi;
  NotifyType type{};
  Bytes data;
  bool operator==(const NotificationPayload&) const = default;
};

// What names an ISAKMP SA.
struct CookiePair {
  IkeSpi initiator;
  IkeSpi responder;
  bool operator==(const CookiePair&) const = default;
};

struct DeletePayload {
  Doi doi = Doi::ipsec;
  ProtocolId protocol = ProtocolId::isakmp;
  std::vector<CookiePair> isakmp_sas;  // where the protocol is ISAKMP
  std::vector<ChildSpi> child_sas;     // where it is AH or ESP; there are no others
  bool operator==(const DeletePayload&) const = default;
};

struct VendorIdPayload {
  Bytes data;
  bool operator==(const VendorIdPayload&) const = default;
};

// The hash of an address and a port (RFC 3947 3.2). `draft`: with the number it had before.
struct NatDiscoveryPayload {
  bool draft = false;
  Bytes hash;
  bool operator==(const NatDiscoveryPayload&) const = default;
};

// The address behind the NAT, for transport mode (RFC 3947 5.2).
struct NatOriginalAddressPayload {
  bool draft = false;
  Address address;
  bool operator==(const NatOriginalAddressPayload&) const = default;
};

// Any type but those above.
struct UnknownPayload {
  PayloadType type{};
  Bytes data;
  bool operator==(const UnknownPayload&) const = default;
};

using Payload =
    std::variant<SaPayload, KePayload, IdPayload, CertificatePayload, CertificateRequestPayload,
                 HashPayload, SignaturePayload, NoncePayload, NotificationPayload, DeletePayload,
                 VendorIdPayload, NatDiscoveryPayload, NatOriginalAddressPayload, UnknownPayload>;
using Payloads = std::vector<Payload>;

[[nodiscard]] PayloadType type_of(const Payload& payload);

// Names for logs and status; a number where there is no name ("notify 40001").
[[nodiscard]] std::string name_of(PayloadType type);
[[nodiscard]] std::string name_of(NotifyType type);

}  // namespace ipsec::wire::v1
