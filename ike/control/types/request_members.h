// The members of each operation, in the order in which they are written.
#pragma once

#include "ike/control/types/json_members.h"
#include "ike/control/types/requests.h"

namespace ipsec::control::json {

template <typename Visitor>
void members(Visitor& on, Like<List> auto& it) {
  on.must("kind", it.kind);
  on.may("search", it.search);
}
template <typename Visitor>
void members(Visitor& on, Like<Show> auto& it) {
  on.must("kind", it.kind);
  on.must("names", it.names);
  on.may("secrets", it.secrets);
}
template <typename Visitor>
void members(Visitor& on, Like<Create> auto& it) {
  on.must("kind", it.kind);
  on.must("name", it.name);
  on.fields("fields", it.kind, it.fields);
  on.may("dry_run", it.dry_run);
}
template <typename Visitor>
void members(Visitor& on, Like<Set> auto& it) {
  on.must("kind", it.kind);
  on.must("names", it.names);
  on.fields("fields", it.kind, it.fields);
  on.may("dry_run", it.dry_run);
}
template <typename Visitor>
void members(Visitor& on, Like<Rename> auto& it) {
  on.must("kind", it.kind);
  on.must("name", it.name);
  on.must("to", it.to);
}
template <typename Visitor>
void members(Visitor& on, Like<Delete> auto& it) {
  on.must("kind", it.kind);
  on.must("names", it.names);
  on.may("dry_run", it.dry_run);
}
template <typename Visitor>
void members(Visitor& on, Like<Apply> auto& it) {
  on.must("text", it.text);
  on.may("file", it.file);
  on.may("dry_run", it.dry_run);
  on.may("prune", it.prune);
}
template <typename Visitor>
void members(Visitor& on, Like<Dump> auto& it) {
  on.may("secrets", it.secrets);
}
template <typename Visitor>
void members(Visitor& on, Like<Import> auto& it) {
  on.must("format", it.format);
  on.must("text", it.text);
  on.may("secrets_text", it.secrets_text);
  on.may("file", it.file);
}
template <typename Visitor>
void members(Visitor& on, Like<Export> auto& it) {
  on.must("tunnel", it.tunnel);
  on.must("format", it.format);
  on.may("peer_side", it.peer_side);
  on.may("secrets", it.secrets);
}
template <typename Visitor>
void members(Visitor& on, Like<Command> auto& it) {
  on.must("order", it.order);
  on.must("tunnels", it.tunnels);
}
template <typename Visitor>
void members(Visitor& on, Like<Status> auto& it) {
  on.may("tunnels", it.tunnels);
}
template <typename Visitor>
void members(Visitor& on, Like<ListSas> auto& it) {
  on.may("tunnels", it.tunnels);
}
template <typename Visitor>
void members(Visitor& on, Like<Routes> auto& it) {
  on.may("tunnels", it.tunnels);
  on.may("drift", it.drift);
}
template <typename Visitor>
void members(Visitor& on, Like<Diagnose> auto& it) {
  on.must("tunnel", it.tunnel);
}
template <typename Visitor>
void members(Visitor& on, Like<Events> auto& it) {
  on.may("tunnels", it.tunnels);
  on.may("since_s", it.since_s);
  on.may("most", it.most);
  on.may("follow", it.follow);
}
template <typename Visitor>
void members(Visitor& on, Like<Audit> auto& it) {
  on.may("most", it.most);
}
template <typename Visitor>
void members(Visitor& on, Like<Stop> auto& it) {
  on.may("flush", it.flush);
}
template <typename Visitor>
void members(Visitor& on, Like<SetLogLevel> auto& it) {
  on.must("level", it.level);
  on.may("tunnel", it.tunnel);
}
template <typename T, typename... Operations>
concept AnyOf = (Like<T, Operations> || ...);
template <typename Visitor>
void members(Visitor&,
             AnyOf<Version, ListLimits, ListVendors, Check, Reload, ListCounters, Upgrade> auto&) {}

}  // namespace ipsec::control::json
