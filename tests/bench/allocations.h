// How often the program has asked for memory so far. A file of its own: where the compiler sees
// both the replaced operators and their uses it takes them for a mismatch.
#pragma once

#include <cstddef>

namespace ipsec::bench {

[[nodiscard]] std::size_t allocations();

}  // namespace ipsec::bench
