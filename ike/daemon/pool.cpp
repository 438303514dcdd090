#include "ike/daemon/pool.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace ipsec::daemon {

std::expected<std::unique_ptr<Pool>, KernelError> Pool::start(const crypto::Provider& crypto,
                                                              std::size_t threads) {
  UniqueFd ready(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!ready) return std::unexpected(KernelError{"starting worker threads: eventfd", errno});
  std::unique_ptr<Pool> pool(new Pool(crypto, std::move(ready)));
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  pool->threads_.reserve(threads);
  try {
    for (std::size_t i = 0; i < threads; ++i) {
      pool->threads_.emplace_back([raw = pool.get()] { raw->work(); });
    }
  } catch (const std::system_error& error) {
    return std::unexpected(KernelError{"starting worker threads", error.code().value()});
  }
  return pool;
}

Pool::~Pool() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pool::submit(core::StartJob&& job) {
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

core::JobDone Pool::run(const core::StartJob& job) const {
  return {job.sa, job.job, core::run_job(crypto_, job.what)};
}

std::vector<core::JobDone> Pool::take_results() {
  std::uint64_t count = 0;
  (void)!::read(ready_.get(), &count, sizeof(count));
  const std::scoped_lock lock(mutex_);
  return std::exchange(results_, {});
}

void Pool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (ending_) return;
    const core::StartJob job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    core::JobDone done = run(job);
    lock.lock();
    results_.push_back(std::move(done));
    const std::uint64_t one = 1;
    (void)!::write(ready_.get(), &one, sizeof(one));
  }
}

}  // namespace ipsec::daemon
