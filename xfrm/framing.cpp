#include "xfrm/framing.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace ipsec::xfrm {
namespace {

static_assert(NLMSG_ALIGNTO == 4 && NLA_ALIGNTO == 4);

template <typename T>
std::optional<T> read_at(ByteView bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// The header of a message that lies whole in the bytes.
std::optional<nlmsghdr> whole_message(ByteView bytes, std::size_t offset) {
  const auto header = read_at<nlmsghdr>(bytes, offset);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr)) return std::nullopt;
  if (header->nlmsg_len > bytes.size() - offset) return std::nullopt;
  return header;
}

std::string printable(ByteView bytes) {
  std::string text(as_text(bytes.first(std::min(bytes.size(), kKernelTextBytes))));
  text.resize(std::min(text.find('\0'), text.size()));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// The text among the attributes of an extended acknowledgement; "" where there is none.
std::string text_of(ByteView attributes) {
  std::string text;
  for_each_attribute(attributes, [&](std::size_t type, ByteView bytes) {
    if (type == NLMSGERR_ATTR_MSG) text = printable(bytes);
  });
  return text;
}

}  // namespace

std::uint32_t SequenceNumbers::reserve(std::uint32_t count) {
  constexpr std::uint32_t kLast = std::numeric_limits<std::uint32_t>::max();
  if (next_ == 0 || (count != 0 && kLast - next_ < count - 1)) next_ = 1;
  const std::uint32_t first = next_;
  next_ += count;  // 0 after the very last, which the next call takes for 1
  return first;
}

std::expected<std::vector<Chunk>, Malformed> chunks_of(ByteView batch) {
  std::vector<Chunk> chunks;
  std::size_t index = 0;
  for (std::size_t offset = 0; offset < batch.size(); ++index) {
    const auto header = whole_message(batch, offset);
    if (!header) return std::unexpected(Malformed{"batch of messages", offset});
    const std::size_t size = std::min(aligned(header->nlmsg_len), batch.size() - offset);
    if (chunks.empty() || chunks.back().count == kChunkMessages ||
        chunks.back().size + size > kChunkBytes) {
      chunks.push_back({.offset = offset, .first_index = index});
    }
    Chunk& chunk = chunks.back();
    chunk.last_offset = offset;
    chunk.size += size;
    ++chunk.count;
    offset += size;
  }
  return chunks;
}

std::expected<void, Malformed> for_each_frame(ByteView received,
                                              const std::function<void(const Frame&)>& take) {
  for (std::size_t offset = 0; offset < received.size();) {
    const auto header = whole_message(received, offset);
    if (!header) return std::unexpected(Malformed{"netlink message", offset});
    take({.type = header->nlmsg_type,
          .flags = header->nlmsg_flags,
          .sequence = header->nlmsg_seq,
          .message = received.subspan(offset, header->nlmsg_len)});
    offset += std::min(aligned(header->nlmsg_len), received.size() - offset);
  }
  return {};
}

void for_each_attribute(ByteView attributes,
                        const std::function<void(std::size_t, ByteView)>& take) {
  constexpr std::size_t kTypeMask = 0x3fff;  // NLA_TYPE_MASK without its sign
  std::size_t offset = 0;
  while (const auto attribute = read_at<nlattr>(attributes, offset)) {
    const std::size_t size = attribute->nla_len;
    if (size < sizeof(nlattr) || size > attributes.size() - offset) return;
    take(attribute->nla_type & kTypeMask,
         attributes.subspan(offset + sizeof(nlattr), size - sizeof(nlattr)));
    offset += aligned(size);
  }
}

std::expected<Answer, Malformed> parse_answer(const Frame& frame) {
  constexpr std::size_t kBody = sizeof(nlmsghdr);
  const auto error = read_at<int>(frame.message, kBody);
  if (!error) return std::unexpected(Malformed{"acknowledgement", kBody});
  // A dump's end may come without a number of its own before it; INT_MIN has no positive twin.
  Answer answer{.error_number = *error == std::numeric_limits<int>::min() ? 0 : -*error,
                .kernel_says = {}};
  if ((frame.flags & NLM_F_ACK_TLVS) == 0) return answer;
  std::size_t attributes = kBody + sizeof(int);
  if (frame.type == NLMSG_ERROR) {
    // The message refused is repeated: only its header where the socket asked for that.
    const auto refused = read_at<nlmsghdr>(frame.message, attributes);
    if (!refused) return std::unexpected(Malformed{"acknowledged message", attributes});
    const bool capped = (frame.flags & NLM_F_CAPPED) != 0 || *error == 0;
    attributes += capped ? sizeof(nlmsghdr) : aligned(refused->nlmsg_len);
  }
  if (attributes <= frame.message.size()) {
    answer.kernel_says = text_of(frame.message.subspan(attributes));
  }
  return answer;
}

}  // namespace ipsec::xfrm
