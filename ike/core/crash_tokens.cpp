#include "ike/core/crash_tokens.h"

#include "ike/base/writer.h"

namespace ipsec::core {

CrashTokens::CrashTokens(const crypto::Provider& crypto, const Secret& secret)
    : mac_(secret.empty() ? nullptr : crypto.prf(PrfId::hmac_sha2_256, secret.view())) {}

Bytes CrashTokens::make(const crypto::SpiPair& spis) const {
  if (mac_ == nullptr) return {};
  Writer covered;
  covered.u64(spis.initiator.value);
  covered.u64(spis.responder.value);
  return to_bytes(mac_->compute({covered.view()}).view());
}

}  // namespace ipsec::core
