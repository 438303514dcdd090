// Objects as sheets: the columns of their lists (M112, M123, M128), or all of their fields.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/sheet.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::cli {
namespace {

using control::ObjectView;

struct ListColumn {
  Column column;
  Cell (*take)(const ObjectView&);
};

Cell words(std::string value) { return {std::move(value), Tone::plain}; }

Cell take_name(const ObjectView& it) { return words(it.name); }
Cell take_id(const ObjectView& it) { return words(it.id); }
Cell take_created(const ObjectView& it) { return {it.created, Tone::plain}; }
Cell take_remarks(const ObjectView& it) { return words(value_in(it, "remarks")); }
Cell take_vpc(const ObjectView& it) { return words(value_in(it, "vpc")); }
Cell take_region(const ObjectView& it) { return words(value_in(it, "region")); }

Cell take_count(const ObjectView& it, std::string_view name) {
  std::uint64_t count = 0;
  for (const char digit : value_in(it, name)) {
    if (digit < '0' || digit > '9') return words(value_in(it, name));
    count = count * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return {count, Tone::plain};
}
Cell take_tunnels(const ObjectView& it) { return take_count(it, "tunnels"); }

const ListColumn& name_column() {
  static const ListColumn column{{"name", "NAME"}, take_name};
  return column;
}
const ListColumn& id_column() {
  static const ListColumn column{{"id", "ID"}, take_id};
  return column;
}
const ListColumn& created_column() {
  static const ListColumn column{{"created", "CREATED"}, take_created};
  return column;
}
const ListColumn& remarks_column() {
  static const ListColumn column{{"remarks", "REMARKS", true}, take_remarks};
  return column;
}

std::vector<ListColumn> vpc_columns() {
  return {
      name_column(),
      id_column(),
      {{"cidrs", "CIDRS"}, [](const ObjectView& it) { return words(value_in(it, "cidrs")); }},
      {{"region", "REGION"}, take_region},
      {{"subnets", "SUBNETS"}, [](const ObjectView& it) { return take_count(it, "subnets"); }},
      {{"gateways", "GATEWAYS"}, [](const ObjectView& it) { return take_count(it, "gateways"); }},
      created_column(),
      remarks_column()};
}

std::vector<ListColumn> subnet_columns() {
  return {name_column(),
          id_column(),
          {{"vpc", "VPC"}, take_vpc},
          {{"cidr", "CIDR"}, [](const ObjectView& it) { return words(value_in(it, "cidr")); }},
          {{"route_table", "ROUTE TABLE", true},
           [](const ObjectView& it) { return words(value_in(it, "route_table")); }},
          created_column(),
          remarks_column()};
}

std::vector<ListColumn> gateway_columns() {
  return {
      name_column(),
      id_column(),
      {{"vpc", "VPC"}, take_vpc},
      {{"subnet", "SUBNET"}, [](const ObjectView& it) { return words(value_in(it, "subnet")); }},
      {{"public_address", "PUBLIC IP"},
       [](const ObjectView& it) { return words(value_in(it, "public_address")); }},
      {{"tunnels", "TUNNELS"}, take_tunnels},
      created_column(),
      {{"expires", "EXPIRES", true},
       [](const ObjectView& it) { return words(value_in(it, "expires")); }},
      {{"billing", "BILLING", true},
       [](const ObjectView& it) { return words(value_in(it, "billing")); }},
      {{"status", "STATUS"},
       [](const ObjectView& it) {
         return Cell{value_in(it, "status"), tone_of(value_in(it, "status"))};
       }},
      remarks_column()};
}

std::vector<ListColumn> peer_columns() {
  return {name_column(),
          id_column(),
          {{"address", "PUBLIC IP"},
           [](const ObjectView& it) { return words(value_in(it, "address")); }},
          {{"vendor", "VENDOR", true},
           [](const ObjectView& it) { return words(value_in(it, "vendor")); }},
          {{"region", "REGION"}, take_region},
          {{"tunnels", "TUNNELS"}, take_tunnels},
          created_column(),
          remarks_column()};
}

std::string with_address(const ObjectView& it, std::string_view name, std::string_view address) {
  const std::string at = value_in(it, address);
  return at.empty() ? value_in(it, name) : fmt::format("{} ({})", value_in(it, name), at);
}

// With the try it is at, so that a negotiation can be followed in the list (M157).
Cell take_connection(const ObjectView& it) {
  if (!it.status) return words({});
  const Tone tone = tone_of(it.status->connection);
  if (tone == Tone::good || it.status->tries == 0) return {it.status->connection, tone};
  return {fmt::format("{} (try {})", it.status->connection, it.status->tries), tone};
}

Cell take_status(const ObjectView& it, std::string control::TunnelStatusView::* what) {
  if (!it.status) return words({});
  const std::string& value = (*it.status).*what;
  return {value, tone_of(value)};
}

std::vector<ListColumn> tunnel_columns() {
  return {
      name_column(),
      id_column(),
      {{"", "GATEWAY"},
       [](const ObjectView& it) { return words(with_address(it, "gateway", "gateway_address")); }},
      {{"gateway", ""}, [](const ObjectView& it) { return words(value_in(it, "gateway")); }},
      {{"gateway_address", ""},
       [](const ObjectView& it) { return words(value_in(it, "gateway_address")); }},
      {{"", "PEER"},
       [](const ObjectView& it) { return words(with_address(it, "peer", "peer_address")); }},
      {{"peer", ""}, [](const ObjectView& it) { return words(value_in(it, "peer")); }},
      {{"peer_address", ""},
       [](const ObjectView& it) { return words(value_in(it, "peer_address")); }},
      created_column(),
      {{"resource", "STATUS"},
       [](const ObjectView& it) { return take_status(it, &control::TunnelStatusView::resource); }},
      {{"", "CONNECTION"}, take_connection},
      {{"connection", ""},
       [](const ObjectView& it) {
         return take_status(it, &control::TunnelStatusView::connection);
       }},
      {{"traffic", "TRAFFIC"},
       [](const ObjectView& it) { return take_status(it, &control::TunnelStatusView::traffic); }},
      remarks_column()};
}

std::vector<ListColumn> columns_of(Kind kind) {
  switch (kind) {
    case Kind::vpc:
      return vpc_columns();
    case Kind::subnet:
      return subnet_columns();
    case Kind::gateway:
      return gateway_columns();
    case Kind::peer:
      return peer_columns();
    case Kind::tunnel:
      return tunnel_columns();
  }
  return {};
}

Sheet list_sheet(const control::ObjectsReply& reply) {
  Sheet out;
  const auto columns = columns_of(reply.kind);
  out.columns.reserve(columns.size());
  for (const ListColumn& it : columns) out.columns.push_back(it.column);
  out.rows.reserve(reply.objects.size());
  for (const ObjectView& object : reply.objects) {
    std::vector<Cell> row;
    row.reserve(columns.size());
    for (const ListColumn& it : columns) row.push_back(it.take(object));
    out.rows.push_back(std::move(row));
  }
  return out;
}

Sheet whole_sheet(const control::ObjectsReply& reply) {
  Sheet out;
  out.columns = {{"name", "NAME"}, {"id", "ID"}, {"created", "CREATED"}};
  const auto add = [&](std::string_view name) {
    if (std::ranges::find(out.columns, name, &Column::key) == out.columns.end()) {
      out.columns.push_back({std::string(name), std::string(name)});
    }
  };
  for (const ObjectView& object : reply.objects) {
    for (const auto& [name, value] : object.fields) add(name);
    for (const auto& [name, value] : object.derived) add(name);
  }
  if (reply.kind == Kind::tunnel) {
    for (const std::string_view name : {"resource", "connection", "traffic"}) add(name);
  }
  for (const ObjectView& object : reply.objects) {
    std::vector<Cell> row{words(object.name), words(object.id), take_created(object)};
    row.reserve(out.columns.size());
    for (std::size_t i = 3; i < out.columns.size(); ++i) {
      const std::string& key = out.columns[i].key;
      std::string value = value_in(object, key);
      if (object.status && key == "resource") value = object.status->resource;
      if (object.status && key == "connection") value = object.status->connection;
      if (object.status && key == "traffic") value = object.status->traffic;
      row.push_back(words(std::move(value)));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace

Sheet sheet_of(const control::ObjectsReply& reply, bool whole) {
  Sheet out = whole ? whole_sheet(reply) : list_sheet(reply);
  out.name = fmt::format("{}s", ipsec::name_of(reply.kind));
  return out;
}

std::string value_in(const control::ObjectView& object, std::string_view name) {
  for (const auto& [field, value] : object.fields) {
    if (field == name) return joined(value);
  }
  for (const auto& [what, value] : object.derived) {
    if (what == name) return value;
  }
  return {};
}

}  // namespace ipsec::cli
