// Inside the room: tables of what logs call the numbers of a registry.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace ipsec::wire {

template <typename Number>
struct Named {
  Number number;
  std::string_view name;
};

// "notify 40001" where the table has no name.
template <typename Number, std::size_t N>
std::string find_name(const std::array<Named<Number>, N>& names, Number number,
                      std::string_view kind) {
  for (const auto& row : names) {
    if (row.number == number) return std::string(row.name);
  }
  return std::string(kind) + " " + std::to_string(std::to_underlying(number));
}

}  // namespace ipsec::wire
