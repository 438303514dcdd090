// A child as a scenario writes it, and what the kernel is to hold for it.
#pragma once

#include "tests/netns/xfrm_driver/words.h"
#include "xfrm/model.h"

namespace ipsec::driver {

struct Child {
  Reqid reqid;
  Address local;
  Address remote;
  xfrm::Protocol protocol = xfrm::Protocol::esp;
  const EncryptionRow* encryption = nullptr;
  const IntegrityRow* integrity = nullptr;
  ChildSpi in;
  ChildSpi out;
  std::vector<TrafficSelector> local_selectors;
  std::vector<TrafficSelector> remote_selectors;
  bool extended_sequence_numbers = false;
  std::uint32_t window_packets = 1024;
  // Our port and the peer's.
  std::optional<xfrm::UdpEncapsulation> ports;
  std::uint64_t soft_limit_bytes = 0;
  std::uint64_t hard_limit_bytes = 0;
  std::uint64_t hard_limit_s = 0;
  xfrm::Attachment attachment;
  std::optional<xfrm::Mark> output_mark;
  std::optional<xfrm::Offload> offload;
};

// reqid=1 local=ADDRESS remote=ADDRESS protocol=esp|ah encryption=NAME integrity=NAME in=SPI
// out=SPI ours=SELECTOR,... theirs=SELECTOR,... esn=yes window=PACKETS ports=OURS:THEIRS
// soft_bytes=N hard_bytes=N hard_s=N if_id=N mark=N output_mark=N offload=[packet:]DEVICE. A
// selector is CIDR[+PROTOCOL[+FIRST[-LAST]]]; reqids count from 1 within our range.
[[nodiscard]] Child parse_child(Words words);

[[nodiscard]] xfrm::SaSpec inbound_of(const Child& child);
[[nodiscard]] xfrm::SaSpec outbound_of(const Child& child);
[[nodiscard]] xfrm::PolicySpec policies_of(const Child& child);
[[nodiscard]] xfrm::TrapSpec trap_of(const Child& child);

[[nodiscard]] Reqid reqid_of(std::uint32_t number);
[[nodiscard]] std::uint32_t number_of(Reqid reqid);

}  // namespace ipsec::driver
