// The header of an IKEv1 message (RFC 2408 3.1): that of IKEv2 in size and layout, with flags and
// payload types of its own.
#pragma once

#include <cstdint>
#include <expected>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/strong_id.h"
#include "ike/base/writer.h"
#include "ike/wire/header.h"

namespace ipsec::wire::v1 {

// RFC 2408 3.1 and the RFCs named. An open enum.
enum class PayloadType : std::uint8_t {
  none = 0,
  sa = 1,  // proposals (2) and transforms (3) are parts of it
  key_exchange = 4,
  id = 5,
  certificate = 6,
  certificate_request = 7,
  hash = 8,
  signature = 9,
  nonce = 10,
  notification = 11,
  delete_ = 12,
  vendor_id = 13,
  nat_discovery = 20,         // RFC 3947 3.2
  nat_original_address = 21,  // RFC 3947 5.2
  // The same two in draft-ietf-ipsec-nat-t-ike-02 and -03.
  nat_discovery_draft = 130,
  nat_original_address_draft = 131,
};

struct Flags {
  bool encrypted = false;
  bool commit = false;
  bool authentication_only = false;
  bool operator==(const Flags&) const = default;
};

struct Header {
  IkeSpi initiator_cookie;
  IkeSpi responder_cookie;
  PayloadType next_payload = PayloadType::none;
  std::uint8_t major_version = 1;
  std::uint8_t minor_version = 0;
  ExchangeType exchange = ExchangeType::identity_protection;
  Flags flags;
  MessageId message_id;      // random in phase 2; 0 is phase 1
  std::uint32_t length = 0;  // of the whole message, as the header says
  bool operator==(const Header&) const = default;
};

// Reads the header alone; the length is not checked against what follows.
[[nodiscard]] std::expected<Header, Malformed> parse_header(ByteView datagram);

// The length is written as given.
void write_header(Writer& writer, const Header& header);

}  // namespace ipsec::wire::v1
