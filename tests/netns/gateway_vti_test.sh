#!/usr/bin/env bash
# Goal: a tunnel that asks for a device has one from its daemon, of kind vti; routes decide what
# goes through it. It outlives the daemon, is found again, and goes with the tunnel; others' stay.
# Method: see gateway_route_based.sh.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24  vpn-other      vpn-other   192.168.3.0/24
#
# kernel: uml
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateway_route_based.sh
. "$(dirname "$0")/gateway_route_based.sh"

route_based_gateways vti
