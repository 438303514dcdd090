// One network namespace: a socket that asks and one that listens.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "ike/base/time.h"
#include "ike/base/unique_fd.h"
#include "route/kernel/folder.h"
#include "route/kernel/messages.h"
#include "route/kernel/opener.h"
#include "route/kernel/socket.h"
#include "route/model.h"

namespace ipsec::route::kernel {

class Space {
 public:
  // The daemon's own.
  [[nodiscard]] static std::expected<std::unique_ptr<Space>, Trouble> open_own();
  [[nodiscard]] static std::expected<std::unique_ptr<Space>, Trouble> open(std::string_view netns,
                                                                           NamespaceOpener& opener);

  // What a reading of events found.
  struct News {
    bool everything = false;            // links, addresses, or events that were lost
    bool is_storm = false;              // there are so many that they had better wait
    bool is_broken = false;             // the socket has to be opened anew
    std::vector<std::uint32_t> tables;  // whose routes or rules changed
    bool ways = false;                  // ways to somewhere may have changed
  };
  // `own_protocol`: its routes are no way to anywhere.
  [[nodiscard]] News read_events(std::uint8_t own_protocol, Time now);

  [[nodiscard]] Socket& requests() { return requests_; }
  [[nodiscard]] int events_fd() const { return events_.fd(); }
  // Empty for the daemon's own.
  [[nodiscard]] const std::string& netns() const { return netns_; }
  [[nodiscard]] const NamespaceId& id() const { return id_; }
  [[nodiscard]] std::uint64_t ignored() const {
    return requests_.ignored() + events_.ignored() + malformed_;
  }

 private:
  Space(std::string netns, NamespaceId id, Socket requests, Socket events);
  [[nodiscard]] static std::expected<std::unique_ptr<Space>, Trouble> of(std::string netns,
                                                                         NamespaceId id,
                                                                         UniqueFd requests,
                                                                         UniqueFd events);

  std::string netns_;
  NamespaceId id_;
  Socket requests_;
  Socket events_;
  std::uint64_t malformed_ = 0;
  Time window_{};  // since when readings are counted
  int readings_ = 0;
};

}  // namespace ipsec::route::kernel
