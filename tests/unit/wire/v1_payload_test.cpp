// Goal: every payload but SA and ID reads and writes as its RFC draws it, and every rule has the
// bytes that break it. Method: bytes written by hand, with the place and the name of the fault.
#include "tests/unit/wire/v1_wire_check.h"

namespace ipsec::wire::v1 {

using test::hex;

TEST_CASE("v1: payloads that are nothing but bytes", "[v1][payload]") {
  check_golden(KePayload{.data = hex("0102")}, "00 00 0006 0102");
  check_golden(HashPayload{.data = hex("aabb")}, "00 00 0006 aabb");
  check_golden(SignaturePayload{.data = hex("ccdd")}, "00 00 0006 ccdd");
  check_golden(VendorIdPayload{.data = to_bytes("ab")}, "00 00 0006 6162");
  check_golden(VendorIdPayload{}, "00 00 0004");
  check_golden(UnknownPayload{.type = PayloadType{132}, .data = hex("000101")},
               "00 00 0007 000101");
  // Proposals and transforms are parts of an SA payload, and mean nothing alone.
  check_golden(UnknownPayload{.type = PayloadType{2}, .data = hex("01")}, "00 00 0005 01");
}

TEST_CASE("v1: certificates and requests name an encoding", "[v1][payload]") {
  check_golden(CertificatePayload{.encoding = 4, .data = hex("3082")}, "00 00 0007 04 3082");
  check_golden(CertificateRequestPayload{.encoding = 4, .data = {}}, "00 00 0005 04");
  check_malformed(PayloadType::certificate, "00 00 0004", "CERT encoding", 4);
  check_malformed(PayloadType::certificate_request, "00 00 0004", "CR encoding", 4);
}

TEST_CASE("v1: a nonce has 8 octets at least", "[v1][payload]") {
  check_golden(NoncePayload{.data = hex("0102030405060708")}, "00 00 000c 0102030405060708");
  check_malformed(PayloadType::nonce, "00 00 000b 01020304050607", "nonce length", 4);
  check_malformed(PayloadType::nonce, "00 00 0004", "nonce length", 4);
}

TEST_CASE("v1: NAT-D with the number of the RFC or of the drafts", "[v1][payload]") {
  check_golden(NatDiscoveryPayload{.draft = false, .hash = hex("aabb")}, "00 00 0006 aabb");
  check_golden(NatDiscoveryPayload{.draft = true, .hash = hex("aabb")}, "00 00 0006 aabb");
  const Payload rfc = NatDiscoveryPayload{.draft = false, .hash = {}};
  const Payload draft = NatDiscoveryPayload{.draft = true, .hash = {}};
  CHECK(type_of(rfc) == PayloadType{20});
  CHECK(type_of(draft) == PayloadType{130});
  CHECK(to_hex(write_chain(std::vector{rfc, draft, rfc}).value()) ==
        to_hex(hex("82 00 0004 14 00 0004 00 00 0004")));
}

TEST_CASE("v1: NAT-OA holds an address", "[v1][payload]") {
  const Address v4 = Address::v4(0xc0000201);
  const Address v6 = Address::parse("2001:db8::1").value();
  check_golden(NatOriginalAddressPayload{.draft = false, .address = v4},
               "00 00 000c 01 000000 c0000201");
  check_golden(NatOriginalAddressPayload{.draft = true, .address = v6},
               "00 00 0018 05 000000 20010db8000000000000000000000001");
  CHECK(type_of(NatOriginalAddressPayload{.draft = false, .address = v4}) == PayloadType{21});
  CHECK(type_of(NatOriginalAddressPayload{.draft = true, .address = v4}) == PayloadType{131});
}

TEST_CASE("v1: faults of NAT-OA", "[v1][payload]") {
  for (const PayloadType type :
       {PayloadType::nat_original_address, PayloadType::nat_original_address_draft}) {
    check_malformed(type, "00 00 0004", "NAT-OA type", 4);
    check_malformed(type, "00 00 0007 01 0000", "NAT-OA reserved octets", 5);
    for (const char* wrong : {"00", "02", "04", "07", "0b"}) {
      check_malformed(type, "00 00 000c" + std::string(wrong) + "000000 c0000201", "NAT-OA type",
                      4);
    }
    check_malformed(type, "00 00 000b 01 000000 c00002", "NAT-OA address length", 8);
    check_malformed(type, "00 00 000c 05 000000 c0000201", "NAT-OA address length", 8);
    check_malformed(type, "00 00 0018 01 000000 20010db8000000000000000000000001",
                    "NAT-OA address length", 8);
  }
}

TEST_CASE("v1: notifications in both directions", "[v1][payload]") {
  check_golden(NotificationPayload{.doi = Doi::isakmp,
                                   .protocol = ProtocolId::isakmp,
                                   .spi = {},
                                   .type = NotifyType::no_proposal_chosen,
                                   .data = {}},
               "00 00 000c 00000000 01 00 000e");
  check_golden(NotificationPayload{.doi = Doi::ipsec,
                                   .protocol = ProtocolId::esp,
                                   .spi = hex("11223344"),
                                   .type = NotifyType::responder_lifetime,
                                   .data = hex("8001 0001 8002 0e10")},
               "00 00 0018 00000001 03 04 6000 11223344 8001 0001 8002 0e10");
  // RFC 2407 4.6.3.3: the cookies, beside the protocol of the SA that was chosen.
  check_golden(NotificationPayload{.doi = Doi::ipsec,
                                   .protocol = ProtocolId::esp,
                                   .spi = Bytes(16, 0x0c),
                                   .type = NotifyType::initial_contact,
                                   .data = {}},
               "00 00 001c 00000001 03 10 6002 0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c");
  check_golden(NotificationPayload{.doi = Doi::ipsec,
                                   .protocol = ProtocolId::none,
                                   .spi = hex("01"),
                                   .type = NotifyType{40001},
                                   .data = {}},
               "00 00 000d 00000001 00 01 9c41 01");
}

TEST_CASE("v1: faults of a notification", "[v1][payload]") {
  const PayloadType type = PayloadType::notification;
  check_malformed(type, "00 00 0004", "notification DOI", 4);
  check_malformed(type, "00 00 000c 00000002 01 00 000e", "notification DOI", 4);
  check_malformed(type, "00 00 0008 00000001", "notification protocol", 8);
  check_malformed(type, "00 00 0009 00000001 01", "notification SPI size", 9);
  check_malformed(type, "00 00 000b 00000001 01 00 00", "notification type", 10);
  check_malformed(type, "00 00 000d 00000001 01 02 000e 01", "notification SPI", 12);
  check_malformed(type, "00 00 000e 00000001 03 02 000e 0102", "notification SPI size", 9);
  check_malformed(type, "00 00 000c 00000001 02 05 000e", "notification SPI size", 9);
  check_malformed(type, "00 00 000c 00000001 01 11 000e", "notification SPI size", 9);
  for (const char* size : {"fc", "fd", "fe", "ff"}) {
    check_malformed(type, "00 00 000f 00000001 09" + std::string(size) + "000e 112233",
                    "notification SPI", 12);
  }
}

TEST_CASE("v1: deletions in both directions", "[v1][payload]") {
  check_golden(DeletePayload{.doi = Doi::ipsec,
                             .protocol = ProtocolId::esp,
                             .isakmp_sas = {},
                             .child_sas = {ChildSpi{0x11223344}, ChildSpi{0xaabbccdd}}},
               "00 00 0014 00000001 03 04 0002 11223344 aabbccdd");
  check_golden(
      DeletePayload{.doi = Doi::isakmp,
                    .protocol = ProtocolId::isakmp,
                    .isakmp_sas = {{IkeSpi{0x0102030405060708}, IkeSpi{0x1112131415161718}}},
                    .child_sas = {}},
      "00 00 001c 00000000 01 10 0001 0102030405060708 1112131415161718");
  check_golden(
      DeletePayload{
          .doi = Doi::ipsec, .protocol = ProtocolId::ah, .isakmp_sas = {}, .child_sas = {}},
      "00 00 000c 00000001 02 04 0000");
}

TEST_CASE("v1: faults of a deletion", "[v1][payload]") {
  const PayloadType type = PayloadType::delete_;
  check_malformed(type, "00 00 0007 000000", "delete DOI", 4);
  check_malformed(type, "00 00 000c 00000003 03 04 0000", "delete DOI", 4);
  check_malformed(type, "00 00 0008 00000001", "delete protocol", 8);
  check_malformed(type, "00 00 0009 00000001 03", "delete SPI size", 9);
  check_malformed(type, "00 00 000b 00000001 03 04 00", "delete SPI count", 10);
  check_malformed(type, "00 00 000c 00000001 00 00 0000", "delete protocol", 8);
  check_malformed(type, "00 00 000e 00000001 04 02 0001 0102", "delete protocol", 8);
  check_malformed(type, "00 00 000c 00000001 01 00 0001", "delete SPI size", 9);
  check_malformed(type, "00 00 0014 00000001 01 08 0001 0102030405060708", "delete SPI size", 9);
  check_malformed(type, "00 00 001c 00000001 03 10 0001 0102030405060708 1112131415161718",
                  "delete SPI size", 9);
  // 0x4001 * 4 is 4 in sixteen bits.
  for (const char* count : {"0000", "0002", "4001", "c001", "ffff"}) {
    check_malformed(type, "00 00 0010 00000001 03 04" + std::string(count) + "11223344",
                    "delete SPI count", 10);
  }
}

}  // namespace ipsec::wire::v1
