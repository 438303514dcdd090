// Goal: logs call numbers by the RFCs' names, and by number where there is none.
#include <catch2/catch.hpp>

#include "ike/wire/v1/payloads.h"

namespace ipsec::wire::v1 {

TEST_CASE("v1: numbers of the registries have the names of the RFCs", "[v1][names]") {
  CHECK(name_of(PayloadType::sa) == "SA");
  CHECK(name_of(PayloadType{20}) == "NAT-D");
  CHECK(name_of(PayloadType{131}) == "NAT-OA-DRAFT");
  CHECK(name_of(NotifyType{14}) == "NO-PROPOSAL-CHOSEN");
  CHECK(name_of(NotifyType{18}) == "INVALID-ID-INFORMATION");
  CHECK(name_of(NotifyType{30}) == "UNEQUAL-PAYLOAD-LENGTHS");
  CHECK(name_of(NotifyType{16384}) == "CONNECTED");
  CHECK(name_of(NotifyType{24578}) == "INITIAL-CONTACT");
  CHECK(name_of(NotifyType{36136}) == "R-U-THERE");
  CHECK(name_of(NotifyType{36137}) == "R-U-THERE-ACK");
}

TEST_CASE("v1: numbers without a name print as numbers", "[v1][names]") {
  CHECK(name_of(PayloadType{33}) == "payload 33");
  CHECK(name_of(NotifyType{31}) == "notify 31");
  CHECK(name_of(NotifyType{0}) == "notify 0");
}

TEST_CASE("v1: notifications below 16384 are errors", "[v1][names]") {
  CHECK(is_error(NotifyType::unequal_payload_lengths));
  CHECK(is_error(NotifyType{16383}));
  CHECK_FALSE(is_error(NotifyType::connected));
  CHECK_FALSE(is_error(NotifyType::r_u_there));
}

}  // namespace ipsec::wire::v1
