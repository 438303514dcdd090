// A datagram against SAs with fixed keys: whatever opens is smaller than what came and may be
// parsed. The same bytes are then sent through an SA, whole and in fragments (the last two bytes
// say of what size): they must come out as they went in, on the other side and nowhere else.
#include <array>

#include "ike/base/limits.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/sa_sides.h"

namespace ipsec::core {
namespace {

const crypto::FakeProvider kCrypto(0);

std::optional<Protection::Opened> open(const Protection& side, ByteView datagram) {
  const auto message = wire::parse_message(datagram);
  if (!message || !message->sealed) return std::nullopt;
  return side.open(datagram, *message->sealed);
}

void receive(const Protection& side, ByteView datagram) {
  const auto opened = open(side, datagram);
  if (!opened) return;
  fuzz::require(opened->chain.size() < datagram.size(), "what opens is smaller than what came");
  const auto payloads = wire::parse_chain(opened->first_inner, opened->chain);
  if (payloads) fuzz::require(wire::write_chain(*payloads).has_value(), "what is read is written");
}

std::optional<Bytes> put_together(const Protection& side, const std::vector<Bytes>& datagrams) {
  wire::Reassembly reassembly;
  for (const Bytes& datagram : datagrams) {
    const auto message = wire::parse_message(datagram);
    const auto opened = open(side, datagram);
    if (!opened) return std::nullopt;
    if (!message->sealed->fragment) return opened->chain;
    reassembly.add(*message->sealed->fragment, opened->first_inner, opened->chain);
  }
  auto whole = reassembly.take();
  if (!whole) return std::nullopt;
  return std::move(whole->chain);
}

void send(SaSides& sides, const wire::Payloads& payloads, std::size_t fragment_bytes) {
  const auto sealed = sides.initiator().seal(wire::Header{}, payloads, fragment_bytes);
  if (!sealed) return;
  fuzz::require(sealed->size() <= limits::kFragments, "fragments are limited");
  for (const Bytes& datagram : *sealed) {
    const bool fits = fragment_bytes == 0 || datagram.size() <= fragment_bytes;
    fuzz::require(fits, "no fragment is longer than it may be");
    fuzz::require(!open(sides.initiator(), datagram), "a reflected message does not open");
  }
  fuzz::require(put_together(sides.responder(), *sealed) == wire::write_chain(payloads).value(),
                "what was sealed opens to the same");
}

void run(ByteView input) {
  static SaSides gcm(kCrypto, algorithms_named("aes256gcm16"));
  static SaSides cbc(kCrypto, algorithms_named("aes128", "sha256"));
  const wire::Payloads payloads{wire::VendorIdPayload{to_bytes(input)}};
  std::size_t fragment_bytes = 0;
  for (const std::uint8_t byte : input.last(std::min<std::size_t>(input.size(), 2))) {
    fragment_bytes = 256 * fragment_bytes + byte;
  }
  for (SaSides* sides : {&gcm, &cbc}) {
    receive(sides->initiator(), input);
    receive(sides->responder(), input);
    send(*sides, payloads, 0);
    send(*sides, payloads, fragment_bytes % 2048);
  }
}

}  // namespace
}  // namespace ipsec::core

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ipsec::core::run({data, size});
  return 0;
}
