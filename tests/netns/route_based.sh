# shellcheck shell=bash
# The story of xfrm_vti_test.sh and xfrm_interface_test.sh: the same on either kind of interface.
# `route_based_tunnel xfrm|vti UNDERLAY [MORE]`: MORE is what else is to be seen before the tunnel.

# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "${BASH_SOURCE[0]}")/driver.sh"

readonly interface_id=42 interface_mtu=1400
readonly everything=0.0.0.0/0

route_based_tunnel() {
  kind=$1 underlay=$2
  topology_two_gateways
  driver_start
  interfaces_are_chosen_by_probing
  ${3:-true}
  make_interfaces
  capture_start wire left
  without_a_child_nothing_passes
  the_route_decides
  capture_stop capture
  expect_no_clear_text capture "${inside_nets[@]}"
  expect_esp capture 12
  what_is_there_already
  remove_interfaces
  driver_end
}

interfaces_are_chosen_by_probing() {
  drive gw-left features
  [[ $answer = *" interfaces=$kind"* ]] || fail "the best interface here is not $kind: $answer"
}

make_interfaces() {
  say "an interface of kind $kind on both gateways, and routes that point at it"
  make_interface gw-left 203.0.113.1 203.0.113.2 192.168.3.0/24
  make_interface gw-right 203.0.113.2 203.0.113.1 192.168.1.0/24
  expect_eq "$(device_mtu)" "$interface_mtu" "MTU of the interface"
}

# make_interface NS LOCAL REMOTE BEHIND; what the child's line must say is in `attachment`.
make_interface() {
  drive "$1" interface "$kind" tunnel "$interface_id" "$2" "$3" "$underlay" "$interface_mtu"
  attachment=$answer
  ip_lines "$1" <<<"route add $4 dev tunnel"
}

device_mtu() {
  quietly_in_ns gw-left ip -oneline link show dev tunnel |
    awk '{ for (i = 1; i < NF; i++) if ($i == "mtu") print $(i + 1) }'
}

without_a_child_nothing_passes() {
  say "no child: nothing passes, nothing leaks"
  expect_blocked 4
}

# The child takes everything that the route sends through the interface, and nothing else: what has
# another way (here: from gateway to gateway) goes there.
the_route_decides() {
  local carried=$((3 * (20 + 8 + 100)))
  define_child routed 4 0x1001 0x2001 "$attachment" esn=yes
  install_child routed
  expect_crossing "3 3" 4 3 100
  expect_carried routed 3 $carried
  remove_child routed
  expect_blocked 4
  say "another child at the same place"
  define_child again 4 0x1002 0x2002 "$attachment"
  install_child again
  expect_crossing "3 3" 4 3 100
  expect_carried again 3 $carried
  remove_child again
}

what_is_there_already() {
  say "the same interface is taken over, another of that name is refused and kept"
  drive gw-left interface "$kind" tunnel "$interface_id" 203.0.113.1 203.0.113.2 "$underlay" \
    "$interface_mtu"
  refused gw-left interface "$kind" tunnel $((interface_id + 1)) 203.0.113.1 203.0.113.2 \
    "$underlay" "$interface_mtu"
  expect_says tunnel
  refused gw-left interface "$kind" lan "$interface_id" 203.0.113.1 203.0.113.2 "$underlay" 0
  expect_says lan
  drive gw-left no-interface lan
  quietly_in_ns gw-left ip link show dev lan >/dev/null || fail "a foreign device was removed"
}

remove_interfaces() {
  say "removed, and once more"
  local gateway
  for gateway in gw-left gw-right; do
    drive $gateway no-interface tunnel
    drive $gateway no-interface tunnel
  done
  expect_fails quietly_in_ns gw-left ip link show dev tunnel
}
