#!/usr/bin/env bash
# Goal: a route-based tunnel on an xfrm interface, on a kernel that has them and that wants to know
# each SA's direction.
# Method: see route_based.sh; in QEMU, as user-mode Linux has no such interfaces.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24    tunnel         tunnel    192.168.3.0/24
#
# kernel: qemu
# shellcheck source-path=SCRIPTDIR source=route_based.sh
. "$(dirname "$0")/route_based.sh"

sas_have_directions() {
  drive gw-left features
  expect_says direction=yes
}

route_based_tunnel xfrm wan sas_have_directions
