#include "tests/netns/xfrm_driver/child.h"

#include <utility>

namespace ipsec::driver {
namespace {

std::pair<std::string, std::string> halves(const std::string& text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string::npos) throw WrongLine("not two parts: " + text);
  return {text.substr(0, at), text.substr(at + 1)};
}

TrafficSelector selector_of(const std::string& text) {
  const auto parts = split(text, '+');
  const auto cidr = parts.empty() ? std::unexpected(ConfigError{}) : Cidr::parse(parts[0]);
  if (!cidr || parts.size() > 3) throw WrongLine("no selector: " + text);
  TrafficSelector selector = TrafficSelector::of(*cidr);
  if (parts.size() > 1) selector.protocol = static_cast<std::uint8_t>(number_of(parts[1]));
  if (parts.size() > 2) {
    const auto dash = parts[2].find('-');
    selector.ports.first = port_of(parts[2].substr(0, dash));
    selector.ports.last =
        dash == std::string::npos ? selector.ports.first : port_of(parts[2].substr(dash + 1));
  }
  return selector;
}

std::vector<TrafficSelector> selectors_of(const std::string& text) {
  std::vector<TrafficSelector> selectors;
  for (const auto& part : split(text, ',')) selectors.push_back(selector_of(part));
  return selectors;
}

void take_algorithms(Fields& fields, Child& child) {
  const auto protocol = fields.take("protocol").value_or("esp");
  if (protocol != "esp" && protocol != "ah") throw WrongLine("no protocol: " + protocol);
  child.protocol = protocol == "ah" ? xfrm::Protocol::ah : xfrm::Protocol::esp;
  if (protocol == "esp") {
    const auto name = fields.take("encryption").value_or("aes128gcm16");
    child.encryption = find_encryption(name);
    if (child.encryption == nullptr) throw WrongLine("no encryption: " + name);
  }
  if (const auto name = fields.take("integrity")) {
    child.integrity = find_integrity(*name);
    if (child.integrity == nullptr) throw WrongLine("no integrity: " + *name);
  }
}

// "wan", "packet:wan"
xfrm::Offload offload_of(const std::string& text) {
  static constexpr std::string_view kPacket = "packet:";
  if (!text.starts_with(kPacket)) return {.device = text};
  return {.device = text.substr(kPacket.size()), .kind = xfrm::Offload::Kind::packet};
}

void take_attachment(Fields& fields, Child& child) {
  if (const auto text = fields.take("if_id")) child.attachment.interface_id = number32_of(*text);
  if (const auto text = fields.take("mark")) {
    child.attachment.mark = xfrm::Mark{.value = number32_of(*text)};
  }
  if (const auto text = fields.take("output_mark")) {
    child.output_mark = xfrm::Mark{.value = number32_of(*text)};
  }
  if (const auto text = fields.take("offload")) child.offload = offload_of(*text);
}

// A test key: the same for everybody who knows the SPI (splitmix64).
Secret key_of(ChildSpi spi, std::uint64_t purpose, std::size_t size) {
  Secret key(size);
  std::uint64_t state = (std::uint64_t{spi.value} << 8) + purpose;
  for (auto& byte : key.writable()) {
    state += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    byte = static_cast<std::uint8_t>(mixed >> 56);
  }
  return key;
}

xfrm::SaSpec sa_of(const Child& child, xfrm::Direction direction, ChildSpi spi) {
  xfrm::SaSpec sa;
  sa.direction = direction;
  sa.protocol = child.protocol;
  sa.spi = spi;
  sa.reqid = child.reqid;
  sa.encryption = child.encryption;
  sa.integrity = child.integrity;
  if (child.encryption != nullptr) {
    const std::size_t size =
        std::size_t{child.encryption->key_bytes} + child.encryption->salt_bytes;
    sa.encryption_key = key_of(spi, 1, size);
  }
  if (child.integrity != nullptr) {
    sa.integrity_key = key_of(spi, 2, child.integrity->key_bytes);
  }
  sa.extended_sequence_numbers = child.extended_sequence_numbers;
  sa.replay_window_packets = child.window_packets;
  sa.soft_limit_bytes = child.soft_limit_bytes;
  sa.hard_limit_bytes = child.hard_limit_bytes;
  sa.hard_limit_s = child.hard_limit_s;
  sa.attachment = child.attachment;
  sa.output_mark = child.output_mark;
  sa.offload = child.offload;
  return sa;
}

}  // namespace

Child parse_child(Words words) {
  Fields fields(words);
  Child child;
  child.reqid = reqid_of(number32_of(fields.take("reqid").value_or("1")));
  child.local = address_of(fields.need("local"));
  child.remote = address_of(fields.need("remote"));
  take_algorithms(fields, child);
  child.in = ChildSpi{number32_of(fields.take("in").value_or("0"))};
  child.out = ChildSpi{number32_of(fields.take("out").value_or("0"))};
  child.local_selectors = selectors_of(fields.need("ours"));
  child.remote_selectors = selectors_of(fields.need("theirs"));
  child.extended_sequence_numbers = yes_or_no(fields.take("esn").value_or("no"));
  if (const auto text = fields.take("window")) child.window_packets = number32_of(*text);
  if (const auto text = fields.take("ports")) {
    const auto [ours, theirs] = halves(*text, ':');
    child.ports = {.source_port = port_of(ours), .destination_port = port_of(theirs)};
  }
  if (const auto text = fields.take("soft_bytes")) child.soft_limit_bytes = number_of(*text);
  if (const auto text = fields.take("hard_bytes")) child.hard_limit_bytes = number_of(*text);
  if (const auto text = fields.take("hard_s")) child.hard_limit_s = number_of(*text);
  take_attachment(fields, child);
  fields.expect_empty();
  return child;
}

xfrm::SaSpec inbound_of(const Child& child) {
  auto sa = sa_of(child, xfrm::Direction::in, child.in);
  sa.source = child.remote;
  sa.destination = child.local;
  if (child.ports) {
    sa.encapsulation = {.source_port = child.ports->destination_port,
                        .destination_port = child.ports->source_port};
  }
  return sa;
}

xfrm::SaSpec outbound_of(const Child& child) {
  auto sa = sa_of(child, xfrm::Direction::out, child.out);
  sa.source = child.local;
  sa.destination = child.remote;
  sa.encapsulation = child.ports;
  return sa;
}

xfrm::PolicySpec policies_of(const Child& child) {
  return {.reqid = child.reqid,
          .local = child.local,
          .remote = child.remote,
          .protocol = child.protocol,
          .spi = child.out,
          .local_selectors = child.local_selectors,
          .remote_selectors = child.remote_selectors,
          .attachment = child.attachment};
}

xfrm::TrapSpec trap_of(const Child& child) {
  return {.reqid = child.reqid,
          .local = child.local,
          .remote = child.remote,
          .protocol = child.protocol,
          .local_selectors = child.local_selectors,
          .remote_selectors = child.remote_selectors,
          .attachment = child.attachment};
}

Reqid reqid_of(std::uint32_t number) { return Reqid{xfrm::kFirstReqid.value + number - 1}; }

std::uint32_t number_of(Reqid reqid) { return reqid.value - xfrm::kFirstReqid.value + 1; }

}  // namespace ipsec::driver
