// Answers for people. Everything that came from others goes through harmless().
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/output.h"
#include "cli/show.h"
#include "cli/text_width.h"
#include "cli/words.h"

namespace ipsec::cli {
namespace {

std::string objects_text(const control::ObjectsReply& reply, bool whole, const Look& look) {
  if (!whole) {
    if (reply.objects.empty()) return fmt::format("no {}s\n", name_of(reply.kind));
    return table(sheet_of(reply, false), look);
  }
  std::string out;
  for (const control::ObjectView& object : reply.objects) {
    if (!out.empty()) out += '\n';
    out += object.kind == Kind::tunnel ? show_tunnel(object, look) : show_object(object, look);
  }
  return out;
}

std::string status_text(const control::StatusReply& reply, bool whole, const Look& look) {
  if (reply.tunnels.empty()) return "no tunnels\n";
  if (!whole) return table(sheet_of(reply), look);
  std::string out;
  for (const control::TunnelStatusView& status : reply.tunnels) {
    if (!out.empty()) out += '\n';
    out += bold(fmt::format("Tunnel {}", harmless(status.name)), look);
    out += fmt::format("  {}\n{}", harmless(status.id), show_status(status, look));
  }
  return out;
}

// Long texts would be cut in a table: a line each, with the advice below it.
std::string findings_text(const control::FindingsReply& reply, const Look& look) {
  std::string out;
  std::size_t width = 0;
  for (const control::Finding& finding : reply.findings) {
    width = std::max(width, width_of(harmless(finding.what)));
  }
  static constexpr std::array<std::pair<std::string_view, Tone>, 4> kGrades{
      {{"ok", Tone::good}, {"note", Tone::dim}, {"warn", Tone::warn}, {"bad", Tone::bad}}};
  static constexpr std::size_t kGradeWidth = 4;
  for (const control::Finding& finding : reply.findings) {
    const auto& [word, tone] = kGrades.at(static_cast<std::size_t>(finding.grade));
    out += toned(padded(std::string(word), kGradeWidth, false), tone, look);
    out += fmt::format("  {}  {}\n", padded(harmless(finding.what), width, false),
                       harmless(finding.found));
    if (!finding.advice.empty()) {
      out += fmt::format("{:{}}-> {}\n", "", kGradeWidth + 2, harmless(finding.advice));
    }
  }
  return out;
}

std::string rows_text(const Sheet& sheet, const Look& look) {
  if (sheet.rows.empty()) return fmt::format("no {}\n", sheet.name);
  return table(sheet, look);
}

// --- plans -------------------------------------------------------------------------------------

struct StepWords {
  std::string_view what;
  std::string_view mark;
  std::string_view before;  // "creates"
  std::string_view after;   // "created"
  Tone tone;
};

StepWords words_of(std::string_view what) {
  static constexpr std::array kWords{
      StepWords{"create", "+", "would create", "created", Tone::good},
      StepWords{"change", "~", "would change", "changed", Tone::warn},
      StepWords{"remove", "-", "would delete", "deleted", Tone::bad},
      StepWords{"follow", "~", "would follow", "followed", Tone::warn}};
  const auto found = std::ranges::find(kWords, what, &StepWords::what);
  return found == kWords.end() ? StepWords{what, "?", what, what, Tone::plain} : *found;
}

std::string change_text(const control::ChangeView& change) {
  const auto value = [](const FieldValue& it) {
    return it.empty() ? std::string("(not said)") : harmless(joined(it));
  };
  // A secret is told without its values.
  if (change.before.empty() && change.after.empty()) {
    return fmt::format("    {}: changed\n", harmless(change.field));
  }
  return fmt::format("    {}: {} -> {}\n", harmless(change.field), value(change.before),
                     value(change.after));
}

std::string step_text(const control::StepView& step, bool done, const Look& look) {
  const StepWords words = words_of(step.what);
  std::string out = toned(std::string(words.mark), words.tone, look);
  out += fmt::format(" {} {} {}", done ? words.after : words.before, name_of(step.kind),
                     harmless(step.name));
  if (!step.id.empty()) out += fmt::format(" ({})", harmless(step.id));
  const bool removed = step.what == "remove";
  if (step.reconnects && !removed) out += done ? "; it reconnects" : "; it would reconnect";
  if (step.carries_traffic && (step.reconnects || removed)) {
    out += toned(done ? "; it carried traffic" : "; it carries traffic, which would be interrupted",
                 Tone::bad, look);
  }
  out += '\n';
  if (step.what != "create") {
    for (const control::ChangeView& change : step.changes) out += change_text(change);
  }
  return out;
}

std::string version_text(const control::VersionReply& reply) {
  std::string out =
      fmt::format("ipsecd {}, interface {}, {}, pid {}, since {}, {}\n", harmless(reply.version),
                  reply.api, harmless(reply.kernel), reply.pid, local_time(reply.started),
                  counted(reply.tunnels, "tunnel"));
  for (const std::string& note : reply.notes) out += fmt::format("note: {}\n", harmless(note));
  return out;
}

}  // namespace

std::string text(const control::PlanReply& plan, const Look& look) {
  if (plan.steps.empty()) return "nothing to change\n";
  std::string out;
  for (const control::StepView& step : plan.steps) out += step_text(step, plan.done, look);
  if (!plan.done) out += "nothing has been changed yet\n";
  return out;
}

std::string text(const control::EventView& event, const Look& look) {
  Tone tone = Tone::plain;
  if (event.event.ends_with("-up")) tone = Tone::good;
  if (event.event.ends_with("failed")) tone = Tone::bad;
  const std::string phase =
      event.phase.empty() ? std::string() : fmt::format(" phase {}", harmless(event.phase));
  return fmt::format("{}  {}{}  {}  {}\n", local_time(event.at),
                     event.tunnel.empty() ? "-" : harmless(event.tunnel), phase,
                     toned(harmless(event.event), tone, look), harmless(event.text));
}

std::string text(const control::Result& result, bool whole, const Look& look) {
  if (const auto* it = std::get_if<control::ObjectsReply>(&result)) {
    return objects_text(*it, whole, look);
  }
  if (const auto* it = std::get_if<control::StatusReply>(&result)) {
    return status_text(*it, whole, look);
  }
  if (const auto* it = std::get_if<control::PlanReply>(&result)) return text(*it, look);
  if (const auto* it = std::get_if<control::FindingsReply>(&result)) {
    return findings_text(*it, look);
  }
  if (const auto* it = std::get_if<control::VersionReply>(&result)) return version_text(*it);
  if (const auto* it = std::get_if<control::TextReply>(&result)) {
    return look.width == 0 ? it->text : harmless_lines(it->text);
  }
  if (const auto* it = std::get_if<control::EventsReply>(&result)) {
    std::string out;
    for (const control::EventView& event : it->events) out += text(event, look);
    return out;
  }
  const auto sheet = sheet_of(result, whole);
  return sheet ? rows_text(*sheet, look) : std::string();
}

}  // namespace ipsec::cli
