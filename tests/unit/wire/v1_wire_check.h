// The questions most tests of IKEv1's codec ask.
#pragma once

#include <catch2/catch.hpp>

#include "ike/wire/v1/message.h"
#include "tests/support/hex.h"

namespace ipsec::wire::v1 {

// One payload as the whole of a chain, in both directions.
inline void check_golden(const Payload& value, std::string_view hex_text) {
  const Bytes bytes = test::hex(hex_text);
  const auto written = write_chain({&value, 1});
  REQUIRE(written.has_value());
  CHECK(to_hex(*written) == to_hex(bytes));
  const auto read = parse_chain(type_of(value), bytes);
  INFO((read ? "" : describe(Error{read.error()})));
  REQUIRE(read.has_value());
  REQUIRE(read->size() == 1);
  CHECK(read->front() == Placed{.payload = value, .offset = 0, .size = bytes.size()});
}

inline void check_malformed(PayloadType first, ByteView bytes, std::string_view field,
                            std::size_t offset) {
  const auto read = parse_chain(first, bytes);
  REQUIRE_FALSE(read.has_value());
  CHECK(std::string(read.error().field) == field);
  CHECK(read.error().offset == offset);
}

inline void check_malformed(PayloadType first, std::string_view hex_text, std::string_view field,
                            std::size_t offset) {
  const Bytes bytes = test::hex(hex_text);
  INFO(hex_text);
  check_malformed(first, bytes, field, offset);
}

inline void check_refused(const Payload& value, std::string_view field) {
  const auto written = write_chain({&value, 1});
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().what == "value cannot be written: " + std::string(field));
}

}  // namespace ipsec::wire::v1
