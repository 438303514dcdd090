// The engine's events in words.
#pragma once

#include <string>

#include "ike/core/io.h"

namespace ipsec::daemon {

struct EventWords {
  std::string phase;  // "1", "2"
  std::string event;  // "ike-up"
  std::string text;
};

[[nodiscard]] EventWords words_for(const core::Event& event);
[[nodiscard]] TunnelId tunnel_of(const core::Event& event);

}  // namespace ipsec::daemon
