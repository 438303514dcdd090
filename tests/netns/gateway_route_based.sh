# shellcheck shell=bash
# The story of gateway_vti_test.sh and gateway_xfrm_interface_test.sh: daemons whose tunnel has a
# device. `route_based_gateways KIND`: what `ip -details link` calls it.

# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "${BASH_SOURCE[0]}")/gateways.sh"

route_based_gateways() {
  kind=$1
  topology_two_gateways
  in_ns host-left ping -q -c 1 -W 2 192.168.3.10 >&2
  declare_both 'interface = "vpn-other"'
  gateway_start gw-left
  gateway_start gw-right
  routes_decide
  a_killed_daemon_finds_its_device
  another_name_is_another_device
  a_device_of_others_is_left_alone
  without_a_device_it_goes
  everything_goes_in_the_end
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
has_device() { grep -qw "$kind" <<<"$(quietly_in_ns "$1" ip -details link show dev "$2")"; }
has_no_device() { ! quietly_in_ns "$1" ip link show dev "$2" 2>/dev/null; }
index_of() { quietly_in_ns "$1" ip -oneline link show dev "$2" | cut -d: -f1; }
# Its exit status says too whether the tunnel is up.
status_of() { ctl_quietly status to-other || true; }
ctl_quietly() { quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" "$@"; }
status_says() { [[ $(status_of) = *"$1"* ]]; }
reload() { kill -HUP "${processes[ipsecd-$1]}"; }

# Only what is sent to the device goes through the tunnel; the tunnel takes all of that.
routes_decide() {
  say "a device of kind $kind at both gateways"
  has_device gw-left vpn-other || fail "there is no device of kind $kind at gw-left"
  has_device gw-right vpn-other || fail "there is no device of kind $kind at gw-right"
  in_ns gw-left ip route add 192.168.3.0/24 dev vpn-other
  in_ns gw-right ip route add 192.168.1.0/24 dev vpn-other
  wait_until 20 "pings pass" ping_passes
  [[ $(quietly_in_ns gw-left ip xfrm policy list nosock) = *"src 0.0.0.0/0 dst 0.0.0.0/0"* ]] ||
    fail "the policies are not for everything"
  capture_start wire left
  in_ns host-left ping -q -c 5 -i 0.2 -W 2 192.168.3.10 >&2
  capture_stop capture
  expect_no_clear_text capture 192.168.1.0/24 192.168.3.0/24
  expect_esp capture 10
  say "what routes send elsewhere is none of its business"
  in_ns gw-left ping -q -c 1 -W 2 203.0.113.2 >&2
  [[ $(ctl_quietly tunnel show to-other) = *vpn-other* ]] || fail "the device is not shown"
}

# Its routes stand: nothing leaves in clear meanwhile.
a_killed_daemon_finds_its_device() {
  say "kill -9"
  local before
  before=$(index_of gw-left vpn-other)
  gateway_crash gw-left
  capture_start wire left killed
  gateway_start gw-left
  wait_until 30 "pings pass" ping_passes
  capture_stop killed
  # (That nobody listens on port 500 is said in clear.)
  expect_eq "$(packets killed net 192.168.0.0/16)" 0 "packets in clear"
  expect_eq "$(index_of gw-left vpn-other)" "$before" "index of the device"
}

another_name_is_another_device() {
  say "another name"
  declare_site gw-left 1 3 1 2 'interface = "vpn-new"'
  reload gw-left
  wait_until 10 "the device has its new name" has_device gw-left vpn-new
  wait_until 10 "the old one is gone" has_no_device gw-left vpn-other
  in_ns gw-left ip route add 192.168.3.0/24 dev vpn-new
  wait_until 30 "pings pass" ping_passes
}

a_device_of_others_is_left_alone() {
  say "a name that is taken"
  in_ns gw-left ip link add taken type bridge
  declare_site gw-left 1 3 1 2 'interface = "taken"'
  reload gw-left
  wait_until 10 "status says it" status_says "another device has that name"
  [[ $(quietly_in_ns gw-left ip -details link show dev taken) = *bridge* ]] ||
    fail "the bridge was changed"
  wait_until 10 "the device of before is gone" has_no_device gw-left vpn-new
}

without_a_device_it_goes() {
  say "without a device its ranges decide"
  declare_site gw-left 1 3 1 2
  declare_site gw-right 3 1 2 1
  reload gw-left
  reload gw-right
  wait_until 10 "the device is gone at gw-right" has_no_device gw-right vpn-other
  has_device gw-left taken && fail "the bridge has become ours"
  [[ $(quietly_in_ns gw-left ip -details link show dev taken) = *bridge* ]] ||
    fail "the bridge was removed"
  wait_until 30 "pings pass" ping_passes
}

everything_goes_in_the_end() {
  say "stop --flush takes the device along, and so does a start of one that has no such tunnel"
  declare_both 'interface = "vpn-other"'
  reload gw-left
  reload gw-right
  wait_until 10 "there is a device" has_device gw-left vpn-other
  stop ipsecd-gw-right
  has_device gw-right vpn-other || fail "a plain stop took the device away"
  rm "$scratch/gw-right/conf.d/site.toml"
  rm -r "$scratch/gw-right/state"
  gateway_start gw-right
  has_no_device gw-right vpn-other || fail "a device of nobody is left"
  gateway_end gw-left gw-right
  has_no_device gw-left vpn-other || fail "the device is left at gw-left"
  expect_nothing_left gw-left gw-right
}
