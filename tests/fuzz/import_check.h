// What holds of every import, whatever the file: declarations that a Draft can look at, and whose
// TOML reads back.
#pragma once

#include "ike/gateway/formats/import.h"
#include "tests/fuzz/fuzz.h"

namespace ipsec::fuzz {

inline void check_import(const gateway::formats::Imported& imported) {
  namespace toml = gateway::toml;
  for (const toml::Declaration& it : imported.declarations) {
    require(!gateway::why_no_name(it.name), "every object has a name that may be");
    for (const auto& [field, value] : it.fields) {
      require(find_field(it.kind, field) != nullptr, "every field is known");
    }
  }
  // A foreign key may be no text, and TOML takes text alone: the Draft refuses it.
  const auto text = toml::write(imported.declarations, toml::Secrets::left_out);
  const auto again = toml::read(text);
  require(again.has_value(), "the TOML of a plan can be read");
  require(again->size() == imported.declarations.size(), "and has as many objects");
}

}  // namespace ipsec::fuzz
