#include "xfrm/netlink_message.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "ike/base/secret.h"
#include "xfrm/framing.h"

namespace ipsec::xfrm {

static_assert(aligned(1) == NLMSG_ALIGNTO);
static_assert(aligned(1) == NLA_ALIGNTO);

// --- Writing ---

MessageWriter::MessageWriter(Bytes& batch, int type, int flags, const Header& header)
    : batch_(batch), start_(batch.size()) {
  nlmsghdr head;
  clear(head);
  head.nlmsg_type = static_cast<std::uint16_t>(type);
  head.nlmsg_flags =
      static_cast<std::uint16_t>(flags | NLM_F_REQUEST | (header.acknowledge ? NLM_F_ACK : 0));
  head.nlmsg_seq = header.sequence;
  head.nlmsg_pid = header.port;
  put(bytes_of(head));
}

MessageWriter::~MessageWriter() {
  const auto length = static_cast<std::uint32_t>(batch_.size() - start_);
  std::memcpy(&batch_[start_ + offsetof(nlmsghdr, nlmsg_len)], &length, sizeof(length));
}

void MessageWriter::attribute(int type, ByteView head, ByteView tail) {
  nlattr attribute;
  clear(attribute);
  attribute.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + head.size() + tail.size());
  attribute.nla_type = static_cast<std::uint16_t>(type);
  make_room(aligned(attribute.nla_len));
  append(batch_, bytes_of(attribute));
  append(batch_, head);
  put(tail);
}

void MessageWriter::put(ByteView view) {
  make_room(aligned(view.size()));
  append(batch_, view);
  batch_.resize(start_ + aligned(batch_.size() - start_));
}

void MessageWriter::make_room(std::size_t count) {
  if (batch_.capacity() - batch_.size() >= count) return;
  constexpr std::size_t kLeastBytes = 1024;
  Bytes larger;
  larger.reserve(std::max(2 * batch_.capacity(), batch_.size() + count + kLeastBytes));
  append(larger, batch_);
  wipe(batch_);
  batch_ = std::move(larger);
}

void write_attachment(MessageWriter& writer, const Attachment& attachment) {
  if (attachment.mark && *attachment.mark != Mark{0, 0}) {
    writer.attribute(XFRMA_MARK, xfrm_mark{attachment.mark->value, attachment.mark->mask});
  }
  if (attachment.interface_id != 0) writer.attribute(XFRMA_IF_ID, attachment.interface_id);
}

// --- Reading ---

MessageReader::MessageReader(ByteView message) {
  copy(message, 0, header_, "netlink header");
  if (!ok()) return;
  const std::size_t length = header_.nlmsg_len;
  if (length < sizeof(nlmsghdr) || length > message.size() || aligned(length) < message.size()) {
    fail_at("netlink length", offsetof(nlmsghdr, nlmsg_len));
    return;
  }
  body_ = message.subspan(sizeof(nlmsghdr), length - sizeof(nlmsghdr));
}

void MessageReader::walk(std::size_t body_size) {
  std::size_t position = aligned(body_size);
  while (ok() && position < body_.size()) {
    const std::size_t offset = sizeof(nlmsghdr) + position;
    const ByteView rest = body_.subspan(position);
    nlattr attribute{};
    copy(rest, offset, attribute, "attribute header");
    if (!ok()) return;
    if (attribute.nla_len < sizeof(nlattr) || attribute.nla_len > rest.size()) {
      return fail_at("attribute length", offset);
    }
    const auto type = static_cast<std::size_t>(attribute.nla_type & NLA_TYPE_MASK);
    if (type < attributes_.size()) {
      attributes_[type] = {rest.subspan(sizeof(nlattr), attribute.nla_len - sizeof(nlattr)),
                           offset + sizeof(nlattr)};
    }
    position += aligned(attribute.nla_len);
  }
}

void MessageReader::fail_at(std::string_view field, std::size_t offset) {
  if (ok()) error_ = Malformed{field, offset};
  attributes_ = {};
}

// --- Values ---

std::uint16_t family_number(Family family) { return family == Family::v4 ? AF_INET : AF_INET6; }

xfrm_address_t kernel_address(const Address& address) {
  xfrm_address_t result;
  clear(result);
  std::memcpy(&result, address.bytes().data(), address.bytes().size());
  return result;
}

Family family_of(MessageReader& reader, std::uint16_t number, std::string_view field,
                 std::size_t offset) {
  if (number != AF_INET && number != AF_INET6) reader.fail_at(field, offset);
  return number == AF_INET6 ? Family::v6 : Family::v4;
}

Address address_of(const xfrm_address_t& address, Family family) {
  const std::size_t size = family == Family::v4 ? 4 : 16;
  return Address::from_bytes(bytes_of(address).first(size)).value_or(Address::any(family));
}

std::optional<Protocol> protocol_of(std::uint8_t number) {
  for (const Protocol protocol : {Protocol::esp, Protocol::ah}) {
    if (number == std::to_underlying(protocol)) return protocol;
  }
  return std::nullopt;
}

Selector selector_of(MessageReader& reader, const xfrm_selector& selector, std::size_t offset) {
  const Family family = family_of(reader, selector.family, "selector family",
                                  offset + offsetof(xfrm_selector, family));
  if (selector.prefixlen_s > bits(family)) {
    reader.fail_at("selector source prefix", offset + offsetof(xfrm_selector, prefixlen_s));
  }
  if (selector.prefixlen_d > bits(family)) {
    reader.fail_at("selector destination prefix", offset + offsetof(xfrm_selector, prefixlen_d));
  }
  if (!reader.ok()) return {};
  return {.source = Cidr::enclosing(address_of(selector.saddr, family), selector.prefixlen_s),
          .destination = Cidr::enclosing(address_of(selector.daddr, family), selector.prefixlen_d),
          .protocol = selector.proto,
          .source_port = ntohs(selector.sport),
          .source_port_mask = ntohs(selector.sport_mask),
          .destination_port = ntohs(selector.dport),
          .destination_port_mask = ntohs(selector.dport_mask)};
}

std::optional<SaKey> sa_key_of(MessageReader& reader, const xfrm_usersa_info& info,
                               std::size_t offset) {
  const Family family =
      family_of(reader, info.family, "SA family", offset + offsetof(xfrm_usersa_info, family));
  const auto protocol = protocol_of(info.id.proto);
  if (!protocol) return std::nullopt;
  return SaKey{address_of(info.id.daddr, family), *protocol, ChildSpi{ntohl(info.id.spi)}};
}

std::optional<Template> template_of(MessageReader& reader) {
  const auto& found = reader.find(XFRMA_TMPL);
  if (!found) return std::nullopt;
  const auto [bytes, offset] = *found;
  if (bytes.size() % sizeof(xfrm_user_tmpl) != 0) reader.fail_at("policy templates", offset);
  if (!reader.ok() || bytes.size() != sizeof(xfrm_user_tmpl)) return std::nullopt;
  xfrm_user_tmpl raw{};
  reader.copy(bytes, offset, raw, "policy template");
  const Family family =
      family_of(reader, raw.family, "template family", offset + offsetof(xfrm_user_tmpl, family));
  const auto protocol = protocol_of(raw.id.proto);
  if (!protocol || raw.mode != XFRM_MODE_TUNNEL || raw.optional != 0) return std::nullopt;
  return Template{.reqid = Reqid{raw.reqid},
                  .source = address_of(raw.saddr, family),
                  .destination = address_of(raw.id.daddr, family),
                  .protocol = *protocol,
                  .spi = ChildSpi{ntohl(raw.id.spi)}};
}

Attachment attachment_of(MessageReader& reader) {
  Attachment attachment;
  attachment.interface_id =
      reader.attribute<std::uint32_t>(XFRMA_IF_ID, "interface id").value_or(0);
  const auto mark = reader.attribute<xfrm_mark>(XFRMA_MARK, "mark");
  if (mark && (mark->v != 0 || mark->m != 0)) attachment.mark = Mark{mark->v, mark->m};
  return attachment;
}

}  // namespace ipsec::xfrm
