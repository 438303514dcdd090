// IKEv2 messages: bytes to typed payloads and back (RFC 7296 3.1, 3.2, 3.14; RFC 7383 2.5).
//
// NOTE: Limits. A message has at most limits::kPayloadsPerMessage payloads, and so on down: see
// ike/base/limits.h. What exceeds one is Malformed like any other bad length.
// NOTE: Encryption is not done here: a parsed message says where its sealed body lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "ike/wire/payloads.h"

namespace ipsec::wire {

struct FragmentNumber {
  std::uint16_t number = 0;  // from 1
  std::uint16_t total = 0;
  bool operator==(const FragmentNumber&) const = default;
};

// The SK or SKF payload, always the last of a message.
struct SealedBody {
  // Of the first payload inside; in a fragment other than the first it is none (RFC 7383 2.5).
  PayloadType first_inner = PayloadType::none;
  std::optional<FragmentNumber> fragment;
  // datagram.first(offset) is the head the envelope authenticates; the rest, to the end of the
  // message, is IV, ciphertext and ICV.
  std::size_t offset = 0;
  bool operator==(const SealedBody&) const = default;
};

struct Message {
  Header header;
  Payloads payloads;  // in clear
  std::optional<SealedBody> sealed;
  bool operator==(const Message&) const = default;
};

// The whole datagram must be one message: a header length that differs is Malformed. The major
// version must be 2 (look at parse_header first).
[[nodiscard]] std::expected<Message, Malformed> parse_message(ByteView datagram);

// A chain of payloads such as an opened envelope holds. Offsets in errors count from its start.
[[nodiscard]] std::expected<Payloads, Malformed> parse_chain(PayloadType first, ByteView bytes);

// `header.next_payload` and `header.length` are computed, not taken.
[[nodiscard]] std::expected<Bytes, Misuse> write_message(const Header& header,
                                                         std::span<const Payload> payloads);
[[nodiscard]] std::expected<Bytes, Misuse> write_chain(std::span<const Payload> payloads);
[[nodiscard]] PayloadType first_type(std::span<const Payload> payloads);

// The head of a message whose only payload is SK (or SKF, with `fragment`), ready for the envelope:
// header and generic payload header (and fragment numbers), with lengths that count a body of
// `body_size` bytes. The caller appends that body.
[[nodiscard]] std::expected<Bytes, Misuse> write_sealed_head(const Header& header,
                                                             PayloadType first_inner,
                                                             std::optional<FragmentNumber> fragment,
                                                             std::size_t body_size);

}  // namespace ipsec::wire
