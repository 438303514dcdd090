#include "ike/v2/sa.h"

#include <algorithm>

namespace ipsec::v2 {
namespace {

template <typename Predicate>
Child* find_child(std::vector<Child>& children, Predicate predicate) {
  const auto found = std::ranges::find_if(children, predicate);
  return found == children.end() ? nullptr : &*found;
}

}  // namespace

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

Child* Association::find(ChildId id) {
  return find_child(children, [id](const Child& child) { return child.id == id; });
}

Child* Association::find_inbound(ChildSpi spi) {
  return find_child(children, [spi](const Child& child) { return child.inbound == spi; });
}

Child* Association::find_outbound(ChildSpi spi) {
  return find_child(children, [spi](const Child& child) { return child.outbound == spi; });
}

}  // namespace ipsec::v2
