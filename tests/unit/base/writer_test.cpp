// Goal: lengths cover exactly their scope, nested or not, and one that does not fit never leaves.
#include <catch2/catch.hpp>

#include "ike/base/writer.h"

using ipsec::Bytes;
using ipsec::Writer;

TEST_CASE("integers are written big-endian", "[writer]") {
  Writer writer;
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0f);
  CHECK(writer.take().value() == Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
}

TEST_CASE("a length counts from where it is told, when its scope ends", "[writer]") {
  Writer writer;
  writer.u8(0xee);
  const std::size_t start = writer.size();
  {
    writer.u16(0xaabb);
    const auto outer = writer.length_u16(start, "outer");
    const std::size_t inner_start = writer.size();
    {
      const auto inner = writer.length_u32(inner_start, "inner");
      writer.u8(0x11);
    }
    writer.u8(0x22);
  }
  writer.u8(0xff);
  CHECK(writer.take().value() == Bytes{0xee, 0xaa, 0xbb, 0, 10, 0, 0, 0, 5, 0x11, 0x22, 0xff});
}

TEST_CASE("a length at the limit of its field fits, one more does not", "[writer]") {
  for (const std::size_t body : {65533U, 65534U}) {
    Writer writer;
    {
      const auto length = writer.length_u16(0, "payload");
      writer.zeros(body);
    }
    const auto bytes = writer.take();
    if (body == 65533) {
      REQUIRE(bytes.has_value());
      CHECK((*bytes)[0] == 0xff);
      CHECK((*bytes)[1] == 0xff);
    } else {
      REQUIRE_FALSE(bytes.has_value());
      CHECK(bytes.error().what == "length does not fit its field: payload");
    }
  }
}

TEST_CASE("patching overwrites in place", "[writer]") {
  Writer writer;
  writer.u32(0);
  writer.patch_u8(2, 0x2c);
  CHECK(writer.take().value() == Bytes{0, 0, 0x2c, 0});
  Writer header;
  header.u64(0);
  header.patch_u32(3, 0x01020304);
  CHECK(header.take().value() == Bytes{0, 0, 0, 1, 2, 3, 4, 0});
}

TEST_CASE("the first failure is the one reported", "[writer]") {
  Writer writer;
  CHECK(writer.ok());
  {
    const auto length = writer.length_u16(0, "payload");
    writer.fail("notify SPI size");
    writer.fail("later");
    writer.zeros(70'000);
  }
  CHECK_FALSE(writer.ok());
  CHECK(writer.take().error().what == "value cannot be written: notify SPI size");
}
