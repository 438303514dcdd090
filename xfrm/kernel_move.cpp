// An SA in use goes on between other outer addresses or ports.
//
// What the kernel can change in an SA are the ports of its encapsulation. All else needs a new SA
// with the old one's keys, which come from the kernel and are wiped here: nobody keeps a copy.
//
//   inbound, ports            UPDSA
//   outbound, ports           UPDSA
//   another destination       NEWSA beside the old one; policies to the new one; DELSA the old one
//   another source, or        DELSA and NEWSA in one batch: the destination, protocol and SPI are
//   encapsulation on or off   the SA's name, and two cannot bear one
#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "xfrm/batch.h"
#include "xfrm/kernel.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

// Sequence numbers skipped outwards. None may be used twice under one key: a counter-mode cipher
// would be broken (RFC 4106 3). While the policies lead nowhere only those packets still take
// numbers that had found the old SA before; where they lead to it until its successor is there, all
// that leave between our look at it and then, a thousandth of a second or so. The peer's window
// minds no leap; what is still on its way to where the peer was is lost either way.
constexpr std::uint64_t kLeapHeld = 256;
constexpr std::uint64_t kLeapRunning = 65'536;
// A packet that comes between an SA and its successor leaves a larval SA of their name behind.
constexpr int kSwapTries = 8;

std::expected<void, KernelError> in_words(
    const std::expected<std::vector<Refusal>, KernelError>& answer, const std::string& doing) {
  if (!answer) return std::unexpected(refused(doing, answer.error()));
  if (!answer->empty()) return std::unexpected(refused(doing, answer->front()));
  return {};
}

ReplayState continued(const SaRecord& old, std::uint64_t leap) {
  ReplayState replay = old.replay;
  if (old.spec.direction == Direction::in) return replay;
  // At the end the SA sends no more, rather than the same numbers again.
  const std::uint64_t last = old.spec.extended_sequence_numbers
                                 ? std::numeric_limits<std::uint64_t>::max()
                                 : std::numeric_limits<std::uint32_t>::max();
  replay.sent += std::min(leap, last - std::min(last, replay.sent));
  return replay;
}

SaState state_of(const SaRecord& sa, const ReplayState& replay) {
  return {.replay = &replay,
          .counters = &sa.counters,
          .offload_interface = sa.offload_interface,
          .first_use_told = sa.first_use_told};
}

}  // namespace

// Between which ends an SA goes, and how.
struct Kernel::Way {
  Address source;
  Address destination;
  std::optional<UdpEncapsulation> encapsulation;

  [[nodiscard]] static Way of(const SaSpec& spec) {
    return {spec.source, spec.destination, spec.encapsulation};
  }
  void give(SaSpec& spec) const {
    spec.source = source;
    spec.destination = destination;
    spec.encapsulation = encapsulation;
  }
  [[nodiscard]] bool differs_in_ports_only(const Way& other, Direction direction) const {
    // Inbound, the source is no part of what the kernel finds the SA by.
    const bool same_source = direction == Direction::in || source == other.source;
    return same_source && destination == other.destination &&
           encapsulation.has_value() == other.encapsulation.has_value();
  }
};

std::expected<void, KernelError> Kernel::move(const SaKey& key, const Endpoint& source,
                                              const Endpoint& destination, bool encapsulate) {
  const std::string doing = "move " + name_of(key) + " to " + destination.to_string();
  auto sa = look(key, doing);
  if (!sa) return std::unexpected(std::move(sa.error()));
  if (sa->larval) {
    return std::unexpected(KernelError{doing + ": its SPI is held, and no SA is there yet", ESRCH});
  }
  Way to{source.address, destination.address, std::nullopt};
  if (encapsulate) to.encapsulation = UdpEncapsulation{source.port, destination.port};

  if (!to.differs_in_ports_only(Way::of(sa->spec), sa->spec.direction)) {
    return to.destination == key.destination ? swap(*sa, to, doing) : replace(*sa, to, doing);
  }
  if (to.encapsulation == sa->spec.encapsulation) return {};
  sa->spec.encapsulation = to.encapsulation;
  Batch batch(socket_, 1);
  write_sa(batch.bytes(), batch.next(), SaVerb::update, sa->spec, features_.messages,
           {.first_use_told = sa->first_use_told});
  return in_words(batch.send(), doing);
}

// A refused message does not stop those behind it, so each step waits for the one before.
std::expected<void, KernelError> Kernel::replace(SaRecord& sa, const Way& to,
                                                 const std::string& doing) {
  const SaKey old_key = sa.spec.key();
  to.give(sa.spec);
  const SaKey key = sa.spec.key();
  const ReplayState replay = continued(sa, kLeapRunning);
  {
    Batch batch(socket_, 1);
    write_sa(batch.bytes(), batch.next(), SaVerb::add, sa.spec, features_.messages,
             state_of(sa, replay));
    auto added = in_words(batch.send(), doing);
    if (!added) return added;
  }
  if (sa.spec.attachment.mark) marked_[key] = sa.spec.attachment;
  if (sa.spec.direction == Direction::out) {
    auto led = change(policies_.move(old_key, to.source, to.destination));
    if (!led) {
      if (auto undone = remove(key); !undone) {
        led.error().operation += "; undoing it failed too: " + undone.error().operation;
      }
      led.error().operation = doing + ": " + led.error().operation;
      return led;
    }
  }
  return remove(old_key);
}

// Outwards the policies lead nowhere meanwhile: so the sequence number stands still while it is
// copied, and where the namespace holds packets (see tune()) they wait, and leave on the successor.
std::expected<void, KernelError> Kernel::swap(SaRecord& sa, const Way& to,
                                              const std::string& doing) {
  const SaKey key = sa.spec.key();
  if (sa.spec.direction == Direction::in) return take_place(sa, to, doing);
  const Way from = Way::of(sa.spec);
  const auto lead = [&](const Way& way, PolicyTable::Pin pinned) {
    return change(policies_.move(key, way.source, way.destination, pinned));
  };
  if (auto held = lead(from, PolicyTable::Pin::nowhere); !held) return held;
  auto done = [&] -> std::expected<void, KernelError> {
    auto now = look(key, doing);
    if (!now) return std::unexpected(std::move(now.error()));
    return take_place(*now, to, doing);
  }();
  auto led = lead(done ? to : from, PolicyTable::Pin::by_spi);
  // What the first held packet left behind: the kernel asked for an SA that nobody will make.
  auto forgotten = remove({key.destination, key.protocol, kNowhere});
  if (!done && !led) done.error().operation += "; so did: " + led.error().operation;
  if (!done) return done;
  return led ? forgotten : led;
}

// The SA, another way, in the place of the one with its name; or that one again.
std::expected<void, KernelError> Kernel::take_place(SaRecord& sa, const Way& to,
                                                    const std::string& doing) {
  const Way from = Way::of(sa.spec);
  const ReplayState replay = continued(sa, kLeapHeld);
  to.give(sa.spec);
  auto done = put_in_place(sa, replay, doing);
  if (done) return done;
  from.give(sa.spec);
  if (auto undone = put_in_place(sa, replay, doing); !undone) {
    done.error().operation += "; undoing it failed too, the SA is lost";
  }
  return done;
}

std::expected<void, KernelError> Kernel::put_in_place(const SaRecord& sa, const ReplayState& replay,
                                                      const std::string& doing) {
  const auto once = [&] {
    Batch batch(socket_, 2);
    write_delete_sa(batch.bytes(), batch.next(), sa.spec.key(), sa.spec.attachment);
    write_sa(batch.bytes(), batch.next(), SaVerb::add, sa.spec, features_.messages,
             state_of(sa, replay));
    return batch.send();
  };
  const auto in_the_way = [](const auto& answer) {
    return answer && std::ranges::any_of(*answer, [](const Refusal& refusal) {
             return refusal.index == 1 && refusal.error_number == EEXIST;
           });
  };
  auto answer = once();
  for (int tried = 1; tried < kSwapTries && in_the_way(answer); ++tried) answer = once();
  // Gone already is what was wanted.
  if (answer) std::erase_if(*answer, [](const Refusal& refusal) { return refusal.index == 0; });
  return in_words(answer, doing);
}

}  // namespace ipsec::xfrm
