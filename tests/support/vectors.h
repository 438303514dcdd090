// Reads the known answers of tests/vectors: blocks of `name = value` lines parted by blank lines,
// `#` for comments.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/bytes.h"

namespace ipsec::testing {

class Vector {
 public:
  explicit Vector(std::map<std::string, std::string, std::less<>> fields)
      : fields_(std::move(fields)) {}

  [[nodiscard]] bool has(std::string_view name) const { return fields_.contains(name); }
  // Both throw where the field is missing or is not hex: the test that asked then fails.
  [[nodiscard]] std::string_view text(std::string_view name) const;
  [[nodiscard]] Bytes hex(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

// Throws where the file cannot be read or holds nothing.
[[nodiscard]] std::vector<Vector> read_vectors(std::string_view file);

}  // namespace ipsec::testing
