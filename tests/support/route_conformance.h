// What every route driver must pass, whatever stands behind it. Who owns the tables plays the
// foreign party and the witness; the checks say what is done and compare.
//
//   for (const Verdict& it : run(hands)) { INFO(it.check); CHECK(it.wrong == std::nullopt); }
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "route/driver.h"
#include "route/model.h"

namespace ipsec::route::conformance {

// The world around a driver, as a test makes it.
class Hands {
 public:
  Hands() = default;
  Hands(const Hands&) = delete;
  Hands& operator=(const Hands&) = delete;
  virtual ~Hands() = default;

  // A driver of its own each time; those before it may still be there.
  [[nodiscard]] virtual std::unique_ptr<Driver> make_driver() = 0;
  // Another table each time: it is there, and empty.
  [[nodiscard]] virtual Table fresh_table() = 0;
  // Two next hops that can be reached from such a table, in full: as a listing says them.
  [[nodiscard]] virtual std::vector<Hop> hops(Family family) = 0;

  // The foreign party. What it makes never looks like the driver's own; it takes away anybody's.
  virtual void add_foreign(const Table& table, const Route& route) = 0;
  virtual void remove(const Table& table, const Route& route) = 0;
  // A line for each route in the table, whosever it is, as something other than the driver sees
  // it. The lines of two calls differ if and only if a route does.
  [[nodiscard]] virtual std::vector<std::string> witness(const Table& table) = 0;

  // The loop goes round once: descriptors that are readable are handled, and what the driver is due
  // for. Waits up to `patience` for the first of them; false where there was none. No driver: it is
  // gone. (PollReactor::turn does all that.)
  virtual bool turn(Driver* driver, std::chrono::milliseconds patience) = 0;
};

struct Verdict {
  std::string_view check;            // "a foreign route has the place"
  std::optional<std::string> wrong;  // expected, found; nothing: passed
  bool skipped = false;              // the driver does not claim to be capable of it
};

// All of them, in an order that a reader may follow.
[[nodiscard]] std::vector<Verdict> run(Hands& hands);

}  // namespace ipsec::route::conformance
