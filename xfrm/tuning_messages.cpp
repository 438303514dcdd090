#include "xfrm/netlink_message.h"

namespace ipsec::xfrm {
namespace {

xfrmu_spdhthresh raw_of(const HashThresholds::Prefixes& prefixes) {
  return {.lbits = prefixes.local_bits, .rbits = prefixes.remote_bits};
}

// The kernel looks at none of them.
constexpr std::uint32_t kAllFlags = ~std::uint32_t{0};

HashThresholds::Prefixes prefixes_of(const xfrmu_spdhthresh& raw) { return {raw.lbits, raw.rbits}; }

}  // namespace

void write_get_hash_thresholds(Bytes& batch, const Header& header) {
  MessageWriter writer(batch, XFRM_MSG_GETSPDINFO, NLM_F_REQUEST, header);
  writer.body(kAllFlags);
}

void write_hash_thresholds(Bytes& batch, const Header& header, const HashThresholds& thresholds) {
  MessageWriter writer(batch, XFRM_MSG_NEWSPDINFO, NLM_F_REQUEST, header);
  writer.body(kAllFlags);
  writer.attribute(XFRMA_SPD_IPV4_HTHRESH, raw_of(thresholds.v4));
  writer.attribute(XFRMA_SPD_IPV6_HTHRESH, raw_of(thresholds.v6));
}

std::expected<HashThresholds, Malformed> parse_hash_thresholds(ByteView message) {
  MessageReader reader(message);
  static_cast<void>(reader.body<std::uint32_t>("policy database flags"));
  const auto v4 = reader.attribute<xfrmu_spdhthresh>(XFRMA_SPD_IPV4_HTHRESH, "IPv4 thresholds");
  const auto v6 = reader.attribute<xfrmu_spdhthresh>(XFRMA_SPD_IPV6_HTHRESH, "IPv6 thresholds");
  if (!v4 || !v6) reader.fail_at("policy hash thresholds", message.size());
  if (!reader.ok()) return std::unexpected(reader.error());
  return HashThresholds{prefixes_of(*v4), prefixes_of(*v6)};
}

}  // namespace ipsec::xfrm
