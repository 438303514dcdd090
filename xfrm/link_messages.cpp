#include "xfrm/link_messages.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "xfrm/batch.h"
#include "xfrm/framing.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

// bytes. A link's message of ours: names, addresses, a handful of numbers.
constexpr std::size_t kMessageBytes = 1024;

// One message, built by libmnl in a buffer of its own and appended to the batch.
class LinkWriter {
 public:
  LinkWriter(Bytes& batch, const Header& header, std::uint16_t type, int flags) : batch_(batch) {
    message_ = mnl_nlmsg_put_header(buffer_.data());
    message_->nlmsg_type = type;
    message_->nlmsg_flags =
        static_cast<std::uint16_t>(NLM_F_REQUEST | flags | (header.acknowledge ? NLM_F_ACK : 0));
    message_->nlmsg_seq = header.sequence;
    info_ = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message_, sizeof(ifinfomsg)));
    info_->ifi_family = AF_UNSPEC;
  }
  ~LinkWriter() { append(batch_, ByteView(buffer_).first(message_->nlmsg_len)); }
  LinkWriter(const LinkWriter&) = delete;
  LinkWriter& operator=(const LinkWriter&) = delete;
  LinkWriter(LinkWriter&&) = delete;
  LinkWriter& operator=(LinkWriter&&) = delete;

  [[nodiscard]] nlmsghdr* message() { return message_; }
  [[nodiscard]] ifinfomsg& info() { return *info_; }
  void put(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(message_, type, value); }
  void put(std::uint16_t type, const std::string& text) {
    mnl_attr_put_strz(message_, type, text.c_str());
  }
  void put(std::uint16_t type, const Address& address) {
    mnl_attr_put(message_, type, address.bytes().size(), address.bytes().data());
  }

 private:
  Bytes& batch_;
  alignas(nlmsghdr) std::array<std::uint8_t, kMessageBytes> buffer_{};
  nlmsghdr* message_ = nullptr;
  ifinfomsg* info_ = nullptr;
};

void write_data(LinkWriter& writer, InterfaceKind kind, const InterfaceSpec& spec,
                std::uint32_t underlay) {
  if (kind == InterfaceKind::xfrm) {
    writer.put(IFLA_XFRM_IF_ID, spec.id);
    if (underlay != 0) writer.put(IFLA_XFRM_LINK, underlay);
    return;
  }
  if (underlay != 0) writer.put(IFLA_VTI_LINK, underlay);
  writer.put(IFLA_VTI_IKEY, htonl(spec.id));
  writer.put(IFLA_VTI_OKEY, htonl(spec.id));
  writer.put(IFLA_VTI_LOCAL, spec.local);
  writer.put(IFLA_VTI_REMOTE, spec.remote);
}

// Attributes by their type; what is longer or stranger than it should be is left out.
class Attributes {
 public:
  explicit Attributes(ByteView bytes) {
    for_each_attribute(bytes, [this](std::size_t type, ByteView value) {
      if (type < found_.size()) found_[type] = value;
    });
  }
  [[nodiscard]] ByteView bytes(std::size_t type) const { return found_.at(type); }
  [[nodiscard]] std::uint32_t number(std::size_t type) const {
    std::uint32_t value = 0;
    if (bytes(type).size() == sizeof(value)) {
      std::memcpy(&value, bytes(type).data(), sizeof(value));
    }
    return value;
  }
  [[nodiscard]] std::string text(std::size_t type) const {
    const std::string_view text = as_text(bytes(type));
    return std::string(text.substr(0, text.find('\0')));
  }
  [[nodiscard]] Address address(std::size_t type) const {
    return Address::from_bytes(bytes(type)).value_or(Address{});
  }

 private:
  std::array<ByteView, 64> found_{};
};

}  // namespace

std::string kind_name(InterfaceKind kind, Family outer) {
  if (kind == InterfaceKind::xfrm) return "xfrm";
  return outer == Family::v4 ? "vti" : "vti6";
}

void write_new_link(Bytes& batch, const Header& header, InterfaceKind kind,
                    const InterfaceSpec& spec, std::uint32_t underlay) {
  LinkWriter writer(batch, header, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  writer.put(IFLA_IFNAME, spec.name);
  if (spec.mtu_bytes != 0) writer.put(IFLA_MTU, spec.mtu_bytes);
  nlattr* info = mnl_attr_nest_start(writer.message(), IFLA_LINKINFO);
  writer.put(IFLA_INFO_KIND, kind_name(kind, spec.local.family()));
  nlattr* data = mnl_attr_nest_start(writer.message(), IFLA_INFO_DATA);
  write_data(writer, kind, spec, underlay);
  mnl_attr_nest_end(writer.message(), data);
  mnl_attr_nest_end(writer.message(), info);
}

// A VTI's packets were checked against the policies as they came out of ESP, with the VTI's mark;
// afterwards they bear it no more, and the kernel would find no policy that let them in.
void write_link_up(Bytes& batch, const Header& header, InterfaceKind kind, std::uint32_t index) {
  LinkWriter writer(batch, header, RTM_NEWLINK, 0);
  writer.info().ifi_index = static_cast<int>(index);
  writer.info().ifi_flags = IFF_UP;
  writer.info().ifi_change = IFF_UP;
  if (kind != InterfaceKind::vti) return;
  nlattr* families = mnl_attr_nest_start(writer.message(), IFLA_AF_SPEC);
  nlattr* family = mnl_attr_nest_start(writer.message(), AF_INET);
  nlattr* settings = mnl_attr_nest_start(writer.message(), IFLA_INET_CONF);
  writer.put(IPV4_DEVCONF_NOPOLICY, std::uint32_t{1});
  mnl_attr_nest_end(writer.message(), settings);
  mnl_attr_nest_end(writer.message(), family);
  mnl_attr_nest_end(writer.message(), families);
}

void write_get_link(Bytes& batch, const Header& header, const std::string& name) {
  LinkWriter writer(batch, header, RTM_GETLINK, 0);
  writer.put(IFLA_IFNAME, name);
}

void write_delete_link(Bytes& batch, const Header& header, std::uint32_t index) {
  LinkWriter writer(batch, header, RTM_DELLINK, 0);
  writer.info().ifi_index = static_cast<int>(index);
}

std::expected<FoundLink, Malformed> parse_link(ByteView message) {
  constexpr std::size_t kBody = sizeof(nlmsghdr) + sizeof(ifinfomsg);
  if (message.size() < kBody) return std::unexpected(Malformed{"link", message.size()});
  ifinfomsg info{};
  std::memcpy(&info, message.data() + sizeof(nlmsghdr), sizeof(info));
  const Attributes link(message.subspan(kBody));
  const Attributes about(link.bytes(IFLA_LINKINFO));
  const Attributes data(about.bytes(IFLA_INFO_DATA));

  FoundLink found{.index = static_cast<std::uint32_t>(info.ifi_index),
                  .kind = about.text(IFLA_INFO_KIND),
                  .spec = {},
                  .underlay = 0};
  found.spec.name = link.text(IFLA_IFNAME);
  found.spec.mtu_bytes = link.number(IFLA_MTU);
  if (found.kind == "xfrm") {
    found.spec.id = data.number(IFLA_XFRM_IF_ID);
    found.underlay = data.number(IFLA_XFRM_LINK);
  } else if (found.kind == "vti" || found.kind == "vti6") {
    found.spec.id = ntohl(data.number(IFLA_VTI_OKEY));
    if (data.number(IFLA_VTI_IKEY) != data.number(IFLA_VTI_OKEY)) found.spec.id = 0;
    found.spec.local = data.address(IFLA_VTI_LOCAL);
    found.spec.remote = data.address(IFLA_VTI_REMOTE);
    found.underlay = data.number(IFLA_VTI_LINK);
  }
  return found;
}

// No device can be called ".": a kernel that has the kind refuses the name (EINVAL), one that has
// it not refuses the kind (EOPNOTSUPP). So nothing is made that would have to be taken away.
std::expected<std::vector<InterfaceKind>, KernelError> probe_interfaces() {
  auto socket = Socket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  std::vector<InterfaceKind> kinds;
  for (const InterfaceKind kind : {InterfaceKind::xfrm, InterfaceKind::vti}) {
    const Address loopback = Address::v4(0x7f000001);
    Batch batch(*socket, 1);
    write_new_link(
        batch.bytes(), batch.next(), kind,
        {.name = ".", .id = 0x49500001, .local = loopback, .remote = loopback, .underlay = {}}, 0);
    const auto refusals = batch.send();
    if (!refusals) {
      return std::unexpected(refused("probe the kernel's interfaces", refusals.error()));
    }
    if (refusals->empty() || refusals->front().error_number == EOPNOTSUPP) continue;
    if (refusals->front().error_number == EPERM) {
      return std::unexpected(refused("probe the kernel's interfaces", refusals->front()));
    }
    kinds.push_back(kind);
  }
  return kinds;
}

}  // namespace ipsec::xfrm
