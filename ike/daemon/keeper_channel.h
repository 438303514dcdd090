// What keeper and daemon say to each other: datagrams of a socket pair, a word, some text, and
// copies of descriptors.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/unique_fd.h"

namespace ipsec::daemon {

enum class Word : std::uint8_t {
  // of the keeper
  held,   // first of all: what it holds, and how the daemon before ended
  kept,   // of `keep`: done
  fits,   // of `try_program`: an upgrade may begin; the new version
  unfit,  // of `try_program`: why not
  // of the daemon
  keep,         // hold these in the place of all that is held
  ready,        // the same, and it works
  try_program,  // would the file that an upgrade starts do?
};

struct Message {
  Word word{};
  std::string text;
  std::vector<UniqueFd> fds;
};

// The kernel takes 253 in a message. Sockets beyond that are opened anew by each daemon.
inline constexpr std::size_t kMostHeld = 250;

[[nodiscard]] bool send_message(int channel, Word word, std::string_view text = {},
                                std::span<const int> fds = {});
enum class Waits : std::uint8_t { no, yes };
// The error is an errno: EAGAIN where nothing has come, EPIPE where nobody is left there.
[[nodiscard]] std::expected<Message, int> receive_message(int channel, Waits waits);

}  // namespace ipsec::daemon
