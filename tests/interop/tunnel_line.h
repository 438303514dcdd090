// A tunnel written in one line, `key=value` with blanks between.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "ike/core/config.h"

namespace ipsec::interop {

// Keys, with their defaults:
//   name (none), version (2), aggressive (no|yes, of version 1), local, remote (addresses;
//   remote=0.0.0.0 is anywhere), local_id, remote_id (the addresses; remote_id=%any is whoever
//   knows the key), psk (secret), start (automatic|respond|down), ike, esp, ah (auto|modern|a list
//   such as aes128-sha256-modp2048,aes256gcm16-prfsha384-ecp384; in a child `none` among the groups
//   makes PFS optional and `esn` asks for extended sequence numbers), local_ts, remote_ts (networks
//   with commas between), encap (no|yes), fragment_bytes, dpd_delay, dpd_timeout, ike_lifetime,
//   lifetime (the last four in seconds).
[[nodiscard]] std::expected<core::TunnelConfig, std::string> parse_tunnel(std::string_view line,
                                                                          TunnelId id);

}  // namespace ipsec::interop
