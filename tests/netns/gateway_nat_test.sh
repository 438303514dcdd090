#!/usr/bin/env bash
# Goal: a gateway with a private address behind a NAT that hides it, and a peer that takes it from any
# address or from the NAT's: both know of the NAT and where it is; the tunnel lives on when the NAT
# forgets its mappings and gives other ports, and when its line gets another address. In IKEv2, and
# beside it in IKEv1's main mode (RFC 3947).
# Method: the NAT masquerades with ports of a range, so that no port seen outside is the inner one. A
# masquerade forgets what it knew of an address that is taken away. Pings pass in clear beforehand, so
# that not seeing them later means something.
#
#   host-left ----- gw-left ----- nat ===== wire ===== gw-right ----- host-right
#     192.168.1.0/24   10.0.9.0/24    203.0.113.0/24      192.168.3.0/24     IKEv2: to-other
#     192.168.5.0/24                                      192.168.7.0/24     IKEv1: to-other-v1
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=nat.sh
. "$(dirname "$0")/nat.sh"

readonly inner=10.0.9.2 right=203.0.113.2 nat_address=203.0.113.1 other_address=203.0.113.7

main() {
  topology_behind_nat
  nat_maps_to nat 20000-20999
  pings_pass || fail "no pings in clear"
  declare_left
  # The peer at any address is known by the name it gives itself, which is its private address.
  declare_right 0.0.0.0
  gateway_start gw-left
  gateway_start gw-right
  capture_start wire left
  it_comes_up_on_4500
  both_know_of_the_nat
  other_ports_are_followed
  another_line_is_followed
  the_nats_address_will_do_for_the_peer
  capture_stop capture
  # What encapsulates goes to or from 4500: anything else is in clear.
  expect_no_clear_text capture 192.168.1.0/24 192.168.3.0/24 192.168.5.0/24 192.168.7.0/24 "$inner"
  expect_eq "$(packets capture esp)" 0 "packets of bare ESP, which no NAT lets through"
  a_stop_with_flush_leaves_nothing
}

# --- the two gateways and what is between them -----------------------------------------------------

topology_behind_nat() {
  say "topology: host-left - gw-left - nat - wire - gw-right - host-right"
  make_namespace host-left gw-left nat wire gw-right host-right
  link host-left eth0 gw-left lan
  link gw-left wan nat inside
  link nat outside wire left
  link wire right gw-right wan
  link gw-right lan host-right eth0
  make_wire
  make_host host-left 1
  make_host host-right 3
  make_gateway gw-right 3 2 1
  ip_lines host-left <<<"address add 192.168.5.10/24 dev eth0"
  ip_lines gw-left <<<"address add 192.168.5.1/24 dev lan"
  ip_lines host-right <<<"address add 192.168.7.10/24 dev eth0"
  ip_lines gw-right <<<"address add 192.168.7.1/24 dev lan"
  "${enter[@]}" "gw-left-$$" sysctl -qw net.ipv4.ip_forward=1
  "${enter[@]}" "nat-$$" sysctl -qw net.ipv4.ip_forward=1
  ip_lines gw-left <<END
address add 192.168.1.1/24 dev lan
address add $inner/24 dev wan
link set lan up
link set wan up
route add default via 10.0.9.1
END
  ip_lines nat <<END
address add 10.0.9.1/24 dev inside
address add $nat_address/24 dev outside
link set inside up
link set outside up
route add default via $right
route add 192.168.1.0/24 via $inner
route add 192.168.5.0/24 via $inner
END
}

declare_left() {
  site gw-left 1 $nat_address $inner
  site_peer gw-left other $right
  site_tunnel gw-left to-other other 3 $inner
  in_ikev1 gw-left 5 $right 7 $inner
}

# declare_right ADDRESS OF THE PEER
declare_right() {
  declare_site gw-right 3 1 2 1 "ike = { peer_id = \"$inner\" }"
  sed -i "s/^address = .*/address = \"$1\"/" "$scratch/gw-right/conf.d/site.toml"
  in_ikev1 gw-right 7 "$1" 5 $right $inner
}

# in_ikev1 NS SUBNET PEER PEER_SUBNET LOCAL_ID [PEER_ID]: another tunnel of the site.
in_ikev1() {
  more_of_site "$1" "$2"
  site_peer "$1" other-v1 "$3"
  site_ike="version = 1" site_tunnel "$1" to-other-v1 other-v1 "$4" "$5" "${6:-}"
}

# --- what is seen of them --------------------------------------------------------------------------

pings_pass() {
  quietly_in_ns host-left ping -q -c 1 -W 1 -I 192.168.1.10 192.168.3.10 &&
    quietly_in_ns host-left ping -q -c 1 -W 1 -I 192.168.5.10 192.168.7.10
}
pings_pass_both_ways() {
  in_ns host-left ping -q -c 5 -i 0.2 -W 2 -I 192.168.1.10 192.168.3.10 >&2
  in_ns host-left ping -q -c 5 -i 0.2 -W 2 -I 192.168.5.10 192.168.7.10 >&2
  in_ns host-right ping -q -c 5 -i 0.2 -W 2 -I 192.168.3.10 192.168.1.10 >&2
  in_ns host-right ping -q -c 5 -i 0.2 -W 2 -I 192.168.7.10 192.168.5.10 >&2
}
events_of() { quietly_in_ns "$1" ipsecctl --run-dir "$scratch/$1/run" events --tunnel "$tunnel"; }

# of_both WHAT: of either tunnel.
of_both() {
  for tunnel in to-other to-other-v1; do
    say "$tunnel"
    "$@"
  done
}

# expect_shown NS WORDS: in what people read.
expect_shown() {
  local shown
  shown=$(ctl "$1" status "$tunnel")
  [[ $shown = *"$2"* ]] || fail "expected '$2' in:"$'\n'"$shown"
  printf 'ok shown at %s: %s\n' "$1" "$2" >&2
}

# --- what happens ----------------------------------------------------------------------------------

it_comes_up_on_4500() {
  say "tunnels through the NAT"
  wait_until 30 "they carry pings" pings_pass
  pings_pass_both_ways
  of_both its_ends_are_known
}
its_ends_are_known() {
  expect_eq "$(seen_at gw-left "(ike['local'], ike['remote'])")" "('$inner:4500', '$right:4500')" \
    "ends at gw-left"
  expect_eq "$(seen_at gw-right "ike['local']")" "$right:4500" "own end at gw-right"
  remote_is gw-right "$nat_address" 20000 20999 || fail "gw-right sees its peer elsewhere"
  expect_eq "$(seen_at gw-right "ike['peer_id']")" "$inner" "name of the peer at gw-right"
}

both_know_of_the_nat() {
  say "where the NAT is"
  of_both the_nat_is_known
}
the_nat_is_known() {
  expect_eq "$(seen_at gw-left "ike['nat']")" here "NAT at gw-left"
  expect_eq "$(seen_at gw-right "ike['nat']")" there "NAT at gw-right"
  expect_shown gw-left "at our end"
  expect_shown gw-right "at the peer's end"
  wait_until 10 "its traffic is normal" is_at gw-left "it['traffic']" normal
  ctl gw-left diag "$tunnel" >&2
  ctl gw-right diag "$tunnel" >&2
}

other_ports_are_followed() {
  say "the NAT forgets, and gives other ports"
  local before
  before=$(spis_at gw-right)
  nat_maps_to nat 30000-30999
  line_has nat $nat_address $right
  wait_until 20 "they carry pings" pings_pass
  of_both wait_until 10 "gw-right has followed" remote_is gw-right $nat_address 30000 30999
  pings_pass_both_ways
  [ "$(spis_at gw-right)" = "$before" ] || fail "it reconnected"
  of_both a_move_is_told "$nat_address:30"
}
a_move_is_told() {
  [[ $(events_of gw-right) = *peer-moved*"$1"* ]] || fail "no event tells that the peer moved"
}

another_line_is_followed() {
  say "the line gets another address"
  local before
  before=$(spis_at gw-right)
  # The kernel tells of a changed mapping at most every ten seconds; liveness is not waited for.
  line_has nat $other_address $right
  ip_lines gw-right <<<"route replace default via $other_address"
  wait_until 30 "they carry pings" pings_pass
  of_both wait_until 10 "gw-right has followed" remote_is gw-right $other_address 30000 30999
  pings_pass_both_ways
  [ "$(spis_at gw-right)" = "$before" ] || fail "it reconnected"
}

the_nats_address_will_do_for_the_peer() {
  say "the peer by its NAT's address"
  local before
  before=$(spis_at gw-right)
  declare_right $other_address
  kill -HUP "${processes[ipsecd-gw-right]}"
  wait_until 30 "there are other SAs" spis_differ_from gw-right "$before"
  wait_until 30 "they carry pings" pings_pass
  of_both it_is_seen_there
}
it_is_seen_there() {
  remote_is gw-right "$other_address" 30000 30999 || fail "gw-right sees its peer elsewhere"
  expect_eq "$(seen_at gw-left "ike['nat']")" here "NAT at gw-left"
  expect_eq "$(seen_at gw-right "ike['nat']")" there "NAT at gw-right"
}

a_stop_with_flush_leaves_nothing() {
  say "stop"
  gateway_end gw-left
  of_both wait_until 10 "gw-right knows" is_at gw-right "it['phase1'] == 'up'" False
  gateway_end gw-right
  expect_nothing_left gw-left gw-right
}

main "$@"
