#include "tests/support/random_message.h"

#include <algorithm>
#include <utility>

namespace ipsec::wire {
namespace {

using test::Random;

Transform random_transform(Random& random) {
  Transform transform;
  transform.type = random.one_in(8) ? random.u8() : static_cast<std::uint8_t>(1 + random.below(5));
  transform.id = random.one_in(4) ? random.u16() : static_cast<std::uint16_t>(random.below(40));
  if (random.one_in(2)) transform.key_bits = static_cast<std::uint16_t>(64 * (1 + random.below(4)));
  while (random.one_in(8) && transform.unknown_attributes.size() < 3) {
    Attribute attribute{.type = static_cast<std::uint16_t>(random.u16() & 0x7fff), .value = {}};
    if (random.one_in(2) && attribute.type != kKeyLengthAttribute) {
      attribute.value = random.u16();
    } else {
      attribute.value = random.bytes(random.below(12));
    }
    transform.unknown_attributes.push_back(std::move(attribute));
  }
  return transform;
}

Proposal random_proposal(Random& random) {
  Proposal proposal;
  proposal.protocol =
      ProtocolId{random.one_in(10) ? random.u8() : static_cast<std::uint8_t>(1 + random.below(3))};
  switch (proposal.protocol) {
    case ProtocolId::ike:
      proposal.spi = random.bytes(random.one_in(2) ? 0 : 8);
      break;
    case ProtocolId::ah:
    case ProtocolId::esp:
      proposal.spi = random.bytes(4);
      break;
    default:
      proposal.spi = random.bytes(random.below(256));
  }
  const std::size_t transforms = 1 + random.below(8);
  for (std::size_t i = 0; i < transforms; ++i) {
    proposal.transforms.push_back(random_transform(random));
  }
  return proposal;
}

SaPayload random_sa(Random& random) {
  SaPayload sa;
  const std::size_t count = 1 + random.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    sa.proposals.push_back(random_proposal(random));
    sa.proposals.back().number = static_cast<std::uint8_t>(i + 1);
  }
  if (count == 1) sa.proposals.front().number = static_cast<std::uint8_t>(1 + random.below(255));
  return sa;
}

Role random_role(Random& random) { return random.one_in(2) ? Role::initiator : Role::responder; }

IdPayload random_id(Random& random) {
  IdPayload id{.role = random_role(random), .type = {}, .data = {}};
  id.type = IdType{random.one_in(8) ? random.u8() : static_cast<std::uint8_t>(random.below(12))};
  id.data = id.type == IdType::ipv4   ? random.bytes(4)
            : id.type == IdType::ipv6 ? random.bytes(16)
                                      : random.some_bytes();
  return id;
}

NotifyPayload random_notify(Random& random) {
  NotifyPayload notify;
  notify.type =
      NotifyType{static_cast<std::uint16_t>(random.below(48) + (random.one_in(2) ? 0 : 16384))};
  if (random.one_in(2)) {
    notify.protocol = random.one_in(2) ? ProtocolId::esp : ProtocolId::ah;
    notify.spi = random.bytes(4);
  } else if (random.one_in(4)) {
    notify.protocol = random.one_in(2) ? ProtocolId::ike : ProtocolId{200};
    notify.spi = random.bytes(1 + random.below(255));
  }
  notify.data = random.some_bytes();
  return notify;
}

DeletePayload random_delete(Random& random) {
  DeletePayload deletion;
  if (random.one_in(3)) return deletion;
  deletion.protocol = random.one_in(2) ? ProtocolId::esp : ProtocolId::ah;
  const std::size_t count = random.below(6);
  for (std::size_t i = 0; i < count; ++i) deletion.spis.push_back(ChildSpi{random.u32()});
  return deletion;
}

AddressRange random_range(Random& random) {
  const std::size_t size = random.one_in(2) ? 4 : 16;
  const Address a = Address::from_bytes(random.bytes(size)).value();
  const Address b = random.one_in(4) ? a : Address::from_bytes(random.bytes(size)).value();
  return AddressRange::make(std::min(a, b), std::max(a, b)).value();
}

TsPayload random_ts(Random& random) {
  TsPayload ts{.role = random_role(random), .selectors = {}};
  const std::size_t count = random.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    TrafficSelector selector{.addresses = random_range(random), .protocol = 0, .ports = {}};
    if (random.one_in(2)) {
      const std::uint16_t a = random.u16();
      const std::uint16_t b = random.u16();
      selector.protocol = static_cast<std::uint8_t>(1 + random.below(255));
      selector.ports = {std::min(a, b), std::max(a, b)};
    }
    if (random.one_in(6)) selector.ports = PortRange::opaque();
    ts.selectors.push_back(selector);
  }
  return ts;
}

ConfigurationPayload random_configuration(Random& random) {
  ConfigurationPayload configuration{.type = random.u8(), .items = {}};
  const std::size_t count = random.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    configuration.items.push_back({.type = static_cast<std::uint16_t>(random.u16() & 0x7fff),
                                   .data = random.bytes(random.below(20))});
  }
  return configuration;
}

EapPayload random_eap(Random& random) {
  Bytes data = random.bytes(4 + random.below(40));
  data[2] = static_cast<std::uint8_t>(data.size() >> 8);
  data[3] = static_cast<std::uint8_t>(data.size());
  return {.data = std::move(data)};
}

UnknownPayload random_unknown(Random& random) {
  // 49 to 52 and 54 to 255, and the IKEv1 numbers, have no value of their own.
  std::uint8_t type = random.u8();
  while (type == 0 || (type >= 33 && type <= 48) || type == 53) type = random.u8();
  return {.type = PayloadType{type}, .critical = random.one_in(2), .data = random.some_bytes()};
}

}  // namespace

Payload random_payload(Random& random, std::size_t kind) {
  static_assert(kPayloadKinds == 14, "a new payload needs a row here");
  switch (kind) {
    case 0:
      return random_sa(random);
    case 1:
      return KePayload{.group = random.u16(), .data = random.some_bytes()};
    case 2:
      return random_id(random);
    case 3:
      return CertificatePayload{.encoding = random.u8(), .data = random.some_bytes()};
    case 4:
      return CertificateRequestPayload{.encoding = random.u8(), .data = random.some_bytes()};
    case 5:
      return AuthPayload{.method = AuthMethod{random.u8()}, .data = random.some_bytes()};
    case 6:
      return NoncePayload{.data = random.bytes(16 + random.below(241))};
    case 7:
      return random_notify(random);
    case 8:
      return random_delete(random);
    case 9:
      return VendorIdPayload{.data = random.some_bytes()};
    case 10:
      return random_ts(random);
    case 11:
      return random_configuration(random);
    case 12:
      return random_eap(random);
    default:
      return random_unknown(random);
  }
}

Payload random_payload(Random& random) {
  return random_payload(random, random.below(kPayloadKinds));
}

Payloads random_payloads(Random& random, std::size_t at_most) {
  Payloads payloads;
  const std::size_t count = random.below(at_most + 1);
  for (std::size_t i = 0; i < count; ++i) payloads.push_back(random_payload(random));
  return payloads;
}

Header random_header(Random& random) {
  Header header;
  header.initiator_spi = IkeSpi{random.next()};
  header.responder_spi = IkeSpi{random.one_in(3) ? 0 : random.next()};
  header.minor_version = random.one_in(8) ? static_cast<std::uint8_t>(random.below(16)) : 0;
  header.exchange = ExchangeType{static_cast<std::uint8_t>(34 + random.below(4))};
  header.flags = {.initiator = random.one_in(2),
                  .response = random.one_in(2),
                  .higher_version = random.one_in(8)};
  header.message_id = MessageId{random.one_in(2) ? random.u32() : 0};
  return header;
}

}  // namespace ipsec::wire
