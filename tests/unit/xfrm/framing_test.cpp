// Goal: a batch is sent whole and in order whatever its size, sequence numbers stay consecutive and
// never 0, and what the kernel answers is read with trust in nothing.
// Method: messages made by hand, and batches at and around the limits of a chunk.
#include "xfrm/framing.h"

#include <linux/netlink.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <limits>

namespace ipsec::xfrm {
namespace {

template <typename T>
void put(Bytes& bytes, const T& value) {
  append(bytes, {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
}

void put_message(Bytes& batch, std::uint32_t sequence, std::size_t payload) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof(header) + payload);
  header.nlmsg_seq = sequence;
  put(batch, header);
  batch.resize(batch.size() + aligned(payload));
}

Bytes batch_of(std::size_t count, std::size_t payload) {
  Bytes batch;
  for (std::size_t i = 0; i < count; ++i) {
    put_message(batch, static_cast<std::uint32_t>(i + 1), payload);
  }
  return batch;
}

// A refusal as the kernel writes it; the refused message only by its header, or whole.
Bytes refusal(int error, bool capped, std::string_view text) {
  Bytes message;
  nlmsghdr header{};
  header.nlmsg_type = NLMSG_ERROR;
  header.nlmsg_flags = NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0);
  put(message, header);
  put(message, error);
  nlmsghdr refused{};
  refused.nlmsg_len = sizeof(refused) + 6;
  put(message, refused);
  if (!capped) message.resize(message.size() + aligned(6));
  nlattr other{.nla_len = sizeof(nlattr) + 4, .nla_type = NLMSGERR_ATTR_OFFS};
  put(message, other);
  put(message, std::uint32_t{16});
  nlattr attribute{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + text.size()),
                   .nla_type = NLMSGERR_ATTR_MSG};
  put(message, attribute);
  append(message, to_bytes(text));
  message.resize(aligned(message.size()));
  const auto length = static_cast<std::uint32_t>(message.size());
  std::memcpy(message.data(), &length, sizeof(length));
  return message;
}

Frame frame_of(const Bytes& bytes) {
  Frame found;
  REQUIRE(for_each_frame(bytes, [&](const Frame& frame) { found = frame; }));
  return found;
}

}  // namespace

TEST_CASE("sequence numbers run on, and a run never goes over the end") {
  constexpr std::uint32_t kLast = std::numeric_limits<std::uint32_t>::max();
  SequenceNumbers numbers;
  CHECK(numbers.reserve(3) == 1);
  CHECK(numbers.reserve(1) == 4);

  SequenceNumbers fits(kLast - 2);
  CHECK(fits.reserve(3) == kLast - 2);
  CHECK(fits.reserve(2) == 1);
  CHECK(fits.reserve(1) == 3);

  SequenceNumbers over(kLast - 1);
  CHECK(over.reserve(3) == 1);
  CHECK(over.reserve(1) == 4);
}

TEST_CASE("chunks hold all messages of a batch, in order and within both limits") {
  for (const std::size_t payload :
       {std::size_t{0}, std::size_t{5}, std::size_t{230}, kChunkBytes}) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, kChunkMessages - 1,
                                    kChunkMessages, kChunkMessages + 1, 7 * kChunkMessages}) {
      const Bytes batch = batch_of(count, payload);
      const auto chunks = chunks_of(batch);
      REQUIRE(chunks);
      std::size_t offset = 0;
      std::size_t index = 0;
      for (const Chunk& chunk : *chunks) {
        CHECK(chunk.offset == offset);
        CHECK(chunk.first_index == index);
        CHECK(chunk.count <= kChunkMessages);
        CHECK((chunk.size <= kChunkBytes || chunk.count == 1));
        offset += chunk.size;
        index += chunk.count;
        nlmsghdr last{};
        std::memcpy(&last, batch.data() + chunk.last_offset, sizeof(last));
        CHECK(last.nlmsg_seq == index);
      }
      CHECK(offset == batch.size());
      CHECK(index == count);
    }
  }
}

TEST_CASE("a batch that is cut short is none") {
  Bytes batch = batch_of(2, 8);
  batch.pop_back();
  const auto chunks = chunks_of(batch);
  REQUIRE_FALSE(chunks);
  CHECK(chunks.error().offset == sizeof(nlmsghdr) + 8);
}

TEST_CASE("frames end at the first that makes no sense") {
  Bytes received = batch_of(3, 4);
  std::size_t seen = 0;
  CHECK(for_each_frame(received, [&](const Frame&) { ++seen; }));
  CHECK(seen == 3);

  const std::uint32_t too_short = 4;
  std::memcpy(&received[20], &too_short, sizeof(too_short));
  seen = 0;
  CHECK_FALSE(for_each_frame(received, [&](const Frame&) { ++seen; }));
  CHECK(seen == 1);
}

TEST_CASE("the kernel's words stand behind the refused message, capped or whole") {
  for (const bool capped : {true, false}) {
    const Bytes bytes = refusal(-EINVAL, capped, std::string_view("no such mode\0", 13));
    const auto answer = parse_answer(frame_of(bytes));
    REQUIRE(answer);
    CHECK(answer->error_number == EINVAL);
    CHECK(answer->kernel_says == "no such mode");
  }
}

TEST_CASE("the kernel's words are printable and bounded") {
  const Bytes bytes = refusal(-EPERM, true, "a\nb\x1b" + std::string(1000, 'c'));
  const auto answer = parse_answer(frame_of(bytes));
  REQUIRE(answer);
  CHECK(answer->kernel_says.size() == kKernelTextBytes);
  CHECK(answer->kernel_says.starts_with("a?b?c"));
}

TEST_CASE("an answer cut anywhere is malformed or without words, and never read beyond") {
  const Bytes whole = refusal(-EINVAL, false, "words");
  for (std::size_t size = sizeof(nlmsghdr); size < whole.size(); ++size) {
    // A buffer of its own, so that the sanitizer sees a step too far.
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(cut.data(), &length, sizeof(length));
    const auto answer = parse_answer(frame_of(cut));
    if (size < sizeof(nlmsghdr) + sizeof(int)) {
      CHECK_FALSE(answer);
    } else if (answer) {
      CHECK(answer->error_number == EINVAL);
    }
  }
}

}  // namespace ipsec::xfrm
