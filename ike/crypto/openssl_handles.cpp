#include "ike/crypto/openssl_handles.h"

#include <fmt/format.h>
#include <openssl/err.h>

namespace ipsec::crypto::openssl {

Misuse failure(std::string_view operation) {
  // The oldest entry is the cause; the later ones are its way up.
  const unsigned long code = ERR_peek_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return Misuse{fmt::format("OpenSSL: {}: {}", operation, reason ? reason : "no reason given")};
}

}  // namespace ipsec::crypto::openssl
