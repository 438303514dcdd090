#!/usr/bin/env bash
# Goal: a gateway with a private address behind a NAT that hides it, and a peer that takes it from any
# address or from the NAT's: both know of the NAT and where it is; the tunnel lives on when the NAT
# forgets its mappings and gives other ports, and when its line gets another address.
# Method: the NAT masquerades with ports of a range, so that no port seen outside is the inner one. A
# masquerade forgets what it knew of an address that is taken away. Pings pass in clear beforehand, so
# that not seeing them later means something.
#
#   host-left ----- gw-left ----- nat ===== wire ===== gw-right ----- host-right
#     192.168.1.0/24   10.0.9.0/24    203.0.113.0/24      192.168.3.0/24
#
# kernel: qemu
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=nat.sh
. "$(dirname "$0")/nat.sh"

readonly inner=10.0.9.2 right=203.0.113.2 nat_address=203.0.113.1 other_address=203.0.113.7

main() {
  topology_behind_nat
  nat_maps_to nat 20000-20999
  in_ns host-left ping -q -c 1 -W 2 192.168.3.10 >&2
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
  expect_no_clear_text capture 192.168.1.0/24 192.168.3.0/24 "$inner"
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
  ip netns exec "gw-left-$$" sysctl -qw net.ipv4.ip_forward=1
  ip netns exec "nat-$$" sysctl -qw net.ipv4.ip_forward=1
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
END
}

declare_left() {
  site gw-left 1 $nat_address $inner
  site_peer gw-left other $right
  site_tunnel gw-left to-other other 3 $inner
}

# declare_right ADDRESS OF THE PEER
declare_right() {
  declare_site gw-right 3 1 2 1 "ike = { peer_id = \"$inner\" }"
  sed -i "s/^address = .*/address = \"$1\"/" "$scratch/gw-right/conf.d/site.toml"
}

# --- what is seen of them --------------------------------------------------------------------------

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
events_of() { quietly_in_ns "$1" ipsecctl --run-dir "$scratch/$1/run" events --tunnel to-other; }

# expect_shown NS WORDS: in what people read.
expect_shown() {
  local shown
  shown=$(ctl "$1" status to-other)
  [[ $shown = *"$2"* ]] || fail "expected '$2' in:"$'\n'"$shown"
  printf 'ok shown at %s: %s\n' "$1" "$2" >&2
}

# --- what happens ----------------------------------------------------------------------------------

it_comes_up_on_4500() {
  say "a tunnel through the NAT"
  wait_until 30 "it carries pings" ping_passes
  in_ns host-left ping -q -c 5 -i 0.2 -W 2 192.168.3.10 >&2
  in_ns host-right ping -q -c 5 -i 0.2 -W 2 192.168.1.10 >&2
  expect_eq "$(seen_at gw-left "(ike['local'], ike['remote'])")" "('$inner:4500', '$right:4500')" \
    "ends at gw-left"
  expect_eq "$(seen_at gw-right "ike['local']")" "$right:4500" "own end at gw-right"
  remote_is gw-right $nat_address 20000 20999 || fail "gw-right sees its peer elsewhere"
  expect_eq "$(seen_at gw-right "ike['peer_id']")" "$inner" "name of the peer at gw-right"
}

both_know_of_the_nat() {
  say "where the NAT is"
  expect_eq "$(seen_at gw-left "ike['nat']")" here "NAT at gw-left"
  expect_eq "$(seen_at gw-right "ike['nat']")" there "NAT at gw-right"
  expect_shown gw-left "at our end"
  expect_shown gw-right "at the peer's end"
  wait_until 10 "its traffic is normal" is_at gw-left "it['traffic']" normal
  ctl gw-left diag to-other >&2
  ctl gw-right diag to-other >&2
}

other_ports_are_followed() {
  say "the NAT forgets, and gives other ports"
  local before
  before=$(spis_at gw-right)
  nat_maps_to nat 30000-30999
  line_has nat $nat_address $right
  wait_until 20 "it carries pings" ping_passes
  wait_until 10 "gw-right has followed" remote_is gw-right $nat_address 30000 30999
  in_ns host-left ping -q -c 5 -i 0.2 -W 2 192.168.3.10 >&2
  in_ns host-right ping -q -c 5 -i 0.2 -W 2 192.168.1.10 >&2
  [ "$(spis_at gw-right)" = "$before" ] || fail "it reconnected"
  [[ $(events_of gw-right) = *peer-moved*"$nat_address:30"* ]] || fail "no event tells that the peer moved"
}

another_line_is_followed() {
  say "the line gets another address"
  local before
  before=$(spis_at gw-right)
  # The kernel tells of a changed mapping at most every ten seconds; liveness is not waited for.
  line_has nat $other_address $right
  ip_lines gw-right <<<"route replace default via $other_address"
  wait_until 30 "it carries pings" ping_passes
  wait_until 10 "gw-right has followed" remote_is gw-right $other_address 30000 30999
  in_ns host-right ping -q -c 5 -i 0.2 -W 2 192.168.1.10 >&2
  [ "$(spis_at gw-right)" = "$before" ] || fail "it reconnected"
}

the_nats_address_will_do_for_the_peer() {
  say "the peer by its NAT's address"
  local before
  before=$(spis_at gw-right)
  declare_right $other_address
  kill -HUP "${processes[ipsecd-gw-right]}"
  wait_until 30 "there are other SAs" spis_differ_from gw-right "$before"
  wait_until 30 "it carries pings" ping_passes
  remote_is gw-right $other_address 30000 30999 || fail "gw-right sees its peer elsewhere"
  expect_eq "$(seen_at gw-left "ike['nat']")" here "NAT at gw-left"
  expect_eq "$(seen_at gw-right "ike['nat']")" there "NAT at gw-right"
}

a_stop_with_flush_leaves_nothing() {
  say "stop"
  gateway_end gw-left
  wait_until 10 "gw-right knows" is_at gw-right "it['phase1'] == 'up'" False
  gateway_end gw-right
  expect_nothing_left gw-left gw-right
}

main "$@"
