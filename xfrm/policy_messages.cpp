#include <arpa/inet.h>

#include "xfrm/netlink_message.h"

namespace ipsec::xfrm {
namespace {

xfrm_selector kernel_selector(const Selector& selector) {
  xfrm_selector raw;
  clear(raw);
  raw.saddr = kernel_address(selector.source.network());
  raw.daddr = kernel_address(selector.destination.network());
  raw.sport = htons(selector.source_port);
  raw.sport_mask = htons(selector.source_port_mask);
  raw.dport = htons(selector.destination_port);
  raw.dport_mask = htons(selector.destination_port_mask);
  raw.family = family_number(selector.source.family());
  raw.prefixlen_s = static_cast<std::uint8_t>(selector.source.prefix_length());
  raw.prefixlen_d = static_cast<std::uint8_t>(selector.destination.prefix_length());
  raw.proto = selector.protocol;
  return raw;
}

xfrm_user_tmpl kernel_template(const Template& protection) {
  xfrm_user_tmpl raw;
  clear(raw);
  raw.id.daddr = kernel_address(protection.destination);
  raw.id.spi = htonl(protection.spi.value);
  raw.id.proto = static_cast<std::uint8_t>(protection.protocol);
  raw.family = family_number(protection.destination.family());
  raw.saddr = kernel_address(protection.source);
  raw.reqid = protection.reqid.value;
  raw.mode = XFRM_MODE_TUNNEL;
  raw.share = XFRM_SHARE_ANY;
  // Any algorithm: that is the SA's business.
  raw.aalgos = raw.ealgos = raw.calgos = ~std::uint32_t{0};
  return raw;
}

Attachment attachment_of(const PolicyKey& key) {
  return {.interface_id = key.interface_id, .mark = key.mark};
}

xfrm_lifetime_cfg endless() {
  xfrm_lifetime_cfg limits;
  clear(limits);
  limits.soft_byte_limit = limits.hard_byte_limit = XFRM_INF;
  limits.soft_packet_limit = limits.hard_packet_limit = XFRM_INF;
  return limits;
}

// What a PolicyKey has no words for.
bool is_foreign_kind(MessageReader& reader, const xfrm_userpolicy_info& info) {
  const auto type = reader.attribute<xfrm_userpolicy_type>(XFRMA_POLICY_TYPE, "policy type");
  return info.dir > XFRM_POLICY_FWD || info.sel.ifindex != 0 || info.sel.user != 0 ||
         (type && type->type != XFRM_POLICY_TYPE_MAIN);
}

}  // namespace

void write_policy(Bytes& batch, const Header& header, PolicyVerb verb, const PolicyRecord& policy) {
  xfrm_userpolicy_info info;
  clear(info);
  info.sel = kernel_selector(policy.key.selector);
  info.lft = endless();
  info.priority = policy.priority;
  info.dir = static_cast<std::uint8_t>(policy.key.direction);
  info.action = policy.blocks ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;

  const int type = verb == PolicyVerb::add ? XFRM_MSG_NEWPOLICY : XFRM_MSG_UPDPOLICY;
  MessageWriter writer(batch, type, 0, header);
  writer.body(info);
  writer.attribute(XFRMA_TMPL, kernel_template(policy.protection));
  write_attachment(writer, attachment_of(policy.key));
}

void write_delete_policy(Bytes& batch, const Header& header, const PolicyKey& key) {
  xfrm_userpolicy_id id;
  clear(id);
  id.sel = kernel_selector(key.selector);
  id.dir = static_cast<std::uint8_t>(key.direction);

  MessageWriter writer(batch, XFRM_MSG_DELPOLICY, 0, header);
  writer.body(id);
  write_attachment(writer, attachment_of(key));
}

// A dump's message has no body: the kernel reads attributes right behind the header.
void write_dump_policies(Bytes& batch, const Header& header) {
  const MessageWriter writer(batch, XFRM_MSG_GETPOLICY, NLM_F_DUMP, header);
}

std::expected<std::optional<PolicyRecord>, Malformed> parse_policy(ByteView message) {
  MessageReader reader(message);
  const auto info = reader.body<xfrm_userpolicy_info>("policy");
  const auto protection = template_of(reader);
  const Attachment attachment = attachment_of(reader);
  const bool foreign = is_foreign_kind(reader, info);
  constexpr std::size_t kOffset = sizeof(nlmsghdr);
  const Selector selector =
      selector_of(reader, info.sel, kOffset + offsetof(xfrm_userpolicy_info, sel));
  if (info.action > XFRM_POLICY_BLOCK) {
    reader.fail_at("policy action", kOffset + offsetof(xfrm_userpolicy_info, action));
  }
  if (!reader.ok()) return std::unexpected(reader.error());
  if (foreign || !protection) return std::nullopt;

  return PolicyRecord{.key = {.direction = PolicyDirection{info.dir},
                              .selector = selector,
                              .interface_id = attachment.interface_id,
                              .mark = attachment.mark.value_or(Mark{0, 0})},
                      .priority = info.priority,
                      .blocks = info.action == XFRM_POLICY_BLOCK,
                      .protection = *protection};
}

}  // namespace ipsec::xfrm
