// What the forms of device vendors have in common: one suite of algorithms, in the device's words.
//
// Our side accepts every combination of what a tunnel names, so one is enough, and the form stays
// as short as people write it. `auto` is told as AES-256, SHA-256 and group 14, which every device
// here has had for years.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/formats/view.h"

namespace ipsec::gateway::formats {

// A device's word for a row of the registry. `former`: its current releases refuse it.
struct DeviceWord {
  std::string_view ours;
  std::string_view theirs;
  bool former = false;
};
struct DeviceGroup {
  GroupId id;
  bool former = false;
};

struct Device {
  std::string_view product;
  std::span<const DeviceWord> ike_ciphers;
  std::span<const DeviceWord> ike_hashes;
  std::span<const DeviceWord> esp_ciphers;
  std::span<const DeviceWord> esp_hashes;
  std::span<const DeviceGroup> groups;
  bool has_ah = false;
};

struct Suite {
  const EncryptionRow* ike_cipher = nullptr;
  const IntegrityRow* ike_hash = nullptr;  // of an AEAD, the hash of its PRF
  const GroupRow* group = nullptr;
  const EncryptionRow* esp_cipher = nullptr;  // null: AH
  const IntegrityRow* esp_hash = nullptr;     // null: the cipher is an AEAD
  const GroupRow* pfs = nullptr;              // null: none
  std::string_view ike_cipher_word;
  std::string_view ike_hash_word;
  std::string_view esp_cipher_word;
  std::string_view esp_hash_word;

  [[nodiscard]] unsigned group_number() const { return static_cast<unsigned>(group->id); }
  [[nodiscard]] unsigned pfs_number() const {
    return pfs == nullptr ? 0U : static_cast<unsigned>(pfs->id);
  }
};

// Also sees to what all these forms cannot say: IPv6, a peer without an address to call. Warnings
// tell what `auto` became, and what the device's releases think of it.
[[nodiscard]] std::expected<Suite, std::string> choose_suite(const View& view, const Device& device,
                                                             std::vector<std::string>& warnings);

// "198.51.100.1", or a word to put it in place of.
[[nodiscard]] std::string remote_text(const View& view);
// "255.255.255.0" and "0.0.0.255".
[[nodiscard]] std::string mask_of(const Cidr& range);
[[nodiscard]] std::string wildcard_of(const Cidr& range);

// Each range once.
[[nodiscard]] std::vector<Cidr> local_ranges(const View& view);
[[nodiscard]] std::vector<Cidr> remote_ranges(const View& view);

// Into the device's range, with a warning where it changed.
[[nodiscard]] std::int64_t clamped(std::int64_t value, std::int64_t least, std::int64_t most,
                                   std::string_view what, std::vector<std::string>& warnings);

}  // namespace ipsec::gateway::formats
