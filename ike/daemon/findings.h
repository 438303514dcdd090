// What `ipsecctl check` and `diag` have found, gathered in the order in which people read it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ike/control/types/replies.h"

namespace ipsec::daemon {

class Findings {
 public:
  void good(std::string what, std::string found) {
    add(control::Finding::Grade::good, std::move(what), std::move(found), {});
  }
  void note(std::string what, std::string found, std::string advice = {}) {
    add(control::Finding::Grade::note, std::move(what), std::move(found), std::move(advice));
  }
  void warning(std::string what, std::string found, std::string advice) {
    add(control::Finding::Grade::warning, std::move(what), std::move(found), std::move(advice));
  }
  void bad(std::string what, std::string found, std::string advice) {
    add(control::Finding::Grade::bad, std::move(what), std::move(found), std::move(advice));
  }

  [[nodiscard]] std::vector<control::Finding> take() && { return std::move(list_); }

 private:
  void add(control::Finding::Grade grade, std::string what, std::string found, std::string advice) {
    list_.push_back({std::move(what), grade, std::move(found), std::move(advice)});
  }

  std::vector<control::Finding> list_;
};

}  // namespace ipsec::daemon
