#include "ike/v2/crash_detection.h"

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/v2/establish.h"
#include "ike/v2/informational.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using wire::NotifyType;

// Looks at the payloads of what is in clear only: what is protected is most of all there is.
bool is_sealed(ByteView datagram) {
  const auto header = wire::parse_header(datagram);
  return header && wire::is_sealed(header->next_payload);
}

enum class Claim : std::uint8_t { bare, unproven, proven };

// RFC 6290 4.5: there may be several, of older secrets, and one that fits is enough.
Claim claim_of(const Established& up, std::span<const wire::Payload> payloads) {
  Claim claim = Claim::bare;
  for (const wire::Payload& payload : payloads) {
    const auto* notify = std::get_if<wire::NotifyPayload>(&payload);
    if (notify == nullptr || notify->type != NotifyType::quick_crash_detection) continue;
    const bool fits =
        !up.peer_token.empty() && equal_constant_time(up.peer_token.view(), notify->data);
    if (fits) return Claim::proven;
    claim = Claim::unproven;
  }
  return claim;
}

// Asks at once, or once more what was asked already.
void ask_at_once(Turn& turn, Sa& sa, Established& up) {
  if (up.doubted_at && turn.now - *up.doubted_at < limits::kDoubtInterval) return;
  if (up.window.sent) {
    up.doubted_at = turn.now;
    up.window.sent->timer.hurry(core::RetransmitSchedule::in_doubt(sa.tunnel().dpd_timeout),
                                turn.now);
    return;
  }
  // What we are about to ask will show it.
  const bool idle = std::holds_alternative<std::monostate>(up.ours);
  if (!idle || !sa.is_current()) return;
  up.doubted_at = turn.now;
  start_probe_in_doubt(turn, sa);
}

}  // namespace

void append_token(const core::CrashTokens& tokens, const crypto::SpiPair& spis,
                  wire::Payloads& payloads) {
  Bytes token = tokens.make(spis);
  if (token.empty()) return;
  payloads.emplace_back(make_notify(NotifyType::quick_crash_detection, std::move(token)));
}

Secret token_in(std::span<const wire::Payload> payloads) {
  const auto* notify = find_notify(payloads, NotifyType::quick_crash_detection);
  const bool fits = notify != nullptr && notify->data.size() >= limits::kCrashTokenBytesMin &&
                    notify->data.size() <= limits::kCrashTokenBytesMax;
  return fits ? Secret::copy_of(notify->data) : Secret();
}

void keep_token(Established& up, std::span<const wire::Payload> payloads) {
  Secret token = token_in(payloads);
  if (!token.empty()) up.peer_token = std::move(token);
}

bool doubt_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram) {
  if (is_sealed(datagram.bytes)) return false;
  const auto message = wire::parse_message(datagram.bytes);
  if (!message || message->sealed) return false;
  if (find_notify(message->payloads, NotifyType::invalid_ike_spi) == nullptr) return false;
  auto& up = *sa.established();
  const Claim claim = claim_of(up, message->payloads);
  if (claim == Claim::proven) {
    // RFC 6290 4.5: silently, for there is nobody to be told.
    close(turn, sa,
          fmt::format("{} has restarted and lost this IKE SA, which its token proves (RFC 6290)",
                      sa.remote.to_string()));
    return true;
  }
  turn.drop(claim == Claim::bare ? "INVALID_IKE_SPI in clear"
                                 : "INVALID_IKE_SPI in clear, its token is not the peer's");
  ask_at_once(turn, sa, up);
  return true;
}

}  // namespace ipsec::v2
