#include "ike/v2/sa.h"

#include <utility>

#include "ike/v2/establish.h"
#include "ike/v2/protocol.h"

namespace ipsec::v2 {

ChildRequest* Established::unanswered_child() {
  auto* request = std::get_if<ChildRequest>(&ours);
  const bool sent = request != nullptr && !request->nonces.initiator.empty();
  return sent && !request->choice ? request : nullptr;
}

const ChildRequest* Established::coming(ChildSpi spi) const {
  const auto* request = std::get_if<ChildRequest>(&ours);
  const bool is = request != nullptr && request->choice && request->choice->peer_spi == spi;
  return is ? request : nullptr;
}

Sa::Progress Sa::progress() const {
  if (std::holds_alternative<Closed>(state)) return Progress::closed;
  return established() != nullptr ? Progress::established : Progress::opening;
}

bool Sa::is_half_open() const {
  return std::holds_alternative<AgreePending>(state) || std::holds_alternative<InitAnswered>(state);
}

bool Sa::is_committed() const { return std::holds_alternative<AuthSent>(state); }

bool Sa::is_making(IkeSpi spi) const {
  const auto* up = established();
  const auto* request = up != nullptr ? std::get_if<IkeRekeyRequest>(&up->ours) : nullptr;
  return request != nullptr && request->new_spi == spi;
}

Time Sa::deadline() const { return v2::deadline(*this); }

std::optional<Sa::Details> Sa::details() const {
  const auto* up = established();
  if (up == nullptr) return std::nullopt;
  return Details{up->algorithms, up->window.path};
}

void Sa::begin(Turn& turn) { v2::begin(turn, *this); }

void Sa::opened_again(Turn& turn, const core::Datagram& datagram) {
  repeat_init_answer(turn, *this, datagram);
}

void Sa::arrived(Turn& turn, const core::Datagram& datagram) {
  datagram_arrived(turn, *this, datagram);
}

void Sa::ticked(Turn& turn) { tick(turn, *this); }

void Sa::job_done(Turn& turn, JobId job, core::JobResult result) {
  v2::job_done(turn, *this, job, std::move(result));
}

void Sa::spi_allocated(Turn& turn, core::Ticket ticket,
                       const std::expected<xfrm::SaKey, KernelError>& result) {
  v2::spi_allocated(turn, *this, ticket, result);
}

void Sa::sas_installed(Turn& turn, core::Ticket ticket,
                       const std::expected<void, KernelError>& result) {
  v2::sas_installed(turn, *this, ticket, result);
}

void Sa::ordered(core::Order order) {
  auto* up = established();
  if (up == nullptr) return;
  if (order == core::Order::rekey_ike) up->rekey_wanted = true;
  if (order == core::Order::probe) up->probe_wanted = true;
}

void Sa::superseded(Time, Time delete_at) {
  if (auto* up = established()) up->patience = delete_at;
}

void Sa::give_up(Turn& turn, std::string reason) {
  release_opening(turn, *this);
  state = Closed{std::move(reason)};
}

void Sa::close(Turn& turn, std::string reason) { v2::close(turn, *this, std::move(reason)); }

}  // namespace ipsec::v2
