// The simulator's words for what an engine does, for the trace of a test that failed.
#pragma once

#include <string>

#include "ike/core/io.h"

namespace ipsec::sim {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

[[nodiscard]] std::string describe_datagram(ByteView bytes);
[[nodiscard]] std::string describe_install(const core::InstallSas& install);
[[nodiscard]] std::string describe_event(const core::Event& event);

}  // namespace ipsec::sim
