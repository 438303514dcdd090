// Where ipsec.secrets stands in an exported ipsec.conf: behind this mark, in lines that are
// comments to a reader of ipsec.conf. The importer knows it too.
#pragma once

#include <string_view>

namespace ipsec::gateway::formats {

inline constexpr std::string_view kSecretsMark = "#secrets: ";

}  // namespace ipsec::gateway::formats
