// Goal: logs call numbers by the RFC's names, and by number where there is none.
#include <catch2/catch.hpp>

#include "ike/wire/payloads.h"

namespace ipsec::wire {

TEST_CASE("numbers of the registries have the names of the RFC", "[names]") {
  CHECK(name_of(PayloadType::sa) == "SA");
  CHECK(name_of(PayloadType::encrypted_fragment) == "SKF");
  CHECK(name_of(PayloadType::none) == "none");
  CHECK(name_of(NotifyType::no_proposal_chosen) == "NO_PROPOSAL_CHOSEN");
  CHECK(name_of(NotifyType::ikev2_fragmentation_supported) == "IKEV2_FRAGMENTATION_SUPPORTED");
  CHECK(name_of(ExchangeType::create_child_sa) == "CREATE_CHILD_SA");
}

TEST_CASE("numbers without a name print as numbers", "[names]") {
  CHECK(name_of(PayloadType{200}) == "payload 200");
  CHECK(name_of(NotifyType{40001}) == "notify 40001");
  CHECK(name_of(ExchangeType{99}) == "exchange 99");
}

TEST_CASE("role decides the type of ID and TS payloads", "[names]") {
  CHECK(type_of(IdPayload{.role = Role::initiator, .type = {}, .data = {}}) ==
        PayloadType::id_initiator);
  CHECK(type_of(IdPayload{.role = Role::responder, .type = {}, .data = {}}) ==
        PayloadType::id_responder);
  CHECK(type_of(TsPayload{.role = Role::initiator, .selectors = {}}) == PayloadType::ts_initiator);
  CHECK(type_of(TsPayload{.role = Role::responder, .selectors = {}}) == PayloadType::ts_responder);
  CHECK(type_of(UnknownPayload{.type = PayloadType{77}, .critical = true, .data = {}}) ==
        PayloadType{77});
}

TEST_CASE("notifies below 16384 are errors", "[names]") {
  CHECK(is_error(NotifyType::temporary_failure));
  CHECK(is_error(NotifyType{16383}));
  CHECK_FALSE(is_error(NotifyType::initial_contact));
}

}  // namespace ipsec::wire
