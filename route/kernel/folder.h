// The folder of named network namespaces: what is in it, and who comes and goes.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ike/base/unique_fd.h"

namespace ipsec::route::kernel {

// Two namespaces are one if their files are.
struct NamespaceId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const NamespaceId&) const = default;
};

enum class NamespaceState : std::uint8_t {
  missing,
  unfinished,  // a plain file, on which `ip netns add` is about to mount it
  there,
};

struct NamespaceFile {
  NamespaceState state = NamespaceState::missing;
  NamespaceId id;
};
[[nodiscard]] NamespaceFile look_for_namespace(std::string_view netns);

// Tells which names have come or gone. Where the folder is not there, or may not be watched, it is
// deaf: then a change is found when the namespace is next asked for.
class NamespaceFolder {
 public:
  // True where it has just begun to listen. Tried anew each time until it does.
  [[nodiscard]] bool open();
  [[nodiscard]] bool is_open() const { return static_cast<bool>(watch_); }
  [[nodiscard]] int fd() const { return watch_.get(); }
  // What has come, without waiting. Nothing for a name: any of them may have changed.
  void read(const std::function<void(std::optional<std::string>)>& take) const;

 private:
  UniqueFd watch_;
};

}  // namespace ipsec::route::kernel
