// Configured objects and plans as the API shows them: names for references, what is counted or
// looked up beside what is configured.
#pragma once

#include <string_view>

#include "ike/control/types/replies.h"
#include "ike/gateway/draft.h"
#include "ike/gateway/inventory.h"

namespace ipsec::daemon {

enum class Secrets : bool { left_out, shown };

[[nodiscard]] control::ObjectView view_of(const gateway::Inventory& inventory,
                                          const gateway::Object& object, Secrets secrets);
[[nodiscard]] control::StepView view_of(const gateway::Step& step);

// Neither there nor rightly absent: what `routes --drift` lists. One that is being put there
// counts.
[[nodiscard]] bool is_amiss(const control::RouteView& route);

// M113: each word of the search is somewhere in a name, id, remark or value, in whatever case.
[[nodiscard]] bool matches(const control::ObjectView& object, std::string_view search);

}  // namespace ipsec::daemon
