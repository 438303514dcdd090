// The rules about the ranges of one tunnel (M40 to M45) against the simplest thing that could be
// right: numbers from first to last, every two of them looked at.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <catch2/catch.hpp>

#include "tests/support/random.h"
#include "tests/unit/gateway/site.h"

using ipsec::FieldValue;
using ipsec::Kind;
using ipsec::gateway::Draft;
using ipsec::gateway::Refusal;
using ipsec::gateway::Site;
using ipsec::gateway::tunnel_fields;
using ipsec::test::Random;

namespace {

struct Span {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::string text;

  [[nodiscard]] bool meets(const Span& other) const {
    return first <= other.last && other.first <= last;
  }
  [[nodiscard]] bool within(const Span& other) const {
    return other.first <= first && last <= other.last;
  }
};

Span span(std::uint32_t address, unsigned length) {
  const std::uint32_t size = 1U << (32U - length);
  const std::uint32_t first = address / size * size;
  return {first, first + size - 1,
          fmt::format("{}.{}.{}.{}/{}", first >> 24U, first >> 16U & 255U, first >> 8U & 255U,
                      first & 255U, length)};
}

constexpr std::uint32_t kVpc = 0x0a000000;     // 10.0.0.0/16
constexpr std::uint32_t kRemote = 0xc0a80000;  // 192.168.0.0/16

// From few addresses, so that ranges meet; now and then of a subnet that there is not.
Span random_local(Random& random) {
  const auto third = static_cast<std::uint32_t>(random.one_in(6) ? 3 : 1 + random.below(2));
  const auto host = static_cast<std::uint32_t>(random.below(8)) * 32U;
  return span(kVpc + third * 256U + host, 24 + static_cast<unsigned>(random.below(5)));
}

Span random_peer(Random& random) {
  if (random.one_in(12)) return random_local(random);
  if (random.one_in(12)) return span(kVpc + 77 * 256, 24);
  const auto at = static_cast<std::uint32_t>(random.below(32)) * 64U;
  return span(kRemote + at, 22 + static_cast<unsigned>(random.below(7)));
}

struct Rule {
  Span local;
  std::vector<Span> peers;
};

bool some_two_meet(const std::vector<Span>& spans) {
  for (std::size_t i = 0; i < spans.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (spans[i].meets(spans[k])) return true;
    }
  }
  return false;
}

// What is refused, and of which range where the rule says it of one: "vpc 10.0.77.0/24".
std::multiset<std::string> naive(const std::vector<Rule>& rules, bool plain) {
  std::multiset<std::string> out;
  std::vector<Span> locals;
  for (const Rule& rule : rules) locals.push_back(rule.local);
  if (some_two_meet(locals)) out.insert("two locals");
  for (const Span& local : locals) {
    const bool held = local.within(span(kVpc + 256, 24)) || local.within(span(kVpc + 512, 24)) ||
                      local.within(span(kVpc + 9 * 256, 24));
    if (!held) out.insert("no subnet " + local.text);
  }
  std::set<std::string> seen;
  for (const Rule& rule : rules) {
    if (some_two_meet(rule.peers)) out.insert("two peers");
    for (const Span& peer : rule.peers) {
      if (!seen.insert(peer.text).second) continue;
      const bool ours =
          std::ranges::any_of(locals, [&](const Span& local) { return local.meets(peer); });
      if (ours) {
        out.insert("local " + peer.text);
      } else if (peer.meets(span(kVpc, 16))) {
        out.insert("vpc " + peer.text);
      }
    }
    // In the plain form every local range has the same peers.
    if (plain) break;
  }
  return out;
}

std::multiset<std::string> told(const ipsec::gateway::Refusals& refusals) {
  std::multiset<std::string> out;
  for (const Refusal& refusal : refusals) {
    const auto says = [&](std::string_view words) {
      return refusal.why.find(words) != std::string::npos;
    };
    const bool of_local = says("overlaps local range");
    if (says("lies in no subnet")) {
      out.insert("no subnet " + refusal.value);
    } else if (says("overlaps peer range")) {
      out.insert("two peers");
    } else if (says("of vpc 'prod'")) {
      out.insert("vpc " + refusal.value);
    } else if (of_local && refusal.advice == "give each local range once") {
      out.insert("two locals");
    } else if (of_local) {
      out.insert("local " + refusal.value);
    } else {
      out.insert(describe(refusal));
    }
  }
  return out;
}

std::vector<Rule> random_rules(Random& random, bool plain) {
  std::vector<Rule> rules(1 + random.below(3));
  for (Rule& rule : rules) {
    rule.local = random_local(random);
    rule.peers.resize(1 + random.below(4));
    for (Span& peer : rule.peers) peer = random_peer(random);
    // M45: the same ones under two local ranges are right.
    if (plain || random.one_in(3)) rule.peers = rules.front().peers;
  }
  return rules;
}

ipsec::gateway::Fields said_of(const std::vector<Rule>& rules, bool plain) {
  FieldValue locals;
  FieldValue peers;
  FieldValue whole;
  for (const Rule& rule : rules) {
    std::vector<std::string> texts;
    for (const Span& peer : rule.peers) texts.push_back(peer.text);
    locals.push_back(rule.local.text);
    peers = texts;
    whole.push_back(fmt::format("{}={}", rule.local.text, fmt::join(texts, ",")));
  }
  if (plain) return {{"local_cidrs", locals}, {"peer_cidrs", peers}};
  return {{"local_cidrs", {}}, {"peer_cidrs", {}}, {"rules", whole}};
}

}  // namespace

TEST_CASE("ranges of a tunnel are refused as by looking at every two", "[gateway]") {
  Site site;
  Random random(41);
  std::map<std::string, int> met;
  for (int round = 0; round < 3000; ++round) {
    const bool plain = random.one_in(2);
    const auto rules = random_rules(random, plain);
    const auto fields = said_of(rules, plain);
    Draft draft = site.draft();
    draft.declare(Kind::tunnel, "hq", tunnel_fields(fields));
    const auto plan = std::move(draft).finish();
    const auto expected = naive(rules, plain);
    const auto found = plan ? std::multiset<std::string>{} : told(plan.error());
    INFO("round " << round << (plain ? ", plain" : ", rules"));
    CHECK(found == expected);
    for (const std::string& one : expected) ++met[one.substr(0, one.find(" 1"))];
    if (expected.empty()) ++met["taken"];
  }
  // Each rule was broken often, and kept often.
  for (const char* rule : {"taken", "two locals", "two peers", "no subnet", "local", "vpc"}) {
    INFO(rule);
    CHECK(met[rule] > 50);
  }
}
