// Inside the room: what the payloads of IKEv1 and of IKEv2 are made of alike (RFC 2408 3.2 to 3.6,
// RFC 7296 3.2, 3.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ike/base/reader.h"
#include "ike/base/writer.h"
#include "ike/wire/attribute.h"

namespace ipsec::wire {

// The four bytes that open payloads, proposals, transforms and selectors alike:
//   0                   1                   2                   3
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |     first     |    second     |  length, from `first` to end  |
struct Structure {
  std::size_t start = 0;
  std::uint8_t first = 0;
  std::uint8_t second = 0;
  Reader body;
};
// A length below 4, or past the end of what holds the structure, is an error of `length_field`.
[[nodiscard]] Structure read_structure(Reader& reader, std::string_view head_field,
                                       std::string_view length_field);

// "Last Substruc" of IKEv2, "Next Payload" of IKEv1: zero in the last proposal or transform, these
// in the others.
inline constexpr std::uint8_t kLast = 0;
inline constexpr std::uint8_t kMoreProposals = 2;
inline constexpr std::uint8_t kMoreTransforms = 3;

// Whether another one follows. The marker must tell the truth: what is left over, or missing, shows
// when the caller reads on.
[[nodiscard]] bool more_follow(Reader& reader, const Structure& structure, std::uint8_t more,
                               std::string_view field);

// Bytes behind a two-byte length that counts them alone.
[[nodiscard]] ByteView read_counted(Reader& reader, std::string_view length_field);

[[nodiscard]] Attribute read_attribute(Reader& reader);
void write_attribute(Writer& writer, const Attribute& attribute);

}  // namespace ipsec::wire
