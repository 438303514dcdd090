#include "route/kernel/devices.h"

#include <cerrno>
#include <utility>

namespace ipsec::route::kernel {

const std::string& Devices::name_of(std::uint32_t index) {
  const auto known = names_.find(index);
  if (known != names_.end()) return known->second;
  Batch question;
  write_get_link(question, index);
  auto link = index == 0 ? std::unexpected(Failure{ENODEV, {}, false}) : ask(std::move(question));
  return names_.emplace(index, link ? std::move(link->name) : std::string()).first->second;
}

const std::expected<LinkRow, Failure>& Devices::find(std::string_view name) {
  const auto known = found_.find(name);
  if (known != found_.end()) return known->second;
  Batch question;
  write_get_link(question, name);
  return found_.emplace(std::string(name), ask(std::move(question))).first->second;
}

std::expected<LinkRow, Failure> Devices::ask(Batch question) {
  const auto answer = socket_.ask(std::move(question));
  if (!answer) return std::unexpected(answer.error());
  auto link = parse_link(*answer);
  if (link) return *std::move(link);
  return std::unexpected(Failure{EPROTO, "a device that makes no sense", false});
}

}  // namespace ipsec::route::kernel
