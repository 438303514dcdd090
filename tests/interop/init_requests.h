// Well-formed IKE_SA_INIT requests (aes128-sha256-x25519) of nobody who means to go on: each with
// an SPI and a nonce of its own.
#pragma once

#include "ike/base/bytes.h"
#include "ike/daemon/system/random.h"
#include "ike/wire/message.h"

namespace ipsec::interop {

class InitRequests {
 public:
  // Throws std::runtime_error.
  InitRequests();

  //   HDR, SAi1, KEi, Ni -->
  [[nodiscard]] Bytes next();

 private:
  wire::Payloads payloads_;  // all but the nonce
  SystemRandom random_;
};

}  // namespace ipsec::interop
