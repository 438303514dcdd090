// The members of each answer and its parts, in the order in which they are written.
#pragma once

#include "ike/control/types/json_members.h"
#include "ike/control/types/replies.h"

namespace ipsec::control::json {

template <typename Visitor>
void members(Visitor& on, Like<Problem> auto& it) {
  on.may("object", it.object);
  on.may("field", it.field);
  on.may("value", it.value);
  on.may("why", it.why);
  on.may("advice", it.advice);
  on.may("text", it.text);
}
template <typename Visitor>
void members(Visitor& on, Like<Error> auto& it) {
  on.may("code", it.code);
  on.may("message", it.message);
  on.may("problems", it.problems);
}
template <typename Visitor>
void members(Visitor& on, Like<FailureView> auto& it) {
  on.may("at", it.at);
  on.may("stage", it.stage);
  on.may("cause", it.cause);
  on.may("ours", it.ours);
  on.may("theirs", it.theirs);
  on.may("detail", it.detail);
  on.may("text", it.text);
  on.may("check", it.check);
}
template <typename Visitor>
void members(Visitor& on, Like<Phase1View> auto& it) {
  on.may("local", it.local);
  on.may("remote", it.remote);
  on.may("peer_id", it.peer_id);
  on.may("algorithms", it.algorithms);
  on.may("our_spi", it.our_spi);
  on.may("peer_spi", it.peer_spi);
  on.may("nat", it.nat);
  on.may("peer_vendor", it.peer_vendor);
  on.may("requests", it.requests);
  on.may("resent", it.resent);
  on.may("round_trip_us", it.round_trip_us);
  on.may("since", it.since);
}
template <typename Visitor>
void members(Visitor& on, Like<ChildView> auto& it) {
  on.may("local", it.local);
  on.may("remote", it.remote);
  on.may("algorithms", it.algorithms);
  on.may("inbound_spi", it.inbound_spi);
  on.may("outbound_spi", it.outbound_spi);
  on.may("reqid", it.reqid);
  on.may("since", it.since);
}
template <typename Visitor>
void members(Visitor& on, Like<TrafficView> auto& it) {
  on.may("in_bytes", it.in_bytes);
  on.may("in_packets", it.in_packets);
  on.may("out_bytes", it.out_bytes);
  on.may("out_packets", it.out_packets);
}
template <typename Visitor>
void members(Visitor& on, Like<TunnelStatusView> auto& it) {
  on.may("id", it.id);
  on.may("name", it.name);
  on.may("resource", it.resource);
  on.may("connection", it.connection);
  on.may("traffic", it.traffic);
  on.may("phase1", it.phase1);
  on.may("phase2", it.phase2);
  on.may("pairs_up", it.pairs_up);
  on.may("pairs", it.pairs);
  on.may("since", it.since);
  on.may("resumed_at", it.resumed_at);
  on.may("tries", it.tries);
  on.may("next_try", it.next_try);
  on.may("last_failure", it.last_failure);
  on.may("weak", it.weak);
  on.may("ike", it.ike);
  on.may("children", it.children);
  on.may("counters", it.counters);
  on.may("routes_ok", it.routes_ok);
  on.may("routes", it.routes);
  on.may("route_trouble", it.route_trouble);
  on.may("note", it.note);
}
// What stays as it is from one change of the configuration to the next.
template <typename Visitor>
void standing_members(Visitor& on, Like<ObjectView> auto& it) {
  on.may("kind", it.kind);
  on.may("id", it.id);
  on.may("name", it.name);
  on.may("created", it.created);
  on.fields("fields", it.kind, it.fields);
  on.may("derived", it.derived);
}
template <typename Visitor>
void members(Visitor& on, Like<ObjectView> auto& it) {
  standing_members(on, it);
  on.may("status", it.status);
}
template <typename Visitor>
void members(Visitor& on, Like<ObjectsReply> auto& it) {
  on.may("kind", it.kind);
  on.may("objects", it.objects);
}
template <typename Visitor>
void members(Visitor& on, Like<StepView> auto& it) {
  on.may("what", it.what);
  on.may("kind", it.kind);
  on.may("id", it.id);
  on.may("name", it.name);
  on.changes("changes", it.kind, it.changes);
  on.may("reconnects", it.reconnects);
  on.may("carries_traffic", it.carries_traffic);
}
template <typename Visitor>
void members(Visitor& on, Like<PlanReply> auto& it) {
  on.may("done", it.done);
  on.may("steps", it.steps);
  on.may("warnings", it.warnings);
}
template <typename Visitor>
void members(Visitor& on, Like<TextReply> auto& it) {
  on.may("text", it.text);
  on.may("warnings", it.warnings);
}
template <typename Visitor>
void members(Visitor& on, Like<StatusReply> auto& it) {
  on.may("tunnels", it.tunnels);
}
template <typename Visitor>
void members(Visitor& on, Like<SaView> auto& it) {
  on.may("tunnel", it.tunnel);
  on.may("direction", it.direction);
  on.may("protocol", it.protocol);
  on.may("spi", it.spi);
  on.may("reqid", it.reqid);
  on.may("source", it.source);
  on.may("destination", it.destination);
  on.may("algorithms", it.algorithms);
  on.may("added", it.added);
  on.may("first_used", it.first_used);
  on.may("bytes", it.bytes);
  on.may("packets", it.packets);
  on.may("replayed", it.replayed);
  on.may("outside_window", it.outside_window);
  on.may("integrity_failed", it.integrity_failed);
}
template <typename Visitor>
void members(Visitor& on, Like<SasReply> auto& it) {
  on.may("sas", it.sas);
}
template <typename Visitor>
void members(Visitor& on, Like<RouteView> auto& it) {
  on.may("tunnel", it.tunnel);
  on.may("subnet", it.subnet);
  on.may("table", it.table);
  on.may("destination", it.destination);
  on.may("next_hop", it.next_hop);
  on.may("metric", it.metric);
  on.may("mtu", it.mtu);
  on.may("state", it.state);
  on.may("why", it.why);
}
template <typename Visitor>
void members(Visitor& on, Like<RoutesReply> auto& it) {
  on.may("routes", it.routes);
}
template <typename Visitor>
void members(Visitor& on, Like<EventView> auto& it) {
  on.may("at", it.at);
  on.may("number", it.number);
  on.may("tunnel_id", it.tunnel_id);
  on.may("tunnel", it.tunnel);
  on.may("phase", it.phase);
  on.may("event", it.event);
  on.may("text", it.text);
}
template <typename Visitor>
void members(Visitor& on, Like<EventsReply> auto& it) {
  on.may("events", it.events);
  on.may("follows", it.follows);
}
template <typename Visitor>
void members(Visitor& on, Like<Finding> auto& it) {
  on.may("what", it.what);
  on.may("grade", it.grade);
  on.may("found", it.found);
  on.may("advice", it.advice);
}
template <typename Visitor>
void members(Visitor& on, Like<FindingsReply> auto& it) {
  on.may("findings", it.findings);
}
template <typename Visitor>
void members(Visitor& on, Like<LimitView> auto& it) {
  on.may("name", it.name);
  on.may("value", it.value);
  on.may("counted", it.counted);
}
template <typename Visitor>
void members(Visitor& on, Like<LimitsReply> auto& it) {
  on.may("limits", it.limits);
}
template <typename Visitor>
void members(Visitor& on, Like<CounterView> auto& it) {
  on.may("of", it.of);
  on.may("name", it.name);
  on.may("value", it.value);
}
template <typename Visitor>
void members(Visitor& on, Like<CountersReply> auto& it) {
  on.may("counters", it.counters);
}
template <typename Visitor>
void members(Visitor& on, Like<VendorView> auto& it) {
  on.may("name", it.name);
  on.may("product", it.product);
  on.may("export_format", it.export_format);
  on.may("note", it.note);
}
template <typename Visitor>
void members(Visitor& on, Like<VendorsReply> auto& it) {
  on.may("vendors", it.vendors);
}
template <typename Visitor>
void members(Visitor& on, Like<AuditView> auto& it) {
  on.may("at", it.at);
  on.may("who", it.who);
  on.may("what", it.what);
}
template <typename Visitor>
void members(Visitor& on, Like<AuditReply> auto& it) {
  on.may("entries", it.entries);
}
template <typename Visitor>
void members(Visitor& on, Like<VersionReply> auto& it) {
  on.may("version", it.version);
  on.may("api", it.api);
  on.may("pid", it.pid);
  on.may("started", it.started);
  on.may("kernel", it.kernel);
  on.may("tunnels", it.tunnels);
  on.may("notes", it.notes);
}
template <typename Visitor>
void members(Visitor& on, Like<DoneReply> auto& it) {
  on.may("warnings", it.warnings);
}

}  // namespace ipsec::control::json
