# What every build gets, and what only the release and the sanitizer builds get.
option(IPSEC_HARDENED "PIE, RELRO, stack protector, FORTIFY" OFF)
set(IPSEC_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

add_library(ipsec_flags INTERFACE)
if(IPSEC_HARDENED)
  target_compile_options(ipsec_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    -D_GLIBCXX_ASSERTIONS)
  # Jumps end where jumps may end: each machine has its own word for it.
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    target_compile_options(ipsec_flags INTERFACE -mbranch-protection=standard)
  else()
    target_compile_options(ipsec_flags INTERFACE -fcf-protection)
  endif()
  target_link_options(ipsec_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
if(IPSEC_SANITIZE)
  target_compile_options(ipsec_flags INTERFACE
    -fsanitize=${IPSEC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ipsec_flags INTERFACE -fsanitize=${IPSEC_SANITIZE})
endif()
if(IPSEC_FUZZ)
  # Where nothing is pointed at, the address sanitizer stops as well; asking before each access made
  # a third of the code, and of the time that compiling it takes. The preset asan asks.
  target_compile_options(ipsec_flags INTERFACE -fno-sanitize=null)
  # Coverage of the rooms themselves is what guides the fuzzer; only its targets link the engine.
  # A target with IPSEC_NOT_FUZZED has code of its own that no fuzzer runs.
  target_compile_options(ipsec_flags INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:IPSEC_NOT_FUZZED>>>:-fsanitize=fuzzer-no-link>)
endif()
