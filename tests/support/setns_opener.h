// Goes into network namespaces itself, in a thread that ends there: for tests that run as root.
#pragma once

#include <expected>
#include <string_view>

#include "route/kernel/opener.h"

namespace ipsec::test {

class SetnsOpener final : public route::NamespaceOpener {
 public:
  [[nodiscard]] std::expected<UniqueFd, route::Trouble> open_rtnl(std::string_view netns) override;
};

}  // namespace ipsec::test
