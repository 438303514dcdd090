#include "ike/base/limits.h"
#include "ike/wire/payload_codec.h"

namespace ipsec::wire {

std::optional<std::size_t> address_id_size(IdType type) {
  if (type == IdType::ipv4) return 4;
  if (type == IdType::ipv6) return 16;
  return std::nullopt;
}

bool nonce_size_fits(std::size_t size) {
  return size >= limits::kNonceBytesMin && size <= limits::kNonceBytesMax;
}

bool notify_spi_size_fits(ProtocolId protocol, std::size_t size) {
  const bool child = protocol == ProtocolId::ah || protocol == ProtocolId::esp;
  return !child || size == 0 || size == 4;
}

std::optional<std::size_t> deleted_spi_size(ProtocolId protocol) {
  switch (protocol) {
    case ProtocolId::ike:
      return 0;
    case ProtocolId::ah:
    case ProtocolId::esp:
      return 4;
    default:
      return std::nullopt;
  }
}

bool eap_length_fits(ByteView message) {
  return message.size() >= 4 &&
         static_cast<std::size_t>(message[2] << 8 | message[3]) == message.size();
}

}  // namespace ipsec::wire
