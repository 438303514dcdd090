#include "xfrm/interface.h"

#include <linux/netlink.h>
#include <net/if.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "xfrm/batch.h"
#include "xfrm/link_messages.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

std::string doing_to(std::string_view verb, const std::string& name) {
  return fmt::format("{} interface {}", verb, name);
}

// rtnetlink sets this for IPv4 only; see write_link_up. Without IPv6 there is no such file, and
// nothing to be set.
void let_ipv6_pass(const std::string& name) {
  std::ofstream setting("/proc/sys/net/ipv6/conf/" + name + "/disable_policy");
  setting << "1";
}

bool is_just_so(const FoundLink& found, InterfaceKind kind, const InterfaceSpec& spec,
                std::uint32_t underlay) {
  if (found.kind != kind_name(kind, spec.local.family())) return false;
  if (found.spec.id != spec.id || found.underlay != underlay) return false;
  if (spec.mtu_bytes != 0 && found.spec.mtu_bytes != spec.mtu_bytes) return false;
  return kind == InterfaceKind::xfrm ||
         (found.spec.local == spec.local && found.spec.remote == spec.remote);
}

bool has_id_of_ours(const FoundLink& found) {
  const bool is_kind = found.kind == "xfrm" || found.kind == "vti" || found.kind == "vti6";
  return is_kind && is_ours(Reqid{found.spec.id});
}

}  // namespace

Attachment attachment_of(InterfaceKind kind, const InterfaceSpec& spec) {
  if (kind == InterfaceKind::xfrm) return {.interface_id = spec.id, .mark = std::nullopt};
  return {.interface_id = 0, .mark = Mark{spec.id, 0xffffffff}};
}

std::expected<Interfaces, KernelError> Interfaces::open() {
  auto socket = Socket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  return Interfaces(*std::move(socket));
}

std::expected<std::optional<FoundLink>, KernelError> Interfaces::find(const std::string& name) {
  const std::string doing = doing_to("look at", name);
  const std::uint32_t sequence = socket_.reserve_sequence(1);
  Bytes question;
  write_get_link(question, {.sequence = sequence}, name);
  std::optional<FoundLink> found;
  const auto asked = socket_.ask(question, sequence, [&](ByteView message) {
    if (auto link = parse_link(message)) found = *std::move(link);
  });
  if (!asked && asked.error().error_number == ENODEV) return std::nullopt;
  if (!asked) return std::unexpected(refused(doing, asked.error()));
  if (!found) return std::unexpected(KernelError{doing + ": an answer without sense", EBADMSG});
  return found;
}

std::expected<void, KernelError> Interfaces::create(InterfaceKind kind, const InterfaceSpec& spec) {
  const std::string doing = doing_to("create", spec.name);
  if (spec.name.empty() || spec.name.size() >= IFNAMSIZ || spec.id == 0) {
    return std::unexpected(
        KernelError{doing + ": it needs a name of 1 to 15 bytes and an id above 0", EINVAL});
  }
  std::uint32_t underlay = 0;
  if (!spec.underlay.empty()) {
    underlay = if_nametoindex(spec.underlay.c_str());
    if (underlay == 0) {
      return std::unexpected(KernelError{
          fmt::format("{}: there is no device {} to put it on", doing, spec.underlay), ENODEV});
    }
  }
  auto made = make(kind, spec, underlay);
  if (!made) return std::unexpected(std::move(made.error()));

  auto found = find(spec.name);
  if (!found) return std::unexpected(std::move(found.error()));
  if (!*found) return std::unexpected(KernelError{doing + ": it went away at once", ENODEV});
  if (!*made && !is_just_so(**found, kind, spec, underlay)) {
    return std::unexpected(KernelError{
        doing + ": another device has that name; remove it or choose another name", EEXIST});
  }
  auto up = bring_up(kind, spec.name, (*found)->index);
  // What did not come up is not left lying about; what was there before stays.
  if (!up && *made) {
    if (const auto removed = remove(spec.name); !removed) return removed;
  }
  return up;
}

std::expected<void, KernelError> Interfaces::settle(InterfaceKind kind, const InterfaceSpec& spec) {
  const auto found = find(spec.name);
  if (!found) return std::unexpected(found.error());
  if (*found && has_id_of_ours(**found) && !is_just_so(**found, kind, spec, 0)) {
    if (auto removed = remove(spec.name); !removed) return removed;
  }
  auto made = create(kind, spec);
  if (made || made.error().error_number != ENODEV) return made;
  // The kernel has one device for an id, whatever its name: the one of before.
  const auto before = ours();
  if (!before) return std::unexpected(before.error());
  for (const Owned& device : *before) {
    if (device.id != spec.id) continue;
    if (auto removed = remove(device.name); !removed) return removed;
  }
  return create(kind, spec);
}

std::expected<std::vector<Interfaces::Owned>, KernelError> Interfaces::ours() {
  std::vector<Owned> devices;
  using NameIndex = struct if_nameindex;  // there is a function of that name
  const std::unique_ptr<NameIndex, void (*)(NameIndex*)> all(::if_nameindex(), ::if_freenameindex);
  for (const auto* at = all.get(); at != nullptr && at->if_name != nullptr; ++at) {
    const auto found = find(at->if_name);
    if (!found) return std::unexpected(found.error());
    if (*found && has_id_of_ours(**found)) devices.push_back({at->if_name, (*found)->spec.id});
  }
  return devices;
}

std::expected<bool, KernelError> Interfaces::make(InterfaceKind kind, const InterfaceSpec& spec,
                                                  std::uint32_t underlay) {
  const std::string doing = doing_to("create", spec.name);
  Batch batch(socket_, 1);
  write_new_link(batch.bytes(), batch.next(), kind, spec, underlay);
  const auto refusals = batch.send();
  if (!refusals) return std::unexpected(refused(doing, refusals.error()));
  if (refusals->empty()) return true;
  switch (refusals->front().error_number) {
    case EEXIST:
      return false;
    case EOPNOTSUPP: {
      const std::string name = kind_name(kind, spec.local.family());
      const std::string module = kind == InterfaceKind::xfrm ? "xfrm_interface"
                                 : name == "vti"             ? "ip_vti"
                                                             : "ip6_vti";
      return std::unexpected(
          refused(doing, {0, EOPNOTSUPP, {}}, Missing{"interfaces of kind " + name, module}));
    }
    default:
      return std::unexpected(refused(doing, refusals->front()));
  }
}

std::expected<void, KernelError> Interfaces::bring_up(InterfaceKind kind, const std::string& name,
                                                      std::uint32_t index) {
  const std::string doing = doing_to("bring up", name);
  Batch batch(socket_, 1);
  write_link_up(batch.bytes(), batch.next(), kind, index);
  const auto refusals = batch.send();
  if (!refusals) return std::unexpected(refused(doing, refusals.error()));
  if (!refusals->empty()) return std::unexpected(refused(doing, refusals->front()));
  if (kind == InterfaceKind::vti) let_ipv6_pass(name);
  return {};
}

std::expected<void, KernelError> Interfaces::remove(const std::string& name) {
  const std::string doing = doing_to("remove", name);
  auto found = find(name);
  if (!found) return std::unexpected(std::move(found.error()));
  if (!*found) return {};
  const std::string& kind = (*found)->kind;
  if (kind != "xfrm" && kind != "vti" && kind != "vti6") return {};
  Batch batch(socket_, 1);
  write_delete_link(batch.bytes(), batch.next(), (*found)->index);
  const auto refusals = batch.send();
  if (!refusals) return std::unexpected(refused(doing, refusals.error()));
  if (!refusals->empty() && refusals->front().error_number != ENODEV) {
    return std::unexpected(refused(doing, refusals->front()));
  }
  return {};
}

}  // namespace ipsec::xfrm
