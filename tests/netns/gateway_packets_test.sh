#!/usr/bin/env bash
# Goal: what a tunnel says of the headers outside is on the wire: class of service and marks of
# congestion copied or not, the firewall mark of what is encrypted decides its route.
# Method: pings with a TOS of EF and ECT(0), and a capture of the wire; a rule of routing that sends
# what bears the mark nowhere.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly tos=0xba

main() {
  topology_two_gateways
  declare_both ''
  gateway_start gw-left
  gateway_start gw-right
  wait_until 20 "the tunnel carries pings" ping_passes
  outside_is_what_inside_is "by default both" 0xba
  tunnel_says 'ipsec = { copy_dscp = false }'
  outside_is_what_inside_is "without DSCP" 0x02
  tunnel_says 'ipsec = { copy_ecn = false }'
  outside_is_what_inside_is "without ECN" 0xb8
  tunnel_says 'ipsec = { copy_dscp = false, copy_ecn = false, output_mark = 42 }'
  outside_is_what_inside_is "without either" 0x00
  the_mark_is_routed_by
  stop ipsecd-gw-left
  stop ipsecd-gw-right
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
times_said() { grep -c -- "$2" "$scratch/$1.log" || true; }
has_come_up_since() { [ "$(times_said ipsecd-gw-left event=child-up)" -gt "$1" ]; }

# Only gw-left's packets are looked at, so only it is told.
tunnel_says() {
  local before
  before=$(times_said ipsecd-gw-left event=child-up)
  declare_site gw-left 1 3 1 2 "$1"
  kill -HUP "${processes[ipsecd-gw-left]}"
  wait_until 20 "it has reconnected" has_come_up_since "$before"
  wait_until 20 "the tunnel carries pings" ping_passes
}

# outside_is_what_inside_is WHAT TOS
outside_is_what_inside_is() {
  say "$1: $2"
  capture_start wire left
  in_ns host-left ping -q -c 3 -i 0.2 -W 2 -Q $tos 192.168.3.10 >&2
  capture_stop capture
  expect_eq "$(packets capture "esp and src 203.0.113.1 and ip[1] = $2")" 3 \
    "ESP packets with a TOS of $2"
  expect_eq "$(packets capture "esp and src 203.0.113.1")" 3 "ESP packets"
}

the_mark_is_routed_by() {
  say "what bears the mark goes nowhere, and IKE goes on"
  in_ns gw-left ip route add blackhole 203.0.113.2/32 table 42
  in_ns gw-left ip rule add fwmark 42 lookup 42
  wait_until 5 "no ping passes" no_ping_passes
  in_ns gw-left ping -q -c 1 -W 2 203.0.113.2 >&2
  in_ns gw-left ip rule delete fwmark 42 lookup 42
  wait_until 5 "pings pass" ping_passes
}

no_ping_passes() { ! ping_passes; }

main "$@"
