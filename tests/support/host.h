// One engine with what surrounds it: a kernel and a worker pool whose answers wait until they are
// asked for, and the datagrams and events that came out. For tests that choose every step.
#pragma once

#include <deque>
#include <map>
#include <string_view>
#include <vector>

#include "ike/core/engine/engine.h"
#include "tests/support/counting_random.h"
#include "tests/support/random.h"

namespace ipsec::test {

// Different bytes for a different seed, the same in every run.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : random_(seed) {}
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = random_.u8();
  }

 private:
  Random random_;
};

class Host {
 public:
  Host(const crypto::Provider& crypto, std::uint64_t seed,
       core::Keeping keeping = core::Keeping::no);
  Host(const Host&) = delete;  // the engine points to its random source
  Host& operator=(const Host&) = delete;

  // Whether kernel and worker pool speak at once or when told.
  enum class Answers : std::uint8_t { at_once, when_told };
  Answers answers_come = Answers::at_once;

  std::deque<core::Input> answers;  // waiting
  std::vector<core::SendDatagram> sent;
  std::vector<core::Event> events;
  std::vector<xfrm::SaKey> kernel_sas;  // allocated or installed, the last few
  std::vector<xfrm::SaSpec> installed;  // the last few
  std::vector<core::WatchInbound> watched;
  std::map<core::RecordKey, Secret> store;  // what a daemon after this one would find
  std::size_t jobs = 0;                     // started so far
  std::size_t most_actions = 0;             // of one input

  void feed(core::Input input, Time now);
  // The n-th answer that waits.
  void answer(std::size_t index, Time now);
  void answer_all(Time now);
  // Ticks until nothing is due; false where that does not end.
  [[nodiscard]] bool settle(Time now);

  [[nodiscard]] core::Engine& engine() { return engine_; }
  [[nodiscard]] const core::Engine& engine() const { return engine_; }
  [[nodiscard]] std::uint64_t dropped(std::string_view reason) const;
  [[nodiscard]] core::TunnelStatus tunnel(std::uint64_t id) const;

  template <typename T>
  [[nodiscard]] std::vector<T> told() const {
    std::vector<T> found;
    for (const auto& event : events) {
      if (const T* it = std::get_if<T>(&event)) found.push_back(*it);
    }
    return found;
  }

 private:
  void execute(core::Actions actions);

  const crypto::Provider& crypto_;
  SeededRandom random_;
  core::Engine engine_;
  std::uint32_t last_spi_ = 0xc0000000;
};

// All that tells established SAs apart, without counters: one line for each tunnel.
[[nodiscard]] std::string established_state(const core::Engine& engine);

// A tunnel between two addresses with one pair of ranges and a shared key.
[[nodiscard]] core::TunnelConfig tunnel_between(std::uint64_t id, std::string_view local,
                                                std::string_view remote, std::string_view local_net,
                                                std::string_view remote_net);

}  // namespace ipsec::test
