#include "ike/v2/payload_access.h"

#include "ike/base/writer.h"

namespace ipsec::v2 {

const wire::NotifyPayload* find_notify(std::span<const wire::Payload> payloads,
                                       wire::NotifyType type) {
  for (const wire::Payload& payload : payloads) {
    const auto* found = std::get_if<wire::NotifyPayload>(&payload);
    if (found != nullptr && found->type == type) return found;
  }
  return nullptr;
}

const wire::NotifyPayload* find_error(std::span<const wire::Payload> payloads) {
  for (const wire::Payload& payload : payloads) {
    const auto* found = std::get_if<wire::NotifyPayload>(&payload);
    if (found != nullptr && wire::is_error(found->type)) return found;
  }
  return nullptr;
}

const wire::UnknownPayload* find_critical(std::span<const wire::Payload> payloads) {
  for (const auto& payload : payloads) {
    const auto* unknown = std::get_if<wire::UnknownPayload>(&payload);
    if (unknown != nullptr && unknown->critical) return unknown;
  }
  return nullptr;
}

Bytes group_bytes(const GroupRow& group) {
  Writer writer;
  writer.u16(static_cast<std::uint16_t>(group.id));
  return to_bytes(writer.view());
}

wire::NotifyPayload make_notify(wire::NotifyType type, Bytes data) {
  return {wire::ProtocolId::none, {}, type, std::move(data)};
}

}  // namespace ipsec::v2
