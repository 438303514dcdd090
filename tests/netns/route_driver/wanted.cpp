#include "tests/netns/route_driver/wanted.h"

#include <fmt/format.h>

#include "tests/netns/xfrm_driver/words.h"

namespace ipsec::driver {
namespace {

Cidr cidr_of(const std::string& text) {
  const auto cidr = Cidr::parse(text);
  if (!cidr) throw WrongLine("no range: " + text);
  return *cidr;
}

// Two words at a time, after the destination.
void take_pair(route::Route& route, const std::string& key, const std::string& value) {
  const auto hop = [&]() -> route::Hop& {
    if (route.hops.empty()) route.hops.emplace_back();
    return route.hops.back();
  };
  if (key == "via") {
    hop().via = address_of(value);
  } else if (key == "dev") {
    hop().device = value;
  } else if (key == "metric") {
    route.key.metric = number32_of(value);
  } else if (key == "mtu") {
    route.mtu = number32_of(value);
  } else if (key == "advmss") {
    route.advmss = number32_of(value);
  } else {
    throw WrongLine("no word of a route: " + key);
  }
}

route::Route route_of(Words words) {
  route::Route route;
  const bool blackhole = words.front() == "blackhole";
  if (blackhole) words = words.subspan(1);
  if (words.empty()) throw WrongLine("a route without destination");
  route.key.destination = cidr_of(words.front());
  words = words.subspan(1);
  while (!words.empty()) {
    if (words.front() == "nexthop") {
      route.hops.emplace_back();
      words = words.subspan(1);
      continue;
    }
    if (words.size() < 2) throw WrongLine("a word is missing behind " + words.front());
    take_pair(route, words[0], words[1]);
    words = words.subspan(2);
  }
  if (blackhole != route.hops.empty()) throw WrongLine("a route without next hop");
  return route;
}

}  // namespace

route::Wanted wanted_of(std::string_view text) {
  route::Wanted out;
  for (const std::string& item : split(text, ',')) {
    std::vector<std::string> words;
    for (const std::string& word : split(item, ' ')) {
      if (!word.empty()) words.push_back(word);
    }
    if (words.empty()) continue;
    if (words[0] == "rule" && words.size() == 2) {
      out.rules.insert({cidr_of(words[1])});
      continue;
    }
    const route::Route route = route_of(words);
    out.routes.emplace(route.key, route);
  }
  return out;
}

std::vector<std::string> words_of(const route::Route& route) {
  std::vector<std::string> out;
  for (const std::string& word : split(to_string(route), ' ')) out.push_back(word);
  return out;
}

}  // namespace ipsec::driver
