// Words of strongSwan's configurations, both ways: swanctl.conf and ipsec.conf have them in common.
#pragma once

#include <array>
#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/formats/proposals.h"

namespace ipsec::gateway::formats {

// For who loads a tunnel in aggressive mode: strongSwan refuses to answer it without being told so.
inline constexpr std::array<std::string_view, 3> kOfAggressiveMode{
    "aggressive: strongSwan begins with it as it is, but answers it only where strongswan.conf has",
    "i_dont_care_about_security_and_use_aggressive_mode_psk = yes in its section charon: whoever",
    "asks can then guess the key at leisure. Use main mode or IKEv2 where both ends can."};

enum class Use : std::uint8_t { ike, esp, ah };

// "aes256-sha256-modp2048,aes128gcm16-prfsha256-x25519".
[[nodiscard]] std::string write_proposals(const Proposals& proposals, Use use, IkeVersion version);
// The list of `default` alone is empty; a '!' at the end is passed over. The error names the word.
[[nodiscard]] std::expected<Proposals, std::string> read_proposals(std::string_view text, Use use);

// What a tunnel says so that it offers these; of one it offers nothing of its own for, nothing.
struct NamedAlgorithms {
  Profile profile = Profile::automatic;
  IkePolicy ike;      // only its lists
  IpsecPolicy ipsec;  // only its lists and protocol
  // Offered are these lists, each with each: more than was said.
  bool wider = false;
};
[[nodiscard]] NamedAlgorithms name_algorithms(const Proposals& ike, const Proposals& child,
                                              IpsecProtocol protocol);

// "203.0.113.9", "@vpn.example.com", "@@user@example.com", "@#6b6579"; "%any" for none.
[[nodiscard]] std::string write_identity(const std::optional<Identity>& identity);
// None for "%any". The error says why it cannot be had.
[[nodiscard]] std::expected<std::optional<Identity>, std::string> read_identity(
    std::string_view text);

// "3600", "3600s", "60m", "1h", "1d".
[[nodiscard]] std::optional<std::chrono::seconds> read_duration(std::string_view text);
[[nodiscard]] std::optional<std::uint64_t> read_number(std::string_view text);
[[nodiscard]] std::optional<bool> read_flag(std::string_view text);

// A secret's bytes from 0xHEX, 0sBASE64 or plain text; nothing where the coding is broken.
[[nodiscard]] std::optional<std::string> read_secret(std::string_view text);
[[nodiscard]] std::string write_hex_secret(std::string_view secret);

[[nodiscard]] std::string_view trimmed(std::string_view text);
// At commas or blanks; nothing empty.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, std::string_view at);

}  // namespace ipsec::gateway::formats
