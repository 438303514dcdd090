// Goal: the header of RFC 7296 3.1, bit by bit, in both directions. Method: bytes written by hand.
#include "ike/wire/header.h"

#include <catch2/catch.hpp>

#include "tests/support/hex.h"

namespace ipsec::wire {
namespace {

constexpr std::string_view kSaInitRequest =
    "0102030405060708 0000000000000000"  // SPIs
    "21 20 22 08"                        // SA follows, version 2.0, IKE_SA_INIT, initiator
    "00000000 000001a4";                 // message id, length

Bytes written(const Header& header) {
  Writer writer;
  write_header(writer, header);
  return writer.take().value();
}

}  // namespace

TEST_CASE("a header in both directions", "[header]") {
  const Bytes bytes = test::hex(kSaInitRequest);
  REQUIRE(bytes.size() == kHeaderSize);
  const Header expected{.initiator_spi = IkeSpi{0x0102030405060708},
                        .responder_spi = IkeSpi{0},
                        .next_payload = PayloadType::sa,
                        .major_version = 2,
                        .minor_version = 0,
                        .exchange = ExchangeType::ike_sa_init,
                        .flags = {.initiator = true, .response = false, .higher_version = false},
                        .message_id = MessageId{0},
                        .length = 0x1a4};
  CHECK(parse_header(bytes).value() == expected);
  CHECK(to_hex(written(expected)) == to_hex(bytes));
}

TEST_CASE("what follows the header does not matter to it", "[header]") {
  Bytes bytes = test::hex(kSaInitRequest);
  const Header alone = parse_header(bytes).value();
  append(bytes, test::hex("ffff"));
  CHECK(parse_header(bytes).value() == alone);
}

TEST_CASE("each flag has its bit and reserved bits are ignored", "[header]") {
  const struct {
    std::uint8_t octet;
    Flags flags;
  } rows[] = {
      {0x00, {false, false, false}}, {0x08, {true, false, false}}, {0x20, {false, true, false}},
      {0x10, {false, false, true}},  {0x38, {true, true, true}},
  };
  for (const auto& row : rows) {
    Bytes bytes = test::hex(kSaInitRequest);
    bytes[19] = row.octet;
    CHECK(parse_header(bytes)->flags == row.flags);
    Header header;
    header.flags = row.flags;
    CHECK(written(header)[19] == row.octet);
    bytes[19] |= 0xc7;
    CHECK(parse_header(bytes)->flags == row.flags);
  }
}

TEST_CASE("versions and exchanges that nobody knows are kept", "[header]") {
  Bytes bytes = test::hex(kSaInitRequest);
  bytes[17] = 0x3f;
  bytes[18] = 0xfa;
  const Header header = parse_header(bytes).value();
  CHECK(header.major_version == 3);
  CHECK(header.minor_version == 15);
  CHECK(header.exchange == ExchangeType{250});
  CHECK(to_hex(written(header)) == to_hex(bytes));
}

TEST_CASE("a header cut short names the field it lacks", "[header]") {
  const Bytes bytes = test::hex(kSaInitRequest);
  const struct {
    std::size_t size;
    Malformed error;
  } rows[] = {
      {0, {"initiator SPI", 0}},    {7, {"initiator SPI", 0}},
      {8, {"responder SPI", 8}},    {16, {"next payload of the header", 16}},
      {17, {"version", 17}},        {18, {"exchange type", 18}},
      {19, {"flags", 19}},          {20, {"message id", 20}},
      {24, {"message length", 24}}, {27, {"message length", 24}},
  };
  for (const auto& row : rows) {
    const auto header = parse_header(ByteView(bytes).first(row.size));
    REQUIRE_FALSE(header.has_value());
    CHECK(describe(Error{header.error()}) == describe(Error{row.error}));
  }
}

TEST_CASE("a version that does not fit its four bits is not written", "[header]") {
  for (const bool major : {true, false}) {
    Header header;
    (major ? header.major_version : header.minor_version) = 16;
    Writer writer;
    write_header(writer, header);
    CHECK_FALSE(writer.take().has_value());
  }
}

}  // namespace ipsec::wire
