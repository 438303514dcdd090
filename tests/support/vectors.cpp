#include "tests/support/vectors.h"

#include <fstream>
#include <stdexcept>
#include <utility>

namespace ipsec::testing {

std::string_view Vector::text(std::string_view name) const {
  const auto found = fields_.find(name);
  if (found == fields_.end()) throw std::runtime_error("no field " + std::string(name));
  return found->second;
}

Bytes Vector::hex(std::string_view name) const {
  auto bytes = from_hex(text(name));
  if (!bytes) throw std::runtime_error("not hex: " + std::string(name));
  return std::move(*bytes);
}

std::vector<Vector> read_vectors(std::string_view file) {
  const std::string path = std::string(IPSEC_VECTORS_DIR) + "/" + std::string(file);
  std::ifstream in(path);
  std::vector<Vector> vectors;
  std::map<std::string, std::string, std::less<>> fields;
  const auto finish = [&] {
    if (!fields.empty()) vectors.emplace_back(std::exchange(fields, {}));
  };
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) {
      finish();
    } else if (!line.starts_with('#')) {
      // An empty value has no space behind the sign.
      const std::size_t sign = line.find(" =");
      if (sign == std::string::npos) throw std::runtime_error("no field in: " + line);
      fields[line.substr(0, sign)] = line.substr(std::min(line.size(), sign + 3));
    }
  }
  finish();
  if (vectors.empty()) throw std::runtime_error("no vectors in " + path);
  return vectors;
}

}  // namespace ipsec::testing
