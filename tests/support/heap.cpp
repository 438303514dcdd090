// A file of its own: where the compiler sees both the replaced operators and their uses it takes
// them for a mismatch.
#include "tests/support/heap.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

// In front of each block; as long as two of the strictest alignments, so that the block keeps it.
struct alignas(std::max_align_t) Head {
  Head* before = nullptr;
  Head* after = nullptr;
  std::size_t size = 0;
  bool ours = false;
};
static_assert(sizeof(Head) % alignof(std::max_align_t) == 0);

bool inside = false;
std::size_t bytes_alive = 0;
Head* first = nullptr;

void link(Head& head) {
  head.after = first;
  if (first != nullptr) first->before = &head;
  first = &head;
  bytes_alive += head.size;
}

void unlink(const Head& head) {
  if (head.before != nullptr) head.before->after = head.after;
  if (head.after != nullptr) head.after->before = head.before;
  if (first == &head) first = head.after;
  bytes_alive -= head.size;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  Head* const head = static_cast<Head*>(memory) - 1;
  if (head->ours) unlink(*head);
  std::free(head);
}

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = std::malloc(sizeof(Head) + size);
  if (memory == nullptr) throw std::bad_alloc();
  Head* const head = new (memory) Head{nullptr, nullptr, size, inside};
  if (head->ours) {
    link(*head);
    // What somebody else left there is not the part's, where it fills less than it asks for.
    std::memset(static_cast<void*>(head + 1), 0, size);
  }
  return head + 1;
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace ipsec::test::heap {

Inside::Inside() : before_(inside) { inside = true; }
Inside::~Inside() { inside = before_; }
Outside::Outside() : before_(inside) { inside = false; }
Outside::~Outside() { inside = before_; }

std::size_t live_bytes() { return bytes_alive; }

void each(const std::function<void(ByteView)>& what) {
  for (const Head* head = first; head != nullptr; head = head->after) {
    what({reinterpret_cast<const std::uint8_t*>(head + 1), head->size});
  }
}

}  // namespace ipsec::test::heap
