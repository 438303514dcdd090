// IKEv2 payloads as values (RFC 7296 3.3 to 3.16). Numbers are open enums: what has no name is
// kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/identity.h"
#include "ike/base/traffic_selector.h"
#include "ike/wire/attribute.h"
#include "ike/wire/header.h"

namespace ipsec::wire {

enum class ProtocolId : std::uint8_t { none = 0, ike = 1, ah = 2, esp = 3 };

// RFC 7296 3.10.1 and the registries of the RFCs named.
enum class NotifyType : std::uint16_t {
  unsupported_critical_payload = 1,
  invalid_ike_spi = 4,
  invalid_major_version = 5,
  invalid_syntax = 7,
  invalid_message_id = 9,
  invalid_spi = 11,
  no_proposal_chosen = 14,
  invalid_ke_payload = 17,
  authentication_failed = 24,
  single_pair_required = 34,
  no_additional_sas = 35,
  internal_address_failure = 36,
  failed_cp_required = 37,
  ts_unacceptable = 38,
  invalid_selectors = 39,
  temporary_failure = 43,
  child_sa_not_found = 44,
  initial_contact = 16384,
  set_window_size = 16385,
  additional_ts_possible = 16386,
  ipcomp_supported = 16387,
  nat_detection_source_ip = 16388,
  nat_detection_destination_ip = 16389,
  cookie = 16390,
  use_transport_mode = 16391,
  http_cert_lookup_supported = 16392,
  rekey_sa = 16393,
  esp_tfc_padding_not_supported = 16394,
  non_first_fragments_also = 16395,
  mobike_supported = 16396,  // RFC 4555
  additional_ip4_address = 16397,
  additional_ip6_address = 16398,
  no_additional_addresses = 16399,
  update_sa_addresses = 16400,
  cookie2 = 16401,
  no_nats_allowed = 16402,
  auth_lifetime = 16403,  // RFC 4478
  multiple_auth_supported = 16404,
  redirect_supported = 16406,             // RFC 5685
  eap_only_authentication = 16417,        // RFC 5998
  childless_ikev2_supported = 16418,      // RFC 6023
  quick_crash_detection = 16419,          // RFC 6290
  ikev2_fragmentation_supported = 16430,  // RFC 7383
  signature_hash_algorithms = 16431,      // RFC 7427
};
// RFC 7296 3.10.1: types below 16384 report errors.
[[nodiscard]] constexpr bool is_error(NotifyType type) {
  return static_cast<std::uint16_t>(type) < 16384;
}

enum class AuthMethod : std::uint8_t {
  rsa_signature = 1,
  shared_key_mic = 2,
  dss_signature = 3,
  digital_signature = 14,  // RFC 7427
};

inline constexpr std::uint16_t kKeyLengthAttribute = 14;

struct Transform {
  std::uint8_t type = 0;  // TransformType of the registry
  std::uint16_t id = 0;
  std::optional<std::uint16_t> key_bits;
  // Any other attribute, as it came: a transform that has one must not be chosen (3.3.6).
  std::vector<Attribute> unknown_attributes;
  bool operator==(const Transform&) const = default;
};

struct Proposal {
  std::uint8_t number = 1;
  ProtocolId protocol = ProtocolId::ike;
  Bytes spi;
  std::vector<Transform> transforms;
  bool operator==(const Proposal&) const = default;
};

// One proposal or more. Numbers run from 1 without a gap; a single one may have any number, since
// an answer repeats that of the offer (3.3.1).
struct SaPayload {
  std::vector<Proposal> proposals;
  bool operator==(const SaPayload&) const = default;
};

struct KePayload {
  std::uint16_t group = 0;
  Bytes data;
  bool operator==(const KePayload&) const = default;
};

// An address ID is exactly its address.
struct IdPayload {
  Role role = Role::initiator;
  IdType type = IdType::ipv4;
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

struct AuthPayload {
  AuthMethod method = AuthMethod::shared_key_mic;
  Bytes data;
  bool operator==(const AuthPayload&) const = default;
};

struct NoncePayload {
  Bytes data;  // 16 to 256 bytes (3.9)
  bool operator==(const NoncePayload&) const = default;
};

// Without an SPI the protocol is none, whatever was received (3.10). The SPI of AH or ESP has four
// octets.
struct NotifyPayload {
  ProtocolId protocol = ProtocolId::none;
  Bytes spi;
  NotifyType type{};
  Bytes data;
  bool operator==(const NotifyPayload&) const = default;
};

struct DeletePayload {
  ProtocolId protocol = ProtocolId::ike;
  std::vector<ChildSpi> spis;  // empty for IKE, whose SPI is the header's (3.11)
  bool operator==(const DeletePayload&) const = default;
};

struct VendorIdPayload {
  Bytes data;
  bool operator==(const VendorIdPayload&) const = default;
};

struct TsPayload {
  Role role = Role::initiator;
  // Selectors of an unknown TS type are left out: they cannot be narrowed to (3.13.1). So there may
  // be none. Ports may be PortRange::opaque().
  std::vector<TrafficSelector> selectors;
  bool operator==(const TsPayload&) const = default;
};

struct ConfigurationPayload {
  struct Item {
    std::uint16_t type = 0;
    Bytes data;
    bool operator==(const Item&) const = default;
  };
  std::uint8_t type = 0;
  std::vector<Item> items;
  bool operator==(const ConfigurationPayload&) const = default;
};

// The whole EAP message, whose own length field must be right (3.16).
struct EapPayload {
  Bytes data;
  bool operator==(const EapPayload&) const = default;
};

// Any type but those above, SK and SKF.
struct UnknownPayload {
  PayloadType type{};
  bool critical = false;
  Bytes data;
  bool operator==(const UnknownPayload&) const = default;
};

using Payload =
    std::variant<SaPayload, KePayload, IdPayload, CertificatePayload, CertificateRequestPayload,
                 AuthPayload, NoncePayload, NotifyPayload, DeletePayload, VendorIdPayload,
                 TsPayload, ConfigurationPayload, EapPayload, UnknownPayload>;
using Payloads = std::vector<Payload>;

[[nodiscard]] PayloadType type_of(const Payload& payload);

// Names for logs and status; a number where there is no name ("notify 40001").
[[nodiscard]] std::string name_of(PayloadType type);
[[nodiscard]] std::string name_of(NotifyType type);
[[nodiscard]] std::string name_of(ExchangeType type);

}  // namespace ipsec::wire
