#include <catch2/catch.hpp>

#include "ike/daemon/counters.h"

using ipsec::control::CounterView;
using ipsec::daemon::Counted;

TEST_CASE("everything that is counted is told, reasons only where they occurred", "[counters]") {
  Counted counted;
  counted.sockets = {.received = 1, .sent = 2, .unusable = 3, .unsent = 4, .last_error = 101};
  counted.messages["malformed"] = 5;
  counted.messages["cookie asked for"] = 6;
  counted.refused_by_kernel = 7;
  counted.ignored_of_kernel = 8;
  counted.overruns = 9;
  CHECK(view_of(counted).counters == std::vector<CounterView>{{"sockets", "received", 1},
                                                              {"sockets", "sent", 2},
                                                              {"sockets", "unusable", 3},
                                                              {"sockets", "unsent", 4},
                                                              {"messages", "cookie asked for", 6},
                                                              {"messages", "malformed", 5},
                                                              {"kernel", "refused", 7},
                                                              {"kernel", "ignored", 8},
                                                              {"kernel", "overruns", 9}});
  CHECK(view_of(Counted{}).counters.size() == 7);
}
