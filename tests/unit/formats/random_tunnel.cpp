#include "tests/unit/formats/random_tunnel.h"

#include <algorithm>
#include <array>
#include <string>

#include "ike/crypto/registry/registry.h"

namespace ipsec::gateway {
namespace {

template <typename Rows, typename Fits>
FieldValue some_names(test::Random& random, const Rows& rows, Fits fits) {
  FieldValue out;
  for (const auto& row : rows) {
    if (fits(row)) out.emplace_back(row.name);
  }
  for (std::size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[random.below(i)]);
  out.resize(1 + random.below(std::min<std::size_t>(3, out.size())));
  return out;
}

const auto any_row = [](const auto&) { return true; };

void add_identities(test::Random& random, Fields& fields) {
  static constexpr std::array kIds{"vpn.example.com", "user@example.com", "192.0.2.77",
                                   "key:branch-7", "key:0x00ff10"};
  for (const char* side : {"ike.local_id", "ike.peer_id"}) {
    if (random.one_in(2)) fields.push_back({side, {kIds[random.below(kIds.size())]}});
  }
}

void add_algorithms(test::Random& random, Fields& fields, bool ah) {
  const auto usable = [](const EncryptionRow& row) { return row.usable_for_ike; };
  if (random.one_in(2)) {
    fields.push_back({"ike.encryption", some_names(random, all_encryption(), usable)});
  }
  if (random.one_in(2)) {
    fields.push_back({"ike.integrity", some_names(random, all_integrity(), any_row)});
  }
  if (random.one_in(2)) fields.push_back({"ike.dh", some_names(random, all_groups(), any_row)});
  bool aeads_alone = false;
  if (!ah && random.one_in(2)) {
    auto names = some_names(random, all_encryption(), any_row);
    aeads_alone = std::ranges::all_of(
        names, [](const std::string& name) { return find_encryption(name)->is_aead(); });
    fields.push_back({"ipsec.encryption", std::move(names)});
  }
  if (!aeads_alone && random.one_in(2)) {
    fields.push_back({"ipsec.integrity", some_names(random, all_integrity(), any_row)});
  }
  if (random.one_in(2)) {
    FieldValue groups = some_names(random, all_groups(), any_row);
    if (random.one_in(3)) groups.emplace_back("none");
    if (random.one_in(4)) groups = {"none"};
    fields.push_back({"ipsec.pfs", std::move(groups)});
  }
}

void add_ranges(test::Random& random, Fields& fields) {
  const auto peer = [&](std::size_t number) {
    return "192.168." + std::to_string(number) + ".0/24";
  };
  if (random.one_in(2)) {
    FieldValue peers{peer(1)};
    for (std::size_t i = 2; i < 2 + random.below(4); ++i) peers.push_back(peer(i));
    FieldValue locals{"10.0.1.0/24"};
    if (random.one_in(2)) locals.emplace_back("10.0.2.0/25");
    fields.push_back({"local_cidrs", locals});
    fields.push_back({"peer_cidrs", peers});
    return;
  }
  fields.push_back({"rules",
                    {"10.0.1.0/25=" + peer(1) + "," + peer(2), "10.0.2.0/24=" + peer(3),
                     "10.0.1.128/25=" + (random.one_in(2) ? peer(3) : peer(4))}});
}

void add_number(test::Random& random, Fields& fields, const char* name, std::size_t least,
                std::size_t most) {
  if (random.one_in(3)) {
    fields.push_back({name, {std::to_string(least + random.below(most - least + 1))}});
  }
}

}  // namespace

Fields random_tunnel(test::Random& random) {
  static constexpr std::array kKeys{"correct-horse-battery", "0x12quoted'\"both", "0sABC",
                                    "a\"b\\c{d}#e", "sch\xc3\xb6n;=:$"};
  Fields fields{
      {"gateway", {"gw"}}, {"peer", {"office"}}, {"psk", {kKeys[random.below(kKeys.size())]}}};
  const bool ah = random.one_in(5);
  if (ah) fields.push_back({"ipsec.protocol", {"ah"}});
  if (random.one_in(4)) fields.push_back({"profile", {"modern"}});
  if (random.one_in(3)) fields.push_back({"start", {"traffic"}});
  if (!ah && random.one_in(4)) fields.push_back({"force_encapsulation", {"true"}});
  add_ranges(random, fields);
  add_identities(random, fields);
  add_algorithms(random, fields, ah);
  add_number(random, fields, "ike.lifetime_s", 3600, 86400);
  add_number(random, fields, "ipsec.lifetime_s", 3600, 86400);
  add_number(random, fields, "ipsec.lifetime_kb", 2560, 1000000);
  add_number(random, fields, "ipsec.replay_window", 32, 4096);
  add_number(random, fields, "dpd.delay_s", 1, 3600);
  add_number(random, fields, "dpd.timeout_s", 1, 3600);
  return fields;
}

}  // namespace ipsec::gateway
