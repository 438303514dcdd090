// Finding payloads in a message that a row has admitted.
#pragma once

#include <span>
#include <variant>

#include "ike/crypto/registry/registry.h"
#include "ike/wire/payloads.h"

namespace ipsec::v2 {

// The first of its kind, or null.
template <typename T>
[[nodiscard]] const T* find(std::span<const wire::Payload> payloads) {
  for (const wire::Payload& payload : payloads) {
    if (const T* found = std::get_if<T>(&payload)) return found;
  }
  return nullptr;
}

// ID and TS payloads come once for each role.
template <typename T>
[[nodiscard]] const T* find(std::span<const wire::Payload> payloads, wire::Role role) {
  for (const wire::Payload& payload : payloads) {
    const T* found = std::get_if<T>(&payload);
    if (found != nullptr && found->role == role) return found;
  }
  return nullptr;
}

[[nodiscard]] const wire::NotifyPayload* find_notify(std::span<const wire::Payload> payloads,
                                                     wire::NotifyType type);
// The first notify that reports an error.
[[nodiscard]] const wire::NotifyPayload* find_error(std::span<const wire::Payload> payloads);

// An unknown payload that the sender says must be understood (RFC 7296 2.5).
[[nodiscard]] const wire::UnknownPayload* find_critical(std::span<const wire::Payload> payloads);

// The data of INVALID_KE_PAYLOAD: the group that is wanted (RFC 7296 1.3).
[[nodiscard]] Bytes group_bytes(const GroupRow& group);

[[nodiscard]] wire::NotifyPayload make_notify(wire::NotifyType type, Bytes data = {});

}  // namespace ipsec::v2
