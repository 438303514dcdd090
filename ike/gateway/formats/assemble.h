// From connections, as strongSwan's two languages have them, to the objects of this gateway.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ike/gateway/formats/import.h"
#include "ike/gateway/formats/proposals.h"

namespace ipsec::gateway::formats {

// Everything but names and places: equal ones may be one.
struct ForeignPolicy {
  IpsecProtocol protocol = IpsecProtocol::esp;
  Proposals offers;  // empty: nothing said
  std::optional<std::chrono::seconds> lifetime;
  std::optional<std::uint64_t> lifetime_bytes;
  std::optional<std::uint64_t> replay_window;
  Start start = Start::respond;
  bool operator==(const ForeignPolicy&) const = default;
};
struct ForeignChild {
  std::string name;
  std::uint32_t line = 0;
  std::vector<Cidr> local;
  std::vector<Cidr> remote;
  ForeignPolicy policy;
};

struct ForeignIke {
  std::optional<Address> local;  // none: any
  std::optional<Address> remote;
  std::optional<Identity> local_id;  // none: not said, or any
  std::optional<Identity> remote_id;
  int version = 2;
  bool aggressive = false;
  bool encapsulate = false;
  Proposals offers;  // empty: nothing said
  std::optional<std::chrono::seconds> lifetime;
  std::optional<std::chrono::seconds> dpd_delay;
  std::optional<std::chrono::seconds> dpd_timeout;
  bool operator==(const ForeignIke&) const = default;
};
struct ForeignConnection {
  std::string name;
  std::uint32_t line = 0;
  ForeignIke ike;
  std::vector<ForeignChild> children;
};

struct ForeignSecret {
  std::vector<Identity> owners;  // empty: anybody's
  std::string key;
};

struct ForeignFile {
  std::vector<ForeignConnection> connections;
  std::vector<ForeignSecret> secrets;
  std::vector<Untaken> untaken;
  std::vector<std::string> notes;

  void leave(std::uint32_t line, std::string what, std::string why) {
    untaken.push_back({{line, 1}, std::move(what), std::move(why)});
  }
};

[[nodiscard]] Imported assemble(ForeignFile file);

// What is referred to comes first; those of a kind stay as they are.
void in_order_of_kinds(std::vector<toml::Declaration>& declarations);

// "10.0.1.0/24,10.0.9.1-10.0.9.4" as prefixes. The error names the word, and why not.
[[nodiscard]] std::expected<std::vector<Cidr>, std::string> read_ranges(std::string_view text);

// None for "%any" and its like; of several addresses the first is taken, which `more` tells.
struct ForeignAddress {
  std::optional<Address> address;
  bool more = false;
};
[[nodiscard]] std::expected<ForeignAddress, std::string> read_address(std::string_view text);

}  // namespace ipsec::gateway::formats
