// Goal: no read leaves its view, and the first error alone is reported, at its true offset, through
// any depth of sub-readers. Method: a buffer of known bytes read to and past its end.
#include <catch2/catch.hpp>

#include "ike/base/reader.h"

using ipsec::Bytes;
using ipsec::Malformed;
using ipsec::Reader;

TEST_CASE("integers are big-endian", "[reader]") {
  const Bytes bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Reader reader(bytes);
  CHECK(reader.u8("a") == 0x01);
  CHECK(reader.u16("b") == 0x0203);
  CHECK(reader.u32("c") == 0x04050607);
  CHECK(reader.u64("d") == 0x08090a0b0c0d0e0f);
  CHECK_FALSE(reader.more());
  CHECK(reader.status().has_value());
}

TEST_CASE("the first error sticks with its field and offset", "[reader]") {
  const Bytes bytes{1, 2, 3};
  Reader reader(bytes);
  CHECK(reader.u16("length") == 0x0102);
  CHECK(reader.u32("spi") == 0);
  CHECK(reader.u8("later") == 0);
  CHECK(reader.bytes(1, "later still").empty());
  CHECK(reader.rest().empty());
  REQUIRE_FALSE(reader.status().has_value());
  CHECK(reader.status().error() == Malformed{"spi", 2});
  CHECK_FALSE(reader.more());
}

TEST_CASE("a sub-reader is confined and reports into its parent", "[reader]") {
  const Bytes bytes{0xaa, 1, 2, 3, 0xbb};
  Reader outer(bytes);
  outer.skip(1, "type");
  {
    Reader inner = outer.sub(3, "body");
    Reader innermost = inner.sub(2, "item");
    CHECK(innermost.u16("value") == 0x0102);
    CHECK(innermost.u8("beyond") == 0);
  }
  CHECK(outer.status().error() == Malformed{"beyond", 3});
  CHECK(outer.u8("next") == 0);
}

TEST_CASE("a sub-reader longer than its parent is refused", "[reader]") {
  const Bytes bytes{1, 2};
  Reader outer(bytes);
  Reader inner = outer.sub(3, "payload length");
  CHECK(inner.remaining() == 0);
  CHECK(outer.status().error() == Malformed{"payload length", 0});
}

TEST_CASE("a count that would wrap is refused", "[reader]") {
  const Bytes bytes{1, 2};
  Reader reader(bytes);
  reader.skip(1, "head");
  CHECK(reader.bytes(SIZE_MAX, "huge").empty());
  CHECK(reader.status().error() == Malformed{"huge", 1});
}

TEST_CASE("trailing bytes are named", "[reader]") {
  const Bytes bytes{1, 2};
  Reader reader(bytes);
  CHECK(reader.u8("only") == 1);
  reader.expect_end("trailing bytes");
  CHECK(reader.status().error() == Malformed{"trailing bytes", 1});
}

TEST_CASE("an error of meaning points where its field began", "[reader]") {
  const Bytes bytes{0xaa, 0, 3, 9};
  Reader outer(bytes);
  outer.skip(1, "type");
  Reader inner = outer.sub(3, "body");
  const std::size_t start = inner.offset();
  CHECK(inner.u16("length") == 3);
  inner.fail_at("length below its minimum", start);
  inner.fail_at("later", 0);
  CHECK(outer.status().error() == Malformed{"length below its minimum", 1});
}

TEST_CASE("an error of meaning stops a loop", "[reader]") {
  const Bytes bytes{1, 2, 3, 4};
  Reader reader(bytes);
  int rounds = 0;
  while (reader.more()) {
    ++rounds;
    if (reader.u8("item") == 2) reader.fail("item value");
  }
  CHECK(rounds == 2);
  CHECK(reader.status().error() == Malformed{"item value", 2});
}
