// The writers, one for each format; export.cpp picks.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/formats/view.h"

namespace ipsec::gateway::formats {

using Rendered = std::expected<Text, std::string>;

[[nodiscard]] Rendered render_ipsec_conf(const View& view);
[[nodiscard]] Rendered render_swanctl(const View& view);
[[nodiscard]] Rendered render_literal(const View& view);
[[nodiscard]] Rendered render_cisco_asa(const View& view);
[[nodiscard]] Rendered render_cisco_ios(const View& view);
[[nodiscard]] Rendered render_juniper_srx(const View& view);
[[nodiscard]] Rendered render_fortigate(const View& view);
[[nodiscard]] Rendered render_huawei(const View& view);
[[nodiscard]] Rendered render_h3c(const View& view);
[[nodiscard]] Rendered render_hillstone(const View& view);
[[nodiscard]] Rendered render_sangfor(const View& view);

// Text, a line at a time.
class Lines {
 public:
  explicit Lines(std::string_view comment) : comment_(comment) {}

  template <typename... Values>
  void add(fmt::format_string<Values...> form, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), form, std::forward<Values>(values)...);
    text_ += '\n';
  }
  template <typename... Values>
  void note(fmt::format_string<Values...> form, Values&&... values) {
    text_ += comment_;
    text_ += ' ';
    add(form, std::forward<Values>(values)...);
  }
  void head(const View& view) {
    for (const std::string& line : heading(view)) note("{}", line);
  }
  // A comment sign alone sets parts apart in the products whose own listings do so.
  void part() { text_.append(comment_).append("\n"); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string_view comment_;
  std::string text_;
};

}  // namespace ipsec::gateway::formats
