#include <arpa/inet.h>

#include "xfrm/netlink_message.h"

namespace ipsec::xfrm {
namespace {

using Event = std::optional<KernelEvent>;

constexpr std::size_t kEventBody = sizeof(nlmsghdr);

SaKey key_of(MessageReader& reader, const xfrm_usersa_id& id, std::size_t offset, bool& known) {
  const Family family =
      family_of(reader, id.family, "SA family", offset + offsetof(xfrm_usersa_id, family));
  const auto protocol = protocol_of(id.proto);
  known = protocol.has_value();
  return {address_of(id.daddr, family), protocol.value_or(Protocol::esp), ChildSpi{ntohl(id.spi)}};
}

Event acquired(MessageReader& reader) {
  const auto raw = reader.body<xfrm_user_acquire>("acquire");
  const auto wanted = template_of(reader);
  const Selector packet =
      selector_of(reader, raw.sel, kEventBody + offsetof(xfrm_user_acquire, sel));
  if (!wanted || !is_ours(wanted->reqid)) return std::nullopt;
  return Acquired{.reqid = wanted->reqid, .packet = packet};
}

// The kernel says that one of the soft limits is met, and not which: the counters do.
Event expired(MessageReader& reader) {
  const auto raw = reader.body<xfrm_user_expire>("expiry");
  const auto key = sa_key_of(reader, raw.state, kEventBody + offsetof(xfrm_user_expire, state));
  if (!key || !is_ours(Reqid{raw.state.reqid})) return std::nullopt;
  if (raw.hard != 0) return HardExpired{*key};
  const std::uint64_t volume = bytes_limit_of(raw.state.lft.soft_byte_limit);
  if (volume != 0 && raw.state.curlft.bytes >= volume) return SoftExpired{*key};
  return FirstUsed{*key, volume != 0};
}

Event mapping_changed(MessageReader& reader) {
  const auto raw = reader.body<xfrm_user_mapping>("mapping");
  bool known = false;
  const SaKey key = key_of(reader, raw.id, kEventBody + offsetof(xfrm_user_mapping, id), known);
  if (!known || !is_ours(Reqid{raw.reqid})) return std::nullopt;
  return MappingChanged{
      .key = key,
      .reqid = Reqid{raw.reqid},
      .remote = {address_of(raw.new_saddr, key.destination.family()), ntohs(raw.new_sport)}};
}

// The id alone does not say whose the SA was; the kernel adds what it was.
Event sa_deleted(MessageReader& reader) {
  const auto id = reader.body<xfrm_usersa_id>("deleted SA");
  bool known = false;
  const SaKey key = key_of(reader, id, kEventBody, known);
  const auto was = reader.attribute<xfrm_usersa_info>(XFRMA_SA, "deleted SA's state");
  if (!known || !was || !is_ours(Reqid{was->reqid})) return std::nullopt;
  return ForeignChange{key};
}

Event sa_changed(MessageReader& reader) {
  const auto info = reader.body<xfrm_usersa_info>("SA");
  if (!is_ours(Reqid{info.reqid})) return std::nullopt;
  return ForeignChange{};
}

// A policy put in the place of another bears its own template, not that of the other: it may have
// been ours.
Event policy_replaced(MessageReader& reader) {
  static_cast<void>(reader.body<xfrm_userpolicy_info>("policy"));
  return ForeignChange{};
}

Event policy_deleted(MessageReader& reader) {
  static_cast<void>(reader.body<xfrm_userpolicy_id>("deleted policy"));
  const auto was = template_of(reader);
  if (!was || !is_ours(was->reqid)) return std::nullopt;
  return ForeignChange{};
}

Event flushed(MessageReader&) { return ForeignChange{}; }

Event migrated(MessageReader&) { return ForeignChange{}; }

// What only a hand can do.
Event foreign_hand(MessageReader& reader) {
  switch (reader.header().nlmsg_type) {
    case XFRM_MSG_DELSA:
      return sa_deleted(reader);
    case XFRM_MSG_NEWSA:
    case XFRM_MSG_UPDSA:
      return sa_changed(reader);
    case XFRM_MSG_DELPOLICY:
      return policy_deleted(reader);
    case XFRM_MSG_UPDPOLICY:
      return policy_replaced(reader);
    case XFRM_MSG_FLUSHSA:
    case XFRM_MSG_FLUSHPOLICY:
      return flushed(reader);
    case XFRM_MSG_MIGRATE:
      return migrated(reader);
    default:
      return std::nullopt;
  }
}

Event event_of(MessageReader& reader, std::uint32_t own_port) {
  switch (reader.header().nlmsg_type) {
    case XFRM_MSG_ACQUIRE:
      return acquired(reader);
    case XFRM_MSG_EXPIRE:
      return expired(reader);
    case XFRM_MSG_MAPPING:
      return mapping_changed(reader);
    default:
      if (reader.header().nlmsg_pid == own_port) return std::nullopt;
      return foreign_hand(reader);
  }
}

}  // namespace

std::expected<std::optional<KernelEvent>, Malformed> parse_event(ByteView message,
                                                                 std::uint32_t own_port) {
  MessageReader reader(message);
  Event event;
  if (reader.ok()) event = event_of(reader, own_port);
  if (!reader.ok()) return std::unexpected(reader.error());
  return event;
}

}  // namespace ipsec::xfrm
