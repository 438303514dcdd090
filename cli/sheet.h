// An answer as rows and columns: what tables, CSV and Excel files are written from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ike/control/types/replies.h"

namespace ipsec::cli {

// What a value says of how things are; colours are made of it.
enum class Tone : std::uint8_t { plain, good, warn, bad, dim };

struct Bytes {
  std::uint64_t count = 0;
};

struct Cell {
  std::variant<std::string, std::uint64_t, control::Moment, Bytes> value;
  Tone tone = Tone::plain;
};

struct Column {
  std::string key;      // "peer_address", heads it in files
  std::string title;    // "PEER", heads it on a terminal; empty: it is for files alone
  bool if_any = false;  // left out on a terminal where all are empty
};

struct Sheet {
  std::string name;  // "tunnels"
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

// As people read it, and as programs do.
[[nodiscard]] std::string shown(const Cell& cell);
[[nodiscard]] std::string plain(const Cell& cell);

// Nothing: the answer has no rows, as a text has none. `whole`: objects with all of their fields,
// not the columns of a list.
[[nodiscard]] std::optional<Sheet> sheet_of(const control::Result& result, bool whole);
[[nodiscard]] Sheet sheet_of(const control::ObjectsReply& reply, bool whole);
[[nodiscard]] Sheet sheet_of(const control::StatusReply& reply);
[[nodiscard]] Sheet sheet_of(const control::PlanReply& reply);

// Of the words of a tunnel's connection, of its traffic and of a phase.
[[nodiscard]] Tone tone_of(std::string_view word);
[[nodiscard]] std::string joined(const FieldValue& value);
// A field, or what was derived; empty where there is none.
[[nodiscard]] std::string value_in(const control::ObjectView& object, std::string_view name);
[[nodiscard]] std::string in_line(const control::FailureView& failure);

}  // namespace ipsec::cli
