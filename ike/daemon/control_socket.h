// RUN/control.sock: clients of the local API come in here, and events go out to those who follow.
//
// NOTE: Threading. All on the loop's thread; a request may be answered later than in handle().
// NOTE: Limits. The number of clients is bounded, in all and for each user, with places kept free
// for root. What bounds a single one stands in control/session.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"
#include "ike/control/access.h"
#include "ike/control/session.h"
#include "ike/daemon/log.h"
#include "ike/daemon/loop.h"

namespace ipsec::daemon {

// Who asks. That he may is settled before.
struct Caller {
  control::Credentials credentials;
  pid_t process = 0;
  std::string user;     // "alice"; his number where he has no name
  std::string account;  // whose objects he sees and makes
};

// The way back to one request. Goes nowhere once the client has gone; what is dropped unused
// answers that it was.
class Responder {
 public:
  using Answer = std::expected<control::Result, control::Error>;
  using Delivery = std::variant<Answer, std::unique_ptr<control::Listing>>;
  using Deliver = std::function<void(Delivery&&)>;

  explicit Responder(Deliver deliver) : deliver_(std::move(deliver)) {}
  Responder(Responder&& other) noexcept : deliver_(std::exchange(other.deliver_, {})) {}
  Responder& operator=(Responder&&) = delete;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  // Once, one or the other. A listing is dropped with its client.
  void operator()(Answer answer);
  void operator()(std::unique_ptr<control::Listing> listing);

 private:
  Deliver deliver_;
};

class RequestHandler {
 public:
  RequestHandler() = default;
  RequestHandler(const RequestHandler&) = delete;
  RequestHandler& operator=(const RequestHandler&) = delete;
  virtual ~RequestHandler() = default;

  // The request is wiped when this returns: what is needed later is copied. An answer to Events
  // that says it follows makes the client a follower of the request's tunnels.
  virtual void handle(const control::Request& request, const Caller& caller, Responder respond) = 0;
};

// The bound and listening socket. Made while the process may still give it to a group.
class ControlListener {
 public:
  // What a daemon before this one left there goes; whether one still runs is the lock's affair.
  [[nodiscard]] static std::expected<ControlListener, ConfigError> open(
      const std::filesystem::path& path, const control::Access& access);
  ControlListener(ControlListener&& other) noexcept = default;
  ControlListener& operator=(ControlListener&&) = delete;
  ControlListener(const ControlListener&) = delete;
  ControlListener& operator=(const ControlListener&) = delete;
  // Takes the socket's name away, unless another has put his own there.
  ~ControlListener();

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  ControlListener(UniqueFd fd, std::filesystem::path path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::filesystem::path path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct ControlRules {
  control::Access access;
  control::Accounts accounts;
};

struct ControlLimits {
  std::size_t clients = 64;
  std::size_t clients_of_user = 16;  // root's are as many as there are
  std::size_t kept_for_root = 8;     // of `clients`
  control::SessionLimits session;
};

class ControlSocket final : public Timed {
 public:
  struct Parts {
    Loop& loop;
    Log& log;
    RequestHandler& handler;
  };
  ControlSocket(const Parts& parts, ControlListener listener, ControlRules rules,
                const ControlLimits& limits = {});
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  // What is owed and fits into the sockets still goes out.
  ~ControlSocket() override;

  // Holds for all that comes from now on, also of clients who are there.
  void set_rules(ControlRules rules) { rules_ = std::move(rules); }
  // To all who follow the tunnel. The account is the tunnel's.
  void publish(const control::EventView& event, std::string_view account);
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

  [[nodiscard]] Time next_deadline() const override;
  void tick(Time now) override;

 private:
  struct Client;
  using Number = std::uint64_t;

  void accept_all();
  void admit(UniqueFd fd);
  void refuse(const UniqueFd& fd, control::Error error);
  [[nodiscard]] std::expected<void, control::Error> may_enter(
      const control::Credentials& who) const;
  [[nodiscard]] const std::string& name_of_user(control::UserId uid);

  void serve(Number number, std::uint32_t events);
  void receive(Client& client);
  void begin_requests(Number number, Client& client);
  void begin(Number number, Client& client, control::Request& request);
  void deliver(Number number, std::uint64_t id, std::optional<control::Subscription> follows,
               Responder::Delivery&& delivery);
  void flush(Client& client);
  void watch_for(Client& client);
  void close(Number number, std::string_view why);

  Loop& loop_;
  Log& log_;
  RequestHandler& handler_;
  ControlListener listener_;
  ControlRules rules_;
  ControlLimits limits_;
  std::map<Number, std::unique_ptr<Client>> clients_;
  Number next_number_ = 1;
  std::map<control::UserId, std::string> users_;
  Time accept_again_ = kNever;  // after descriptors ran out
  // Gone when this is: what responders that are still about hold on to.
  std::shared_ptr<ControlSocket*> self_;
};

}  // namespace ipsec::daemon
