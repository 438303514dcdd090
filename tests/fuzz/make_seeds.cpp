// Writes the seed corpora: make_seeds tests/fuzz/corpus. The same program writes the same bytes
// every time, so a change of the codec shows as a change of these files. A new target adds its row
// to kCorpora; finds that became seeds are kept beside them under other names.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ike/control/types/codec.h"
#include "ike/core/io.h"
#include "tests/fuzz/duel_script.h"
#include "tests/support/control_examples.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/host.h"
#include "tests/support/random_message.h"
#include "tests/support/random_v1_message.h"
#include "tests/support/random_xfrm.h"
#include "tests/support/sa_sides.h"
#include "tests/support/vectors.h"

namespace ipsec::wire {
namespace {

namespace fs = std::filesystem;
using test::Random;

struct Seed {
  std::string name;
  Bytes bytes;
};
using Seeds = std::vector<Seed>;

constexpr std::uint64_t kMixtures = 8;

// The first random value of its kind that is small: a seed should be quick to change.
Payload small_payload(std::size_t kind) {
  for (std::uint64_t seed = 0;; ++seed) {
    Random random(seed);
    Payload payload = random_payload(random, kind);
    const std::size_t size = write_chain({&payload, 1})->size();
    if (size > 8 && size < 200) return payload;
  }
}

Payloads small_mixture(std::uint64_t seed) {
  Random random(seed);
  Payloads payloads;
  const std::size_t count = 2 + random.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    payloads.push_back(small_payload(random.below(kPayloadKinds)));
  }
  return payloads;
}

std::string in_lower_case(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::string kind_name(std::size_t kind) {
  const PayloadType type = type_of(small_payload(kind));
  return in_lower_case(kind + 1 == kPayloadKinds ? "unknown" : name_of(type));
}

Header header(ExchangeType exchange) {
  Header header;
  header.initiator_spi = IkeSpi{0x0102030405060708};
  header.responder_spi = IkeSpi{0x1112131415161718};
  header.exchange = exchange;
  header.flags.initiator = true;
  return header;
}

Bytes sealed(std::optional<FragmentNumber> fragment) {
  const PayloadType first =
      fragment && fragment->number > 1 ? PayloadType::none : PayloadType::id_initiator;
  const Bytes body(40, 0xa5);
  return concat(
      {write_sealed_head(header(ExchangeType::ike_auth), first, fragment, body.size()).value(),
       body});
}

Seeds message_seeds() {
  Seeds seeds{{"empty", write_message(header(ExchangeType::informational), {}).value()},
              {"sk", sealed(std::nullopt)},
              {"skf_first", sealed(FragmentNumber{.number = 1, .total = 3})},
              {"skf_later", sealed(FragmentNumber{.number = 2, .total = 3})}};
  for (std::size_t kind = 0; kind < kPayloadKinds; ++kind) {
    const Payload payload = small_payload(kind);
    seeds.push_back(
        {kind_name(kind), write_message(header(ExchangeType::ike_sa_init), {&payload, 1}).value()});
  }
  for (std::uint64_t seed = 0; seed < kMixtures; ++seed) {
    seeds.push_back(
        {"mixture_" + std::to_string(seed),
         write_message(header(ExchangeType::ike_sa_init), small_mixture(seed)).value()});
  }
  return seeds;
}

Bytes chain_input(const Payloads& payloads) {
  const Bytes first{static_cast<std::uint8_t>(first_type(payloads))};
  return concat({first, write_chain(payloads).value()});
}

Seeds chain_seeds() {
  Seeds seeds;
  for (std::size_t kind = 0; kind < kPayloadKinds; ++kind) {
    seeds.push_back({kind_name(kind), chain_input({small_payload(kind)})});
  }
  for (std::uint64_t seed = 0; seed < kMixtures; ++seed) {
    seeds.push_back({"mixture_" + std::to_string(seed), chain_input(small_mixture(100 + seed))});
  }
  return seeds;
}

v1::Payload small_v1_payload(std::size_t kind) {
  for (std::uint64_t seed = 0;; ++seed) {
    Random random(seed);
    v1::Payload payload = v1::random_payload(random, kind);
    const std::size_t size = v1::write_chain({&payload, 1})->size();
    if (size > 8 && size < 200) return payload;
  }
}

v1::Header v1_header(ExchangeType exchange) {
  v1::Header header;
  header.initiator_cookie = IkeSpi{0x0102030405060708};
  header.responder_cookie = IkeSpi{0x1112131415161718};
  header.exchange = exchange;
  return header;
}

Seed v1_seed(std::string name, ExchangeType exchange, const v1::Payloads& payloads) {
  return {std::move(name), v1::write_message(v1_header(exchange), payloads).value()};
}

// What v1_message.cpp reads as a chain too, so what is encrypted is here in clear as well.
Seeds v1_seeds() {
  using enum v1::IdType;
  const auto offer = [](v1::ProtocolId protocol, std::uint8_t id, Bytes spi,
                        std::vector<Attribute> attributes) {
    const v1::Transform transform{.number = 1, .id = id, .attributes = std::move(attributes)};
    return v1::SaPayload{
        {{.number = 1, .protocol = protocol, .spi = std::move(spi), .transforms = {transform}}}};
  };
  const v1::SaPayload phase1 =
      offer(v1::ProtocolId::isakmp, 1, {},
            {v1::attribute_of(v1::Phase1Attribute::encryption, 7),
             v1::attribute_of(v1::Phase1Attribute::key_length, 256),
             v1::attribute_of(v1::Phase1Attribute::life_type, 1),
             v1::attribute_of(v1::Phase1Attribute::life_duration, 86'400)});
  const v1::SaPayload phase2 =
      offer(v1::ProtocolId::esp, 12, {0x11, 0x22, 0x33, 0x44},
            {v1::attribute_of(v1::Phase2Attribute::encapsulation_mode, 61'443),
             v1::attribute_of(v1::Phase2Attribute::auth_algorithm, 5)});
  const v1::IdPayload subnet{
      .type = ipv4_subnet, .protocol = 0, .port = 0, .data = {10, 0, 1, 0, 255, 255, 255, 0}};
  const v1::IdPayload range{
      .type = ipv4_range, .protocol = 6, .port = 80, .data = {10, 0, 2, 1, 10, 0, 2, 9}};
  Bytes sealed =
      v1::write_sealed_head(v1_header(ExchangeType::quick_mode), v1::PayloadType::hash, 32).value();
  append(sealed, Bytes(32, 0xa5));
  Seeds seeds{v1_seed("main_mode", ExchangeType::identity_protection,
                      {phase1, v1::VendorIdPayload{.data = Bytes(16, 0xaf)}}),
              v1_seed("quick_mode", ExchangeType::quick_mode,
                      {v1::HashPayload{.data = Bytes(20, 0x5a)}, phase2,
                       v1::NoncePayload{.data = Bytes(16, 0x33)}, subnet, range}),
              {"encrypted", sealed}};
  for (std::size_t kind = 0; kind < v1::kPayloadKinds; ++kind) {
    const v1::Payload payload = small_v1_payload(kind);
    const bool known = kind + 1 < v1::kPayloadKinds;
    seeds.push_back(v1_seed(known ? in_lower_case(v1::name_of(type_of(payload))) : "unknown",
                            ExchangeType::informational_v1, {payload}));
  }
  return seeds;
}

// Four bytes a piece: see fragments.cpp.
Seeds fragment_seeds() {
  return {{"in_order", {1, 3, 0, 8, 2, 3, 0, 8, 3, 3, 0, 7}},
          {"backwards", {3, 3, 0, 8, 2, 3, 0, 8, 1, 3, 0, 7}},
          {"duplicate", {1, 2, 0, 8, 1, 2, 0, 8, 2, 2, 0, 7}},
          {"larger_total", {1, 2, 0, 8, 1, 3, 0, 8, 2, 2, 0, 8, 2, 3, 0, 8, 3, 3, 0, 7}},
          {"invalid", {0, 2, 0, 8, 3, 2, 0, 8, 1, 0, 0, 7}},
          {"too_many", {1, 128, 0, 8, 1, 129, 0, 8, 200, 255, 0, 7}},
          {"too_large", {1, 2, 255, 0, 2, 2, 255, 255, 2, 2, 1, 255}},
          {"two_messages", {1, 1, 0, 7, 1, 1, 0, 9}}};
}

// Messages that open under the fixed keys of sk_open.cpp, in the initiator's direction and back.
Seeds sealed_seeds() {
  const crypto::FakeProvider crypto(0);
  Seeds seeds;
  for (const auto& [name, algorithms] :
       {std::pair{"gcm", core::algorithms_named("aes256gcm16")},
        std::pair{"cbc", core::algorithms_named("aes128", "sha256")}}) {
    core::SaSides sides(crypto, algorithms);
    const Payloads inner = small_mixture(200);
    const Header there = header(ExchangeType::ike_auth);
    seeds.push_back(
        {std::string(name) + "_whole", sides.initiator().seal(there, inner, 0)->front()});
    seeds.push_back({std::string(name) + "_empty", sides.initiator().seal(there, {}, 0)->front()});
    const auto pieces = sides.initiator().seal(there, inner, 120);
    seeds.push_back({std::string(name) + "_first", pieces->front()});
    seeds.push_back({std::string(name) + "_last", pieces->back()});
    Header back = there;
    back.flags = {.initiator = false, .response = true, .higher_version = false};
    seeds.push_back({std::string(name) + "_back", sides.responder().seal(back, inner, 0)->front()});
  }
  return seeds;
}

using fuzz::Op;

Bytes script(std::initializer_list<std::pair<Op, Bytes>> steps) {
  Bytes bytes;
  for (const auto& [op, operands] : steps) {
    bytes.push_back(static_cast<std::uint8_t>(op));
    bytes.insert(bytes.end(), operands.begin(), operands.end());
  }
  return bytes;
}

// See duel_script.h; both engines have their tunnel, the left one initiates.
Seeds engine_seeds() {
  const auto order = [](core::Order what) { return static_cast<std::uint8_t>(what); };
  const std::pair<Op, Bytes> calm{Op::calm, {}};
  const std::pair<Op, Bytes> slow{Op::answers_come, {0, 1}};
  const std::pair<Op, Bytes> rekey{Op::command, {0, order(core::Order::rekey_children)}};
  const std::pair<Op, Bytes> rekey_right{Op::command, {1, order(core::Order::rekey_children)}};
  const std::pair<Op, Bytes> rekey_ike{Op::command, {0, order(core::Order::rekey_ike)}};
  const std::pair<Op, Bytes> rekey_ike_right{Op::command, {1, order(core::Order::rekey_ike)}};
  const std::pair<Op, Bytes> soon{Op::advance, {0}};
  const std::pair<Op, Bytes> later{Op::advance, {4}};
  const std::pair<Op, Bytes> first{Op::deliver, {0}};
  // IKEv1, which variants say with 64, and 128 that it is aggressive mode; the right only answers.
  const auto v1_left = [](std::uint8_t more) {
    return std::pair<Op, Bytes>{Op::set_tunnel, {0, static_cast<std::uint8_t>(64 + more)}};
  };
  const auto v1_right = [](std::uint8_t more) {
    return std::pair<Op, Bytes>{Op::set_tunnel, {1, static_cast<std::uint8_t>(65 + more)}};
  };
  return {
      {"handshake", script({first, first, first, first, later, calm})},
      {"handshake_step_by_step", script({slow,
                                         {Op::answer, {0, 0}},
                                         first,
                                         first,
                                         {Op::answer, {0, 0}},
                                         {Op::answer, {0, 0}},
                                         first,
                                         first,
                                         {Op::answer, {0, 0}},
                                         calm})},
      {"lossy", script({{Op::drop, {0}},
                        {Op::advance, {3}},
                        {Op::duplicate, {0}},
                        first,
                        first,
                        {Op::drop, {0}},
                        {Op::advance, {3}},
                        calm})},
      {"both_at_once", script({{Op::set_tunnel, {1, 0}}, first, first, first, first, calm, later})},
      {"child_rekey", script({calm, rekey, soon, calm, {Op::inbound_seen, {1, 0}}, later, calm})},
      {"child_rekeys_cross", script({calm, rekey, rekey_right, soon, first, first, calm, later})},
      {"ike_rekey", script({calm, rekey_ike, soon, calm, later, calm})},
      {"ike_rekeys_cross",
       script({calm, rekey_ike, rekey_ike_right, soon, first, first, calm, later, calm})},
      {"down_and_up", script({calm,
                              {Op::command, {0, order(core::Order::down)}},
                              soon,
                              calm,
                              {Op::command, {0, order(core::Order::up)}},
                              calm})},
      {"reauthenticate",
       script({calm, {Op::command, {0, order(core::Order::reauthenticate)}}, calm, later, calm})},
      {"changed", script({first, {Op::set_tunnel, {0, 12}}, soon, first, calm, later, calm})},
      {"removed", script({calm, {Op::remove_tunnel, {1}}, soon, calm, later})},
      {"cookies", script({{Op::inject_opening, {1, 99}}, calm, {Op::advance, {5}}, calm})},
      {"kernel_refuses", script({slow,
                                 {Op::answer, {0, 0}},
                                 first,
                                 {Op::answers_come, {1, 1}},
                                 {Op::answer, {1, 0}},
                                 first,
                                 {Op::answer, {0, 0}},
                                 {Op::answer_error, {0, 0}},
                                 calm,
                                 later,
                                 calm})},
      {"expires",
       script({calm, {Op::expire, {0, 0, 1}}, soon, calm, {Op::expire, {1, 0, 0}}, soon, calm})},
      {"mutated", script({{Op::mutate, {0, 0, 40, 1}},
                          first,
                          {Op::truncate, {0, 0, 60}},
                          first,
                          {Op::mutate, {0, 0, 60, 1}},
                          calm,
                          {Op::advance, {3}},
                          calm})},
      {"nat", script({{Op::set_tunnel, {0, 4}},
                      first,
                      {Op::rewrite_port, {0, 9}},
                      calm,
                      later,
                      {Op::rewrite_port, {0, 20}},
                      calm})},
      {"injected", script({calm,
                           {Op::inject_clear, {0, 0, 1, 0x12, 0, 41, 8, 0, 0, 0, 8, 0, 0, 0, 4}},
                           soon,
                           {Op::inject_raw, {1, 4, 0, 0, 0, 1}},
                           {Op::answer_stranger, {0, 1}},
                           later})},
      {"v1_main", script({v1_left(0), v1_right(0), first, first, first, first, later, calm})},
      {"v1_aggressive", script({v1_left(128), v1_right(128), first, first, first, later, calm})},
      {"v1_at_once", script({v1_left(0), {Op::set_tunnel, {1, 64}}, first, first, calm, later})},
      {"v1_rekeys",
       script({v1_left(0), v1_right(0), calm, rekey, rekey_right, soon, first, first, calm,
               rekey_ike, rekey_ike_right, soon, first, first, calm, later, calm, later, calm})},
      {"v1_nat", script({v1_left(132),
                         v1_right(128),
                         calm,
                         later,
                         {Op::rewrite_port, {0, 20}},
                         rekey,
                         calm,
                         later,
                         calm})},
      {"v1_lossy", script({v1_left(0),
                           v1_right(0),
                           {Op::drop, {0}},
                           {Op::advance, {3}},
                           first,
                           {Op::mutate, {0, 0, 70, 1}},
                           first,
                           {Op::drop, {0}},
                           {Op::advance, {3}},
                           calm,
                           {Op::mutate, {0, 0, 60, 4}},
                           calm,
                           later,
                           calm})},
      {"v1_kernel_refuses", script({v1_left(0),
                                    v1_right(0),
                                    slow,
                                    {Op::answers_come, {1, 1}},
                                    first,
                                    first,
                                    {Op::answer, {0, 0}},
                                    first,
                                    {Op::answer, {1, 0}},
                                    first,
                                    {Op::answer, {0, 0}},
                                    first,
                                    first,
                                    {Op::answer, {0, 0}},
                                    first,
                                    {Op::answer_error, {1, 0}},
                                    calm,
                                    later,
                                    calm})},
      {"v1_then_v2", script({v1_left(0),
                             v1_right(0),
                             calm,
                             {Op::set_tunnel, {0, 0}},
                             first,
                             {Op::set_tunnel, {1, 1}},
                             calm,
                             later,
                             calm})},
      {"dead_peer", script({calm,
                            {Op::advance, {4}},
                            {Op::drop, {0}},
                            {Op::advance, {4}},
                            {Op::drop, {0}},
                            {Op::advance, {4}},
                            {Op::advance, {6}}})}};
}

// See v2_inside.cpp: who initiates, then the messages.
Seeds inside_seeds() {
  return {{"probe", {0, 0, 1, 0, 9}},
          {"probe_by_initiator", {1, 0, 1, 0, 9}},
          {"rekey_child", {1, 0, 0, 0, 5, 6, 1, 0, 7, 2, 8, 4, 0, 5, 0, 3, 1, 0, 1, 0, 1, 7, 1}},
          {"new_child", {0, 0, 0, 0, 13, 0, 9, 2, 8, 4, 0, 5, 0, 3, 1}},
          {"rekey_ike", {1, 0, 0, 0, 3, 1, 9, 2, 8, 3, 0}},
          {"delete_child", {0, 0, 1, 0, 1, 7, 1}},
          {"delete_ike", {1, 0, 1, 0, 1, 8, 0}},
          {"answers_a_rekey", {0, 4, 2, 3, 0, 2, 0, 0, 5, 0, 9, 2, 8, 4, 0, 5, 0, 3, 0}},
          {"answers_an_ike_rekey", {1, 4, 1, 3, 0, 2, 0, 0, 3, 1, 9, 2, 8, 3, 0}},
          {"refuses_a_rekey", {0, 4, 2, 2, 0, 0, 1, 9, 14, 0}},
          {"wrong_exchange", {1, 0, 2, 0, 1, 8, 0, 0, 3, 0, 1, 8, 0}},
          {"raw", {0, 0, 1, 0, 0, 41, 0, 8, 0, 0, 0, 8, 0, 0, 64, 0}}};
}

// See v1_inside.cpp: mode and roles, then the steps; 0 is one of phase 1's.
Seeds v1_inside_seeds() {
  const auto all = [](std::uint8_t mode, std::initializer_list<ByteView> steps) {
    Bytes bytes{mode, 0, 0, 0, 0, 0, 0};
    for (const ByteView step : steps) append(bytes, step);
    return bytes;
  };
  // An SA, a nonce and the two ranges, asked for and answered; the third message.
  const Bytes offer{3, 1, 4, 0, 1, 1, 1, 8, 2, 3};
  const Bytes offer_again{3, 2, 4, 0, 2, 1, 1, 9, 2, 3};
  const Bytes answer{4, 4, 0, 3, 1, 1, 8, 3, 2};
  const Bytes narrowing{4, 5, 0, 3, 1, 1, 8, 3, 2, 6, 4, 8, 0x80, 1, 0, 1, 0x80, 2, 0, 60};
  const Bytes proof{5, 1};
  const Bytes proof_again{5, 2};
  const Bytes question{2, 1, 6, 0, 4};
  const Bytes right_answer{2, 1, 6, 1, 0};
  const Bytes wait{6, 2};
  const Bytes again{10};
  const Bytes clear_refusal{1, 2, 0, 1, 6, 3, 14, 0};
  return {{"main", all(0, {})},
          {"main_by_hand", all(1, {})},
          {"aggressive", all(2, {})},
          {"aggressive_by_hand", all(3, {})},
          {"nat_draft", all(13, {offer, proof})},
          {"child", all(1, {offer, proof})},
          {"child_of_engine", all(0, {answer, wait})},
          {"probe", all(1, {question})},
          {"probed", all(1, {wait, right_answer, wait})},
          {"delete_child", all(1, {offer, proof, Bytes{2, 1, 8, 1}, wait})},
          {"delete_sa", all(1, {offer, Bytes{2, 1, 9, 0}, wait})},
          {"initial_contact", all(1, {offer, proof, Bytes{2, 1, 6, 2, 0}})},
          {"refusal", all(0, {Bytes{2, 1, 6, 3, 14, 1}, wait})},
          {"narrowed", all(0, {narrowing, Bytes{6, 3}, question, Bytes{6, 3}})},
          {"rekey", all(1, {offer, proof, offer_again, proof_again, wait, question, wait})},
          {"rekey_of_engine", all(0, {answer, Bytes{7, 2}, answer, wait, question, wait})},
          {"repeated", all(1, {offer, again, again, proof, again})},
          {"kernel_refuses", all(1, {Bytes{8, 1}, offer, Bytes{8, 7}, offer, Bytes{8, 3}, wait})},
          {"noise", all(1, {Bytes{9, 2, 3, 8, 0, 16, 0, 0, 0, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0}})},
          {"clear", all(1, {offer, clear_refusal, proof})},
          {"clear_in_phase1",
           concat({Bytes{0}, clear_refusal, Bytes{0}, clear_refusal, Bytes{0, 0, 0}, answer})},
          {"phase1_slowly", {1, 0, 6, 1, 10, 0, 6, 1, 10, 0, 10, 6, 2}}};
}

// The entries of a runtime store (see ike/core/record.h) after each step of two engines that come
// up, rekey all they have, and close.
Bytes entries_of(const test::Host& host) {
  Writer writer;
  for (const auto& [key, content] : host.store) {
    writer.u8(static_cast<std::uint8_t>(key.kind));
    writer.u64(key.id);
    writer.u32(static_cast<std::uint32_t>(content.size()));
    writer.bytes(content.view());
  }
  return *writer.take();
}

class Kept {
 public:
  Kept(core::IkeVersion version, bool aggressive) {
    // The fuzz target's tunnels: 1 speaks IKEv2, 2 IKEv1.
    const std::uint64_t id = version == core::IkeVersion::v2 ? 1 : 2;
    left_config_ = test::tunnel_between(id, kLeft, kRight, "10.1.0.0/16", "10.2.0.0/16");
    right_config_ = test::tunnel_between(id, kRight, kLeft, "10.2.0.0/16", "10.1.0.0/16");
    right_config_.start = core::Start::respond;
    for (auto* config : {&left_config_, &right_config_}) {
      config->version = version;
      config->aggressive = aggressive;
    }
  }
  // As the left side has it, or as the right.
  Seeds seeds(const std::string& name, bool left) {
    test::Host& watched = left ? left_ : right_;
    right_.feed(core::SetTunnel{std::make_shared<const core::TunnelConfig>(right_config_)}, now_);
    left_.feed(core::SetTunnel{std::make_shared<const core::TunnelConfig>(left_config_)}, now_);
    talk(watched);
    for (const auto order : {core::Order::rekey_children, core::Order::rekey_ike,
                             core::Order::probe, core::Order::down}) {
      now_ += std::chrono::seconds(5);
      left_.feed(core::Command{left_config_.id, order}, now_);
      talk(watched);
    }
    Seeds seeds;
    for (const Bytes& entries : kept_) {
      seeds.push_back({fmt::format("{}_{:02}", name, seeds.size()), entries});
    }
    return seeds;
  }

 private:
  static constexpr std::string_view kLeft = "192.0.2.1";
  static constexpr std::string_view kRight = "203.0.113.2";

  void note(const test::Host& watched) {
    Bytes entries = entries_of(watched);
    const bool is_new = kept_.empty() || kept_.back() != entries;
    if (is_new && !entries.empty()) kept_.push_back(std::move(entries));
  }
  void talk(const test::Host& watched) {
    note(watched);
    while (!left_.sent.empty() || !right_.sent.empty()) {
      test::Host& from = left_.sent.empty() ? right_ : left_;
      test::Host& to = left_.sent.empty() ? left_ : right_;
      core::SendDatagram sent = std::move(from.sent.front());
      from.sent.erase(from.sent.begin());
      to.feed(core::Datagram{sent.remote, sent.local, std::move(sent.bytes)}, now_);
      note(watched);
    }
  }

  crypto::FakeProvider crypto_{1};
  test::Host left_{crypto_, 1, core::Keeping::yes};
  test::Host right_{crypto_, 2, core::Keeping::yes};
  core::TunnelConfig left_config_;
  core::TunnelConfig right_config_;
  Time now_{};
  std::vector<Bytes> kept_;
};

Seeds runtime_seeds() {
  using core::IkeVersion;
  Seeds seeds;
  const auto add = [&seeds](Seeds more) { std::ranges::move(more, std::back_inserter(seeds)); };
  for (const bool left : {true, false}) {
    const std::string side = left ? "left" : "right";
    add(Kept(IkeVersion::v2, false).seeds("v2_" + side, left));
    add(Kept(IkeVersion::v1, false).seeds("v1_main_" + side, left));
    add(Kept(IkeVersion::v1, true).seeds("v1_aggressive_" + side, left));
  }
  return seeds;
}

// What a kernel said, and what our writers make of a few random values.
Seeds xfrm_seeds() {
  Seeds seeds;
  for (const auto& vector : testing::read_vectors("xfrm_kernel.txt")) {
    std::string name(vector.text("name"));
    std::ranges::replace(name, ' ', '_');
    seeds.push_back({name, vector.hex("message")});
  }
  for (std::uint64_t seed = 0; seed < kMixtures; ++seed) {
    Random random(seed);
    seeds.push_back({"sa_" + std::to_string(seed),
                     xfrm::written(xfrm::random_sa(random), xfrm::random_features(random))});
    seeds.push_back({"policy_" + std::to_string(seed), xfrm::written(xfrm::random_policy(random))});
  }
  return seeds;
}

Seed line_seed(std::string name, const std::string& line) {
  const ByteView bytes(reinterpret_cast<const std::uint8_t*>(line.data()), line.size());
  return {std::move(name), Bytes(bytes.begin(), bytes.end())};
}

Seeds request_seeds() {
  Seeds seeds;
  for (const control::Request& request : control::test::all_requests()) {
    seeds.push_back(
        line_seed(fmt::format("{:02}-{}", seeds.size(), control::name_of(request.operation)),
                  control::write(request)));
  }
  return seeds;
}

Seeds answer_seeds() {
  Seeds seeds{line_seed("event", control::write(control::test::an_event()))};
  for (const control::Reply& reply : control::test::all_replies()) {
    seeds.push_back(line_seed(fmt::format("reply-{:02}", seeds.size()), control::write(reply)));
  }
  return seeds;
}

struct Corpus {
  const char* target;
  Seeds (*make)();
};
constexpr Corpus kCorpora[] = {
    {"v2_message", message_seeds},      {"v2_chain", chain_seeds},
    {"v1_message", v1_seeds},           {"fragments", fragment_seeds},
    {"sk_open", sealed_seeds},          {"engine", engine_seeds},
    {"v2_inside", inside_seeds},        {"v1_inside", v1_inside_seeds},
    {"runtime", runtime_seeds},         {"xfrm_message", xfrm_seeds},
    {"control_request", request_seeds}, {"control_answer", answer_seeds}};

bool write_seed(const fs::path& directory, const Seed& seed) {
  std::ofstream stream(directory / seed.name, std::ios::binary | std::ios::trunc);
  stream << as_text(seed.bytes);
  return static_cast<bool>(stream.flush());
}

bool write_corpora(const fs::path& root) {
  for (const Corpus& corpus : kCorpora) {
    const fs::path directory = root / corpus.target;
    fs::create_directories(directory);
    for (const Seed& seed : corpus.make()) {
      if (!write_seed(directory, seed)) return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace ipsec::wire

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds DIRECTORY\n");
    return 2;
  }
  if (ipsec::wire::write_corpora(argv[1])) return 0;
  std::fprintf(stderr, "make_seeds: cannot write below %s\n", argv[1]);
  return 1;
}
