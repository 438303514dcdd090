// Goal: the header of RFC 2408 3.1, bit by bit, in both directions. Method: bytes written by hand.
#include "ike/wire/v1/header.h"

#include <catch2/catch.hpp>

#include "tests/support/hex.h"

namespace ipsec::wire::v1 {
namespace {

constexpr std::string_view kFirstOfMainMode =
    "0102030405060708 0000000000000000"  // cookies
    "01 10 02 00"                        // SA follows, version 1.0, main mode, in clear
    "00000000 000001a4";                 // message id, length

Bytes header_bytes(const Header& header) {
  Writer writer;
  write_header(writer, header);
  return writer.take().value();
}

}  // namespace

TEST_CASE("v1: a header in both directions", "[v1][header]") {
  const Bytes bytes = test::hex(kFirstOfMainMode);
  REQUIRE(bytes.size() == kHeaderSize);
  const Header expected{.initiator_cookie = IkeSpi{0x0102030405060708},
                        .responder_cookie = IkeSpi{0},
                        .next_payload = PayloadType::sa,
                        .major_version = 1,
                        .minor_version = 0,
                        .exchange = ExchangeType::identity_protection,
                        .flags = {},
                        .message_id = MessageId{0},
                        .length = 0x1a4};
  CHECK(parse_header(bytes).value() == expected);
  CHECK(to_hex(header_bytes(expected)) == to_hex(bytes));
}

TEST_CASE("v1: a header of quick mode", "[v1][header]") {
  const Bytes bytes = test::hex("0102030405060708 1112131415161718 08 10 20 01 deadbeef 0000004c");
  const Header header = parse_header(bytes).value();
  CHECK(header.responder_cookie == IkeSpi{0x1112131415161718});
  CHECK(header.next_payload == PayloadType::hash);
  CHECK(header.exchange == ExchangeType::quick_mode);
  CHECK(header.flags.encrypted);
  CHECK(header.message_id == MessageId{0xdeadbeef});
  CHECK(to_hex(header_bytes(header)) == to_hex(bytes));
}

TEST_CASE("v1: what follows the header does not matter to it", "[v1][header]") {
  Bytes bytes = test::hex(kFirstOfMainMode);
  const Header alone = parse_header(bytes).value();
  append(bytes, test::hex("ffff"));
  CHECK(parse_header(bytes).value() == alone);
}

TEST_CASE("v1: each flag has its bit and reserved bits are ignored", "[v1][header]") {
  const struct {
    std::uint8_t octet;
    Flags flags;
  } rows[] = {
      {0x00, {false, false, false}}, {0x01, {true, false, false}}, {0x02, {false, true, false}},
      {0x04, {false, false, true}},  {0x07, {true, true, true}},
  };
  for (const auto& row : rows) {
    Bytes bytes = test::hex(kFirstOfMainMode);
    bytes[19] = row.octet;
    CHECK(parse_header(bytes)->flags == row.flags);
    Header header;
    header.flags = row.flags;
    CHECK(header_bytes(header)[19] == row.octet);
    bytes[19] |= 0xf8;
    CHECK(parse_header(bytes)->flags == row.flags);
  }
}

TEST_CASE("v1: versions and exchanges that nobody knows are kept", "[v1][header]") {
  Bytes bytes = test::hex(kFirstOfMainMode);
  bytes[17] = 0x3f;
  bytes[18] = 0xfa;
  const Header header = parse_header(bytes).value();
  CHECK(header.major_version == 3);
  CHECK(header.minor_version == 15);
  CHECK(header.exchange == ExchangeType{250});
  CHECK(to_hex(header_bytes(header)) == to_hex(bytes));
}

TEST_CASE("v1: a header cut short names the field it lacks", "[v1][header]") {
  const Bytes bytes = test::hex(kFirstOfMainMode);
  const struct {
    std::size_t size;
    Malformed error;
  } rows[] = {
      {0, {"initiator cookie", 0}}, {7, {"initiator cookie", 0}},
      {8, {"responder cookie", 8}}, {16, {"next payload of the header", 16}},
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

TEST_CASE("v1: a version that does not fit its four bits is not written", "[v1][header]") {
  for (const bool major : {true, false}) {
    Header header;
    (major ? header.major_version : header.minor_version) = 16;
    Writer writer;
    write_header(writer, header);
    CHECK_FALSE(writer.take().has_value());
  }
}

}  // namespace ipsec::wire::v1
