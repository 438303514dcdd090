#!/usr/bin/env bash
# Goal: ipsecd and charon through NAT, on either side and on both. Two peers behind one NAT are told
# apart by the private addresses they name themselves by; a tunnel lives on when the NAT gives other
# ports or another address, whoever is behind it; the peer is taken from any address, or from its
# NAT's. With charon so it is in IKEv2, and beside it in IKEv1's main mode.
# Method: a router before either side hides it or does not. Its masquerade takes ports of a range, so
# that no port seen outside is the inner one. Pings pass in clear beforehand.
#
#   host-left ---- gw-left: ipsecd ---- edge-left ==== wire ==== edge-right -+- gw-right: charon ---- host-right
#     192.168.1.0/24     10.0.9.0/24       203.0.113.0/24      10.0.8.0/24   |       192.168.3.0/24
#     192.168.5.0/24, IKEv1                                                  |       192.168.7.0/24, IKEv1
#                                                                            +- gw-third: ipsecd --- host-third
#                                                                                    192.168.4.0/24
#
# time limit: 500
# shellcheck source-path=SCRIPTDIR source=../netns/nat.sh
. "$(dirname "$0")/../netns/nat.sh"
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

readonly left=10.0.9.2 right=10.0.8.2 third=10.0.8.3
readonly left_name=left.example.com right_name=right.example.com
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
  for subnet in 3 4 7; do pings $subnet || fail "192.168.$subnet.0/24 does not answer in clear"; done
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
  ip_lines host-left <<<"address add 192.168.5.10/24 dev eth0"
  ip_lines gw-left <<<"address add 192.168.5.1/24 dev lan"
  ip_lines host-right <<<"address add 192.168.7.10/24 dev eth0"
  ip_lines gw-right <<<"address add 192.168.7.1/24 dev lan"
  make_inner_gateway gw-third 4 $third 10.0.8.1
  ip_lines edge-right <<END
link add inside type bridge stp_state 0 mcast_snooping 0
link set right master inside up
link set third master inside up
END
  make_edge edge-left 10.0.9.1 $left_outside $right_outside <<END
route add 192.168.1.0/24 via $left
route add 192.168.5.0/24 via $left
END
  make_edge edge-right 10.0.8.1 $right_outside $left_outside <<END
route add 192.168.3.0/24 via $right
route add 192.168.7.0/24 via $right
route add 192.168.4.0/24 via $third
END
}

# make_inner_gateway NS SUBNET ADDRESS ROUTER
make_inner_gateway() {
  "${enter[@]}" "$1-$$" sysctl -qw net.ipv4.ip_forward=1
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
  "${enter[@]}" "$1-$$" sysctl -qw net.ipv4.ip_forward=1
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
  more_of_site gw-left 5
  site_peer gw-left right-v1 "$1"
  # The first message of a quick mode has the only group there is, and charon by itself has none.
  site_ike="version = 1" site_more='ipsec = { pfs = ["none"] }' \
    site_tunnel gw-left to-right-v1 right-v1 7 $left_name $right_name
}

left_reloads() { kill -HUP "${processes[ipsecd-gw-left]}"; }

declare_third() {
  site gw-third 4 $right_outside $third
  site_peer gw-third left $left
  site_tunnel gw-third to-left left 1 $third $left
}

# charon_dials ADDRESS [SETTING...]: it asks for its children again whenever they were ended.
charon_dials() {
  local address=$1
  local behind=("local.id=$right" "remote.id=$left" child.local_ts=192.168.3.0/24
    child.remote_ts=192.168.1.0/24)
  # What says that it has no other SA makes charon forget all of the same two names.
  local behind_v1=(version=1 "local.id=$right_name" "remote.id=$left_name"
    child.local_ts=192.168.7.0/24 child.remote_ts=192.168.5.0/24)
  local both=("local_addrs=$right" "remote_addrs=$address" dpd_delay=5s child.dpd_action=restart
    child.close_action=start)
  shift
  {
    connection 1 "${both[@]}" "${behind[@]}" "$@"
    connection 2 "${both[@]}" "${behind_v1[@]}" "$@"
  } | load_connections
}
charon_begins() {
  swan --initiate --child n1
  swan --initiate --child n2
}
charon_ends() {
  swan --terminate --ike c1 || true
  swan --terminate --ike c2 || true
}

# --- what is seen of them --------------------------------------------------------------------------

pings() {
  local from=1
  [ "$1" != 7 ] || from=5
  quietly_in_ns host-left ping -q -c 1 -W 1 -I 192.168.$from.10 "192.168.$1.10"
}
pings_back() {
  quietly_in_ns host-right ping -q -c 1 -W 1 -I 192.168.3.10 192.168.1.10 &&
    quietly_in_ns host-right ping -q -c 1 -W 1 -I 192.168.7.10 192.168.5.10
}

# of_both COMMAND...: of either tunnel with charon.
of_both() {
  for tunnel in to-right-v1 to-right; do "$@"; done
}

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
  charon_begins
  expect_carries 3 4 7
  left_sees to-right $right
  left_sees to-right-v1 $right_name
  left_sees to-third $third
}

# left_sees TUNNEL NAME_OF_PEER
left_sees() {
  local tunnel=$1
  expect_eq "$(seen_at gw-left "(ike['nat'], ike['peer_id'], ike['local'])")" \
    "('there', '$2', '$left:4500')" "NAT, peer's name and own end of $1"
  remote_is gw-left $right_outside 20000 20999 || fail "$1 sees its peer elsewhere"
}

sees_its_peer_at() { remote_is gw-left "$@" || fail "$tunnel sees its peer elsewhere"; }
nat_is() { expect_eq "$(seen_at gw-left "ike['nat']")" "$1" "NAT of $tunnel"; }

their_nat_changes() {
  say "their NAT gives other ports, then their line gets another address"
  local before
  before=$(spis_at gw-left)
  nat_maps_to edge-right 30000-30999
  line_has edge-right $right_outside $left_outside
  expect_carries 3 4 7
  of_both wait_until 10 "it has followed" remote_is gw-left $right_outside 30000 30999
  line_has edge-right $other_outside $left_outside
  ip_lines edge-left <<<"route replace default via $other_outside"
  expect_carries 3 4 7
  of_both wait_until 10 "it has followed" remote_is gw-left $other_outside 30000 30999
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
  expect_carries 3 4 7
  of_both sees_its_peer_at $other_outside 30000 30999
  [ "$(spis_at gw-third)" = "$third_before" ] || fail "to-third reconnected"
  gateway_end gw-third
}

both_behind_nat() {
  say "both behind NAT: charon dials ours, which lets IKE in"
  nat_maps_to edge-left 40000-40999 $left
  charon_ends
  charon_dials $left_outside
  charon_begins
  expect_carries 3 7
  of_both nat_is both
  # The left router still knows who dialled without it, and tells the two apart by the port.
  of_both sees_its_peer_at $other_outside 1024 65535
  charon_sees_nat "${left_outside}[4500]"
}

ours_behind_nat() {
  say "only ours behind NAT, where nothing is let in"
  nat_maps_to edge-left 40000-40999
  nat_is_off edge-right
  charon_ends
  charon_dials %any child.close_action=none child.dpd_action=clear
  declare_left $right
  left_reloads
  of_both wait_until 40 "our end is behind NAT, charon's is not" is_at gw-left "ike.get('nat')" here
  expect_carries 3 7
  charon_sees_nat "${left_outside}[40"
}

our_nat_changes() {
  say "our NAT gives other ports, then our line gets another address"
  local before
  before=$(spis_at gw-left)
  nat_maps_to edge-left 50000-50999
  line_has edge-left $left_outside $other_outside
  expect_carries 3 7
  wait_until 10 "charon has followed" charon_at "${left_outside}[50"
  line_has edge-left $right_outside $other_outside
  ip_lines edge-right <<<"route replace default via $right_outside"
  expect_carries 3 7
  wait_until 10 "charon has followed" charon_at "${right_outside}[50"
  [ "$(spis_at gw-left)" = "$before" ] || fail "it reconnected"
}
charon_at() { [[ $(list_sas) = *"$1"* ]]; }

main "$@"
