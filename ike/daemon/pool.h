// Threads for what is slow: Diffie-Hellman above all. Jobs own their inputs; results are fetched by
// the loop's thread when fd() is readable.
//
// NOTE: Limits. The queue is as long as the engine's own limits on SAs that are being opened let it
// be.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ike/base/unique_fd.h"
#include "ike/core/io.h"

namespace ipsec::daemon {

class Pool {
 public:
  // 0 threads: as many as there are processors.
  [[nodiscard]] static std::expected<std::unique_ptr<Pool>, KernelError> start(
      const crypto::Provider& crypto, std::size_t threads);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  // Jobs that have not begun are dropped.
  ~Pool();

  [[nodiscard]] int fd() const { return ready_.get(); }
  void submit(core::StartJob&& job);
  // By who asks.
  [[nodiscard]] core::JobDone run(const core::StartJob& job) const;
  [[nodiscard]] std::vector<core::JobDone> take_results();

 private:
  Pool(const crypto::Provider& crypto, UniqueFd ready)
      : crypto_(crypto), ready_(std::move(ready)) {}
  void work();

  const crypto::Provider& crypto_;
  UniqueFd ready_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<core::StartJob> jobs_;
  std::vector<core::JobDone> results_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ipsec::daemon
