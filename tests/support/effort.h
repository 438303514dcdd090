// How much a test does that goes through very many cases. The release's build goes through all of
// them; under sanitizers, where each costs ten times as much, some show what those are there for.
#pragma once

#include <cstddef>

namespace ipsec::test {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

constexpr std::size_t some_of(std::size_t cases) { return kSanitized ? (cases + 9) / 10 : cases; }

}  // namespace ipsec::test
