// Goal: a token of crash detection is what RFC 6290 5.1 asks for. Method: against OpenSSL's own
// HMAC in one call.
#include "ike/core/crash_tokens.h"

#include <array>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "ike/crypto/openssl_provider.h"

namespace ipsec::core {
namespace {

const Bytes kSecret(kCrashSecretBytes, 0x5c);
constexpr crypto::SpiPair kSpis{IkeSpi{0x0102030405060708}, IkeSpi{0x1112131415161718}};

TEST_CASE("a token is the MAC of both SPIs under the secret, in their order") {
  const auto crypto = crypto::OpensslProvider::create().value();
  const CrashTokens tokens(*crypto, Secret::copy_of(kSecret));
  const std::array<std::uint8_t, 16> covered{1,    2,    3,    4,    5,    6,    7,    8,
                                             0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
  Bytes expected(32);
  REQUIRE(HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()), covered.data(),
               covered.size(), expected.data(), nullptr) != nullptr);
  const Bytes token = tokens.make(kSpis);
  CHECK(token == expected);
  CHECK(token.size() >= limits::kCrashTokenBytesMin);
  CHECK(token.size() <= limits::kCrashTokenBytesMax);

  CHECK(tokens.make({kSpis.responder, kSpis.initiator}) != expected);
  CHECK(CrashTokens(*crypto, Secret::copy_of(kSecret)).make(kSpis) == expected);
  CHECK(CrashTokens(*crypto, Secret(Bytes(32, 0x5d))).make(kSpis) != expected);
}

TEST_CASE("without a secret there are no tokens") {
  const auto crypto = crypto::OpensslProvider::create().value();
  CHECK(CrashTokens(*crypto, {}).make(kSpis).empty());
}

}  // namespace
}  // namespace ipsec::core
