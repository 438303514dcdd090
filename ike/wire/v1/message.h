// IKEv1 messages: bytes to typed payloads and back (RFC 2408 3, RFC 2409 5 and appendix B).
//
// NOTE: Hashes. Those of IKEv1 cover bytes exactly as they came, reserved ones included, so every
// payload read says where it lay.
// NOTE: Limits. A message has at most limits::kPayloadsPerMessage payloads, and so on down: see
// ike/base/limits.h. What exceeds one is Malformed like any other bad length.
// NOTE: Encryption is not done here: a parsed message says where its sealed body lies.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/wire/v1/payloads.h"

namespace ipsec::wire::v1 {

// `offset` and `size` are those of the whole payload with its generic header, in the bytes it was
// read from: the datagram, or the chain.
struct Placed {
  Payload payload;
  std::size_t offset = 0;
  std::size_t size = 0;
  bool operator==(const Placed&) const = default;
};
using PlacedPayloads = std::vector<Placed>;

// What IKEv1 calls the body of a payload ("SAi_b", "IDii_b"): all but its generic header. `bytes`
// are those it was read from.
[[nodiscard]] ByteView body_of(ByteView bytes, const Placed& placed);
// The bytes of the payloads behind the one at `index`, without the padding: what the hashes of
// quick mode and of informational exchanges cover (RFC 2409 5.5, 5.7).
[[nodiscard]] ByteView bytes_behind(ByteView bytes, std::span<const Placed> payloads,
                                    std::size_t index);

struct SealedBody {
  PayloadType first_inner = PayloadType::none;
  // datagram.subspan(offset) is the ciphertext.
  std::size_t offset = 0;
  bool operator==(const SealedBody&) const = default;
};

struct Message {
  Header header;
  PlacedPayloads payloads;           // of a message in clear
  std::optional<SealedBody> sealed;  // of an encrypted one, which has nothing else
  bool operator==(const Message&) const = default;
};

// The whole datagram must be one message: a header length that differs is Malformed. The major
// version must be 1 (look at parse_header first). A message in clear may be followed by up to
// limits::kV1ClearPaddingBytes, which its length counts.
[[nodiscard]] std::expected<Message, Malformed> parse_message(ByteView datagram);

// What a decrypted body holds. Behind the last payload up to limits::kV1PaddingBytes are allowed,
// whatever they are. Offsets in errors count from the start of the chain.
//
// NOTE: Nothing says beforehand whether the key was right. With a wrong one the bytes are noise,
// and end nearly always as Malformed: "payload reserved" first of all.
[[nodiscard]] std::expected<PlacedPayloads, Malformed> parse_chain(PayloadType first,
                                                                   ByteView bytes);

// A message in clear. `header.next_payload` and `header.length` are computed, not taken.
[[nodiscard]] std::expected<Bytes, Misuse> write_message(const Header& header,
                                                         std::span<const Payload> payloads);
// Without padding: how much there is to be depends on the cipher.
[[nodiscard]] std::expected<Bytes, Misuse> write_chain(std::span<const Payload> payloads);
[[nodiscard]] PayloadType first_type(std::span<const Payload> payloads);

// The header of an encrypted message, with a length that counts a ciphertext of `body_size` bytes.
// The caller appends it. The flag is set, whatever `header` says of it.
[[nodiscard]] std::expected<Bytes, Misuse> write_sealed_head(const Header& header,
                                                             PayloadType first_inner,
                                                             std::size_t body_size);

}  // namespace ipsec::wire::v1
