// Writes and reads what is kept of SAs (ike/core/sa/records.h). A type says once which members it
// has, in a Layout, and both directions walk that: so what is read is what was written.
//
// NOTE: Failure. Loader is a Reader: the first error sticks, and what follows is zeros or nothing.
// NOTE: Secrets. What Saver has written is wiped when it goes, is taken back, or grows.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/bytes.h"
#include "ike/base/reader.h"
#include "ike/base/secret.h"
#include "ike/base/strong_id.h"
#include "ike/base/time.h"
#include "ike/crypto/registry/registry.h"

namespace ipsec::core {

// The members of T that are kept: `static void walk(auto& archive, auto& it)`.
template <typename T>
struct Layout;

// As what it is written.
template <typename T>
using NumberOf =
    std::make_unsigned_t<typename std::conditional_t<std::is_enum_v<T>, std::underlying_type<T>,
                                                     std::type_identity<T>>::type>;

class Saver {
 public:
  static constexpr bool kLoads = false;

  Saver() = default;
  ~Saver() { cut(0); }
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  // Each in turn.
  template <typename... Ts>
  void operator()(const Ts&... items) {
    (put(items), ...);
  }
  // What has no meaning is for Loader to refuse.
  void expect(bool /*fits*/, std::string_view /*field*/) {}

  // As they are, without their number.
  void raw(ByteView bytes) {
    if (!bytes.empty()) std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
  }

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] ByteView view() const { return ByteView(bytes_).first(used_); }
  // What was written from there on is taken back.
  void cut(std::size_t size) {
    wipe(MutableBytes(bytes_).first(used_).subspan(size));
    used_ = size;
  }
  // Over what was written there.
  void set_u32(std::size_t at, std::uint32_t value) { put_number_at(bytes_.data() + at, value); }

 private:
  void put(bool it) { put_number(static_cast<std::uint8_t>(it ? 1 : 0)); }
  template <typename T>
    requires(std::integral<T> || std::is_enum_v<T>)
  void put(T it) {
    put_number(static_cast<NumberOf<T>>(it));
  }
  template <typename Tag, typename Rep>
  void put(const StrongId<Tag, Rep>& it) {
    put(it.value);
  }
  void put(Time it) { put(it.time_since_epoch().count()); }
  void put(Duration it) { put(it.count()); }
  void put(const Bytes& it) { put_bytes(it); }
  void put(const Secret& it) { put_bytes(it.view()); }
  void put(const std::string& it) {
    put_bytes({reinterpret_cast<const std::uint8_t*>(it.data()), it.size()});
  }
  void put(const Address& it) { put_bytes(it.bytes()); }
  void put(const EncryptionRow* it) {
    put(it != nullptr);
    if (it != nullptr) (*this)(it->id, it->key_bits);
  }
  template <typename Row>
    requires(std::same_as<Row, IntegrityRow> || std::same_as<Row, PrfRow> ||
             std::same_as<Row, GroupRow>)
  void put(const Row* it) {
    put(it != nullptr);
    if (it != nullptr) put(it->id);
  }
  template <typename T>
  void put(const std::optional<T>& it) {
    put(it.has_value());
    if (it) put(*it);
  }
  template <typename T>
  void put(const std::vector<T>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const auto& it : items) put(it);
  }
  void put(const std::vector<bool>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const bool it : items) put(it);
  }
  template <typename... Ts>
  void put(const std::variant<Ts...>& it) {
    put(static_cast<std::uint8_t>(it.index()));
    std::visit([&](const auto& what) { this->put(what); }, it);
  }
  void put(std::monostate) {}
  template <typename T>
    requires requires { sizeof(Layout<T>); }
  void put(const T& it) {
    Layout<T>::walk(*this, it);
  }

  template <std::unsigned_integral T>
  void put_number(T value) {
    put_number_at(room(sizeof(T)), value);
  }
  // In network order.
  template <std::unsigned_integral T>
  static void put_number_at(std::uint8_t* at, T value) {
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    std::memcpy(at, &value, sizeof(T));
  }
  void put_bytes(ByteView bytes) {
    put_number(static_cast<std::uint32_t>(bytes.size()));
    raw(bytes);
  }
  [[nodiscard]] std::uint8_t* room(std::size_t size) {
    if (bytes_.size() - used_ < size) grow(size);
    return bytes_.data() + std::exchange(used_, used_ + size);
  }
  void grow(std::size_t by);

  // A turn writes to it some hundred times: it is filled from the front, and grows seldom.
  Bytes bytes_;
  std::size_t used_ = 0;
};

class Loader {
 public:
  static constexpr bool kLoads = true;

  explicit Loader(ByteView bytes) : reader_(bytes) {}

  template <typename... Ts>
  void operator()(Ts&... items) {
    (get(items), ...);
  }
  void expect(bool fits, std::string_view field) {
    if (!fits) reader_.fail(field);
  }

  // Whether all was there, and nothing behind it.
  [[nodiscard]] bool is_whole() {
    reader_.expect_end("record");
    return reader_.ok();
  }
  [[nodiscard]] bool ok() const { return reader_.ok(); }

 private:
  void get(bool& it) {
    const std::uint8_t value = reader_.u8("flag");
    expect(value <= 1, "flag");
    it = value == 1;
  }
  template <typename T>
    requires(std::integral<T> || std::is_enum_v<T>)
  void get(T& it) {
    it = static_cast<T>(get_number(sizeof(T)));
  }
  template <typename Tag, typename Rep>
  void get(StrongId<Tag, Rep>& it) {
    get(it.value);
  }
  // So far off that sums of a few never overflow.
  static constexpr Duration::rep kMostCount = Duration::rep{1} << 60;

  void get(Time& it) {
    Duration::rep count = 0;
    get(count);
    it = Time(Duration(count));
    expect(it == kNever || (count >= 0 && count <= kMostCount), "time");
  }
  void get(Duration& it) {
    Duration::rep count = 0;
    get(count);
    it = Duration(count);
    expect(count >= 0 && count <= kMostCount, "duration");
  }
  void get(Bytes& it) { it = to_bytes(get_bytes()); }
  void get(Secret& it) { it = Secret::copy_of(get_bytes()); }
  void get(std::string& it) { it = as_text(get_bytes()); }
  void get(Address& it) {
    const auto address = Address::from_bytes(get_bytes());
    expect(address.has_value(), "address");
    it = address.value_or(Address{});
  }
  void get(const EncryptionRow*& it);
  void get(const IntegrityRow*& it) { get_row<IntegrityId>(it, "integrity algorithm"); }
  void get(const PrfRow*& it) { get_row<PrfId>(it, "PRF"); }
  void get(const GroupRow*& it) { get_row<GroupId>(it, "group"); }
  template <typename T>
  void get(std::optional<T>& it) {
    bool is_there = false;
    get(is_there);
    it.reset();
    if (is_there && ok()) get(it.emplace());
  }
  template <typename T>
  void get(std::vector<T>& items) {
    const std::uint32_t count = reader_.u32("count");
    // Each is a byte at least: no more room is taken than there are bytes.
    expect(count <= reader_.remaining(), "count");
    items.clear();
    for (std::uint32_t i = 0; i < count && ok(); ++i) get(items.emplace_back());
  }
  void get(std::vector<bool>& items) {
    std::vector<std::uint8_t> flags;
    get(flags);
    items.assign(flags.begin(), flags.end());
  }
  template <typename... Ts>
  void get(std::variant<Ts...>& it) {
    const std::uint8_t index = reader_.u8("alternative");
    expect(index < sizeof...(Ts), "alternative");
    if (ok()) get_alternative(it, index, std::index_sequence_for<Ts...>{});
  }
  template <typename Variant, std::size_t... I>
  void get_alternative(Variant& it, std::size_t index, std::index_sequence<I...> /*all*/) {
    ((I == index ? get(it.template emplace<I>()) : void()), ...);
  }
  void get(std::monostate& /*it*/) {}
  template <typename T>
    requires requires { sizeof(Layout<T>); }
  void get(T& it) {
    Layout<T>::walk(*this, it);
  }

  template <typename Id, typename Row>
  void get_row(const Row*& it, std::string_view field) {
    std::optional<Id> id;
    get(id);
    it = id ? find_row(*id) : nullptr;
    expect(!id || it != nullptr, field);
  }
  [[nodiscard]] static const IntegrityRow* find_row(IntegrityId id) { return find_integrity(id); }
  [[nodiscard]] static const PrfRow* find_row(PrfId id) { return find_prf(id); }
  [[nodiscard]] static const GroupRow* find_row(GroupId id) { return find_group(id); }
  [[nodiscard]] std::uint64_t get_number(std::size_t width);
  [[nodiscard]] ByteView get_bytes();

  Reader reader_;
};

// Of what cannot be copied by accident.
template <typename T>
[[nodiscard]] T clone(const T& it) {
  Saver saver;  // NOLINT(misc-const-correctness): what calls it depends on T
  saver(it);
  Loader loader(saver.view());  // NOLINT(misc-const-correctness)
  T copy;
  loader(copy);
  return copy;
}

}  // namespace ipsec::core
