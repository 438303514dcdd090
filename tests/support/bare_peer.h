// The far end of an engine under test: one honest IKE SA without an engine around it, whose keys
// the test may then use to say whatever it likes.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ike/v2/protocol.h"
#include "tests/support/host.h"

namespace ipsec::test {

class BarePeer {
 public:
  BarePeer(const crypto::Provider& crypto, const core::TunnelConfig& tunnel, std::uint64_t seed);

  std::vector<core::SendDatagram> sent;

  // As initiator.
  void begin(Time now);
  // Whatever the engine sent: an IKE_SA_INIT request makes this the responder.
  void receive(const core::SendDatagram& datagram, Time now);
  // A handshake with the engine, until nobody has anything to say; whether it succeeded.
  [[nodiscard]] bool shake_hands(Host& host, Time now);

  [[nodiscard]] v2::Sa& sa() { return *sa_; }
  [[nodiscard]] v2::Established* up() { return sa_ == nullptr ? nullptr : sa_->established(); }

  // As soon as there are keys: from IKE_AUTH on, as initiator too.
  [[nodiscard]] v2::Window* window();

  // A message of this SA under the SA's keys, as the engine would get it.
  struct Place {
    wire::ExchangeType exchange = wire::ExchangeType::informational;
    bool response = false;
    std::uint32_t id = 0;
  };
  [[nodiscard]] core::Datagram seal(const Place& place, std::span<const wire::Payload> payloads);
  // The next request; the payloads of the engine's answer come back, if it gave one.
  [[nodiscard]] std::optional<wire::Payloads> ask(Host& host, wire::ExchangeType exchange,
                                                  std::span<const wire::Payload> payloads,
                                                  Time now);
  // What a sealed message of the engine holds.
  [[nodiscard]] std::optional<wire::Payloads> open(ByteView datagram);
  // What the engine would be given for this datagram of ours.
  [[nodiscard]] static core::Datagram arriving(const core::SendDatagram& datagram);

 private:
  template <typename Step>
  void run(Time now, Step step);
  void execute(core::Actions actions, Time now);

  const crypto::Provider& crypto_;
  SeededRandom random_;
  core::TunnelPointer tunnel_;
  core::Directory directory_;
  core::Cookies cookies_;
  core::CrashTokens crash_tokens_;
  v2::Numbers numbers_;
  v2::Drops drops_;
  std::unique_ptr<v2::Sa> sa_;
  std::uint32_t last_spi_ = 0xd0000000;
};

}  // namespace ipsec::test
