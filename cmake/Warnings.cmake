# The one list of warnings. The presets turn them into errors (IPSEC_WERROR).
option(IPSEC_WERROR "Warnings are errors" OFF)

add_library(ipsec_warnings INTERFACE)
target_compile_options(ipsec_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wundef -Wnull-dereference
  -Wimplicit-fallthrough -Wextra-semi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ipsec_warnings INTERFACE
    -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast
    # At -O2 g++ 12 reports what std::get_if and find() return null for, wherever the state of an SA
    # or the row that admitted a message rules that out. The sanitizers watch those.
    $<$<CONFIG:RelWithDebInfo>:-Wno-null-dereference>)
endif()
if(IPSEC_WERROR)
  target_compile_options(ipsec_warnings INTERFACE -Werror)
endif()
