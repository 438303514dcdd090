#!/usr/bin/env bash
# Goal: ipsecd and charon through NAT, on either side and on both. Two peers behind one NAT are told
# apart by the private addresses they name themselves by; a tunnel lives on when the NAT gives other
# ports or another address, whoever is behind it; the peer is taken from any address, or from its
# NAT's.
# Method: a router before either side hides it or does not. Its masquerade takes ports of a range, so
# that no port seen outside is the inner one. Pings pass in clear beforehand.
#
#   host-left ---- gw-left: ipsecd ---- edge-left ==== wire ==== edge-right -+- gw-right: charon ---- host-right
#     192.168.1.0/24     10.0.9.0/24       203.0.113.0/24      10.0.8.0/24   |       192.168.3.0/24
#                                                                            +- gw-third: ipsecd --- host-third
#                                                                                    192.168.4.0/24
#
# kernel: qemu
# time limit: 400
# shellcheck source-path=SCRIPTDIR source=../netns/nat.sh
. "$(dirname "$0")/../netns/nat.sh"
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

readonly left=10.0.9.2 right=10.0.8.2 third=10.0.8.3
readonly left_outside=203.0.113.1 right_outside=203.0.113.2 other_outside=203.0.113.7
# shellcheck disable=SC2034  # read by charon.sh
charon_namespace=gw-right
# shellcheck disable=SC2034
charon_secrets=$'ike-any {\n secret = a-key-for-tests-only\n}'
tunnel=to-right

main() {
  local subnet
  [ -x "$charon_program" ] || fail "no $charon_program: run scripts/setup"
  topology
  for subnet in 3 4; do pings $subnet || fail "192.168.$subnet.0/24 does not answer in clear"; done
  start_charon "keep_alive = 5s"
  wait_until 20 "charon is ready" test -S "$scratch/charon.vici"
  capture_start wire left
  two_behind_one_nat
  their_nat_changes
  the_nats_address_will_do_for_the_peer
  both_behind_nat
  ours_behind_nat
  our_nat_changes
  capture_stop capture
  expect_no_clear_text capture 192.168.0.0/16
  expect_eq "$(packets capture esp)" 0 "packets of bare ESP"
  gateway_end gw-left
  stop charon
  wait_until 10 "charon's SAs are gone" has_no_sas gw-right
  expect_nothing_left gw-left gw-right gw-third
}
has_no_sas() { [ -z "$(spis_at "$1")" ]; }

# --- the sites -------------------------------------------------------------------------------------

topology() {
  say "topology: two sides, each behind a router"
  make_namespace host-left gw-left edge-left wire edge-right gw-right host-right gw-third host-third
  link host-left eth0 gw-left lan
  link gw-left wan edge-left inside
  link edge-left outside wire left
  link wire right edge-right outside
  link edge-right right gw-right wan
  link edge-right third gw-third wan
  link gw-right lan host-right eth0
  link gw-third lan host-third eth0
  make_wire
  make_host host-left 1
  make_host host-right 3
  make_host host-third 4
  make_inner_gateway gw-left 1 $left 10.0.9.1
  make_inner_gateway gw-right 3 $right 10.0.8.1
  make_inner_gateway gw-third 4 $third 10.0.8.1
  ip_lines edge-right <<END
link add inside type bridge stp_state 0 mcast_snooping 0
link set right master inside up
link set third master inside up
END
  make_edge edge-left 10.0.9.1 $left_outside $right_outside <<<"route add 192.168.1.0/24 via $left"
  make_edge edge-right 10.0.8.1 $right_outside $left_outside <<END
route add 192.168.3.0/24 via $right
route add 192.168.4.0/24 via $third
END
}

# make_inner_gateway NS SUBNET ADDRESS ROUTER
make_inner_gateway() {
  ip netns exec "$1-$$" sysctl -qw net.ipv4.ip_forward=1
  ip_lines "$1" <<END
address add 192.168.$2.1/24 dev lan
address add $3/24 dev wan
link set lan up
link set wan up
route add default via $4
END
}

# make_edge NS INSIDE OUTSIDE VIA: the routes on standard input as well.
make_edge() {
  ip netns exec "$1-$$" sysctl -qw net.ipv4.ip_forward=1
  ip_lines "$1" <<END
address add $2/24 dev inside
address add $3/24 dev outside
link set inside up
link set outside up
route add default via $4
$(cat)
END
}

# declare_left PEER: where charon is; the third is anywhere, if it is there at all.
declare_left() {
  site gw-left 1 $left_outside $left
  site_peer gw-left right "$1"
  site_peer gw-left third 0.0.0.0
  site_tunnel gw-left to-right right 3 $left $right
  site_tunnel gw-left to-third third 4 $left $third
}

left_reloads() { kill -HUP "${processes[ipsecd-gw-left]}"; }

declare_third() {
  site gw-third 4 $right_outside $third
  site_peer gw-third left $left
  site_tunnel gw-third to-left left 1 $third $left
}

# charon_dials ADDRESS [SETTING...]: it asks for its child again whenever that was ended.
charon_dials() {
  local address=$1
  shift
  connection 1 local_addrs=$right "remote_addrs=$address" local.id=$right remote.id=$left \
    dpd_delay=5s child.local_ts=192.168.3.0/24 child.remote_ts=192.168.1.0/24 \
    child.dpd_action=restart child.close_action=start "$@" | load_connections
}

# --- what is seen of them --------------------------------------------------------------------------

pings() { quietly_in_ns host-left ping -q -c 1 -W 1 "192.168.$1.10"; }
pings_back() { quietly_in_ns host-right ping -q -c 1 -W 1 192.168.1.10; }

# expect_carries SUBNET...: from the left, both ways in the end.
expect_carries() {
  local subnet
  for subnet; do wait_until 40 "192.168.$subnet.0/24 answers" pings "$subnet"; done
  pings_back || fail "no answer from the left"
}

charon_sees_nat() {
  local sas
  sas=$(list_sas)
  [[ $sas = *"$1"* ]] || fail "charon does not see its peer as $1:"$'\n'"$sas"
}

# --- what happens ----------------------------------------------------------------------------------

two_behind_one_nat() {
  say "charon and another behind one NAT, with a peer that takes both from any address"
  nat_maps_to edge-right 20000-20999
  declare_left 0.0.0.0
  declare_third
  gateway_start gw-left
  gateway_start gw-third
  charon_dials $left
  swan --initiate --child n1
  expect_carries 3 4
  left_sees to-right $right
  left_sees to-third $third
}

# left_sees TUNNEL NAME_OF_PEER
left_sees() {
  local tunnel=$1
  expect_eq "$(seen_at gw-left "(ike['nat'], ike['peer_id'], ike['local'])")" \
    "('there', '$2', '$left:4500')" "NAT, peer's name and own end of $1"
  remote_is gw-left $right_outside 20000 20999 || fail "$1 sees its peer elsewhere"
}

their_nat_changes() {
  say "their NAT gives other ports, then their line gets another address"
  local before
  before=$(spis_at gw-left)
  nat_maps_to edge-right 30000-30999
  line_has edge-right $right_outside $left_outside
  expect_carries 3 4
  wait_until 10 "to-right has followed" remote_is gw-left $right_outside 30000 30999
  line_has edge-right $other_outside $left_outside
  ip_lines edge-left <<<"route replace default via $other_outside"
  expect_carries 3 4
  wait_until 10 "to-right has followed" remote_is gw-left $other_outside 30000 30999
  tunnel=to-third wait_until 10 "to-third has followed" remote_is gw-left $other_outside 30000 30999
  [ "$(spis_at gw-left)" = "$before" ] || fail "it reconnected"
}

the_nats_address_will_do_for_the_peer() {
  say "charon by its NAT's address; the third is let be"
  local before third_before
  before=$(spis_at gw-left)
  third_before=$(spis_at gw-third)
  declare_left $other_outside
  left_reloads
  wait_until 40 "there are other SAs" spis_differ_from gw-left "$before"
  expect_carries 3 4
  remote_is gw-left $other_outside 30000 30999 || fail "it sees its peer elsewhere"
  [ "$(spis_at gw-third)" = "$third_before" ] || fail "to-third reconnected"
  gateway_end gw-third
}

both_behind_nat() {
  say "both behind NAT: charon dials ours, which lets IKE in"
  nat_maps_to edge-left 40000-40999 $left
  swan --terminate --ike c1 || true
  charon_dials $left_outside
  swan --initiate --child n1
  expect_carries 3
  expect_eq "$(seen_at gw-left "ike['nat']")" both "NAT"
  # The left router still knows who dialled without it, and tells the two apart by the port.
  remote_is gw-left $other_outside 1024 65535 || fail "it sees its peer elsewhere"
  charon_sees_nat "${left_outside}[4500]"
}

ours_behind_nat() {
  say "only ours behind NAT, where nothing is let in"
  nat_maps_to edge-left 40000-40999
  nat_is_off edge-right
  swan --terminate --ike c1 || true
  charon_dials %any child.close_action=none child.dpd_action=clear
  declare_left $right
  left_reloads
  wait_until 40 "our end is behind NAT, charon's is not" is_at gw-left "ike.get('nat')" here
  expect_carries 3
  charon_sees_nat "${left_outside}[40"
}

our_nat_changes() {
  say "our NAT gives other ports, then our line gets another address"
  local before
  before=$(spis_at gw-left)
  nat_maps_to edge-left 50000-50999
  line_has edge-left $left_outside $other_outside
  expect_carries 3
  wait_until 10 "charon has followed" charon_at "${left_outside}[50"
  line_has edge-left $right_outside $other_outside
  ip_lines edge-right <<<"route replace default via $right_outside"
  expect_carries 3
  wait_until 10 "charon has followed" charon_at "${right_outside}[50"
  [ "$(spis_at gw-left)" = "$before" ] || fail "it reconnected"
}
charon_at() { [[ $(list_sas) = *"$1"* ]]; }

main "$@"
