#!/usr/bin/env bash
# Goal: the driver "kernel" puts routes where they belong, and nowhere else: tables by number, of a
# VRF, in another network namespace; every kind of next hop; rules. What the kernel refuses is told
# in words, and what is another one's stays as it is.
# Method: the driver's passes; `ip route show proto 113` is the witness.
#
#   router (10.0.1.9, 10.0.1.10, ::9, ::10)
#      | eth0
#      | 10.0.1.0/24, 2001:db8:1::/64             10.0.2.0/24, 2001:db8:2::/64
#      | lan                                      | eth0
#   gw ---- red (VRF 300): redlan, 10.0.3.1/24    blue
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=route_driver.sh
. "$(dirname "$0")/route_driver.sh"

main() {
  topology
  driver_start gw
  numbered_tables
  another_namespace
  a_vrf
  several_hops_and_metrics
  mtu_and_blackholes
  devices
  rules
  what_cannot_be_reached
  whose_it_is_stays
  ways
  without_the_right
  every_drivers_checks
  driver_end gw blue
}

topology() {
  say "topology: router - gw, blue"
  make_namespace gw router blue
  link gw lan router eth0
  link gw redlan gw redend
  link blue eth0 blue end
  ip_lines gw <<END
address add 10.0.1.1/24 dev lan
address add 2001:db8:1::1/64 dev lan nodad
link set lan up
link add red type vrf table 300
link set red up
link set redlan master red
address add 10.0.3.1/24 dev redlan
address add 2001:db8:3::1/64 dev redlan nodad
link set redlan up
link set redend up
END
  ip_lines router <<END
address add 10.0.1.9/24 dev eth0
address add 2001:db8:1::9/64 dev eth0 nodad
link set eth0 up
END
  ip_lines blue <<END
address add 10.0.2.1/24 dev eth0
address add 2001:db8:2::1/64 dev eth0 nodad
link set eth0 up
link set end up
END
}

numbered_tables() {
  say "tables by number, also beyond 255; the kernel finds the device"
  want 101 "10.8.0.0/16 via 10.0.1.9 metric 100, 2001:db8:8::/48 via 2001:db8:1::9 metric 100"
  want 70001 "10.9.0.0/16 via 10.0.1.9 dev lan metric 100, 0.0.0.0/0 via 10.0.1.9 metric 100"
  pass 101 2 0 0
  pass 70001 2 0 0
  expect_routes gw 4 101 "10.8.0.0/16 via 10.0.1.9 dev lan metric 100"
  expect_routes gw 6 101 "2001:db8:8::/48 via 2001:db8:1::9 dev lan metric 100 pref medium"
  expect_routes gw 4 70001 "default via 10.0.1.9 dev lan metric 100" \
    "10.9.0.0/16 via 10.0.1.9 dev lan metric 100"
  as_wanted 101 70001
  say "the next hop moves"
  want 101 "10.8.0.0/16 via 10.0.1.10 metric 100, 2001:db8:8::/48 via 2001:db8:1::10 metric 100"
  pass 101 0 2 0
  expect_routes gw 4 101 "10.8.0.0/16 via 10.0.1.10 dev lan metric 100"
  as_wanted 101
  expect_routes gw 4 main
  say "and they go"
  want 101
  want 70001
  pass 101 0 0 2
  pass 70001 0 0 2
  expect_routes gw 4 101
  expect_routes gw 6 101
  expect_answer "" list 101
}

another_namespace() {
  say "a table in another namespace, of the same number as one here"
  local there=101,netns=blue-$$
  want "$there" "10.8.0.0/16 via 10.0.2.9 metric 100, 2001:db8:8::/48 via 2001:db8:2::9 metric 100"
  pass "$there" 2 0 0
  as_wanted "$there"
  expect_routes blue 4 101 "10.8.0.0/16 via 10.0.2.9 dev eth0 metric 100"
  expect_routes blue 6 101 "2001:db8:8::/48 via 2001:db8:2::9 dev eth0 metric 100 pref medium"
  expect_routes gw 4 101
  want "$there"
  pass "$there" 0 0 2
  say "there is none of that name"
  expect_refused no_namespace "there is no network namespace nowhere-$$" \
    list "101,netns=nowhere-$$"
}

a_vrf() {
  say "the table of a VRF, its rule, and the device found in it"
  want vrf:red "10.8.0.0/16 via 10.0.3.9 metric 100, 2001:db8:8::/48 via 2001:db8:3::9 metric 100,
    rule 10.0.3.0/24"
  pass vrf:red 2 0 0 rules+1
  as_wanted vrf:red
  expect_routes gw 4 300 "10.8.0.0/16 via 10.0.3.9 dev redlan metric 100"
  expect_routes gw 6 300 "2001:db8:8::/48 via 2001:db8:3::9 dev redlan metric 100 pref medium"
  expect_eq "$(rules_of gw 4)" "10113: from 10.0.3.0/24 lookup 300 proto 113" "rules"
  want vrf:red
  pass vrf:red 0 0 2 rules-1
  say "devices that are none"
  expect_refused no_table "there is no VRF green" list vrf:green
  expect_refused no_table "device lan is no VRF" list vrf:lan
}

several_hops_and_metrics() {
  say "several next hops share the load; another metric is another place"
  local via4="nexthop via 10.0.1.9 nexthop via 10.0.1.10"
  local via6="nexthop via 2001:db8:1::9 nexthop via 2001:db8:1::10"
  want 101 "10.8.0.0/16 metric 100 $via4, 10.8.0.0/16 via 10.0.1.11 metric 200,
    2001:db8:8::/48 metric 100 $via6"
  pass 101 3 0 0
  as_wanted 101
  expect_routes gw 4 101 "10.8.0.0/16 metric 100" \
    "nexthop via 10.0.1.9 dev lan weight 1" "nexthop via 10.0.1.10 dev lan weight 1" \
    "10.8.0.0/16 via 10.0.1.11 dev lan metric 200"
  expect_routes gw 6 101 "2001:db8:8::/48 metric 100 pref medium" \
    "nexthop via 2001:db8:1::9 dev lan weight 1" "nexthop via 2001:db8:1::10 dev lan weight 1"
  say "one of them is left"
  want 101 "10.8.0.0/16 metric 100 via 10.0.1.10, 2001:db8:8::/48 metric 100 via 2001:db8:1::10"
  pass 101 0 2 1
  as_wanted 101
  expect_routes gw 4 101 "10.8.0.0/16 via 10.0.1.10 dev lan metric 100"
  expect_routes gw 6 101 "2001:db8:8::/48 via 2001:db8:1::10 dev lan metric 100 pref medium"
  want 101 "10.8.0.0/16 metric 100 $via4, 2001:db8:8::/48 metric 100 $via6"
  pass 101 0 2 0
  want 101
  pass 101 0 0 2
  expect_routes gw 6 101
}

mtu_and_blackholes() {
  say "MTU and MSS; a blackhole in their place, and back"
  local routes="10.8.0.0/16 via 10.0.1.9 metric 100 mtu 1438 advmss 1398,
    2001:db8:8::/48 via 2001:db8:1::9 metric 100 mtu 1418 advmss 1358"
  want 101 "$routes"
  pass 101 2 0 0
  as_wanted 101
  expect_routes gw 4 101 "10.8.0.0/16 via 10.0.1.9 dev lan metric 100 mtu 1438 advmss 1398"
  expect_routes gw 6 101 \
    "2001:db8:8::/48 via 2001:db8:1::9 dev lan metric 100 mtu 1418 advmss 1358 pref medium"
  want 101 "blackhole 10.8.0.0/16 metric 100, blackhole 2001:db8:8::/48 metric 100"
  pass 101 0 2 0
  as_wanted 101
  expect_routes gw 4 101 "blackhole 10.8.0.0/16 metric 100"
  expect_routes gw 6 101 "blackhole 2001:db8:8::/48 dev lo metric 100 pref medium"
  want 101 "$routes"
  pass 101 0 2 0
  as_wanted 101
  want 101
  pass 101 0 0 2
}

devices() {
  say "by a device alone, as into a route-based tunnel; IPv4 by an IPv6 next hop"
  want 101 "10.8.0.0/16 dev lan metric 100, 2001:db8:8::/48 dev lan metric 100,
    10.9.0.0/16 via 2001:db8:1::9 dev lan metric 100"
  pass 101 3 0 0
  as_wanted 101
  expect_routes gw 4 101 "10.8.0.0/16 dev lan scope link metric 100" \
    "10.9.0.0/16 via inet6 2001:db8:1::9 dev lan metric 100"
  expect_routes gw 6 101 "2001:db8:8::/48 dev lan metric 100 pref medium"
  say "a next hop that only its device leads to"
  want 101 "10.8.0.0/16 via 192.0.2.1 dev lan metric 100"
  pass 101 0 1 2
  as_wanted 101
  expect_routes gw 4 101 "10.8.0.0/16 via 192.0.2.1 dev lan metric 100 onlink"
  want 101
  pass 101 0 0 1
}

rules() {
  say "rules lead to a table, and leave others' alone"
  in_ns gw ip rule add from 10.0.7.0/24 lookup 101 priority 5000
  want 101 "rule 10.0.1.0/24, rule 2001:db8:1::/64, rule 0.0.0.0/0"
  pass 101 0 0 0 rules+3
  as_wanted 101
  expect_eq "$(rules_of gw 4)" "10113: from 10.0.1.0/24 lookup 101 proto 113
10113: from all lookup 101 proto 113" "rules"
  expect_eq "$(rules_of gw 6)" "10113: from 2001:db8:1::/64 lookup 101 proto 113" "IPv6 rules"
  want 101 "rule 10.0.1.0/24"
  pass 101 0 0 0 rules-2
  as_wanted 101
  want 101
  pass 101 0 0 0 rules-1
  expect_eq "$(rules_of gw 4)$(rules_of gw 6)" "" "our rules"
  in_ns gw ip rule delete from 10.0.7.0/24 lookup 101 priority 5000
}

what_cannot_be_reached() {
  say "next hops that are not there"
  want 101 "10.8.0.0/16 via 192.0.2.1 metric 100"
  expect_refused unreachable "no way to the next hop 192.0.2.1" pass 101
  want 101 "2001:db8:8::/48 via 2001:db8:77::1 metric 100"
  expect_refused unreachable "no way to the next hop 2001:db8:77::1" pass 101
  want 101 "10.8.0.0/16 dev nothere metric 100"
  expect_refused unreachable "there is no device nothere" pass 101
  want "101,netns=blue-$$" "10.8.0.0/16 dev lan metric 100"
  expect_refused unreachable "there is no device lan in netns blue-$$" pass "101,netns=blue-$$"
  want 101 "2001:db8:8::/48 via 10.0.1.9 metric 100"
  expect_refused unreachable "cannot go by 10.0.1.9" pass 101
  want 101 "2001:db8:8::/48 via 2001:db8:1::9"
  expect_refused other "IPv6 has no metric 0" pass 101
  expect_routes gw 4 101
  expect_routes gw 6 101
}

whose_it_is_stays() {
  say "a foreign route has the place: a conflict; one with a smaller metric goes before ours"
  in_ns gw ip route add 10.8.0.0/16 via 10.0.1.9 metric 100 table 101 proto bird
  in_ns gw ip route add 10.9.0.0/16 via 10.0.1.9 metric 50 table 101 proto static
  in_ns gw ip -6 route add unreachable 2001:db8:8::/48 metric 100 table 101 proto 113
  want 101 "10.8.0.0/16 via 10.0.1.10 metric 100, 10.9.0.0/16 via 10.0.1.10 metric 100,
    2001:db8:8::/48 via 2001:db8:1::9 metric 100"
  pass 101 1 0 0 "conflict=[10.8.0.0/16 via 10.0.1.9 dev lan metric 100; proto bird]\
 conflict=[blackhole 2001:db8:8::/48 metric 100; proto 113, type unreachable]\
 shadowed=[10.9.0.0/16 via 10.0.1.9 dev lan metric 50; proto static]"
  expect_routes gw 4 101 "10.9.0.0/16 via 10.0.1.10 dev lan metric 100"
  want 101
  pass 101 0 0 1
  expect_eq "$(quietly_in_ns gw ip route show table 101 | wc -l)" 2 "foreign routes in table 101"
  ip_lines gw <<END
route delete 10.8.0.0/16 table 101
route delete 10.9.0.0/16 table 101
route delete unreachable 2001:db8:8::/48 table 101
END
}

ways() {
  say "the way to an address, and the MTU on it"
  ip_lines gw <<END
route add default via 10.0.1.9
route add 198.51.100.0/24 via 10.0.1.10 mtu 1400
route add blackhole 198.51.101.0/24
route add default via 2001:db8:1::9
END
  expect_answer "via 10.0.1.9 dev lan mtu 1500" lookup 192.0.2.7
  expect_answer "via 10.0.1.10 dev lan mtu 1400" lookup 198.51.100.7
  expect_answer "dev lan mtu 1500" lookup 10.0.1.9
  expect_answer "via 2001:db8:1::9 dev lan mtu 1500" lookup 2001:db8:77::1
  expect_refused unreachable "it is an address of this machine" lookup 10.0.1.1
  expect_refused unreachable "no route there that leads on" lookup 198.51.101.1
  drop_events
  say "another way is told of, one of ours is none"
  in_ns gw ip route replace default via 10.0.1.10
  expect_answer ways event 5000
  expect_answer "via 10.0.1.10 dev lan mtu 1500" lookup 192.0.2.7
  want 101 "10.8.0.0/16 via 10.0.1.9 metric 100"
  pass 101 1 0 0
  want 101
  pass 101 0 0 1
  expect_answer none event 200
  in_ns gw ip route delete default
  expect_answer ways event 5000
  expect_refused unreachable "no way to 192.0.2.7" lookup 192.0.2.7
  ip_lines gw <<END
route delete 198.51.100.0/24
route delete blackhole 198.51.101.0/24
route delete default via 2001:db8:1::9
END
  drop_events
}

without_the_right() {
  say "without CAP_NET_ADMIN"
  local said
  said=$(printf '%s\n' "want 101 10.8.0.0/16 via 10.0.1.9 metric 100" "pass 101" |
    quietly_in_ns gw setpriv --bounding-set -net_admin --inh-caps -net_admin "$driver")
  [[ $said = *"refused forbidden: "*CAP_NET_ADMIN* ]] || fail "expected 'forbidden', found: $said"
  printf 'ok %s\n' "$said" >&2
}

# tests/support/route_conformance.h
every_drivers_checks() {
  say "what every driver must pass: here, and in another namespace"
  local namespace
  for namespace in gw blue; do
    link "$namespace" conform "$namespace" conform-end
    ip_lines "$namespace" <<END
link set conform up
link set conform-end up
address add 10.255.0.1/24 dev conform
address add fd00:255::1/64 dev conform nodad
END
  done
  drive conformance conform
  drive conformance conform "blue-$$"
  expect_eq "$(grep -c ^ok "$scratch/driver.log")" 38 "checks that passed"
  for namespace in gw blue; do remove_foreign "$namespace"; done
  drop_events
}

# What the suite's foreign party left behind.
remove_foreign() {
  local family
  for family in 4 6; do quietly_in_ns "$1" ip "-$family" route flush table all proto static; done
  quietly_in_ns "$1" ip route flush table all proto "$ROUTE_PROTO"
  quietly_in_ns "$1" ip -6 route flush table all proto "$ROUTE_PROTO"
}

rules_of() {
  quietly_in_ns "$1" ip "-$2" rule show | awk '/proto 113$/' | sed 's/\t/ /' | sort
}

main
