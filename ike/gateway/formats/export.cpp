#include "ike/gateway/formats/export.h"

#include <fmt/ranges.h>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::gateway::formats {
namespace {

struct Writer {
  Format format;
  std::string_view name;
  Rendered (*render)(const View& view);
};

// In the order of Format.
constexpr std::array<Writer, kFormats.size()> kWriters{{
    {Format::ipsec_conf, "ipsec.conf", render_ipsec_conf},
    {Format::swanctl, "swanctl", render_swanctl},
    {Format::literal, "literal", render_literal},
    {Format::cisco_asa, "cisco-asa", render_cisco_asa},
    {Format::cisco_ios, "cisco-ios", render_cisco_ios},
    {Format::juniper_srx, "juniper-srx", render_juniper_srx},
    {Format::fortigate, "fortigate", render_fortigate},
    {Format::huawei, "huawei", render_huawei},
    {Format::h3c, "h3c", render_h3c},
    {Format::hillstone, "hillstone", render_hillstone},
    {Format::sangfor, "sangfor", render_sangfor},
}};

const Writer& writer_of(Format format) { return kWriters.at(static_cast<std::size_t>(format)); }

}  // namespace

std::string_view name_of(Format format) { return writer_of(format).name; }

std::expected<Format, std::string> parse_format(std::string_view name) {
  std::array<std::string_view, kWriters.size()> names;
  for (std::size_t i = 0; i < kWriters.size(); ++i) {
    if (kWriters[i].name == name) return kWriters[i].format;
    names[i] = kWriters[i].name;
  }
  const auto meant = nearest(name, names);
  return std::unexpected(fmt::format("no format '{}'{}; there are {}", name,
                                     meant ? fmt::format("; is '{}' meant?", *meant) : "",
                                     fmt::join(names, ", ")));
}

std::expected<Text, std::string> render(const Inventory& inventory, const Tunnel& tunnel,
                                        Format format, Side side, Secrets secrets) {
  std::vector<std::string> warnings;
  const auto view = view_of(inventory, tunnel, side, secrets, warnings);
  if (!view) return std::unexpected(view.error());
  if (!view->enabled) {
    warnings.push_back(
        fmt::format("tunnel '{}' is disabled here, and will not answer", tunnel.meta.name));
  }
  auto text = writer_of(format).render(*view);
  if (!text) {
    return std::unexpected(fmt::format("tunnel '{}' cannot be told as {}: {}", tunnel.meta.name,
                                       name_of(format), text.error()));
  }
  text->warnings.insert(text->warnings.begin(), warnings.begin(), warnings.end());
  return text;
}

}  // namespace ipsec::gateway::formats
