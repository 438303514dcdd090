// The 28-byte header that IKEv1 and IKEv2 share (RFC 7296 3.1, RFC 2408 3.1).
#pragma once

#include <cstdint>
#include <expected>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/reader.h"
#include "ike/base/strong_id.h"
#include "ike/base/writer.h"

namespace ipsec::wire {

inline constexpr std::size_t kHeaderSize = 28;

// Open enums: numbers without a name are kept as they came.
enum class ExchangeType : std::uint8_t {
  identity_protection = 2,  // IKEv1 main mode
  aggressive = 4,
  informational_v1 = 5,
  quick_mode = 32,
  ike_sa_init = 34,
  ike_auth = 35,
  create_child_sa = 36,
  informational = 37,
};

enum class PayloadType : std::uint8_t {
  none = 0,
  sa = 33,
  key_exchange = 34,
  id_initiator = 35,
  id_responder = 36,
  certificate = 37,
  certificate_request = 38,
  auth = 39,
  nonce = 40,
  notify = 41,
  delete_ = 42,
  vendor_id = 43,
  ts_initiator = 44,
  ts_responder = 45,
  encrypted = 46,
  configuration = 47,
  eap = 48,
  encrypted_fragment = 53,  // RFC 7383
};

enum class Role : std::uint8_t { initiator, responder };
[[nodiscard]] constexpr Role other(Role role) {
  return role == Role::initiator ? Role::responder : Role::initiator;
}

[[nodiscard]] constexpr bool is_sealed(PayloadType type) {
  return type == PayloadType::encrypted || type == PayloadType::encrypted_fragment;
}

struct Flags {
  bool initiator = false;  // sent by the original initiator of the IKE SA
  bool response = false;
  bool higher_version = false;
  bool operator==(const Flags&) const = default;
};

struct Header {
  IkeSpi initiator_spi;
  IkeSpi responder_spi;
  PayloadType next_payload = PayloadType::none;
  std::uint8_t major_version = 2;
  std::uint8_t minor_version = 0;
  ExchangeType exchange = ExchangeType::informational;
  Flags flags;
  MessageId message_id;
  std::uint32_t length = 0;  // of the whole message, as the header says
  bool operator==(const Header&) const = default;
};

// Reads the header alone; the length is not checked against what follows. Cheap: it is the first
// thing done with a datagram, whatever it is.
[[nodiscard]] std::expected<Header, Malformed> parse_header(ByteView datagram);

// The length is written as given.
void write_header(Writer& writer, const Header& header);

}  // namespace ipsec::wire
