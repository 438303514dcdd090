// Answers but for objects as sheets.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/sheet.h"
#include "cli/words.h"

namespace ipsec::cli {

namespace {

template <typename... T>
struct Overloaded : T... {
  using T::operator()...;
};

Cell text(std::string value, Tone tone = Tone::plain) { return {std::move(value), tone}; }

Cell moment(const std::optional<control::Moment>& at) {
  return {at.value_or(control::Moment{}), Tone::plain};
}

std::string_view name_of_grade(control::Finding::Grade grade) {
  switch (grade) {
    case control::Finding::Grade::good:
      return "good";
    case control::Finding::Grade::note:
      return "note";
    case control::Finding::Grade::warning:
      return "warning";
    case control::Finding::Grade::bad:
      return "bad";
  }
  return "";
}

Tone tone_of_grade(control::Finding::Grade grade) {
  switch (grade) {
    case control::Finding::Grade::good:
      return Tone::good;
    case control::Finding::Grade::note:
      return Tone::dim;
    case control::Finding::Grade::warning:
      return Tone::warn;
    case control::Finding::Grade::bad:
      return Tone::bad;
  }
  return Tone::plain;
}

Sheet sheet(const control::SasReply& reply) {
  Sheet out{"sas",
            {{"tunnel", "TUNNEL"},
             {"direction", "DIR"},
             {"protocol", "PROTO"},
             {"spi", "SPI"},
             {"reqid", "REQID"},
             {"source", "SOURCE"},
             {"destination", "DESTINATION"},
             {"algorithms", "ALGORITHMS"},
             {"added", "ADDED"},
             {"first_used", ""},
             {"bytes", "BYTES"},
             {"packets", "PACKETS"},
             {"replayed", "REPLAYED"},
             {"outside_window", "LATE"},
             {"integrity_failed", "BROKEN"}},
            {}};
  out.rows.reserve(reply.sas.size());
  for (const control::SaView& sa : reply.sas) {
    const auto faults = [](std::uint32_t count) {
      return Cell{std::uint64_t{count}, count == 0 ? Tone::plain : Tone::warn};
    };
    out.rows.push_back({text(sa.tunnel),
                        text(sa.direction),
                        text(sa.protocol),
                        text(sa.spi),
                        {std::uint64_t{sa.reqid}},
                        text(sa.source),
                        text(sa.destination),
                        text(sa.algorithms),
                        moment(sa.added),
                        moment(sa.first_used),
                        {Bytes{sa.bytes}},
                        {sa.packets},
                        faults(sa.replayed),
                        faults(sa.outside_window),
                        faults(sa.integrity_failed)});
  }
  return out;
}

Sheet sheet(const control::RoutesReply& reply) {
  Sheet out{"routes",
            {{"tunnel", "TUNNEL"},
             {"subnet", "SUBNET"},
             {"table", "TABLE"},
             {"destination", "DESTINATION"},
             {"next_hop", "NEXT HOP"},
             {"metric", "METRIC"},
             {"mtu", "MTU"},
             {"state", "STATE"},
             {"why", "WHY"}},
            {}};
  out.rows.reserve(reply.routes.size());
  for (const control::RouteView& route : reply.routes) {
    out.rows.push_back({text(route.tunnel),
                        text(route.subnet),
                        text(route.table),
                        text(route.destination),
                        text(route.next_hop),
                        {std::uint64_t{route.metric}},
                        {std::uint64_t{route.mtu}},
                        text(route.state, tone_of(route.state)),
                        text(route.why)});
  }
  return out;
}

Sheet sheet(const control::EventsReply& reply) {
  Sheet out{"events",
            {{"at", "TIME"},
             {"number", ""},
             {"tunnel_id", ""},
             {"tunnel", "TUNNEL"},
             {"phase", "PHASE"},
             {"event", "EVENT"},
             {"text", "TEXT"}},
            {}};
  out.rows.reserve(reply.events.size());
  for (const control::EventView& event : reply.events) {
    out.rows.push_back({moment(event.at),
                        {event.number},
                        text(event.tunnel_id),
                        text(event.tunnel),
                        text(event.phase),
                        text(event.event),
                        text(event.text)});
  }
  return out;
}

Sheet sheet(const control::FindingsReply& reply) {
  Sheet out{"findings",
            {{"what", "WHAT"}, {"grade", "GRADE"}, {"found", "FOUND"}, {"advice", "ADVICE", true}},
            {}};
  out.rows.reserve(reply.findings.size());
  for (const control::Finding& finding : reply.findings) {
    out.rows.push_back(
        {text(finding.what),
         text(std::string(name_of_grade(finding.grade)), tone_of_grade(finding.grade)),
         text(finding.found), text(finding.advice)});
  }
  return out;
}

Sheet sheet(const control::LimitsReply& reply) {
  Sheet out{"limits", {{"name", "LIMIT"}, {"value", "VALUE"}, {"counted", "OF WHAT"}}, {}};
  out.rows.reserve(reply.limits.size());
  for (const control::LimitView& limit : reply.limits) {
    out.rows.push_back({text(limit.name), {limit.value}, text(limit.counted)});
  }
  return out;
}

Sheet sheet(const control::CountersReply& reply) {
  Sheet out{"counters", {{"of", "OF"}, {"name", "COUNTED"}, {"value", "VALUE"}}, {}};
  out.rows.reserve(reply.counters.size());
  for (const control::CounterView& counter : reply.counters) {
    out.rows.push_back({text(counter.of), text(counter.name), {counter.value}});
  }
  return out;
}

Sheet sheet(const control::VendorsReply& reply) {
  Sheet out{"vendors",
            {{"name", "VENDOR"},
             {"product", "PRODUCT"},
             {"export_format", "EXPORT FORMAT"},
             {"note", "NOTE", true}},
            {}};
  out.rows.reserve(reply.vendors.size());
  for (const control::VendorView& vendor : reply.vendors) {
    out.rows.push_back(
        {text(vendor.name), text(vendor.product), text(vendor.export_format), text(vendor.note)});
  }
  return out;
}

Sheet sheet(const control::AuditReply& reply) {
  Sheet out{"audit", {{"at", "TIME"}, {"who", "WHO"}, {"what", "WHAT"}}, {}};
  out.rows.reserve(reply.entries.size());
  for (const control::AuditView& entry : reply.entries) {
    out.rows.push_back({moment(entry.at), text(entry.who), text(entry.what)});
  }
  return out;
}

Sheet sheet(const control::VersionReply& reply) {
  Sheet out{"version", {{"what", "WHAT"}, {"value", "VALUE"}}, {}};
  out.rows = {{text("ipsecd"), text(reply.version)},
              {text("interface"), {static_cast<std::uint64_t>(reply.api)}},
              {text("kernel"), text(reply.kernel)},
              {text("pid"), {reply.pid}},
              {text("started"), moment(reply.started)},
              {text("tunnels"), {reply.tunnels}}};
  for (const std::string& note : reply.notes) out.rows.push_back({text("note"), text(note)});
  return out;
}

}  // namespace

// --- what is shared ----------------------------------------------------------------------------

std::string shown(const Cell& cell) {
  return std::visit(Overloaded{[](const std::string& it) { return it; },
                               [](std::uint64_t it) { return fmt::to_string(it); },
                               [](control::Moment it) { return local_time(it); },
                               [](Bytes it) { return in_bytes(it.count); }},
                    cell.value);
}

std::string plain(const Cell& cell) {
  return std::visit(Overloaded{[](const std::string& it) { return it; },
                               [](std::uint64_t it) { return fmt::to_string(it); },
                               [](control::Moment it) { return rfc3339(it); },
                               [](Bytes it) { return fmt::to_string(it.count); }},
                    cell.value);
}

Tone tone_of(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, Tone>, 21> kTones{
      {{"connected", Tone::good},    {"normal", Tone::good},   {"up", Tone::good},
       {"Running", Tone::good},      {"ok", Tone::good},       {"connecting", Tone::warn},
       {"Creating", Tone::warn},     {"Deleting", Tone::warn}, {"pending", Tone::warn},
       {"contested", Tone::warn},    {"shadowed", Tone::warn}, {"conflict", Tone::bad},
       {"failed", Tone::bad},        {"missing", Tone::bad},   {"phase1-failed", Tone::bad},
       {"phase2-failed", Tone::bad}, {"none", Tone::dim},      {"idle", Tone::dim},
       {"disabled", Tone::dim},      {"withdrawn", Tone::dim}, {"down", Tone::dim}}};
  const auto found = std::ranges::find(kTones, word, &decltype(kTones)::value_type::first);
  return found == kTones.end() ? Tone::plain : found->second;
}

std::string joined(const FieldValue& value) { return fmt::format("{}", fmt::join(value, ", ")); }

std::string in_line(const control::FailureView& failure) {
  if (!failure.text.empty()) return failure.text;
  return fmt::format("{}{}{}", failure.stage, failure.stage.empty() ? "" : ": ", failure.cause);
}

// --- status and plans --------------------------------------------------------------------------

Sheet sheet_of(const control::StatusReply& reply) {
  Sheet out{"status",
            {{"name", "TUNNEL"},
             {"id", ""},
             {"resource", ""},
             {"connection", "CONNECTION"},
             {"phase1", "PHASE 1"},
             {"phase2", "PHASE 2"},
             {"pairs_up", ""},
             {"pairs", ""},
             {"", "CIDR PAIRS"},
             {"routes_ok", ""},
             {"routes", ""},
             {"", "ROUTES"},
             {"traffic", "TRAFFIC"},
             {"since", "SINCE"},
             {"tries", "TRIES"},
             {"next_try", "NEXT TRY", true},
             {"in_bytes", "IN"},
             {"out_bytes", "OUT"},
             {"in_packets", ""},
             {"out_packets", ""},
             {"weak", "WEAK", true},
             {"last_failure", "LAST FAILURE", true},
             {"route_trouble", "ROUTE TROUBLE", true},
             {"note", "NOTE", true}},
            {}};
  out.rows.reserve(reply.tunnels.size());
  for (const control::TunnelStatusView& it : reply.tunnels) {
    const std::string failure = it.last_failure ? in_line(*it.last_failure) : std::string();
    out.rows.push_back({text(it.name),
                        text(it.id),
                        text(it.resource),
                        text(it.connection, tone_of(it.connection)),
                        text(it.phase1, tone_of(it.phase1)),
                        text(it.phase2, tone_of(it.phase2)),
                        {std::uint64_t{it.pairs_up}},
                        {std::uint64_t{it.pairs}},
                        text(fmt::format("{} of {}", it.pairs_up, it.pairs)),
                        {std::uint64_t{it.routes_ok}},
                        {std::uint64_t{it.routes}},
                        text(it.routes == 0 ? "-" : fmt::format("{}/{}", it.routes_ok, it.routes)),
                        text(it.traffic, tone_of(it.traffic)),
                        moment(it.since),
                        {std::uint64_t{it.tries}},
                        moment(it.next_try),
                        {Bytes{it.counters.in_bytes}},
                        {Bytes{it.counters.out_bytes}},
                        {it.counters.in_packets},
                        {it.counters.out_packets},
                        text(joined(it.weak), Tone::warn),
                        text(failure, Tone::bad),
                        text(it.route_trouble, Tone::warn),
                        text(it.note, Tone::warn)});
  }
  return out;
}

Sheet sheet_of(const control::PlanReply& reply) {
  Sheet out{"plan",
            {{"what", "WHAT"},
             {"kind", "KIND"},
             {"name", "NAME"},
             {"id", "ID"},
             {"field", "FIELD"},
             {"before", "BEFORE"},
             {"after", "AFTER"},
             {"reconnects", "RECONNECTS"},
             {"carries_traffic", "CARRIES TRAFFIC"}},
            {}};
  const auto yes = [](bool it) { return text(it ? "yes" : "no"); };
  const control::ChangeView nothing;
  for (const control::StepView& step : reply.steps) {
    const auto add = [&](const control::ChangeView& change) {
      out.rows.push_back({text(step.what), text(std::string(ipsec::name_of(step.kind))),
                          text(step.name), text(step.id), text(change.field),
                          text(joined(change.before)), text(joined(change.after)),
                          yes(step.reconnects), yes(step.carries_traffic)});
    };
    if (step.changes.empty()) add(nothing);
    std::ranges::for_each(step.changes, add);
  }
  return out;
}

std::optional<Sheet> sheet_of(const control::Result& result, bool whole) {
  using Maybe = std::optional<Sheet>;
  return std::visit(
      Overloaded{[](const control::DoneReply&) -> Maybe { return std::nullopt; },
                 [](const control::TextReply&) -> Maybe { return std::nullopt; },
                 [whole](const control::ObjectsReply& it) -> Maybe { return sheet_of(it, whole); },
                 [](const control::PlanReply& it) -> Maybe { return sheet_of(it); },
                 [](const control::StatusReply& it) -> Maybe { return sheet_of(it); },
                 [](const auto& it) -> Maybe { return sheet(it); }},
      result);
}

}  // namespace ipsec::cli
