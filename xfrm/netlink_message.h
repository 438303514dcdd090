// One netlink message of the XFRM family, there and back. Internal to the codecs.
//
// NOTE: The kernel's structures are copied in and out whole and never looked at in place: a foreign
// buffer need not be aligned, nor long enough.
#pragma once

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <array>
#include <cstring>
#include <expected>
#include <optional>
#include <string_view>
#include <type_traits>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "xfrm/messages.h"

namespace ipsec::xfrm {

// Since Linux 6.10; the headers to build with may be older.
inline constexpr std::uint16_t kSaDirectionAttribute = 33;
inline constexpr std::uint8_t kSaDirectionIn = 1;
inline constexpr std::uint8_t kSaDirectionOut = 2;
inline constexpr std::size_t kAttributeTypes = kSaDirectionAttribute + 1;

template <typename T>
concept KernelStruct = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>;

// The padding too: it goes to the kernel.
template <KernelStruct T>
void clear(T& value) {
  std::memset(&value, 0, sizeof(T));
}

template <KernelStruct T>
[[nodiscard]] ByteView bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(T)};
}

// Appends a message to the batch; its length is written when the writer goes.
class MessageWriter {
 public:
  MessageWriter(Bytes& batch, int type, int flags, const Header& header);
  ~MessageWriter();
  MessageWriter(const MessageWriter&) = delete;
  MessageWriter& operator=(const MessageWriter&) = delete;

  // What follows the header: one of the kernel's structures.
  template <KernelStruct T>
  void body(const T& value) {
    put(bytes_of(value));
  }
  template <KernelStruct T>
  void attribute(int type, const T& value) {
    attribute(type, bytes_of(value), {});
  }
  void attribute(int type, ByteView head, ByteView tail);

 private:
  void put(ByteView view);
  // Keys stay in no buffer that was outgrown.
  void make_room(std::size_t count);

  Bytes& batch_;
  std::size_t start_;
};

// NOTE: Failure. As in Reader: the first error sticks, and afterwards everything reads as absent or
// zero, so that a parser may read a whole message and ask once.
class MessageReader {
 public:
  struct Attribute {
    ByteView bytes;
    std::size_t offset = 0;  // of the bytes, in the message
  };

  // A whole message and nothing behind it but padding.
  explicit MessageReader(ByteView message);

  [[nodiscard]] const nlmsghdr& header() const { return header_; }
  // The structure that follows the header, and then the attributes behind it.
  template <KernelStruct T>
  [[nodiscard]] T body(std::string_view field) {
    T value;
    clear(value);
    copy(body_, sizeof(nlmsghdr), value, field);
    walk(sizeof(T));
    return value;
  }

  [[nodiscard]] const std::optional<Attribute>& find(int type) const {
    return attributes_.at(static_cast<std::size_t>(type));
  }
  template <KernelStruct T>
  [[nodiscard]] std::optional<T> attribute(int type, std::string_view field) {
    const auto& found = find(type);
    if (!found) return std::nullopt;
    T value;
    clear(value);
    copy(found->bytes, found->offset, value, field);
    return value;
  }
  // The beginning of bytes that lie `offset` into the message.
  template <KernelStruct T>
  void copy(ByteView from, std::size_t offset, T& value, std::string_view field) {
    if (from.size() < sizeof(T)) return fail_at(field, offset);
    std::memcpy(&value, from.data(), sizeof(T));
  }

  void fail_at(std::string_view field, std::size_t offset);
  [[nodiscard]] bool ok() const { return !error_; }
  [[nodiscard]] const Malformed& error() const { return *error_; }

 private:
  void walk(std::size_t body_size);

  nlmsghdr header_{};
  ByteView body_;
  std::array<std::optional<Attribute>, kAttributeTypes> attributes_{};
  std::optional<Malformed> error_;
};

// --- What SAs, policies and events have in common ---

[[nodiscard]] std::uint16_t family_number(Family family);
[[nodiscard]] xfrm_address_t kernel_address(const Address& address);
// Fails at `offset`, where the number was read.
[[nodiscard]] Family family_of(MessageReader& reader, std::uint16_t number, std::string_view field,
                               std::size_t offset);
[[nodiscard]] Address address_of(const xfrm_address_t& address, Family family);
// Nothing for a protocol that is neither ESP nor AH.
[[nodiscard]] std::optional<Protocol> protocol_of(std::uint8_t number);

// `offset` is that of the selector in the message.
[[nodiscard]] Selector selector_of(MessageReader& reader, const xfrm_selector& selector,
                                   std::size_t offset);
// What every message about an SA begins with; nothing where it is neither ESP nor AH.
[[nodiscard]] std::optional<SaKey> sa_key_of(MessageReader& reader, const xfrm_usersa_info& info,
                                             std::size_t offset);
[[nodiscard]] std::optional<Template> template_of(MessageReader& reader);
[[nodiscard]] Attachment attachment_of(MessageReader& reader);

// As in our specs, where 0 is none.
[[nodiscard]] constexpr std::uint64_t bytes_limit_of(std::uint64_t told) {
  return told == XFRM_INF ? 0 : told;
}

void write_attachment(MessageWriter& writer, const Attachment& attachment);

}  // namespace ipsec::xfrm
