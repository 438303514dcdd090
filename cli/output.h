// Answers as the bytes that are written.
#pragma once

#include <expected>
#include <string>

#include "cli/command.h"
#include "cli/sheet.h"
#include "cli/table.h"

namespace ipsec::cli {

// RFC 4180. A cell that a spreadsheet would take for a formula has an apostrophe before it.
[[nodiscard]] std::string csv(const Sheet& sheet);
// The bytes of an Excel file with one worksheet; the error is a line.
[[nodiscard]] std::expected<std::string, std::string> xlsx(const Sheet& sheet);
// As `ipsecctl apply` reads it.
[[nodiscard]] std::string toml(const control::ObjectsReply& reply);
// For people.
[[nodiscard]] std::string text(const control::Result& result, bool whole, const Look& look);
[[nodiscard]] std::string text(const control::PlanReply& plan, const Look& look);
[[nodiscard]] std::string text(const control::EventView& event, const Look& look);

// An object with all of its fields; a tunnel in five parts (M130).
[[nodiscard]] std::string show_object(const control::ObjectView& object, const Look& look);
[[nodiscard]] std::string show_tunnel(const control::ObjectView& tunnel, const Look& look);
[[nodiscard]] std::string show_status(const control::TunnelStatusView& status, const Look& look);

// In the form that was asked for; the error is a usage error in a line.
[[nodiscard]] std::expected<std::string, std::string> written(const control::Result& result,
                                                              Format format, bool whole,
                                                              const Look& look);

}  // namespace ipsec::cli
