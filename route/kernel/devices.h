// Names and indexes of devices in a namespace, each asked for once in the life of an object: a
// device may be renamed, or another come under its name.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "route/kernel/messages.h"
#include "route/kernel/socket.h"

namespace ipsec::route::kernel {

class Devices {
 public:
  explicit Devices(Socket& socket) : socket_(socket) {}

  // "" where it has gone.
  [[nodiscard]] const std::string& name_of(std::uint32_t index);
  // ENODEV: there is none.
  [[nodiscard]] const std::expected<LinkRow, Failure>& find(std::string_view name);
  [[nodiscard]] std::expected<LinkRow, Failure> ask(Batch question);

 private:
  Socket& socket_;
  std::map<std::uint32_t, std::string> names_;
  std::map<std::string, std::expected<LinkRow, Failure>, std::less<>> found_;
};

}  // namespace ipsec::route::kernel
