#!/usr/bin/env bash
# Goal: a route-based tunnel where the kernel has no xfrm interfaces: probing chooses VTI.
# Method: see route_based.sh.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24    tunnel         tunnel    192.168.3.0/24
#
# kernel: uml
# shellcheck source-path=SCRIPTDIR source=route_based.sh
. "$(dirname "$0")/route_based.sh"

route_based_tunnel vti -
