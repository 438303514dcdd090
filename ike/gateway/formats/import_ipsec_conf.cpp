// ipsec.conf and ipsec.secrets, as strongSwan's starter reads them. `left` is taken for our side.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/gateway/formats/assemble.h"
#include "ike/gateway/formats/secrets_block.h"
#include "ike/gateway/formats/swan_words.h"

namespace ipsec::gateway::formats {
namespace {

struct Value {
  std::string text;
  std::uint32_t line = 0;
};

struct Conn {
  std::string name;
  std::uint32_t line = 0;
  std::map<std::string, Value, std::less<>> settings;
  std::vector<Value> also;
};

constexpr std::string_view kDefaultName = "%default";

toml::Complaint complaint(std::uint32_t number, std::string_view line, std::string what) {
  static constexpr std::size_t kLongestShown = 160;
  return {{number, 1}, std::string(line.substr(0, kLongestShown)), std::move(what)};
}

// Calls with each line and its number, without its end.
template <typename Each>
void for_lines(std::string_view text, Each each) {
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    each(line, number);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// --- the text ----------------------------------------------------------------------------------

class Sections {
 public:
  explicit Sections(ForeignFile& file) : file_(file) {}

  std::optional<toml::Complaint> read(std::string_view text) {
    if (text.size() > limits::kImportBytes) {
      return complaint(1, "",
                       fmt::format("the file is longer than {} bytes", limits::kImportBytes));
    }
    for_lines(text, [&](std::string_view line, std::uint32_t number) {
      if (!complaint_) read_line(line, number);
    });
    return std::move(complaint_);
  }

  // In the order of the file; `%default` too.
  [[nodiscard]] const std::vector<Conn>& conns() const { return conns_; }
  [[nodiscard]] const Conn* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &conns_[found->second];
  }

 private:
  enum class In : std::uint8_t { nothing, conn, other };

  void read_line(std::string_view line, std::uint32_t number) {
    const std::string_view words = trimmed(line);
    if (words.empty() || words.front() == '#') return;
    if (++items_ > limits::kImportItems) {
      complaint_ = complaint(number, line, fmt::format("more than {} lines", limits::kImportItems));
    } else if (line.front() == ' ' || line.front() == '\t') {
      read_setting(line, words, number);
    } else {
      read_heading(line, words, number);
    }
  }

  void read_heading(std::string_view line, std::string_view words, std::uint32_t number) {
    const auto blank = words.find_first_of(" \t");
    const std::string_view word = words.substr(0, blank);
    std::string_view name = blank == std::string_view::npos ? "" : trimmed(words.substr(blank));
    if (const auto comment = name.find_first_of(" \t#"); comment != std::string_view::npos) {
      name = name.substr(0, comment);
    }
    if (word == "conn" && !name.empty()) {
      in_ = In::conn;
      const auto [at, fresh] = by_name_.emplace(name, conns_.size());
      if (fresh) conns_.push_back({std::string(name), number, {}, {}});
      current_ = at->second;
    } else if (word == "config" || word == "ca") {
      in_ = In::other;
      if (word == "ca") {
        file_.leave(number, fmt::format("ca {}", name),
                    "certificates are not for this gateway yet");
      }
    } else if (word == "include") {
      file_.leave(number, std::string(words),
                  "included files are not followed: import them as well");
    } else if (word == "version") {
      in_ = In::nothing;
    } else {
      complaint_ = complaint(number, line,
                             "expected `conn NAME`, `config setup`, `ca NAME` or `include FILE`; "
                             "settings begin with a blank");
    }
  }

  void read_setting(std::string_view line, std::string_view words, std::uint32_t number) {
    const auto equals = words.find('=');
    if (in_ == In::nothing || equals == std::string_view::npos) {
      complaint_ = complaint(
          number, line,
          in_ == In::nothing ? "a setting outside of all sections" : "expected KEY=VALUE");
      return;
    }
    const std::string key(trimmed(words.substr(0, equals)));
    const auto value = value_of(trimmed(words.substr(equals + 1)));
    if (!value) {
      complaint_ = complaint(number, line, "a quote is not closed");
      return;
    }
    if (in_ == In::other) {
      if (key != "charondebug" && key != "strictcrlpolicy" && key != "uniqueids") {
        file_.leave(number, key, "is not about a tunnel");
      }
      return;
    }
    Conn& conn = conns_[current_];
    if (key == "also") {
      conn.also.push_back({*value, number});
    } else {
      conn.settings.insert_or_assign(key, Value{*value, number});
    }
  }

  static std::optional<std::string> value_of(std::string_view text) {
    if (!text.starts_with('"')) {
      // A comment has a blank before it: identities may have a '#' inside.
      auto comment = text.starts_with('#') ? 0 : text.find(" #");
      comment = std::min(comment, text.find("\t#"));
      return std::string(trimmed(text.substr(0, comment)));
    }
    const auto end = text.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(text.substr(1, end - 1));
  }

  ForeignFile& file_;
  std::vector<Conn> conns_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::optional<toml::Complaint> complaint_;
  std::size_t items_ = 0;
  std::size_t current_ = 0;
  In in_ = In::nothing;
};

// --- what it means -----------------------------------------------------------------------------

constexpr std::array<std::string_view, 20> kTaken{
    "keyexchange", "aggressive",  "authby",        "leftauth",  "rightauth",
    "auto",        "type",        "left",          "right",     "leftid",
    "rightid",     "leftsubnet",  "rightsubnet",   "ike",       "esp",
    "ah",          "forceencaps", "replay_window", "lifebytes", "dpdaction"};
constexpr std::array<std::string_view, 6> kTakenTimes{"ikelifetime", "lifetime",   "keylife",
                                                      "dpddelay",    "dpdtimeout", "also"};
// As this gateway behaves anyway, or of no meaning to strongSwan either.
constexpr std::array<std::string_view, 20> kConfPassedOver{
    "keyingtries",   "pfs",          "leftnexthop",   "rightnexthop", "mobike",
    "fragmentation", "margintime",   "rekeymargin",   "rekeyfuzz",    "marginbytes",
    "marginpackets", "lifepackets",  "installpolicy", "closeaction",  "leftsendcert",
    "rightsendcert", "leftallowany", "auth",          "pfsgroup",     "inactivity"};

struct ConfReason {
  std::string_view key;
  std::string_view why;
};
constexpr auto kConfReasons = std::to_array<ConfReason>({
    {"leftcert", "certificates are not for this gateway yet"},
    {"rightcert", "certificates are not for this gateway yet"},
    {"leftca", "certificates are not for this gateway yet"},
    {"rightca", "certificates are not for this gateway yet"},
    {"leftrsasigkey", "public keys are not for this gateway yet"},
    {"rightrsasigkey", "public keys are not for this gateway yet"},
    {"leftsourceip", "virtual addresses are for people, and this gateway joins sites"},
    {"rightsourceip", "virtual addresses are for people, and this gateway joins sites"},
    {"eap_identity", "EAP is for people, and this gateway joins sites"},
    {"xauth", "XAuth is for people, and this gateway joins sites"},
    {"leftprotoport", "tunnels here join whole ranges, whatever the protocol and port"},
    {"rightprotoport", "tunnels here join whole ranges, whatever the protocol and port"},
    {"leftupdown", "no scripts are run; `ipsecctl events` tells what happens"},
    {"rightupdown", "no scripts are run; `ipsecctl events` tells what happens"},
    {"leftfirewall", "firewall rules are left to the machine's own"},
    {"rightfirewall", "firewall rules are left to the machine's own"},
    {"mark", "marks are not set by tunnels here"},
    {"mark_in", "marks are not set by tunnels here"},
    {"mark_out", "marks are not set by tunnels here"},
    {"if_id_in", "tunnels are policy-based here, without interfaces of their own"},
    {"if_id_out", "tunnels are policy-based here, without interfaces of their own"},
    {"compress", "compression is not for this gateway"},
    {"reauth", "the IKE SA is rekeyed, not authenticated anew"},
    {"rekey", "keys are always made anew here"},
    {"reqid", "the gateway numbers its policies itself"},
});

template <typename Words>
bool is_among(const Words& words, std::string_view key) {
  return std::ranges::find(words, key) != std::end(words);
}

class ConfTaking {
 public:
  ConfTaking(const Sections& sections, ForeignFile& file) : sections_(sections), file_(file) {}

  void run() {
    for (const Conn& conn : sections_.conns()) {
      leave_strange(conn);
      if (conn.name != kDefaultName) take(conn);
    }
  }

 private:
  // Once, where it stands, however many conns inherit it.
  void leave_strange(const Conn& conn) {
    for (const auto& [key, value] : conn.settings) {
      if (is_among(kTaken, key) || is_among(kTakenTimes, key) || is_among(kConfPassedOver, key))
        continue;
      const bool as_here =
          (key == "compress" || key == "reauth" || key == "leftfirewall") && value.text == "no";
      if (as_here || (key == "rekey" && value.text == "yes")) continue;
      const auto reason = std::ranges::find(kConfReasons, key, &ConfReason::key);
      file_.leave(
          value.line, fmt::format("conn {}: {}", conn.name, key),
          std::string(reason == kConfReasons.end() ? "has no counterpart here" : reason->why));
    }
  }

  // The conn itself, those it names with `also`, and %default, what counts more first.
  bool collect(const Conn& conn) {
    chain_ = {&conn};
    std::set<const Conn*> seen{&conn};
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      for (const Value& also : chain_[i]->also) {
        const Conn* other = sections_.find(also.text);
        if (other == nullptr) {
          why_not_ = fmt::format("also={}: there is no such conn", also.text);
          return false;
        }
        if (!seen.insert(other).second) continue;
        if (chain_.size() >= limits::kImportDepth) {
          why_not_ = fmt::format("also={}: more than {} conns stand on one another", also.text,
                                 limits::kImportDepth);
          return false;
        }
        chain_.push_back(other);
      }
    }
    const Conn* defaults = sections_.find(kDefaultName);
    if (defaults != nullptr && seen.insert(defaults).second) chain_.push_back(defaults);
    return true;
  }

  [[nodiscard]] const Value* said(std::string_view key) const {
    for (const Conn* conn : chain_) {
      const auto found = conn->settings.find(key);
      if (found != conn->settings.end()) return &found->second;
    }
    return nullptr;
  }
  [[nodiscard]] std::string_view text_of(std::string_view key) const {
    const Value* value = said(key);
    return value == nullptr ? std::string_view{} : std::string_view(value->text);
  }

  void take(const Conn& conn) {
    why_not_.clear();
    ForeignConnection connection{conn.name, conn.line, {}, {}};
    ForeignChild child{conn.name, conn.line, {}, {}, {}};
    // One after the other until one cannot.
    const bool whole = collect(conn) && take_start(child) && take_authentication() &&
                       take_version(connection) && take_ends(connection, child) &&
                       take_offers(connection, child);
    if (!whole) {
      return file_.leave(conn.line, fmt::format("conn {}", conn.name), std::move(why_not_));
    }
    take_numbers(conn, connection, child);
    connection.children.push_back(std::move(child));
    file_.connections.push_back(std::move(connection));
  }

  bool refuse(std::string why) {
    why_not_ = std::move(why);
    return false;
  }

  bool take_start(ForeignChild& child) {
    const auto word = text_of("auto");
    if (word == "start") {
      child.policy.start = Start::automatic;
    } else if (word == "route") {
      child.policy.start = Start::traffic;
    } else if (word != "add") {
      return refuse(
          "auto=ignore, which is so where it is not said: strongSwan does not load it "
          "either, and others may stand on it");
    }
    const auto type = text_of("type");
    if (!type.empty() && type != "tunnel") {
      return refuse(fmt::format("type={}: tunnels between sites are in tunnel mode", type));
    }
    return true;
  }

  bool take_authentication() {
    const auto is_psk = [](std::string_view word) { return word == "psk" || word == "secret"; };
    for (const std::string_view key : {"leftauth", "rightauth"}) {
      const auto word = text_of(key).empty() ? text_of("authby") : text_of(key);
      if (!is_psk(word)) {
        return refuse(
            fmt::format("{}: it authenticates with {}; here a pre-shared key does, and "
                        "certificates are not for this gateway yet",
                        key, word.empty() ? "certificates" : word));
      }
    }
    return true;
  }

  bool take_version(ForeignConnection& connection) {
    const auto word = text_of("keyexchange");
    if (word == "ikev1") {
      connection.ike.version = 1;
    } else if (!word.empty() && word != "ike" && word != "ikev2") {
      return refuse(fmt::format("keyexchange={} is none there is", word));
    }
    connection.ike.aggressive = read_flag(text_of("aggressive")).value_or(false);
    connection.ike.encapsulate = read_flag(text_of("forceencaps")).value_or(false);
    return true;
  }

  bool take_ends(ForeignConnection& connection, ForeignChild& child) {
    ForeignIke& ike = connection.ike;
    return take_end("left", ike.local, ike.local_id, child.local) &&
           take_end("right", ike.remote, ike.remote_id, child.remote);
  }

  bool take_end(const std::string& side, std::optional<Address>& address,
                std::optional<Identity>& identity, std::vector<Cidr>& ranges) {
    const auto read = read_address(text_of(side));
    if (!read) return refuse(fmt::format("{}={}", side, read.error()));
    address = read->address;
    if (read->more) {
      const Value* value = said(side);
      file_.leave(value->line, fmt::format("conn {}: {}", chain_.front()->name, side),
                  "only the first of several addresses is taken");
    }
    auto id = read_identity(text_of(side + "id"));
    if (!id) return refuse(fmt::format("{}id: {}", side, id.error()));
    identity = *std::move(id);
    auto subnets = read_ranges(text_of(side + "subnet"));
    if (!subnets) return refuse(fmt::format("{}subnet: {}", side, subnets.error()));
    if (subnets->empty()) {
      return refuse(fmt::format("has no {}subnet: it joins hosts, not sites", side));
    }
    ranges = *std::move(subnets);
    return true;
  }

  bool take_offers(ForeignConnection& connection, ForeignChild& child) {
    const auto take = [&](std::string_view key, Use use, Proposals& into) {
      auto proposals = read_proposals(text_of(key), use);
      if (!proposals) return refuse(fmt::format("{}: {}", key, proposals.error()));
      into = *std::move(proposals);
      return true;
    };
    const bool ah = said("ah") != nullptr && said("esp") == nullptr;
    if (ah) child.policy.protocol = IpsecProtocol::ah;
    return take("ike", Use::ike, connection.ike.offers) &&
           take(ah ? "ah" : "esp", ah ? Use::ah : Use::esp, child.policy.offers);
  }

  void take_numbers(const Conn& conn, ForeignConnection& connection, ForeignChild& child) {
    take_duration(conn, "ikelifetime", connection.ike.lifetime);
    take_duration(conn, "dpddelay", connection.ike.dpd_delay);
    take_duration(conn, "dpdtimeout", connection.ike.dpd_timeout);
    take_duration(conn, said("lifetime") == nullptr ? "keylife" : "lifetime",
                  child.policy.lifetime);
    take_number(conn, "lifebytes", child.policy.lifetime_bytes);
    take_number(conn, "replay_window", child.policy.replay_window);
    if (text_of("dpdaction") == "none") {
      file_.leave(said("dpdaction")->line, fmt::format("conn {}: dpdaction", conn.name),
                  "peers are always watched here");
    }
  }

  void take_duration(const Conn& conn, std::string_view key,
                     std::optional<std::chrono::seconds>& into) {
    const Value* value = said(key);
    if (value == nullptr) return;
    const auto duration = read_duration(value->text);
    if (duration && duration->count() > 0) {
      into = duration;
    } else {
      not_understood(conn, key, *value);
    }
  }

  void take_number(const Conn& conn, std::string_view key, std::optional<std::uint64_t>& into) {
    const Value* value = said(key);
    if (value == nullptr) return;
    into = read_number(value->text);
    if (!into) not_understood(conn, key, *value);
  }

  void not_understood(const Conn& conn, std::string_view key, const Value& value) {
    file_.leave(value.line, fmt::format("conn {}: {}", conn.name, key),
                fmt::format("'{}' is not understood", value.text));
  }

  const Sections& sections_;
  ForeignFile& file_;
  std::vector<const Conn*> chain_;
  std::string why_not_;
};

// --- ipsec.secrets -----------------------------------------------------------------------------

// Up to a delimiter of its own, or to a blank.
std::optional<std::string> secret_in(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char quote = text.front();
  if (quote != '"' && quote != '\'') return read_secret(text.substr(0, text.find_first_of(" \t")));
  const auto end = text.find(quote, 1);
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(text.substr(1, end - 1));
}

void read_secret_line(std::string_view line, std::uint32_t number, ForeignFile& file) {
  const std::string_view words = trimmed(line);
  if (words.empty() || words.front() == '#') return;
  const auto leave = [&](std::string_view what, std::string why) {
    file.leave(number, fmt::format("ipsec.secrets line {}: {}", number, what), std::move(why));
  };
  if (words.starts_with("include")) {
    return leave("include", "included files are not followed: import them as well");
  }
  // Addresses of IPv6 have colons too; the one that counts stands between blanks, or first.
  const auto colon = words.starts_with(':') ? 0 : words.find(" :");
  if (colon == std::string_view::npos) return leave("line", "has no ':' before its key");
  const std::string_view rest = trimmed(words.substr(words.find(':', colon) + 1));
  const std::string_view type = rest.substr(0, rest.find_first_of(" \t\"'"));
  if (type != "PSK" && type != "psk") {
    return leave(type, "only pre-shared keys are taken");
  }
  ForeignSecret secret;
  for (std::string_view owner : split(words.substr(0, colon), " \t")) {
    if (owner.starts_with('"') && owner.ends_with('"') && owner.size() > 1) {
      owner = owner.substr(1, owner.size() - 2);
    }
    auto identity = read_identity(owner);
    if (!identity) return leave("PSK", identity.error());
    if (*identity) secret.owners.push_back(**std::move(identity));
  }
  auto key = secret_in(trimmed(rest.substr(type.size())));
  if (!key || key->empty()) return leave("PSK", "has no key, or one that is not closed");
  secret.key = *std::move(key);
  file.secrets.push_back(std::move(secret));
}

}  // namespace

std::expected<Imported, toml::Complaint> read_ipsec_conf(std::string_view text,
                                                         std::string_view secrets_text) {
  ForeignFile file;
  Sections sections(file);
  if (auto wrong = sections.read(text)) return std::unexpected(*std::move(wrong));
  if (secrets_text.size() > limits::kImportBytes) {
    return std::unexpected(complaint(
        1, "", fmt::format("ipsec.secrets is longer than {} bytes", limits::kImportBytes)));
  }
  ConfTaking(sections, file).run();
  for_lines(secrets_text, [&](std::string_view line, std::uint32_t number) {
    read_secret_line(line, number, file);
  });
  if (secrets_text.empty()) {
    for_lines(text, [&](std::string_view line, std::uint32_t number) {
      if (!line.starts_with(kSecretsMark)) return;
      read_secret_line(line.substr(kSecretsMark.size()), number, file);
    });
  }
  return assemble(std::move(file));
}

}  // namespace ipsec::gateway::formats
