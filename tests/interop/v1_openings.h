// Well-formed first messages of IKEv1's aggressive mode (aes128-sha256-modp2048) of nobody who
// means to go on: each with a cookie and a nonce of its own, and with a name that a tunnel is for.
#pragma once

#include <string_view>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/daemon/system/random.h"
#include "ike/wire/v1/message.h"

namespace ipsec::interop {

class V1Openings {
 public:
  // Throws std::runtime_error.
  explicit V1Openings(std::string_view name);

  //   HDR, SA, KE, Ni, IDii -->
  [[nodiscard]] Bytes next();

 private:
  std::vector<wire::v1::Payload> payloads_;  // the nonce is to be set
  SystemRandom random_;
};

}  // namespace ipsec::interop
