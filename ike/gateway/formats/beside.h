// A second import beside an earlier one: what both stand on is the union of the two.
#pragma once

#include <string_view>

#include "ike/gateway/formats/import.h"
#include "ike/gateway/inventory.h"

namespace ipsec::gateway::formats {

// Adds to the declarations the VPC of earlier imports with its ranges, subnets and gateways, as
// they are in `inventory`. A gateway with an address that one of those has becomes that one; a
// subnet that overlaps one of those is left away. Without an earlier import nothing is changed.
void fit_beside(Imported& imported, const Inventory& inventory, std::string_view account);

}  // namespace ipsec::gateway::formats
