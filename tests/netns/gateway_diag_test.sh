#!/usr/bin/env bash
# Goal: `check` and `diag` say what is wrong, and only that: a machine that does not forward or
# filters by reverse path, then one that does neither; a tunnel that carries packets; one whose keys
# differ; one whose other side has no way back.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  declare_site gw-left 1 3 1 2
  declare_site gw-right 3 1 2 1
  gateway_start gw-left
  gateway_start gw-right
  the_machine_is_checked
  a_good_tunnel_has_nothing_bad
  a_missing_return_route_is_told_of
  a_peer_that_closes_is_told_of
  a_wrong_key_is_told_of
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
# findings EXPRESSION ARGUMENT...: python's view of what check or diag found at gw-left; f(WHAT) is
# the finding of that name.
findings() {
  local expression=$1 all
  shift
  # Its status is not 0 where something is bad.
  all=$(quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" -o json "$@") || true
  python3 <<<"$all" -c "
import json, sys
all = json.load(sys.stdin)['findings']
def f(what):
  return next((it for it in all if it['what'] == what), {'grade': 'absent', 'found': '', 'advice': ''})
print($expression)"
}
grade_of() {
  local what=$1
  shift
  findings "f('$what')['grade']" "$@"
}
tunnel_is() {
  [ "$(of_one gw-left to-other "it['$1']")" = "$2" ]
}
graded() { [ "$(grade_of "$2" "${@:3}")" = "$1" ]; }
sysctl_left() { in_ns gw-left sysctl -qw "$@"; }

the_machine_is_checked() {
  say "what is wrong with the machine"
  sysctl_left net.ipv4.ip_forward=0
  sysctl_left net.ipv4.conf.wan.rp_filter=1
  expect_eq "$(grade_of net.ipv4.ip_forward check)" bad "forwarding that is off"
  expect_eq "$(grade_of net.ipv4.conf.wan.rp_filter check)" warning "strict rp_filter"
  local advice
  for what in net.ipv4.ip_forward net.ipv4.conf.wan.rp_filter; do
    advice=$(findings "f('$what')['advice'].split(';')[0]" check)
    say "doing as advised: $advice"
    # shellcheck disable=SC2086 # a command line it is
    in_ns gw-left $advice >&2
    expect_eq "$(grade_of "$what" check)" good "$what after its advice"
  done
  expect_eq "$(grade_of 'UDP 500' check)" good "UDP 500"
  expect_eq "$(grade_of 'UDP 4500' check)" good "UDP 4500"
  ctl gw-left check >&2 || true
}

a_good_tunnel_has_nothing_bad() {
  say "a good tunnel"
  wait_until 20 "it carries pings" ping_passes
  ctl gw-left diag to-other >&2
  expect_eq "$(findings "[it for it in all if it['grade'] == 'bad']" diag to-other)" "[]" \
    "what is bad of a good tunnel"
  expect_eq "$(grade_of packets diag to-other)" good "packets both ways"
  expect_eq "$(findings "sum('child' in it['what'] for it in all)" diag to-other)" 1 "children"
  the_mtu_is_exact
}

# The longest packet that diag promises leaves whole, and one byte more does not.
the_mtu_is_exact() {
  local inner
  inner=$(findings "f('MTU of IPv4 inside')['found'].split()[0]" diag to-other)
  say "$inner bytes inside"
  in_ns gw-left ping -q -c 1 -W 2 -M "do" -I 192.168.1.1 -s $((inner - 28)) 192.168.3.10 >&2
  expect_fails in_ns gw-left ping -q -c 1 -W 1 -M "do" -I 192.168.1.1 -s $((inner - 27)) \
    192.168.3.10 >&2
}

a_missing_return_route_is_told_of() {
  say "no way back"
  ctl gw-left tunnel reconnect to-other
  wait_until 20 "it carries pings" ping_passes
  local way_back
  way_back=$(quietly_in_ns host-right ip route show default)
  in_ns host-right ip route del default
  ctl gw-left tunnel down to-other
  ctl gw-left tunnel up to-other
  wait_until 20 "it is connected" tunnel_is connection connected
  wait_until 10 "there are two SAs" two_sas
  expect_fails ping_passes >&2
  expect_eq "$(grade_of packets diag to-other)" bad "packets"
  expect_eq "$(findings "'return route' in f('packets')['advice']" diag to-other)" True "the advice"
  # shellcheck disable=SC2086 # a route it is
  in_ns host-right ip route add $way_back
  wait_until 20 "it carries pings" ping_passes
  expect_eq "$(grade_of packets diag to-other)" good "packets"
}
two_sas() { [ "$(quietly_in_ns gw-left ip xfrm state list nokeys | grep -c '^src')" = 2 ]; }

a_peer_that_closes_is_told_of() {
  say "a peer that closes the tunnel"
  ctl gw-right tunnel down to-other
  wait_until 20 "it is not connected" not_connected
  expect_eq "$(findings "f('connection')['grade'] != 'good'" diag to-other)" True "connection"
  ctl gw-right tunnel up to-other
  wait_until 30 "it is connected" tunnel_is connection connected
}
not_connected() { ! tunnel_is connection connected; }

a_wrong_key_is_told_of() {
  say "keys that differ"
  printf 'quite-another-key\n' >"$scratch/key"
  ctl gw-right tunnel set to-other --psk-file "$scratch/key"
  ctl gw-left tunnel reconnect to-other
  wait_until 60 "the failure is told" graded bad "last failure" diag to-other
  ctl gw-left diag to-other >"$scratch/told" || true
  cat "$scratch/told" >&2
  expect_eq "$(grade_of "pre-shared key" diag to-other)" note "the hint at the key"
  expect_eq "$(findings "f('pre-shared key')['found']" diag to-other)" "20 characters" "the key"
  expect_eq "$(grade_of identities diag to-other)" note "the identities"
  ! grep -q a-key-for-tests-only "$scratch/told" || fail "the key is told"
}

main "$@"
