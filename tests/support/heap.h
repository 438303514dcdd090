// Which memory a part of a program holds: every block it has asked for and not given back.
//
// NOTE: One thread. NOTE: Sanitizers bring their own allocator, so this is not for their builds.
#pragma once

#include <cstddef>
#include <functional>

#include "ike/base/bytes.h"

namespace ipsec::test::heap {

// While one lives, what is allocated counts as the part's; inside of `Outside` it does not.
class Inside {
 public:
  Inside();
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool before_;
};
class Outside {
 public:
  Outside();
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  bool before_;
};

[[nodiscard]] std::size_t live_bytes();
// Every block of the part.
void each(const std::function<void(ByteView)>& what);

}  // namespace ipsec::test::heap
