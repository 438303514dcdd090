// Goal: every row admits its own message and refuses others in the right words.
// Method: messages are made from the rows themselves, one payload of each type they name.
#include <catch2/catch.hpp>

#include <vector>

#include "ike/v2/payload_access.h"
#include "ike/v2/rows.h"

namespace {

using namespace ipsec;
using namespace ipsec::v2;
using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;

wire::Payload make(PayloadType type) {
  switch (type) {
    case PayloadType::sa:
      return wire::SaPayload{};
    case PayloadType::key_exchange:
      return wire::KePayload{};
    case PayloadType::nonce:
      return wire::NoncePayload{};
    case PayloadType::id_initiator:
      return wire::IdPayload{wire::Role::initiator, {}, {}};
    case PayloadType::id_responder:
      return wire::IdPayload{wire::Role::responder, {}, {}};
    case PayloadType::auth:
      return wire::AuthPayload{};
    case PayloadType::ts_initiator:
      return wire::TsPayload{wire::Role::initiator, {}};
    case PayloadType::ts_responder:
      return wire::TsPayload{wire::Role::responder, {}};
    case PayloadType::delete_:
      return wire::DeletePayload{};
    default:
      return make_notify(NotifyType::invalid_syntax);
  }
}

constexpr PayloadType kTypes[] = {PayloadType::sa,           PayloadType::key_exchange,
                                  PayloadType::nonce,        PayloadType::id_initiator,
                                  PayloadType::id_responder, PayloadType::auth,
                                  PayloadType::ts_initiator, PayloadType::ts_responder,
                                  PayloadType::delete_,      PayloadType::notify};

Received message_of(const Row& row) {
  Received message;
  message.header.exchange = row.exchange;
  for (const PayloadType type : kTypes) {
    if (row.required.has(type)) message.payloads.push_back(make(type));
  }
  if (row.required_notify) message.payloads.emplace_back(make_notify(*row.required_notify));
  return message;
}

Received message_of(ExchangeType exchange, std::initializer_list<PayloadType> types) {
  Received message;
  message.header.exchange = exchange;
  for (const PayloadType type : types) message.payloads.push_back(make(type));
  return message;
}

}  // namespace

TEST_CASE("every row admits its own message", "[v2]") {
  for (const Row& row : all_rows()) {
    INFO(row.name);
    REQUIRE(row.handler != nullptr);
    const auto admission = admit(row.situation, message_of(row));
    REQUIRE(admission.row != nullptr);
    CHECK(admission.row->name == row.name);
  }
}

TEST_CASE("no row admits its message without one of the payloads it requires", "[v2]") {
  for (const Row& row : all_rows()) {
    const auto whole = message_of(row);
    for (std::size_t left_out = 0; left_out < whole.payloads.size(); ++left_out) {
      auto message = message_of(row);
      message.payloads.erase(message.payloads.begin() + static_cast<std::ptrdiff_t>(left_out));
      const auto admission = admit(row.situation, message);
      INFO(row.name << " without payload " << left_out);
      CHECK((admission.row == nullptr || admission.row->name != row.name));
    }
  }
}

TEST_CASE("vendor ids and unknown payloads are welcome in every row", "[v2]") {
  for (const Row& row : all_rows()) {
    auto message = message_of(row);
    message.payloads.emplace_back(wire::VendorIdPayload{});
    message.payloads.emplace_back(wire::UnknownPayload{});
    const auto admission = admit(row.situation, message);
    INFO(row.name);
    REQUIRE(admission.row != nullptr);
    CHECK(admission.row->name == row.name);
  }
}

TEST_CASE("rows of one situation and exchange can be told apart", "[v2]") {
  const auto rows = all_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = i + 1; j < rows.size(); ++j) {
      const bool same_place =
          rows[i].situation == rows[j].situation && rows[i].exchange == rows[j].exchange;
      if (!same_place) continue;
      INFO(rows[i].name << " and " << rows[j].name);
      const bool same_required = rows[i].required.without(rows[j].required).empty() &&
                                 rows[j].required.without(rows[i].required).empty();
      CHECK((!same_required || rows[i].required_notify != rows[j].required_notify));
      // The earlier row must not take the later one's message.
      CHECK(admit(rows[j].situation, message_of(rows[j])).row == &rows[j]);
    }
  }
}

TEST_CASE("CREATE_CHILD_SA requests go by what they hold", "[v2]") {
  using enum PayloadType;
  const auto child = message_of(ExchangeType::create_child_sa,
                                {sa, nonce, key_exchange, ts_initiator, ts_responder});
  CHECK(admit(Situation::serving, child).row->name == "child request");
  auto rekey = child;
  rekey.payloads.emplace_back(make_notify(NotifyType::rekey_sa));
  CHECK(admit(Situation::serving, rekey).row->name == "child rekey request");
  const auto ike = message_of(ExchangeType::create_child_sa, {sa, nonce, key_exchange});
  CHECK(admit(Situation::serving, ike).row->name == "IKE rekey request");
}

TEST_CASE("a refusal names what is missing and what does not belong", "[v2]") {
  using enum PayloadType;
  const auto half = message_of(ExchangeType::create_child_sa, {sa, nonce, ts_initiator});
  const auto missing = admit(Situation::serving, half);
  REQUIRE(missing.row == nullptr);
  CHECK_FALSE(missing.why.out_of_state);
  CHECK(missing.why.nearest == "child rekey request");
  CHECK(missing.why.missing == wire::name_of(ts_responder));
  CHECK(missing.why.unexpected.empty());

  const auto odd = message_of(ExchangeType::informational, {delete_, auth});
  const auto unexpected = admit(Situation::serving, odd);
  REQUIRE(unexpected.row == nullptr);
  CHECK(unexpected.why.missing.empty());
  CHECK(unexpected.why.unexpected == wire::name_of(auth));

  const auto late = admit(Situation::serving, message_of(ExchangeType::ike_auth, {auth}));
  CHECK(late.row == nullptr);
  CHECK(late.why.out_of_state);
}

TEST_CASE("payloads are found by kind, role and notify type", "[v2]") {
  const wire::Payloads payloads{make_notify(NotifyType::cookie, {1}),
                                make(PayloadType::ts_responder),
                                make_notify(NotifyType::ts_unacceptable), make(PayloadType::nonce)};
  CHECK(find<wire::NoncePayload>(payloads) != nullptr);
  CHECK(find<wire::SaPayload>(payloads) == nullptr);
  CHECK(find<wire::TsPayload>(payloads, wire::Role::initiator) == nullptr);
  CHECK(find<wire::TsPayload>(payloads, wire::Role::responder) != nullptr);
  REQUIRE(find_notify(payloads, NotifyType::cookie) != nullptr);
  CHECK(find_notify(payloads, NotifyType::cookie)->data == Bytes{1});
  REQUIRE(find_error(payloads) != nullptr);
  CHECK(find_error(payloads)->type == NotifyType::ts_unacceptable);
  CHECK(find_error({}) == nullptr);
}
