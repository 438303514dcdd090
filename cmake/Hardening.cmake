# What every build gets, and what only the release and the sanitizer builds get.
option(IPSEC_HARDENED "PIE, RELRO, stack protector, FORTIFY" OFF)
set(IPSEC_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

add_library(ipsec_flags INTERFACE)
if(IPSEC_HARDENED)
  target_compile_options(ipsec_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection -U_FORTIFY_SOURCE
    -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS)
  target_link_options(ipsec_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
if(IPSEC_SANITIZE)
  target_compile_options(ipsec_flags INTERFACE
    -fsanitize=${IPSEC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ipsec_flags INTERFACE -fsanitize=${IPSEC_SANITIZE})
endif()
if(IPSEC_FUZZ)
  # Coverage of the rooms themselves is what guides the fuzzer; only its targets link the engine.
  target_compile_options(ipsec_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
