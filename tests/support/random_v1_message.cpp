#include "tests/support/random_v1_message.h"

#include <algorithm>
#include <utility>

namespace ipsec::wire::v1 {
namespace {

using test::Random;

Attribute random_attribute(Random& random) {
  const auto type =
      static_cast<std::uint16_t>(random.one_in(6) ? random.u16() & 0x7fff : 1 + random.below(14));
  switch (random.below(4)) {
    case 0:
      return {type, random.bytes(random.below(12))};
    case 1:
      return attribute_of(type, random.u32());
    default:
      return attribute_of(type, static_cast<std::uint32_t>(1 + random.below(300)));
  }
}

Transform random_transform(Random& random) {
  Transform transform{.number = random.u8(), .id = random.u8(), .attributes = {}};
  const std::size_t count = random.below(8);
  for (std::size_t i = 0; i < count; ++i) transform.attributes.push_back(random_attribute(random));
  return transform;
}

Proposal random_proposal(Random& random) {
  Proposal proposal;
  proposal.number = static_cast<std::uint8_t>(random.below(3));
  proposal.protocol =
      ProtocolId{random.one_in(10) ? random.u8() : static_cast<std::uint8_t>(1 + random.below(4))};
  switch (proposal.protocol) {
    case ProtocolId::isakmp:
      proposal.spi = random.bytes(random.one_in(2) ? 0 : random.below(17));
      break;
    case ProtocolId::ah:
    case ProtocolId::esp:
      proposal.spi = random.bytes(4);
      break;
    case ProtocolId::ipcomp:
      proposal.spi = random.bytes(random.one_in(4) ? 4 : 2);
      break;
    default:
      proposal.spi = random.bytes(random.below(256));
  }
  const std::size_t transforms = 1 + random.below(6);
  for (std::size_t i = 0; i < transforms; ++i) {
    proposal.transforms.push_back(random_transform(random));
  }
  return proposal;
}

SaPayload random_sa(Random& random) {
  SaPayload sa;
  const std::size_t count = 1 + random.below(4);
  for (std::size_t i = 0; i < count; ++i) sa.proposals.push_back(random_proposal(random));
  return sa;
}

Bytes random_mask(Random& random, std::size_t size) {
  const auto any = Address::from_bytes(Bytes(size, 0xff)).value();
  return to_bytes(any.with_host_bits(static_cast<int>(random.below(8 * size + 1)), false).bytes());
}

// Mostly what means something: contiguous masks, ranges that run upwards.
IdPayload random_id(Random& random) {
  IdPayload id;
  id.type = IdType{random.one_in(8) ? random.u8() : static_cast<std::uint8_t>(random.below(13))};
  if (random.one_in(2)) id.protocol = random.u8();
  if (random.one_in(3)) id.port = random.u16();
  const std::size_t size =
      id.type == IdType::ipv6 || id.type == IdType::ipv6_subnet || id.type == IdType::ipv6_range
          ? 16
          : 4;
  Bytes first = random.bytes(size);
  Bytes second = random.bytes(size);
  switch (id.type) {
    case IdType::ipv4:
    case IdType::ipv6:
      id.data = first;
      break;
    case IdType::ipv4_subnet:
    case IdType::ipv6_subnet:
      id.data = concat({first, random.one_in(4) ? second : random_mask(random, size)});
      break;
    case IdType::ipv4_range:
    case IdType::ipv6_range:
      if (second < first && !random.one_in(4)) std::swap(first, second);
      id.data = concat({first, second});
      break;
    default:
      id.data = random.some_bytes();
  }
  return id;
}

Doi random_doi(Random& random) { return random.one_in(4) ? Doi::isakmp : Doi::ipsec; }

NotificationPayload random_notification(Random& random) {
  NotificationPayload notification;
  notification.doi = random_doi(random);
  notification.type =
      NotifyType{static_cast<std::uint16_t>(random.below(32) + (random.one_in(2) ? 0 : 24576))};
  switch (random.below(4)) {
    case 0:
      notification.protocol = random.one_in(2) ? ProtocolId::esp : ProtocolId::ah;
      notification.spi = random.bytes(random.one_in(4) ? 16 : 4);
      break;
    case 1:
      notification.protocol = ProtocolId{static_cast<std::uint8_t>(random.one_in(2) ? 0 : 200)};
      notification.spi = random.bytes(random.below(256));
      break;
    default:
      notification.spi = random.bytes(random.one_in(2) ? 16 : random.below(17));
  }
  notification.data = random.some_bytes();
  return notification;
}

DeletePayload random_delete(Random& random) {
  DeletePayload deletion;
  deletion.doi = random_doi(random);
  const std::size_t count = random.below(5);
  if (random.one_in(2)) {
    for (std::size_t i = 0; i < count; ++i) {
      deletion.isakmp_sas.push_back({IkeSpi{random.next()}, IkeSpi{random.next()}});
    }
    return deletion;
  }
  deletion.protocol = random.one_in(2) ? ProtocolId::esp : ProtocolId::ah;
  for (std::size_t i = 0; i < count; ++i) deletion.child_sas.push_back(ChildSpi{random.u32()});
  return deletion;
}

UnknownPayload random_unknown(Random& random) {
  // What has no value of its own lies between 14 and 19, 22 and 129, 132 and 255.
  std::uint8_t type = random.u8();
  while (type < 14 || type == 20 || type == 21 || type == 130 || type == 131) type = random.u8();
  return {.type = PayloadType{type}, .data = random.some_bytes()};
}

}  // namespace

Payload random_payload(Random& random, std::size_t kind) {
  static_assert(kPayloadKinds == 14, "a new payload needs a row here");
  switch (kind) {
    case 0:
      return random_sa(random);
    case 1:
      return KePayload{.data = random.some_bytes()};
    case 2:
      return random_id(random);
    case 3:
      return CertificatePayload{.encoding = random.u8(), .data = random.some_bytes()};
    case 4:
      return CertificateRequestPayload{.encoding = random.u8(), .data = random.some_bytes()};
    case 5:
      return HashPayload{.data = random.some_bytes()};
    case 6:
      return SignaturePayload{.data = random.some_bytes()};
    case 7:
      return NoncePayload{.data = random.bytes(8 + random.below(249))};
    case 8:
      return random_notification(random);
    case 9:
      return random_delete(random);
    case 10:
      return VendorIdPayload{.data = random.some_bytes()};
    case 11:
      return NatDiscoveryPayload{.draft = random.one_in(2), .hash = random.some_bytes()};
    case 12:
      return NatOriginalAddressPayload{
          .draft = random.one_in(2),
          .address = Address::from_bytes(random.bytes(random.one_in(2) ? 4 : 16)).value()};
    default:
      return random_unknown(random);
  }
}

Payloads random_payloads(Random& random, std::size_t at_most) {
  Payloads payloads;
  const std::size_t count = random.below(at_most + 1);
  for (std::size_t i = 0; i < count; ++i) {
    payloads.push_back(random_payload(random, random.below(kPayloadKinds)));
  }
  return payloads;
}

Header random_header(Random& random) {
  Header header;
  header.initiator_cookie = IkeSpi{random.next()};
  header.responder_cookie = IkeSpi{random.one_in(3) ? 0 : random.next()};
  header.minor_version = random.one_in(8) ? static_cast<std::uint8_t>(random.below(16)) : 0;
  constexpr ExchangeType kExchanges[] = {ExchangeType::identity_protection,
                                         ExchangeType::aggressive, ExchangeType::informational_v1,
                                         ExchangeType::quick_mode};
  header.exchange = kExchanges[random.below(std::size(kExchanges))];
  header.flags = {
      .encrypted = false, .commit = random.one_in(8), .authentication_only = random.one_in(8)};
  header.message_id = MessageId{random.one_in(2) ? random.u32() : 0};
  return header;
}

}  // namespace ipsec::wire::v1
