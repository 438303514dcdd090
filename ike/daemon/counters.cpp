#include "ike/daemon/counters.h"

#include <string>

namespace ipsec::daemon {

control::CountersReply view_of(const Counted& counted) {
  control::CountersReply reply{{
      {"sockets", "received", counted.sockets.received},
      {"sockets", "sent", counted.sockets.sent},
      {"sockets", "unusable", counted.sockets.unusable},
      {"sockets", "unsent", counted.sockets.unsent},
  }};
  for (const auto& [reason, count] : counted.messages) {
    reply.counters.push_back({"messages", std::string(reason), count});
  }
  reply.counters.push_back({"kernel", "refused", counted.refused_by_kernel});
  reply.counters.push_back({"kernel", "ignored", counted.ignored_of_kernel});
  reply.counters.push_back({"kernel", "overruns", counted.overruns});
  return reply;
}

}  // namespace ipsec::daemon
