// swanctl.conf: nested sections of keys and values.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/gateway/formats/assemble.h"
#include "ike/gateway/formats/swan_words.h"

namespace ipsec::gateway::formats {
namespace {

struct Setting {
  std::string key;
  std::string value;
  std::uint32_t line = 0;
};

struct Section {
  std::string name;
  std::uint32_t line = 0;
  std::vector<Setting> settings;
  std::vector<Section> sections;
};

// --- the text ----------------------------------------------------------------------------------

class Reader {
 public:
  Reader(std::string_view text, ForeignFile& file) : text_(text), file_(file) {}

  std::expected<Section, toml::Complaint> run() {
    Section root;
    if (text_.size() > limits::kImportBytes) {
      fail(fmt::format("the file is longer than {} bytes", limits::kImportBytes));
    } else {
      read_body(root, 0);
    }
    if (!complaint_) return root;
    return std::unexpected(*std::move(complaint_));
  }

 private:
  void fail(std::string what) {
    if (complaint_) return;
    auto begin = text_.rfind('\n', at_ == 0 ? 0 : at_ - 1);
    begin = begin == std::string_view::npos ? 0 : begin + 1;
    const auto shown = text_.substr(begin, std::min<std::size_t>(text_.find('\n', begin), 160));
    complaint_ = toml::Complaint{
        {line_, 1}, std::string(shown.substr(0, shown.find('\n'))), std::move(what)};
  }

  [[nodiscard]] bool at_end() const { return at_ >= text_.size() || complaint_; }
  [[nodiscard]] char peek() const { return text_[at_]; }
  char next() {
    if (text_[at_] == '\n') ++line_;
    return text_[at_++];
  }

  void skip_blanks() {
    while (!at_end()) {
      if (peek() == '#') {
        while (!at_end() && peek() != '\n') next();
      } else if (std::string_view(" \t\r\n").contains(peek())) {
        next();
      } else {
        return;
      }
    }
  }

  void read_body(Section& section, std::size_t depth) {
    for (skip_blanks(); !at_end(); skip_blanks()) {
      if (peek() == '}') {
        next();
        if (depth == 0) fail("a '}' too many");
        return;
      }
      read_item(section, depth);
    }
    if (depth > 0) fail(fmt::format("section '{}' is not closed", section.name));
  }

  void read_item(Section& section, std::size_t depth) {
    if (++items_ > limits::kImportItems) {
      return fail(fmt::format("more than {} settings", limits::kImportItems));
    }
    const std::uint32_t line = line_;
    const std::string name(read_name());
    if (name.empty()) return fail("expected a setting or a section");
    if (name == "include") {
      const std::string path = read_value();
      return file_.leave(line, fmt::format("include {}", path),
                         "included files are not followed: import them as well");
    }
    skip_blanks();
    if (at_end()) return fail(fmt::format("'{}' stands alone", name));
    if (peek() == '=') {
      next();
      section.settings.push_back({name, read_value(), line});
      return;
    }
    if (peek() == ':') {
      while (!at_end() && peek() != '{' && peek() != '\n') next();
      file_.leave(line, name, "what it inherits from other sections is not followed: write it out");
      skip_blanks();
    }
    if (at_end() || peek() != '{')
      return fail(fmt::format("expected '=' or '{{' behind '{}'", name));
    next();
    if (depth + 1 > limits::kImportDepth) return fail("sections lie too deep in one another");
    Section inner{name, line, {}, {}};
    read_body(inner, depth + 1);
    section.sections.push_back(std::move(inner));
  }

  std::string_view read_name() {
    const std::size_t begin = at_;
    while (!at_end() && !std::string_view(" \t\r\n={}:#\"").contains(peek())) next();
    return text_.substr(begin, at_ - begin);
  }

  // To the end of its line; quoted parts are joined with what is around them.
  std::string read_value() {
    std::string out;
    std::size_t kept = 0;  // blanks at the end go, but not those between quotes
    while (!at_end() && !std::string_view("\n#{}").contains(peek())) {
      if (peek() == '"') {
        next();
        read_quoted(out);
        kept = out.size();
        continue;
      }
      const char c = next();
      if (out.empty() && (c == ' ' || c == '\t')) continue;
      out += c;
      if (c != ' ' && c != '\t' && c != '\r') kept = out.size();
    }
    out.resize(kept);
    return out;
  }

  void read_quoted(std::string& out) {
    while (!at_end() && peek() != '"') {
      char c = next();
      if (c == '\\' && !at_end()) {
        c = next();
        c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      }
      out += c;
    }
    if (at_end()) return fail("a quote is not closed");
    next();
  }

  std::string_view text_;
  ForeignFile& file_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::size_t items_ = 0;
  std::optional<toml::Complaint> complaint_;
};

// --- what it means -----------------------------------------------------------------------------

// Settings that say nothing a tunnel of ours lacks: how it behaves anyway, or what is not seen on
// the wire.
constexpr std::array<std::string_view, 19> kSwanctlPassedOver{
    "keyingtries",   "mobike",       "fragmentation", "over_time", "rand_time",
    "life_time",     "life_bytes",   "rand_bytes",    "unique",    "send_cert",
    "send_certreq",  "dpd_action",   "close_action",  "policies",  "hostaccess",
    "rekey_packets", "life_packets", "rand_packets",  "inactivity"};

struct SwanctlReason {
  std::string_view key;
  std::string_view why;
};
constexpr auto kSwanctlReasons = std::to_array<SwanctlReason>({
    {"certs", "certificates are not for this gateway yet"},
    {"cacerts", "certificates are not for this gateway yet"},
    {"pubkeys", "public keys are not for this gateway yet"},
    {"revocation", "certificates are not for this gateway yet"},
    {"eap_id", "EAP is for people, and this gateway joins sites"},
    {"vips", "virtual addresses are for people, and this gateway joins sites"},
    {"pools", "virtual addresses are for people, and this gateway joins sites"},
    {"mark_in", "marks are not set by tunnels here"},
    {"mark_out", "marks are not set by tunnels here"},
    {"set_mark_in", "marks are not set by tunnels here"},
    {"set_mark_out", "marks are not set by tunnels here"},
    {"if_id_in", "tunnels are policy-based here, without interfaces of their own"},
    {"if_id_out", "tunnels are policy-based here, without interfaces of their own"},
    {"interface", "tunnels are policy-based here, without interfaces of their own"},
    {"updown", "no scripts are run; `ipsecctl events` tells what happens"},
    {"local_port", "IKE goes from UDP 500 and 4500"},
    {"remote_port", "IKE goes to UDP 500 and 4500"},
    {"reauth_time", "the IKE SA is rekeyed, not authenticated anew"},
    {"ipcomp", "compression is not for this gateway"},
    {"hw_offload", "the interface decides"},
    {"reqid", "the gateway numbers its policies itself"},
    {"ppk_id", "post-quantum keys are not for this gateway yet"},
    {"ppk_required", "post-quantum keys are not for this gateway yet"},
});

std::string_view reason_for(std::string_view key) {
  const auto found = std::ranges::find(kSwanctlReasons, key, &SwanctlReason::key);
  return found == kSwanctlReasons.end() ? "has no counterpart here" : found->why;
}

class SwanctlTaking {
 public:
  explicit SwanctlTaking(ForeignFile& file) : file_(file) {}

  void run(const Section& root) {
    for (const Setting& setting : root.settings)
      leave(setting, "", "stands outside of all sections");
    for (const Section& section : root.sections) {
      if (section.name == "connections") {
        for (const Section& each : section.sections) take_connection(each);
      } else if (section.name == "secrets") {
        for (const Section& each : section.sections) take_secret(each);
      } else {
        file_.leave(section.line, section.name,
                    section.name == "pools" ? "virtual addresses are for people, and this gateway "
                                              "joins sites"
                                            : "has no counterpart here");
      }
    }
  }

 private:
  void leave(const Setting& setting, std::string_view where, std::string why) {
    file_.leave(setting.line, fmt::format("{}{}{}", where, where.empty() ? "" : ": ", setting.key),
                std::move(why));
  }

  // A value into its place; what is wrong with it is left.
  template <typename T, typename U>
  bool put(T& into, const std::optional<U>& value, const Setting& setting, std::string_view where) {
    if (value) {
      if constexpr (requires { into = value; }) {
        into = value;
      } else {
        into = *value;
      }
      return true;
    }
    leave(setting, where, fmt::format("'{}' is not understood", setting.value));
    return false;
  }

  void pass_or_leave(const Setting& setting, std::string_view where) {
    if (std::ranges::find(kSwanctlPassedOver, setting.key) != kSwanctlPassedOver.end()) return;
    leave(setting, where, std::string(reason_for(setting.key)));
  }

  void take_connection(const Section& section) {
    ForeignConnection connection{section.name, section.line, {}, {}};
    why_not_.clear();
    for (const Setting& setting : section.settings) take_ike(connection, setting);
    int locals = 0;
    int remotes = 0;
    for (const Section& inner : section.sections) {
      if (inner.name == "children") {
        for (const Section& child : inner.sections) take_child(connection, child);
      } else if (inner.name.starts_with("local")) {
        ++locals;
        take_auth(connection, inner, connection.ike.local_id);
      } else if (inner.name.starts_with("remote")) {
        ++remotes;
        take_auth(connection, inner, connection.ike.remote_id);
      } else {
        file_.leave(inner.line, fmt::format("{}: {}", section.name, inner.name),
                    "has no counterpart here");
      }
    }
    // Without a word, strongSwan takes certificates.
    if (locals != 1 || remotes != 1) {
      why_not_ = locals == 0 || remotes == 0
                     ? "does not say that both sides authenticate with a pre-shared key"
                     : "authenticates in several rounds; here one pre-shared key does";
    }
    if (!why_not_.empty()) return file_.leave(section.line, section.name, why_not_);
    if (connection.ike.remote && !connection.ike.remote_id) {
      file_.notes.push_back(
          fmt::format("'{}' names no remote id, so its peer must say its address {}",
                      connection.name, connection.ike.remote->to_string()));
    }
    file_.connections.push_back(std::move(connection));
  }

  void take_ike(ForeignConnection& connection, const Setting& setting) {
    ForeignIke& ike = connection.ike;
    const std::string_view where = connection.name;
    const std::string_view key = setting.key;
    if (key == "version") {
      const auto version = read_number(setting.value);
      if (version && *version <= 2) {
        ike.version = *version == 1 ? 1 : 2;
      } else {
        why_not_ = fmt::format("IKE version '{}' is none there is", setting.value);
      }
    } else if (key == "aggressive") {
      put(ike.aggressive, read_flag(setting.value), setting, where);
    } else if (key == "encap") {
      put(ike.encapsulate, read_flag(setting.value), setting, where);
    } else if (key == "local_addrs") {
      take_address(ike.local, setting, where);
    } else if (key == "remote_addrs") {
      take_address(ike.remote, setting, where);
    } else if (key == "proposals") {
      take_proposals(ike.offers, setting, Use::ike);
    } else if (key == "rekey_time") {
      put(ike.lifetime, positive(setting.value), setting, where);
    } else if (key == "dpd_delay") {
      put(ike.dpd_delay, positive(setting.value), setting, where);
    } else if (key == "dpd_timeout") {
      put(ike.dpd_timeout, positive(setting.value), setting, where);
    } else {
      pass_or_leave(setting, where);
    }
  }

  // Zero turns a timer off, which here none is.
  static std::optional<std::chrono::seconds> positive(std::string_view text) {
    const auto duration = read_duration(text);
    return duration && duration->count() > 0 ? duration : std::nullopt;
  }

  void take_address(std::optional<Address>& into, const Setting& setting, std::string_view where) {
    const auto address = read_address(setting.value);
    if (!address) {
      why_not_ = fmt::format("{}: {}", setting.key, address.error());
      return;
    }
    into = address->address;
    if (address->more) leave(setting, where, "only the first of several addresses is taken");
  }

  void take_proposals(Proposals& into, const Setting& setting, Use use) {
    auto proposals = read_proposals(setting.value, use);
    if (proposals) {
      into = *std::move(proposals);
    } else {
      why_not_ = fmt::format("{}: {}", setting.key, proposals.error());
    }
  }

  void take_auth(const ForeignConnection& connection, const Section& section,
                 std::optional<Identity>& identity) {
    bool psk = false;
    for (const Setting& setting : section.settings) {
      if (setting.key == "auth") {
        psk = setting.value == "psk";
        if (!psk) {
          why_not_ = fmt::format(
              "authenticates with '{}'; here a pre-shared key does, and "
              "certificates are not for this gateway yet",
              setting.value);
        }
      } else if (setting.key == "id") {
        auto read = read_identity(setting.value);
        if (read) {
          identity = *std::move(read);
        } else {
          why_not_ = read.error();
        }
      } else if (setting.key != "round") {
        pass_or_leave(setting, fmt::format("{}: {}", connection.name, section.name));
      }
    }
    if (!psk && why_not_.empty()) {
      why_not_ = fmt::format(
          "'{}' does not say auth = psk, and certificates are not for this "
          "gateway yet",
          section.name);
    }
  }

  void take_child(ForeignConnection& connection, const Section& section) {
    const std::string where = fmt::format("{}: {}", connection.name, section.name);
    // A child that cannot be had leaves its connection the others.
    const std::string before = std::exchange(why_not_, {});
    ForeignChild child{section.name, section.line, {}, {}, {}};
    for (const Setting& setting : section.settings) take_policy(child, setting, where);
    if (why_not_.empty() && (child.local.empty() || child.remote.empty())) {
      why_not_ = "has no local_ts or no remote_ts: it joins no ranges";
    }
    if (why_not_.empty()) {
      connection.children.push_back(std::move(child));
    } else {
      file_.leave(section.line, where, why_not_);
    }
    why_not_ = before;
  }

  void take_policy(ForeignChild& child, const Setting& setting, std::string_view where) {
    ForeignPolicy& policy = child.policy;
    const std::string_view key = setting.key;
    if (key == "local_ts" || key == "remote_ts") {
      auto ranges = read_ranges(setting.value);
      if (!ranges) {
        why_not_ = fmt::format("{}: {}", key, ranges.error());
        return;
      }
      (key == "local_ts" ? child.local : child.remote) = *std::move(ranges);
    } else if (key == "esp_proposals" || key == "ah_proposals") {
      const bool ah = key == "ah_proposals";
      if (ah) policy.protocol = IpsecProtocol::ah;
      take_proposals(policy.offers, setting, ah ? Use::ah : Use::esp);
    } else if (key == "rekey_time") {
      put(policy.lifetime, positive(setting.value), setting, where);
    } else if (key == "rekey_bytes") {
      const auto bytes = read_number(setting.value);
      put(policy.lifetime_bytes, bytes, setting, where);
    } else if (key == "replay_window") {
      put(policy.replay_window, read_number(setting.value), setting, where);
    } else if (key == "mode") {
      if (setting.value != "tunnel") {
        why_not_ =
            fmt::format("mode '{}': tunnels between sites are in tunnel mode", setting.value);
      }
    } else if (key == "start_action") {
      take_start(policy, setting, where);
    } else {
      pass_or_leave(setting, where);
    }
  }

  void take_start(ForeignPolicy& policy, const Setting& setting, std::string_view where) {
    if (setting.value.contains("start")) {
      policy.start = Start::automatic;
    } else if (setting.value == "trap") {
      policy.start = Start::traffic;
    } else if (setting.value != "none") {
      leave(setting, where, fmt::format("'{}' is not understood", setting.value));
    }
  }

  void take_secret(const Section& section) {
    if (!section.name.starts_with("ike")) {
      return file_.leave(section.line, fmt::format("secrets: {}", section.name),
                         "only pre-shared keys of IKE are taken");
    }
    ForeignSecret secret;
    std::string why;
    bool anybodys = false;
    for (const Setting& setting : section.settings) {
      if (setting.key == "secret") {
        auto key = read_secret(setting.value);
        if (!key) why = "its secret is neither text nor good 0xHEX or 0sBASE64";
        secret.key = std::move(key).value_or("");
      } else if (setting.key.starts_with("id")) {
        auto owner = read_identity(setting.value);
        if (!owner) {
          why = owner.error();
        } else if (*owner) {
          secret.owners.push_back(**std::move(owner));
        } else {
          anybodys = true;
        }
      }
    }
    if (why.empty() && secret.key.empty()) why = "has no secret";
    if (!why.empty()) {
      return file_.leave(section.line, fmt::format("secrets: {}", section.name), std::move(why));
    }
    // "%any" beside an identity only widens; alone it is anybody's.
    if (anybodys && secret.owners.empty()) secret.owners.clear();
    file_.secrets.push_back(std::move(secret));
  }

  ForeignFile& file_;
  std::string why_not_;  // the connection or child at hand
};

}  // namespace

std::expected<Imported, toml::Complaint> read_swanctl(std::string_view text) {
  ForeignFile file;
  auto root = Reader(text, file).run();
  if (!root) return std::unexpected(std::move(root.error()));
  SwanctlTaking(file).run(*root);
  return assemble(std::move(file));
}

}  // namespace ipsec::gateway::formats
