// What a program says, made fit for a line of a log or a status.
#pragma once

#include <string>
#include <string_view>

namespace ipsec::route::exec {

// The first line that is not blank, as UTF-8 without control characters, of at most
// limits::kProgramReasonBytes. A terminal that shows it does nothing else.
[[nodiscard]] std::string first_line(std::string_view text);

}  // namespace ipsec::route::exec
