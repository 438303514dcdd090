// The transitions as data: which messages are admitted in which situation, and who handles them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ike/v2/channel.h"

namespace ipsec::v2 {

// What an SA is waiting for when a message comes. `serving` is an established SA and a request.
enum class Situation : std::uint8_t {
  init_sent,
  init_answered,
  auth_sent,
  serving,
  child_asked,
  ike_rekey_asked,
  child_delete_asked,
  ike_delete_asked,
  probe_asked,
  none,
};
[[nodiscard]] Situation situation_of(const Sa& sa, bool response);
[[nodiscard]] std::string_view name_of(Situation situation);

// A set of payload types. Notify, vendor id and unknown payloads need no mention: any message may
// carry them (RFC 7296 2.5).
class PayloadSet {
 public:
  constexpr PayloadSet(std::initializer_list<wire::PayloadType> types) {
    for (const auto type : types) bits_ |= bit(type);
  }
  [[nodiscard]] constexpr bool has(wire::PayloadType type) const {
    return (bits_ & bit(type)) != 0;
  }
  [[nodiscard]] constexpr PayloadSet without(PayloadSet other) const {
    return PayloadSet(bits_ & ~other.bits_);
  }
  [[nodiscard]] constexpr PayloadSet with(PayloadSet other) const {
    return PayloadSet(bits_ | other.bits_);
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] std::string to_string() const;

 private:
  explicit constexpr PayloadSet(std::uint64_t bits) : bits_(bits) {}
  // Payload types of IKEv2 begin at 33; all that are known fit one word.
  static constexpr std::uint64_t bit(wire::PayloadType type) {
    const auto number = static_cast<std::uint64_t>(type);
    return number >= 33 && number < 33 + 64 ? std::uint64_t{1} << (number - 33) : 0;
  }
  std::uint64_t bits_ = 0;
};

using Handler = void (*)(Turn&, Sa&, const Received&);

struct Row {
  std::string_view name;
  Situation situation;
  wire::ExchangeType exchange;
  PayloadSet required;
  PayloadSet optional;
  std::optional<wire::NotifyType> required_notify;
  Handler handler;
};

[[nodiscard]] std::span<const Row> all_rows();

// Why no row fits, against the row that came nearest: for the log and for INVALID_SYNTAX.
struct NotAdmitted {
  std::string_view nearest;
  std::string missing;
  std::string unexpected;
  // No row at all for that exchange in that situation.
  bool out_of_state = false;
};

struct Admission {
  const Row* row = nullptr;
  NotAdmitted why;
};
[[nodiscard]] Admission admit(Situation situation, const Received& message);

}  // namespace ipsec::v2
