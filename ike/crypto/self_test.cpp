#include "ike/crypto/self_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace ipsec::crypto {
namespace {

using Outcome = std::expected<void, Misuse>;

std::unexpected<Misuse> wrong(std::string_view algorithm, std::string_view what) {
  return std::unexpected(Misuse{fmt::format("self-test of {}: {}", algorithm, what)});
}

template <std::size_t size>
std::array<std::uint8_t, size> counting(std::uint8_t first) {
  std::array<std::uint8_t, size> bytes;
  for (std::uint8_t& byte : bytes) byte = first++;
  return bytes;
}

// --- Digests and PRFs ---

struct HashAnswer {
  std::string_view prf;
  std::string_view digest;  // of "abc" (RFC 1321, FIPS 180-4)
  std::string_view mac;     // RFC 2202 and RFC 4231, case 2
};

constexpr auto kHashAnswers = std::to_array<HashAnswer>({
    {"prfmd5", "900150983cd24fb0d6963f7d28e17f72", "750c783e6ab0b503eaa86e310a5db738"},
    {"prfsha1", "a9993e364706816aba3e25717850c26c9cd0d89d",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"prfsha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"prfsha384",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
     "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47"
     "e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
    {"prfsha512",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
});

Outcome test_hash(const Provider& provider, const PrfRow& row) {
  const auto answer = std::ranges::find(kHashAnswers, row.name, &HashAnswer::prf);
  if (answer == kHashAnswers.end()) return wrong(row.name, "no known answer");
  if (to_hex(provider.digest(row.hash, {to_bytes("abc")})) != answer->digest) {
    return wrong(row.name, "wrong digest");
  }
  const auto prf = provider.prf(row.id, to_bytes("Jefe"));
  if (prf == nullptr) return wrong(row.name, "not available");
  const Secret mac = prf->compute({to_bytes("what do ya want "), to_bytes("for nothing?")});
  if (to_hex(mac.view()) != answer->mac) return wrong(row.name, "wrong answer");
  return {};
}

// --- Envelopes ---

constexpr std::string_view kPlaintext = "known answer";

struct EnvelopeAnswer {
  std::string_view encryption;
  std::string_view integrity;  // each of the registry's comes up
  std::string_view behind_iv;
};

// For keys that count from 0 (encryption and salt) and from 0x80 (integrity), a head from 0x40 and
// an IV from 0xf0. By tests/vectors/ciphers.py; DES and 3DES by the openssl command.
constexpr auto kEnvelopeAnswers = std::to_array<EnvelopeAnswer>({
    {"aes128", "sha1", "2891b0b7d083fab77507b33fed3f113ec7ed43d837fb3d49e62ca61c"},
    {"aes128ctr", "sha512",
     "716714e07e8303cd8d473b8b06a31a23912aae14d811d1f5d71d81dd55d1eb0eeec3c14c73cdb03e"
     "2e515726fd"},
    {"aes128gcm16", "", "51cd54ff63127a1af49264ff8d0ffe5bd2ebe38338e96be58276f33a23"},
    {"aes192", "sha256", "c810c0a33176f619320998400984c0f45a116d28014eaa937e0e6072c54a8a12"},
    {"aes192ctr", "md5", "84c37cd654ea485d28bccfb80306ec61f46c199520ecffc5e2"},
    {"aes192gcm16", "", "707c987432efc3ce1ef4a18e159048ea491a402e1e111cba2bfec4e1cf"},
    {"aes256", "sha384",
     "2f6fdabcbe2dee1ac5c22af7696b08f183472349751be64349ba524cb221be041c91d1d57dae5253"},
    {"aes256ctr", "sha256", "be6aac828e10c6bb3e7a832b34c889399761a02a35f3fc526da817df23"},
    {"aes256gcm16", "", "e6c4e1571eef3ce6dce6282c30cf1fcb87c334f04e4babf9425544175c"},
    {"chacha20poly1305", "", "17e5fe465da73a644306e574d3efecaa6a7bee858e1f51750e9de625cd"},
    {"3des", "md5", "d2e648893952312221643be112236272180e2127cd3b611a759b0290"},
    {"des", "sha1", "a068b166424352998633638a473a42a247b7cf3d2abc85521c1a2d66"},
});

Outcome test_envelope(const Provider& provider, const EncryptionRow& row) {
  const auto answer = std::ranges::find(kEnvelopeAnswers, row.name, &EnvelopeAnswer::encryption);
  if (answer == kEnvelopeAnswers.end()) return wrong(row.name, "no known answer");
  const IntegrityRow* const integrity = find_integrity(answer->integrity);
  const auto keys = counting<64>(0);
  const auto integrity_keys = counting<64>(0x80);
  const auto head = counting<32>(0x40);
  const auto iv = counting<16>(0xf0);
  const auto envelope = provider.envelope(
      row, ByteView(keys).first(std::size_t{row.key_bytes} + row.salt_bytes),
      integrity == nullptr ? IntegrityId::none : integrity->id,
      ByteView(integrity_keys).first(integrity == nullptr ? 0 : integrity->key_bytes));
  if (envelope == nullptr) return wrong(row.name, "not available");

  auto body = envelope->seal(head, to_bytes(kPlaintext), ByteView(iv).first(row.iv_bytes));
  if (!body) return wrong(row.name, body.error().what);
  if (to_hex(ByteView(*body).subspan(row.iv_bytes)) != answer->behind_iv) {
    return wrong(row.name, "wrong answer");
  }
  const auto opened = envelope->open(head, *body);
  if (!opened || as_text(*opened) != kPlaintext) return wrong(row.name, "does not open");
  body->back() ^= 1;
  if (envelope->open(head, *body)) return wrong(row.name, "opens what was changed");
  return {};
}

// --- Bare CBC ---

struct CbcAnswer {
  std::string_view encryption;
  std::string_view ciphertext;
};

// For a key that counts from 0, an IV from 0xf0 and 32 bytes of text from 0x40. By
// tests/vectors/ciphers.py; DES and 3DES by the openssl command.
constexpr auto kCbcAnswers = std::to_array<CbcAnswer>({
    {"aes128", "67896c75ba00597bae4779270ef2b108f070c8870f37e02dcca72a9db4c9c475"},
    {"aes192", "98a9222ec92ee3cc21f2ddf6a3a231cc72f71aae39e6e3a29cddfa87e390a758"},
    {"aes256", "965fe30bdce6316a5ec0e066ec3389d4b1420a438b28d7af9f8b19ae7480e099"},
    {"3des", "0b4616a356149014484d7e0a253033d84190a05dcb33cfdef9ae660e4716cd21"},
    {"des", "bdcf1cf582d5d2e80057d8e333dc4d7180f4bb0c5180d7fedd55c5f05260ceb0"},
});

Outcome test_cbc(const Provider& provider, const EncryptionRow& row) {
  const std::string name = fmt::format("{} (bare CBC)", row.name);
  const auto answer = std::ranges::find(kCbcAnswers, row.name, &CbcAnswer::encryption);
  if (answer == kCbcAnswers.end()) return wrong(name, "no known answer");
  const auto key = counting<32>(0);
  const auto text = counting<32>(0x40);
  const auto iv = counting<16>(0xf0);
  const ByteView first_iv = ByteView(iv).first(row.block_bytes);
  const auto cbc = provider.cbc(row, ByteView(key).first(row.key_bytes));
  if (cbc == nullptr || cbc->block_size() != row.block_bytes) return wrong(name, "not available");
  const auto encrypted = cbc->encrypt(first_iv, text);
  if (!encrypted) return wrong(name, encrypted.error().what);
  if (to_hex(*encrypted) != answer->ciphertext) return wrong(name, "wrong answer");
  const auto decrypted = cbc->decrypt(first_iv, *encrypted);
  if (!decrypted || !equal(*decrypted, text)) return wrong(name, "does not decrypt");
  return {};
}

// --- Key exchange ---

struct Generator {
  GroupKind kind;
  GroupId group;  // none is every other group of that kind
  std::string_view value;
};

constexpr auto kGenerators = std::to_array<Generator>({
    {GroupKind::x25519, GroupId::none,
     "0900000000000000000000000000000000000000000000000000000000000000"},  // RFC 7748 4.1
    {GroupKind::ecp, GroupId::ecp256,                                      // RFC 5903 3.1 to 3.3
     "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"},
    {GroupKind::ecp, GroupId::ecp384,
     "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e38"
     "72760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d"
     "7a431d7c90ea0e5f"},
    {GroupKind::ecp, GroupId::ecp521,
     "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1d"
     "c127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66011839296a789a3bc0045c8a5fb42c7d1bd998f54449"
     "579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650"},
    {GroupKind::modp, GroupId::modp2048_256,  // RFC 5114 2.3
     "3fb32c9b73134d0b2e77506660edbd484ca7b18f21ef205407f4793a1a0ba12510dbc15077be463fff4fed4a"
     "ac0bb555be3a6c1b0c6b47b1bc3773bf7e8c6f62901228f8c28cbb18a55ae31341000a650196f931c77a57f2"
     "ddf463e5e9ec144b777de62aaab8a8628ac376d282d6ed3864e67982428ebc831d14348f6f2f9193b5045af2"
     "767164e1dfc967c1fb3f2e55a4bd1bffe83b9c80d052b985d182ea0adb2a3b7313d3fe14c8484b1e052588b9"
     "b7d2bbd2df016199ecd06e1557cd0915b3353bbb64e0ec377fd028370df92b52c7891428cdc67eb6184b523d"
     "1db246c32f63078490f00ef8d647d148d47954515e2327cfef98c582664b4c0f6cc41659"},
    {GroupKind::modp, GroupId::none, "02"},  // RFC 2409 6, RFC 3526
});

constexpr std::size_t kTestedPublicBytes = 512;

Bytes generator_of(const GroupRow& row) {
  const auto found = std::ranges::find_if(kGenerators, [&](const Generator& generator) {
    return generator.kind == row.kind &&
           (generator.group == GroupId::none || generator.group == row.id);
  });
  if (found == kGenerators.end()) return {};
  const Bytes value = from_hex(found->value).value_or(Bytes());
  Bytes padded(std::max<std::size_t>(row.public_bytes, value.size()));
  std::ranges::copy(value, padded.end() - static_cast<std::ptrdiff_t>(value.size()));
  return padded;
}

// The private value is random and stays inside, yet one answer is known: to a peer whose private
// value is 1, so that its public value is the generator, the shared secret is our own public value
// (of a curve, its X).
Outcome test_group(const Provider& provider, const GroupRow& row) {
  const auto exchange = provider.generate(row.id);
  if (!exchange) return wrong(row.name, describe(exchange.error()));
  const ByteView ours = (*exchange)->public_value();
  if (ours.size() != row.public_bytes) return wrong(row.name, "public value of a wrong length");
  const auto shared = (*exchange)->derive(generator_of(row));
  if (!shared) return wrong(row.name, describe(shared.error()));
  if (!equal(shared->view(), ours.first(row.shared_bytes))) return wrong(row.name, "wrong answer");
  if ((*exchange)->derive(Bytes(row.public_bytes))) return wrong(row.name, "accepts zero");
  return {};
}

}  // namespace

std::expected<void, Misuse> self_test(const Provider& provider) {
  for (const PrfRow& row : all_prfs()) {
    if (auto outcome = test_hash(provider, row); !outcome) return outcome;
  }
  for (const EncryptionRow& row : all_encryption()) {
    if (!row.usable_for_ike) continue;
    if (auto outcome = test_envelope(provider, row); !outcome) return outcome;
  }
  for (const EncryptionRow& row : all_encryption()) {
    if (row.v1_phase1 == 0) continue;
    if (auto outcome = test_cbc(provider, row); !outcome) return outcome;
  }
  for (const GroupRow& row : all_groups()) {
    if (row.public_bytes > kTestedPublicBytes) continue;
    if (auto outcome = test_group(provider, row); !outcome) return outcome;
  }
  return {};
}

}  // namespace ipsec::crypto
