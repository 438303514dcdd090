// Answers requests: the only door through which people change and see anything.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ike/base/random.h"
#include "ike/control/types/codec.h"
#include "ike/control/types/replies.h"
#include "ike/control/types/requests.h"
#include "ike/daemon/board.h"
#include "ike/daemon/chronicle.h"
#include "ike/daemon/configuration.h"
#include "ike/daemon/control_socket.h"
#include "ike/daemon/driver.h"
#include "ike/daemon/fitting.h"
#include "ike/daemon/log.h"
#include "ike/daemon/router.h"
#include "ike/daemon/traffic.h"
#include "ike/daemon/views.h"
#include "ike/gateway/settings.h"

namespace ipsec::daemon {

struct TunnelFacts;

// Who asks, as far as answers depend on it.
struct Asker {
  std::string account;
  std::string who;  // for the audit: "root (uid 0)"
};

using Answer = Responder::Answer;

class Service final : public RequestHandler {
 public:
  struct Parts {
    Configuration& configuration;
    Driver& driver;
    const core::Engine& engine;
    Board& board;
    Traffic& traffic;
    const Router& router;
    Chronicle& chronicle;
    Log& log;
    const gateway::Settings& settings;
    RandomSource& random;
    xfrm::Kernel& kernel;
    Fitting& fitting;
    std::function<std::vector<std::string>()> reload;  // what went wrong
    std::function<void(bool flush)> stop;
    std::function<void(Responder)> upgrade;
    std::function<Instant()> now;
    control::VersionReply about;
  };
  explicit Service(Parts parts) : parts_(std::move(parts)) {}

  void handle(const control::Request& request, const Caller& caller, Responder respond) override;

 private:
  using Ids = std::vector<ObjectId>;
  using ListAnswer = std::expected<std::unique_ptr<control::Listing>, control::Error>;

  // What may be long is told in parts; the number is the request's.
  [[nodiscard]] ListAnswer list(const control::List& it, const Asker& asker, std::uint64_t number);
  [[nodiscard]] ListAnswer list(const control::Status& it, const Asker& asker,
                                std::uint64_t number);
  void sort_by_name(Ids& ids) const;
  [[nodiscard]] Answer run(const control::Version& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Show& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Create& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Set& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Rename& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Delete& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Apply& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Dump& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Import& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Export& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Command& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::ListSas& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Routes& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Diagnose& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Events& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::ListLimits& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::ListVendors& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Check& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Audit& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Reload& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::Stop& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::SetLogLevel& it, const Asker& asker);
  [[nodiscard]] Answer run(const control::ListCounters& it, const Asker& asker);

  // Answered later.
  void begin(const control::Upgrade& it, const Asker& asker, Responder respond);

  // All of them, or the error of those that are not there.
  [[nodiscard]] std::expected<Ids, control::Error> resolve(Kind kind,
                                                           const std::vector<std::string>& names,
                                                           const Asker& asker) const;
  // The account's tunnels where none are named.
  [[nodiscard]] std::expected<Ids, control::Error> resolve_tunnels(
      const std::vector<std::string>& names, const Asker& asker) const;
  [[nodiscard]] control::ObjectView view(const ObjectId& id, Secrets secrets) const;
  // What lists print of it but its status; until the configuration changes.
  [[nodiscard]] std::string_view standing(const ObjectId& id);
  [[nodiscard]] control::TunnelStatusView status_of(const ObjectId& tunnel) const;
  // What the kernel holds of the tunnel, or why it does not say.
  void add_kernel(TunnelFacts& facts) const;
  [[nodiscard]] bool carries_traffic(const ObjectId& id) const;
  [[nodiscard]] gateway::Draft::Maker maker(const Asker& asker) const;
  [[nodiscard]] gateway::Draft draft(const Asker& asker) const;
  [[nodiscard]] Answer finish(gateway::Draft&& draft, bool dry_run, const Asker& asker);
  [[nodiscard]] Answer finish(gateway::Plan&& plan, bool dry_run, const Asker& asker);

  Parts parts_;
  // What lists print of objects, as of this revision of the configuration.
  std::unordered_map<ObjectId, std::string> printed_;
  std::uint64_t printed_at_ = 0;
};

}  // namespace ipsec::daemon
