#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/loop.h"

using ipsec::Time;
using ipsec::UniqueFd;
using ipsec::daemon::Loop;
using namespace std::chrono_literals;

namespace {

Loop made() {
  auto loop = Loop::create();
  REQUIRE(loop.has_value());
  return *std::move(loop);
}

UniqueFd ready_fd() {
  UniqueFd fd(::eventfd(1, EFD_NONBLOCK));
  REQUIRE(fd);
  return fd;
}

class Alarm final : public ipsec::daemon::Timed {
 public:
  Alarm(Loop& loop, ipsec::Duration every, int times)
      : loop_(loop), every_(every), left_(times), next_(loop.now() + every) {}
  [[nodiscard]] Time next_deadline() const override { return next_; }
  void tick(Time now) override {
    CHECK(now >= next_);
    rang.push_back(now);
    next_ = --left_ > 0 ? now + every_ : ipsec::kNever;
    if (left_ == 0) loop_.stop();
  }
  std::vector<Time> rang;

 private:
  Loop& loop_;
  ipsec::Duration every_;
  int left_;
  Time next_;
};

}  // namespace

TEST_CASE("deadlines are asked for before each wait", "[loop]") {
  Loop loop = made();
  Alarm alarm(loop, 3ms, 3);
  loop.add(alarm);
  loop.run([] {});
  CHECK(alarm.rang.size() == 3);
  loop.remove(alarm);
}

TEST_CASE("what falls due while a tick works is not left for the next turn", "[loop]") {
  Loop loop = made();
  Alarm late(loop, 6ms, 1);
  class Slow final : public ipsec::daemon::Timed {
   public:
    explicit Slow(Loop& loop) : loop_(loop), next_(loop.now() + 2ms) {}
    [[nodiscard]] Time next_deadline() const override { return next_; }
    void tick(Time now) override {
      while (loop_.now() < now + 10ms) {
      }
      next_ = ipsec::kNever;
    }

   private:
    Loop& loop_;
    Time next_;
  } slow(loop);
  loop.add(slow);
  loop.add(late);
  int turns = 0;
  loop.run([&] { ++turns; });
  CHECK(turns == 1);
  CHECK(late.rang.size() == 1);
}

TEST_CASE("a handler may forget itself and another that is ready too", "[loop]") {
  Loop loop = made();
  const UniqueFd first = ready_fd();
  const UniqueFd second = ready_fd();
  int calls = 0;
  const auto handler = [&](std::uint32_t) {
    ++calls;
    loop.forget(first.get());
    loop.forget(second.get());
  };
  loop.watch(first.get(), EPOLLIN, handler);
  loop.watch(second.get(), EPOLLIN, handler);
  Alarm alarm(loop, 5ms, 1);
  loop.add(alarm);
  loop.run([] {});
  CHECK(calls == 1);
}

TEST_CASE("what is ready is handled, and then what comes after", "[loop]") {
  Loop loop = made();
  const UniqueFd fd = ready_fd();
  std::vector<char> order;
  loop.watch(fd.get(), EPOLLIN, [&](std::uint32_t) {
    order.push_back('h');
    loop.stop();
  });
  loop.run([&] { order.push_back('a'); });
  CHECK(order == std::vector<char>{'h', 'a'});
  loop.rearm(fd.get(), 0);
  Alarm alarm(loop, 5ms, 1);
  loop.add(alarm);
  order.clear();
  loop.run([] {});
  CHECK(order.empty());
}
