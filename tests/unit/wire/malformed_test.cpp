// Goal: every rule of the remaining payloads has the bytes that break it. Method: bytes written by
// hand, with the place and the name of the fault. SA and TS have files of their own.
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::hex;

TEST_CASE("faults of the generic payload header", "[malformed]") {
  const PayloadType any = PayloadType::vendor_id;
  check_malformed(any, "", "payload header", 0);
  check_malformed(any, "00", "payload header", 1);
  check_malformed(any, "00 00", "payload header", 2);
  check_malformed(any, "00 00 00", "payload header", 2);
  for (const char* length : {"0000", "0001", "0003", "0005", "ffff"}) {
    check_malformed(any, "00 00" + std::string(length), "payload length", 2);
  }
  check_malformed(any, "2b 00 0005 aa 00 00 0003", "payload length", 7);
}

TEST_CASE("the chain ends where the bytes end", "[malformed]") {
  check_malformed(PayloadType::vendor_id, "00 00 0004 00", "bytes after the last payload", 4);
  check_malformed(PayloadType::vendor_id, "2b 00 0004", "payload header", 4);
  check_malformed(PayloadType::none, "00", "bytes after the last payload", 0);
  CHECK(parse_chain(PayloadType::none, {}).value().empty());
}

TEST_CASE("an envelope is not a payload inside one", "[malformed]") {
  const std::string_view field = "encrypted payload inside a payload chain";
  check_malformed(PayloadType::encrypted, "00 00 0004", field, 0);
  check_malformed(PayloadType::encrypted_fragment, "00 00 0008 0001 0001", field, 0);
  check_malformed(PayloadType::vendor_id, "2e 00 0004 00 00 0004", field, 4);
}

TEST_CASE("faults of KE", "[malformed]") {
  check_malformed(PayloadType::key_exchange, "00 00 0005 00", "KE group", 4);
  check_malformed(PayloadType::key_exchange, "00 00 0007 001f 00", "KE reserved octets", 6);
}

TEST_CASE("faults of ID", "[malformed]") {
  check_malformed(PayloadType::id_initiator, "00 00 0004", "ID type", 4);
  check_malformed(PayloadType::id_responder, "00 00 0007 02 0000", "ID reserved octets", 5);
  const std::string_view field = "length of an address ID";
  check_malformed(PayloadType::id_initiator, "00 00 000b 01 000000 c00002", field, 8);
  check_malformed(PayloadType::id_initiator, "00 00 000d 01 000000 c000020100", field, 8);
  check_malformed(PayloadType::id_initiator, "00 00 000c 05 000000 c0000201", field, 8);
}

TEST_CASE("faults of CERT, CERTREQ and AUTH", "[malformed]") {
  check_malformed(PayloadType::certificate, "00 00 0004", "CERT encoding", 4);
  check_malformed(PayloadType::certificate_request, "00 00 0004", "CERTREQ encoding", 4);
  check_malformed(PayloadType::auth, "00 00 0004", "AUTH method", 4);
  check_malformed(PayloadType::auth, "00 00 0007 02 0000", "AUTH reserved octets", 5);
}

TEST_CASE("faults of NOTIFY", "[malformed]") {
  check_malformed(PayloadType::notify, "00 00 0004", "notify protocol", 4);
  check_malformed(PayloadType::notify, "00 00 0005 00", "notify SPI size", 5);
  check_malformed(PayloadType::notify, "00 00 0007 00 00 40", "notify type", 6);
  check_malformed(PayloadType::notify, "00 00 000a 03 02 4009 1122", "notify SPI size", 5);
  check_malformed(PayloadType::notify, "00 00 0010 02 08 4009 1122334455667788", "notify SPI size",
                  5);
  check_malformed(PayloadType::notify, "00 00 000b 03 04 4009 112233", "notify SPI", 8);
}

// Codecs that add the fixed part to the SPI size in eight bits let these four sizes pass.
TEST_CASE("a notify SPI size near 256 does not wrap", "[malformed]") {
  for (const char* size : {"fc", "fd", "fe", "ff"}) {
    for (const char* protocol : {"00", "01", "04"}) {
      check_malformed(PayloadType::notify,
                      "00 00 000b" + std::string(protocol) + size + "4009 112233", "notify SPI", 8);
    }
    check_malformed(PayloadType::notify, "00 00 0008 03" + std::string(size) + "4009",
                    "notify SPI size", 5);
  }
}

TEST_CASE("faults of DELETE", "[malformed]") {
  check_malformed(PayloadType::delete_, "00 00 0004", "delete protocol", 4);
  check_malformed(PayloadType::delete_, "00 00 0005 01", "delete SPI size", 5);
  check_malformed(PayloadType::delete_, "00 00 0007 01 00 00", "delete SPI count", 6);
  check_malformed(PayloadType::delete_, "00 00 0008 00 00 0000", "delete protocol", 4);
  check_malformed(PayloadType::delete_, "00 00 0008 04 04 0000", "delete protocol", 4);
  check_malformed(PayloadType::delete_, "00 00 0008 01 08 0000", "delete SPI size", 5);
  check_malformed(PayloadType::delete_, "00 00 0008 03 00 0000", "delete SPI size", 5);
  check_malformed(PayloadType::delete_, "00 00 000c 03 02 0002 11223344", "delete SPI size", 5);
  check_malformed(PayloadType::delete_, "00 00 000c 01 00 0000 11223344", "delete SPI count", 6);
}

// 0x4001 * 4 is 4 in sixteen bits.
TEST_CASE("a count of deleted SPIs does not wrap", "[malformed]") {
  for (const char* count : {"0000", "0002", "4001", "c001", "ffff"}) {
    check_malformed(PayloadType::delete_, "00 00 000c 03 04" + std::string(count) + "11223344",
                    "delete SPI count", 6);
  }
}

TEST_CASE("faults of CP", "[malformed]") {
  const PayloadType cp = PayloadType::configuration;
  check_malformed(cp, "00 00 0004", "CP type", 4);
  check_malformed(cp, "00 00 0007 01 0000", "CP reserved octets", 5);
  check_malformed(cp, "00 00 0009 01 000000 00", "CP attribute type", 8);
  check_malformed(cp, "00 00 000b 01 000000 0001 00", "CP attribute length", 10);
  check_malformed(cp, "00 00 000c 01 000000 0001 0001", "CP attribute length", 10);
  check_malformed(cp, "00 00 000d 01 000000 0001 ffff 00", "CP attribute length", 10);
}

TEST_CASE("an EAP message is as long as it says", "[malformed]") {
  check_malformed(PayloadType::eap, "00 00 0004", "EAP header", 4);
  check_malformed(PayloadType::eap, "00 00 0007 03 01 00", "EAP header", 7);
  check_malformed(PayloadType::eap, "00 00 0008 03 01 0005", "EAP length", 6);
  check_malformed(PayloadType::eap, "00 00 0008 03 01 0003", "EAP length", 6);
}

}  // namespace ipsec::wire
