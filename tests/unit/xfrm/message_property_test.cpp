// Goal: SAs and policies are read as they were written, whatever they are; no bytes break a parser.
// Method: every algorithm with every option, then seeded random values; then each message cut at
// every byte, and mutated at random, against the oracle that the fuzz target uses too.
#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/random_xfrm.h"

namespace ipsec::xfrm {

using test::Random;

namespace {

constexpr std::uint64_t kValues = 5'000;
constexpr std::uint64_t kMutations = 30'000;

void check_reads_back(const RandomSa& sa, const MessageFeatures& features) {
  const auto read = parse_sa(written(sa, features));
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  const SaRecord& record = **read;
  CHECK(same(record.spec, sa.spec));
  CHECK(record.replay.sent == sa.replay.sent);
  CHECK(record.replay.received == sa.replay.received);
  CHECK(record.replay.window == sa.replay.window);
  CHECK(record.offload_interface == sa.offload_interface);
  CHECK(record.first_use_told == sa.first_use_told);
  CHECK_FALSE(record.larval);
}

void set_length(Bytes& message) {
  if (message.size() < sizeof(nlmsghdr)) return;
  const auto length = static_cast<std::uint32_t>(message.size());
  std::memcpy(message.data(), &length, sizeof(length));
}

// One SA for each row of the registry, in ESP and, where it can be, AH.
std::vector<RandomSa> one_of_each(Random& random) {
  std::vector<RandomSa> all;
  for (const EncryptionRow& encryption : all_encryption()) {
    for (const IntegrityRow& integrity : all_integrity()) {
      RandomSa sa = random_sa(random);
      sa.spec.protocol = Protocol::esp;
      sa.spec.encryption = &encryption;
      sa.spec.encryption_key =
          Secret(random.bytes(std::size_t{encryption.key_bytes} + encryption.salt_bytes));
      sa.spec.integrity = encryption.is_aead() ? nullptr : &integrity;
      sa.spec.integrity_key =
          encryption.is_aead() ? Secret() : Secret(random.bytes(integrity.key_bytes));
      all.push_back(std::move(sa));
    }
  }
  for (const IntegrityRow& integrity : all_integrity()) {
    RandomSa sa = random_sa(random);
    sa.spec.protocol = Protocol::ah;
    sa.spec.encryption = nullptr;
    sa.spec.encryption_key = Secret();
    sa.spec.integrity = &integrity;
    sa.spec.integrity_key = Secret(random.bytes(integrity.key_bytes));
    all.push_back(std::move(sa));
  }
  return all;
}

}  // namespace

TEST_CASE("SAs of every algorithm read as they were written", "[property]") {
  // Each combination of the options comes up many times over: there are 70 SAs a seed.
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    INFO("seed " << seed);
    for (const RandomSa& sa : one_of_each(random)) check_reads_back(sa, random_features(random));
  }
}

TEST_CASE("random SAs read as they were written", "[property]") {
  for (std::uint64_t seed = 0; seed < kValues; ++seed) {
    Random random(seed);
    const RandomSa sa = random_sa(random);
    INFO("seed " << seed);
    check_reads_back(sa, random_features(random));
  }
}

TEST_CASE("random policies read as they were written", "[property]") {
  for (std::uint64_t seed = 0; seed < kValues; ++seed) {
    Random random(seed);
    const PolicyRecord policy = random_policy(random);
    const auto read = parse_policy(written(policy));
    INFO("seed " << seed);
    REQUIRE(read.has_value());
    REQUIRE(*read == policy);
  }
}

TEST_CASE("a message that is cut off anywhere is malformed, and says where") {
  Random random(1);
  for (const Bytes& whole :
       {written(random_sa(random), {.sa_direction = true, .mapping_age = true}),
        written(random_policy(random))}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const ByteView cut = ByteView(whole).first(size);
      INFO("cut at " << size);
      for (const auto& error : {parse_sa(cut).error(), parse_sa_usage(cut).error(),
                                parse_policy(cut).error(), parse_event(cut, 0).error()}) {
        CHECK(std::string(error.field) == (size < 16 ? "netlink header" : "netlink length"));
        CHECK(error.offset == 0);
      }
    }
  }
}

TEST_CASE("a message whose length says less than it should have breaks no rule") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const Bytes sa = written(random_sa(random), {.sa_direction = true, .mapping_age = true});
    const Bytes policy = written(random_policy(random));
    for (const Bytes& whole : {sa, policy}) {
      for (std::size_t size = 0; size < whole.size(); ++size) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        set_length(cut);
        INFO("seed " << seed << " cut at " << size);
        REQUIRE(broken_rule(cut) == "");
      }
    }
    // Without the end of its body there is no SA.
    Bytes cut(sa.begin(), sa.begin() + sizeof(nlmsghdr) + sizeof(xfrm_usersa_info) - 1);
    set_length(cut);
    CHECK(parse_sa(cut).error() == Malformed{"SA", sizeof(nlmsghdr)});
  }
}

TEST_CASE("mutated messages break no rule", "[property]") {
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < kMutations; ++seed) {
    Random random(seed);
    Bytes bytes = random.one_in(2) ? written(random_sa(random), random_features(random))
                                   : written(random_policy(random));
    mutate(random, bytes);
    if (!random.one_in(8)) set_length(bytes);
    INFO("seed " << seed << ": " << to_hex(bytes));
    REQUIRE(broken_rule(bytes) == "");
    if (parse_sa(bytes) || parse_policy(bytes)) ++accepted;
  }
  // Mutations that nothing survives, or everything, would test little.
  CHECK(accepted > kMutations / 10);
  CHECK(accepted < kMutations * 95 / 100);
}

TEST_CASE("a batch is a buffer with many messages, each of them whole") {
  Random random(3);
  Bytes batch;
  std::vector<RandomSa> sas;
  for (int i = 0; i < 5; ++i) {
    sas.push_back(random_sa(random));
    write_sa(batch, {}, SaVerb::add, sas.back().spec, {}, {.replay = &sas.back().replay});
  }
  std::size_t position = 0;
  for (const RandomSa& sa : sas) {
    std::uint32_t length = 0;
    std::memcpy(&length, &batch[position], sizeof(length));
    const auto read = parse_sa(ByteView(batch).subspan(position, length));
    REQUIRE(read.has_value());
    CHECK((*read)->spec.key() == sa.spec.key());
    position += length;
    CHECK(position % NLMSG_ALIGNTO == 0);
  }
  CHECK(position == batch.size());
}

}  // namespace ipsec::xfrm
