// A request that is wrong is refused with one line that names the place and what was probably
// meant, and with its id wherever that could be read.
#include <catch2/catch.hpp>

#include <string>

#include "ike/control/types/codec.h"

namespace ipsec::control {
namespace {

std::string refusal(std::string_view line) {
  const auto read = read_request(line);
  INFO(line.substr(0, 200));
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().error.code == ErrorCode::usage);
  CHECK(read.error().error.problems.empty());
  return read.error().error.message;
}

std::string fields_refusal(std::string_view fields) {
  return refusal(R"({"v":1,"id":5,"op":"set","kind":"tunnel","names":["hq"],"fields":)" +
                 std::string(fields) + "}");
}

std::string nested(std::size_t depth) {
  return R"({"v":1,"id":9,"op":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

TEST_CASE("what is unknown is refused with what was meant") {
  CHECK(refusal(R"({"v":1,"op":"creat"})") == "'op' cannot be 'creat'; is 'create' meant?");
  CHECK(refusal(R"({"v":1,"op":"frobnicate"})")
            .starts_with("'op' cannot be 'frobnicate'; there are version, list, show"));
  CHECK(refusal(R"({"v":1,"op":"list","kind":"tunel"})") ==
        "list: 'kind' cannot be 'tunel'; is 'tunnel' meant?");
  CHECK(refusal(R"({"v":1,"op":"list","kind":"vpc","serch":"x"})") ==
        "list: there is no 'serch'; is 'search' meant?");
  CHECK(refusal(R"({"v":1,"op":"check","verbose":true})") ==
        "check: there is no 'verbose'; there are v, op, id, account");
  CHECK(refusal(R"({"v":1,"op":"command","order":"restart","tunnels":[]})") ==
        "command: 'order' cannot be 'restart'; there are up, down, reconnect, rekey, rekey-ike");
  CHECK(fields_refusal(R"({"ike":{"vrsion":2}})") ==
        "set: a tunnel has no field 'ike.vrsion'; is 'ike.version' meant?");
  CHECK(fields_refusal(R"({"nonsense":2})") == "set: a tunnel has no field 'nonsense'");
  CHECK(fields_refusal(R"({"ike":2})") == "set: a tunnel has no field 'ike'");
  CHECK(fields_refusal(R"({"ike.version":2})") ==
        R"(set: write {"ike":{"version":...}} instead of 'ike.version')");
  CHECK(fields_refusal(R"({"name":"x"})") ==
        "set: the name is no field: it stands beside 'fields', and 'rename' changes it");
  CHECK(fields_refusal(R"({"nam":"x"})") == "set: a tunnel has no field 'nam'");
}

TEST_CASE("what is missing or of another type is refused") {
  CHECK(refusal(R"({"op":"check"})") == R"(the request says no version of the API; write "v":1)");
  CHECK(refusal(R"({"v":2,"op":"check"})") ==
        R"(this daemon speaks "v":1 of the API; use the ipsecctl that came with it)");
  CHECK(refusal(R"({"v":1})") ==
        R"(the request says no operation; write "op":"version", or another)");
  CHECK(refusal(R"({"v":1,"op":7})") == "'op' must be a string");
  CHECK(refusal(R"({"v":1,"op":"rename","kind":"vpc","name":"a"})") == "rename: 'to' is missing");
  CHECK(refusal(R"({"v":1,"op":"show","kind":"vpc"})") == "show: 'names' is missing");
  CHECK(refusal(R"({"v":1,"op":"show","kind":"vpc","names":"a"})") ==
        "show: 'names' must be an array");
  CHECK(refusal(R"({"v":1,"op":"show","kind":"vpc","names":["a",1]})") ==
        "show: 'names[1]' must be a string");
  CHECK(refusal(R"({"v":1,"op":"dump","secrets":"yes"})") ==
        "dump: 'secrets' must be true or false");
  CHECK(refusal(R"({"v":1,"op":"audit","most":-1})") ==
        "audit: 'most' must be a whole number from 0 to 4294967295");
  CHECK(refusal(R"({"v":1,"op":"audit","most":4294967296})") ==
        "audit: 'most' must be a whole number from 0 to 4294967295");
  CHECK(refusal(R"({"v":1,"op":"audit","most":1.5})") ==
        "audit: 'most' must be a whole number from 0 to 4294967295");
  CHECK(refusal(R"({"v":1,"op":"audit","id":"x"})") ==
        "audit: 'id' must be a whole number from 0 to 18446744073709551615");
  CHECK(fields_refusal("[]") == "set: 'fields' must be an object");
  CHECK(fields_refusal(R"({"enabled":1})") == "set: 'enabled' takes true or false");
  CHECK(fields_refusal(R"({"ike":{"lifetime_s":1.5}})") ==
        "set: 'ike.lifetime_s' takes a whole number");
  CHECK(fields_refusal(R"({"ike":{"lifetime_s":true}})") ==
        "set: 'ike.lifetime_s' takes a whole number");
  CHECK(fields_refusal(R"({"remarks":true})") == "set: 'remarks' takes a string");
  CHECK(fields_refusal(R"({"remarks":["a"]})") == "set: 'remarks' takes one value, not a list");
  CHECK(fields_refusal(R"({"peer_cidrs":[null]})") == "set: 'peer_cidrs' takes a string");
  CHECK(fields_refusal(R"({"peer_cidrs":[["a"]]})") == "set: 'peer_cidrs' takes a string");
  CHECK(fields_refusal(R"({"ike":{"dh":{}}})") == "set: 'ike.dh' takes a string");
}

TEST_CASE("a key is not a number, and never in a message") {
  CHECK(fields_refusal(R"({"psk":123456})") == "set: 'psk' takes a string");
  CHECK(fields_refusal(R"({"psk":"geheim" "x"})") ==
        "the request cannot be read: it is not JSON at byte 84");
  CHECK_FALSE(fields_refusal(R"({"psk":"geheim)").contains("geheim"));
  CHECK_FALSE(fields_refusal("{\"psk\":\"geheim\xff\"}").contains("geheim"));
}

TEST_CASE("what is no JSON is refused with its place") {
  CHECK(refusal("") == "the request cannot be read: it is not JSON at byte 1");
  CHECK(refusal("hello\n").starts_with("the request cannot be read: it is not JSON at byte "));
  CHECK(refusal("[1]") == R"(the request is not an object in braces: {"v":1,...})");
  CHECK(refusal("{\"v\":1,\"op\":\"\xc3(\"}").starts_with("the request cannot be read: byte 1"));
  CHECK(refusal("{\"v\":1,\"op\":\"\xc3(\"}").ends_with("is not UTF-8"));
  CHECK(refusal(R"({"v":1,"op":"check","id":1,"id":2})") ==
        "the request cannot be read: 'id' stands in it twice");
  CHECK(fields_refusal(R"({"ike":{"version":1,"version":2}})") ==
        "the request cannot be read: 'version' stands in it twice");
  CHECK(refusal(R"({"v":1,"op":"check"} {})").contains("not JSON at byte"));
  CHECK(refusal(R"({"v":1,"op":"\ud800"})").contains("not JSON at byte"));
}

TEST_CASE("bounds hold") {
  CHECK(refusal(nested(8)) == "the request cannot be read: it is nested deeper than 8");
  CHECK(refusal(nested(7)) == "'op' must be a string");
  CHECK(refusal(nested(1'000'000)) == "the request cannot be read: it is nested deeper than 8");

  std::string many = R"({"v":1,"op":"show","kind":"vpc","names":["")";
  for (int i = 0; i < 100'000; ++i) many += R"(,"")";
  CHECK(refusal(many + "]}") ==
        "the request cannot be read: there are more than 100000 values in it");

  CHECK(refusal(std::string(kRequestBytes + 1, ' ')) ==
        "the request is longer than 16777216 bytes");
  const std::string head = R"({"v":1,"op":"apply","text":")";
  const std::string whole = head + std::string(kRequestBytes - head.size() - 2, 'x') + "\"}";
  CHECK(read_request(whole).has_value());
}

TEST_CASE("a long or strange word is shown in a line") {
  const std::string message = refusal(R"({"v":1,"op":"a\nb)" + std::string(1000, 'x') + R"("})");
  CHECK(message.starts_with("'op' cannot be 'a?bxxx"));
  CHECK(message.size() < 400);
  std::string umlauts;
  for (int i = 0; i < 40; ++i) umlauts += "\xc3\xa4";
  CHECK(refusal(R"({"v":1,"op":"x)" + umlauts + R"("})").contains("\xc3\xa4...'"));
}

TEST_CASE("the id of a wrong request is found where there is one") {
  const auto id = [](std::string_view line) { return read_request(line).error().id; };
  CHECK(id(R"({"v":1,"id":7,"op":"creat"})") == 7);
  CHECK(id(R"({"op":"creat","v":1,"id":7})") == 7);
  CHECK(id(R"({"v":1,"id":7,"op":"check",)") == 7);
  CHECK(id(R"({"v":1,"op":{"id":7}})") == 0);
  CHECK(id("") == 0);
}

TEST_CASE("an answer that cannot be understood says where") {
  const auto why = [](std::string_view line) { return read_answer(line).error(); };
  CHECK(why("x").starts_with("the answer cannot be read: it is not JSON at byte"));
  CHECK(why("7") == "the answer cannot be read: it is no object");
  CHECK(why(R"({"ok":true})") == "the answer cannot be understood: it says no version of the API");
  CHECK(why(R"({"v":2,"ok":true})") ==
        "the answer cannot be understood: it is of version 2 of the API, and this program knows 1");
  CHECK(why(R"({"v":1,"id":1})") ==
        "the answer cannot be understood: it holds no result, error or event");
  CHECK(why(R"({"v":1,"id":1,"ok":true})") ==
        "the answer cannot be understood: it holds no result");
  CHECK(why(R"({"v":1,"id":1,"ok":true,"result":{}})") ==
        "the answer cannot be understood: 'result.type' is missing");
  CHECK(why(R"({"v":1,"id":1,"ok":true,"result":{"type":"don"}})") ==
        "the answer cannot be understood: 'result.type' cannot be 'don'; is 'done' meant?");
  CHECK(
      why(R"({"v":1,"id":1,"ok":true,"result":{"type":"status","tunnels":[{"ike":{"nat":1}}]}})") ==
      "the answer cannot be understood: 'result.tunnels[0].ike.nat' must be a string");
  CHECK(
      why(R"({"v":1,"id":1,"ok":true,"result":{"type":"objects","objects":[{"fields":{"a":{"b":1.5}}}]}})") ==
      "the answer cannot be understood: 'result.objects[0].fields.a.b' is neither text nor number "
      "nor flag");
  CHECK(
      why(R"({"v":1,"event":{"at":"2026-02-30T00:00:00Z"}})") ==
      R"(the answer cannot be understood: 'event.at' must be a time like "2026-11-23T10:00:00Z")");
  for (const std::string_view time :
       {"2026-11-23T24:00:00Z", "2026-11-23 10:00:00Z", "2026-11-23T10:00:00",
        "2026-13-01T00:00:00Z", "+026-11-23T10:00:00Z", "2026-11-23T10:00:00z", ""}) {
    INFO(time);
    CHECK_FALSE(
        read_answer(R"({"v":1,"event":{"at":")" + std::string(time) + R"("}})").has_value());
  }
}

}  // namespace
}  // namespace ipsec::control
