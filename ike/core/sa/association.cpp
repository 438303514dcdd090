#include "ike/core/sa/association.h"

#include <algorithm>

namespace ipsec::core {
namespace {

template <typename Predicate>
Child* find_child(std::vector<Child>& children, Predicate predicate) {
  const auto found = std::ranges::find_if(children, predicate);
  return found == children.end() ? nullptr : &*found;
}

}  // namespace

Child* Association::find(ChildId wanted) {
  return find_child(children, [wanted](const Child& child) { return child.id == wanted; });
}

Child* Association::find_inbound(ChildSpi spi) {
  return find_child(children, [spi](const Child& child) { return child.inbound == spi; });
}

Child* Association::find_outbound(ChildSpi spi) {
  return find_child(children, [spi](const Child& child) { return child.outbound == spi; });
}

}  // namespace ipsec::core
