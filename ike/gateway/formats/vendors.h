// M125, M126: whose devices this gateway meets, and what is known about doing so.
#pragma once

#include <span>
#include <string_view>

#include "ike/gateway/formats/export.h"

namespace ipsec::gateway::formats {

struct Vendor {
  std::string_view name;
  std::string_view product;
  Format format;
  std::string_view note;
};

[[nodiscard]] std::span<const Vendor> all_vendors();

}  // namespace ipsec::gateway::formats
