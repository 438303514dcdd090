#include "ike/gateway/formats/suite.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ipsec::gateway::formats {
namespace {

const DeviceWord* find_word(std::span<const DeviceWord> words, std::string_view ours) {
  const auto found = std::ranges::find(words, ours, &DeviceWord::ours);
  return found == words.end() ? nullptr : &*found;
}

template <typename Row>
std::string names_of(const std::vector<const Row*>& rows) {
  std::string out;
  for (const Row* row : rows) out += fmt::format("{}{}", out.empty() ? "" : ", ", row->name);
  return out;
}

// What cannot be said by any device here.
std::optional<std::string> why_not_at_all(const View& view, const Device& device) {
  for (const CidrPair& pair : view.pairs()) {
    if (pair.local.family() == Family::v4 && pair.remote.family() == Family::v4) continue;
    return fmt::format("it has ranges of IPv6, and this form is for IPv4; use swanctl");
  }
  for (const auto& address : {view.local, view.remote}) {
    if (address && address->family() == Family::v6) {
      return fmt::format("{} is an IPv6 address, and this form is for IPv4; use swanctl",
                         address->to_string());
    }
  }
  if (!view.remote && !view.remote_pending) {
    return fmt::format("{} may come from any address, and this form calls one; use swanctl",
                       view.remote_name);
  }
  if (view.ipsec.protocol == IpsecProtocol::ah && !device.has_ah) {
    return fmt::format("{} has no AH; set ipsec.protocol to esp", device.product);
  }
  return std::nullopt;
}

class Choosing {
 public:
  Choosing(const Device& device, std::vector<std::string>& warnings)
      : device_(device), warnings_(warnings) {}

  // The first that the device has, before those that only its older releases have.
  template <typename Row>
  const Row* pick(std::string_view what, const std::vector<const Row*>& named,
                  std::span<const DeviceWord> words, std::string_view& word) {
    for (const bool former : {false, true}) {
      for (const Row* row : named) {
        const auto* found = find_word(words, row->name);
        if (found == nullptr || found->former != former) continue;
        word = found->theirs;
        chosen(what, *row, named.size(), former);
        return row;
      }
    }
    return fail<Row>(what, names_of(named));
  }

  const GroupRow* pick_group(std::string_view what, const std::vector<const GroupRow*>& named) {
    for (const bool former : {false, true}) {
      for (const GroupRow* row : named) {
        const auto found = std::ranges::find(device_.groups, row->id, &DeviceGroup::id);
        if (found == device_.groups.end() || found->former != former) continue;
        chosen(what, *row, named.size(), former);
        return row;
      }
    }
    return fail<GroupRow>(what, names_of(named));
  }

  [[nodiscard]] const std::string& why_not() const { return why_not_; }

 private:
  template <typename Row>
  void chosen(std::string_view what, const Row& row, std::size_t of, bool former) {
    if (former) {
      warnings_.push_back(
          fmt::format("current releases of {} refuse {} for {}; choose a better one",
                      device_.product, row.name, what));
    }
    if (of > 1) {
      warnings_.push_back(fmt::format("of the {} named, the form has {}", what, row.name));
    }
  }

  template <typename Row>
  const Row* fail(std::string_view what, const std::string& named) {
    if (why_not_.empty()) {
      why_not_ = fmt::format("{} has none of {} for {}; name another in the tunnel",
                             device_.product, named, what);
    }
    return nullptr;
  }

  const Device& device_;
  std::vector<std::string>& warnings_;
  std::string why_not_;
};

template <typename Row>
std::vector<const Row*> or_default(const std::vector<const Row*>& named, const Row* otherwise) {
  return named.empty() ? std::vector<const Row*>{otherwise} : named;
}

std::vector<const GroupRow*> pfs_groups(const View& view) {
  std::vector<const GroupRow*> out;
  for (const PfsChoice& choice : view.ipsec.pfs) {
    if (choice.group != nullptr) out.push_back(choice.group);
  }
  return out;
}

void tell_auto(const View& view, const Suite& suite, std::vector<std::string>& warnings) {
  const bool ike_auto =
      view.ike.encryption.empty() || view.ike.integrity.empty() || view.ike.dh.empty();
  const bool esp_auto = (suite.esp_cipher != nullptr && view.ipsec.encryption.empty()) ||
                        view.ipsec.integrity.empty() || view.ipsec.pfs.empty();
  if (!ike_auto && !esp_auto) return;
  warnings.push_back(fmt::format(
      "algorithms on `auto` are told as one set that our side accepts: IKE {}-{}-{}, IPsec {}{}{}",
      suite.ike_cipher->name, suite.ike_hash->name, suite.group->name,
      suite.esp_cipher == nullptr ? "ah" : suite.esp_cipher->name,
      suite.esp_hash == nullptr ? "" : fmt::format("-{}", suite.esp_hash->name),
      suite.pfs == nullptr ? "" : fmt::format("-{}", suite.pfs->name)));
}

// Devices differ in what they take between quotes, and how.
void check_key(const View& view, std::vector<std::string>& warnings) {
  const auto is_plain = [](char c) {
    return c > ' ' && c < 0x7f && std::string_view(R"("'`\;#!|$&<>)").find(c) == std::string::npos;
  };
  if (view.key_shown && !std::ranges::all_of(view.key, is_plain)) {
    warnings.emplace_back(
        "the pre-shared key has characters that devices take in different ways; letters and digits "
        "are the same everywhere");
  }
}

}  // namespace

std::expected<Suite, std::string> choose_suite(const View& view, const Device& device,
                                               std::vector<std::string>& warnings) {
  if (auto why = why_not_at_all(view, device)) return std::unexpected(*std::move(why));
  const auto* aes = find_encryption("aes256");
  const auto* sha = find_integrity("sha256");
  const auto* modp = find_group("modp2048");
  Choosing choosing(device, warnings);
  Suite suite;
  suite.ike_cipher = choosing.pick("ike.encryption", or_default(view.ike.encryption, aes),
                                   device.ike_ciphers, suite.ike_cipher_word);
  suite.ike_hash = choosing.pick("ike.integrity", or_default(view.ike.integrity, sha),
                                 device.ike_hashes, suite.ike_hash_word);
  suite.group = choosing.pick_group("ike.dh", or_default(view.ike.dh, modp));
  if (view.ipsec.protocol == IpsecProtocol::esp) {
    suite.esp_cipher = choosing.pick("ipsec.encryption", or_default(view.ipsec.encryption, aes),
                                     device.esp_ciphers, suite.esp_cipher_word);
  }
  if (suite.esp_cipher == nullptr || !suite.esp_cipher->is_aead()) {
    suite.esp_hash = choosing.pick("ipsec.integrity", or_default(view.ipsec.integrity, sha),
                                   device.esp_hashes, suite.esp_hash_word);
  }
  const auto pfs = pfs_groups(view);
  if (view.ipsec.pfs.empty() || !pfs.empty()) {
    suite.pfs = choosing.pick_group("ipsec.pfs", or_default(pfs, modp));
  }
  if (!choosing.why_not().empty()) return std::unexpected(choosing.why_not());
  tell_auto(view, suite, warnings);
  check_key(view, warnings);
  return suite;
}

std::string remote_text(const View& view) {
  return view.remote ? view.remote->to_string() : std::string("GATEWAY-ADDRESS");
}

namespace {

std::uint32_t mask_bits(const Cidr& range) {
  const int length = range.prefix_length();
  return length == 0 ? 0U : ~std::uint32_t{0} << static_cast<unsigned>(32 - length);
}

template <typename Side>
std::vector<Cidr> once(const View& view, Side side) {
  std::vector<Cidr> out;
  for (const Ranges& ranges : view.children) {
    for (const Cidr& range : ranges.*side) {
      if (std::ranges::find(out, range) == out.end()) out.push_back(range);
    }
  }
  return out;
}

}  // namespace

std::string mask_of(const Cidr& range) { return Address::v4(mask_bits(range)).to_string(); }
std::string wildcard_of(const Cidr& range) { return Address::v4(~mask_bits(range)).to_string(); }

std::vector<Cidr> local_ranges(const View& view) { return once(view, &Ranges::local); }
std::vector<Cidr> remote_ranges(const View& view) { return once(view, &Ranges::remote); }

std::int64_t clamped(std::int64_t value, std::int64_t least, std::int64_t most,
                     std::string_view what, std::vector<std::string>& warnings) {
  const std::int64_t out = std::clamp(value, least, most);
  if (out != value) {
    warnings.push_back(fmt::format("{} {} is out of the device's range of {} to {}; {} is written",
                                   what, value, least, most, out));
  }
  return out;
}

}  // namespace ipsec::gateway::formats
