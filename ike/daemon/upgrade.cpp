#include "ike/daemon/upgrade.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "ike/daemon/version.h"

namespace ipsec::daemon {

Upgrade::Upgrade(Parts parts) : parts_(std::move(parts)) {
  if (!parts_.keeper.is_there()) return;
  parts_.loop.watch(parts_.keeper.fd(), EPOLLIN, [this](std::uint32_t) { hear(); });
}

Upgrade::~Upgrade() {
  if (parts_.keeper.is_there()) parts_.loop.forget(parts_.keeper.fd());
}

void Upgrade::ready(std::vector<int> fds) {
  if (const std::string& how = parts_.keeper.end_before(); !how.empty()) {
    parts_.log.write(Level::warning,
                     fmt::format("the ipsecd before this one {}; the keeper started this one", how),
                     {.event = "restarted"});
  }
  if (!parts_.keeper.is_there()) return;
  // First, since there is room for so many only.
  fds.insert(fds.begin(), parts_.instance.lock());
  parts_.keeper.ready(fds);
  parts_.instance.belongs_to_keeper();
}

void Upgrade::ask(Responder respond) {
  using control::ErrorCode;
  const auto fail = [&](ErrorCode code, std::string why) {
    respond(std::unexpected(control::Error{code, std::move(why), {}}));
  };
  if (!parts_.keeper.is_there()) {
    return fail(ErrorCode::failed,
                "this ipsecd has no keeper that could start another: it was started with "
                "--no-keeper, or the keeper has died; restart it instead");
  }
  if (asked_) {
    return fail(ErrorCode::unavailable, "somebody else's upgrade is being tried; wait for that");
  }
  if (!parts_.keeper.ask_for_trial()) {
    return fail(ErrorCode::failed, "the keeper does not hear; restart ipsecd instead");
  }
  asked_.emplace(std::move(respond));
}

void Upgrade::hear() {
  for (;;) {
    const auto message = parts_.keeper.receive();
    if (message) {
      take(*message);
    } else if (message.error() == EAGAIN) {
      return;
    } else {
      return keeper_is_gone();
    }
  }
}

void Upgrade::take(const Message& message) {
  if (!asked_) return;
  if (message.word == Word::unfit) {
    parts_.log.write(Level::warning, "no upgrade: " + message.text, {.event = "upgrade"});
    refuse(control::ErrorCode::refused,
           fmt::format("nothing was changed, ipsecd {} stays: {}", kProductVersion, message.text));
  } else if (message.word == Word::fits) {
    parts_.log.write(Level::info,
                     fmt::format("ipsecd {} makes room for {}", kProductVersion, message.text),
                     {.event = "upgrade"});
    (*asked_)(control::DoneReply{});
    asked_.reset();
    has_begun_ = true;
    parts_.leave();
  }
}

// Scripts that stop ipsecd find this process from now on.
void Upgrade::keeper_is_gone() {
  parts_.loop.forget(parts_.keeper.fd());
  parts_.keeper.hang_up();
  parts_.log.write(Level::warning,
                   "the keeper has died: ipsecd goes on, but nobody starts it again; restart it "
                   "when that disturbs least",
                   {.event = "keeper-died"});
  if (auto written = parts_.instance.belongs_to(::getpid()); !written) {
    parts_.log.write(Level::warning, describe(Error(written.error())));
  }
  if (asked_) refuse(control::ErrorCode::failed, "the keeper has died; restart ipsecd instead");
}

void Upgrade::refuse(control::ErrorCode code, std::string why) {
  (*asked_)(std::unexpected(control::Error{code, std::move(why), {}}));
  asked_.reset();
}

}  // namespace ipsec::daemon
