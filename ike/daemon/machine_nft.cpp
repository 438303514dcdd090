// The tables of nftables, which no file under /proc names.
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "ike/base/unique_fd.h"
#include "ike/daemon/machine.h"

namespace ipsec::daemon {
namespace {

struct TableQuestion {
  nlmsghdr header;
  nfgenmsg family;
};

constexpr std::size_t aligned(std::size_t size) { return (size + 3) / 4 * 4; }

// Messages and attributes alike begin with their own length.
template <typename Header>
std::optional<Header> header_of(std::string_view data) {
  Header header{};
  if (data.size() < sizeof(header)) return std::nullopt;
  const char* const begin = data.data();
  std::memcpy(&header, begin, sizeof(header));
  return header;
}

std::string table_name(std::string_view attributes) {
  while (const auto attribute = header_of<nlattr>(attributes)) {
    if (attribute->nla_len < sizeof(nlattr) || attribute->nla_len > attributes.size()) break;
    if ((attribute->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME) {
      const auto value = attributes.substr(sizeof(nlattr), attribute->nla_len - sizeof(nlattr));
      return std::string(value.substr(0, value.find('\0')));
    }
    attributes.remove_prefix(std::min(aligned(attribute->nla_len), attributes.size()));
  }
  return {};
}

// False once the dump has ended, or was refused.
bool take_tables(std::string_view data, std::vector<std::string>& names) {
  constexpr std::size_t kBefore = aligned(sizeof(nlmsghdr)) + aligned(sizeof(nfgenmsg));
  while (const auto message = header_of<nlmsghdr>(data)) {
    if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return false;
    if (message->nlmsg_len < kBefore || message->nlmsg_len > data.size()) return false;
    if (auto name = table_name(data.substr(kBefore, message->nlmsg_len - kBefore)); !name.empty()) {
      names.push_back(std::move(name));
    }
    data.remove_prefix(std::min(aligned(message->nlmsg_len), data.size()));
  }
  return true;
}

}  // namespace

std::vector<std::string> nftables() {
  std::vector<std::string> names;
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket) return names;
  constexpr timeval kPatience{1, 0};  // the kernel answers at once; a hang would stop the daemon
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  TableQuestion question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8U) | NFT_MSG_GETTABLE;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  question.family.nfgen_family = AF_UNSPEC;
  question.family.version = NFNETLINK_V0;
  if (::send(socket.get(), &question, sizeof(question), 0) != sizeof(question)) return names;
  std::array<char, 32768> buffer{};
  for (;;) {
    const auto size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return names;
    if (!take_tables({buffer.data(), static_cast<std::size_t>(size)}, names)) return names;
  }
}

}  // namespace ipsec::daemon
