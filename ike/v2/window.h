// The protected message channel of one IKE SA: message ids, a window of one request each way,
// cached answers, fragments (RFC 7296 2.1 to 2.3, RFC 7383).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/endpoint.h"
#include "ike/base/time.h"
#include "ike/core/protection.h"
#include "ike/core/retransmit.h"
#include "ike/wire/message.h"
#include "ike/wire/reassembly.h"

namespace ipsec::v2 {

// Our request on the wire: the window's last one. Every send repeats the same bytes.
struct SentRequest {
  std::uint32_t id = 0;
  core::Retransmission timer;
  Time sent_at{};
};

struct Window {
  core::Protection protection;
  std::uint32_t next_id = 0;      // of our next request
  std::uint32_t expected_id = 0;  // of the peer's next request
  std::optional<SentRequest> sent = {};
  // Ours, also when it has been answered: a daemon that goes on after this one says it again, and
  // no other under its id.
  std::vector<Bytes> last_request = {};
  // How the peer's newest request came: its answer goes back the same way.
  Endpoint request_local = {};
  Endpoint request_remote = {};
  // To the peer's request before the expected one; repeated byte for byte.
  std::vector<Bytes> last_answer = {};
  wire::Reassembly request_pieces = {};
  wire::Reassembly answer_pieces = {};
  Time heard_at{};
  core::PathRecord path = {};
};

}  // namespace ipsec::v2
