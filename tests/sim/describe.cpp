#include "tests/sim/describe.h"

#include <fmt/format.h>

#include "ike/wire/message.h"

namespace ipsec::sim {

std::string describe_datagram(ByteView bytes) {
  const auto header = wire::parse_header(bytes);
  if (!header) return fmt::format("{} bytes", bytes.size());
  return fmt::format("{} {} {} ({} bytes, SPIs {:x} {:x})", wire::name_of(header->exchange),
                     header->flags.response ? "answer" : "request", header->message_id.value,
                     bytes.size(), header->initiator_spi.value >> 48,
                     header->responder_spi.value >> 48);
}

std::string describe_install(const core::InstallSas& install) {
  std::string text = "installs";
  for (const auto& sa : install.sas) {
    const bool in = sa.direction == xfrm::Direction::in;
    text += fmt::format(" {}:{:x}", in ? "in" : "out", sa.spi.value);
  }
  if (install.policies) text += fmt::format(" policies to {:x}", install.policies->spi.value);
  return text;
}

std::string describe_event(const core::Event& event) {
  const Overloaded words{
      [](const core::IkeUp& it) { return fmt::format("IKE SA {} up", it.sa.value); },
      [](const core::IkeRekeyed& it) {
        return fmt::format("IKE SA {} rekeyed to {}", it.from.value, it.to.value);
      },
      [](const core::IkeDown& it) {
        return fmt::format("IKE SA {} down: {}", it.sa.value, it.reason);
      },
      [](const core::ChildUp& it) {
        return fmt::format("child {} up: in {:x} out {:x}", it.child.value, it.inbound.value,
                           it.outbound.value);
      },
      [](const core::ChildRekeyed& it) {
        return fmt::format("child {} rekeyed to {}", it.from.value, it.to.value);
      },
      [](const core::ChildDown& it) { return fmt::format("child {} down", it.child.value); },
      [](const core::TryFailed& it) { return "try failed: " + core::describe(it.failure); },
      [](const core::PeerMoved& it) { return "peer moved to " + it.to.to_string(); },
      [](const core::ExchangeFailed& it) {
        return "exchange failed: " + core::describe(it.failure);
      },
      [](const core::Resumed& it) { return fmt::format("IKE SA {} goes on", it.sa.value); },
  };
  return std::visit(words, event);
}

}  // namespace ipsec::sim
