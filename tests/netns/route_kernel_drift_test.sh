#!/usr/bin/env bash
# Goal: whatever happens to our routes is told at once and can be put right: others' hands, links
# and addresses that go without a word about the routes on them, namespaces that vanish and come
# again. A storm of events costs little, and what lies elsewhere is not told.
# Method: `ip` does it; the driver waits for the event, and a pass repairs.
#
#   gw -- lan 10.0.1.0/24, 2001:db8:1::/64        blue -- eth0 10.0.2.0/24
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=route_driver.sh
. "$(dirname "$0")/route_driver.sh"

readonly both="10.8.0.0/16 via 10.0.1.9 dev lan metric 100,
  2001:db8:8::/48 via 2001:db8:1::9 dev lan metric 100"

main() {
  say "topology: gw, blue"
  make_namespace gw
  link gw lan gw end
  make_lan
  make_blue
  driver_start gw
  want 101 "$both, rule 10.0.1.0/24"
  pass 101 2 0 0 rules+1
  drop_events
  others_hands
  what_is_elsewhere
  links_and_addresses
  a_vrf_comes
  a_namespace_goes_and_comes
  a_storm
  what_is_forgotten
  want 101
  pass 101 0 0 2 rules-1
  driver_end gw blue
}

make_lan() {
  ip_lines gw <<END
address add 10.0.1.1/24 dev lan
address add 2001:db8:1::1/64 dev lan nodad
link set lan up
link set end up
END
}

make_blue() {
  make_namespace blue
  link blue eth0 blue end
  ip_lines blue <<END
address add 10.0.2.1/24 dev eth0
link set eth0 up
link set end up
END
}

# told TABLE: drift of it is the next event but for ways, which links and others' routes change.
told() {
  local i
  for ((i = 0; i < 10; i++)); do
    drive event 5000
    [ "$answer" = ways ] || break
  done
  expect_eq "$answer" "$1" "drift told"
}

others_hands() {
  say "ours is deleted, flushed, replaced; the rule is deleted"
  in_ns gw ip route delete 10.8.0.0/16 table 101
  told 101
  pass 101 1 0 0
  in_ns gw ip -6 route flush table 101
  told 101
  pass 101 1 0 0
  in_ns gw ip route change 10.8.0.0/16 via 10.0.1.7 metric 100 table 101 proto 113
  told 101
  pass 101 0 1 0
  in_ns gw ip rule delete priority 10113
  told 101
  pass 101 0 0 0 rules+1
  say "another one takes the place, and leaves it"
  ip_lines gw <<END
route delete 10.8.0.0/16 table 101
route add 10.8.0.0/16 via 10.0.1.7 metric 100 table 101
END
  told 101
  pass 101 0 0 0 "conflict=[10.8.0.0/16 via 10.0.1.7 dev lan metric 100; proto boot]"
  drop_events
  in_ns gw ip route delete 10.8.0.0/16 table 101
  told 101
  pass 101 1 0 0
  as_wanted 101
  drop_events
}

what_is_elsewhere() {
  say "other tables, and what we do ourselves, are no drift"
  want 102 "10.9.0.0/16 via 10.0.1.9 metric 100"
  pass 102 1 0 0
  want 102
  pass 102 0 0 1
  drive forget 102
  expect_answer none event 200
  in_ns gw ip route add 10.9.0.0/16 via 10.0.1.9 table 999
  expect_answer ways event 5000
  expect_answer none event 200
  in_ns gw ip route delete 10.9.0.0/16 table 999
  drop_events
}

links_and_addresses() {
  say "a link goes down and comes up again"
  in_ns gw ip link set lan down
  told 101
  expect_refused unreachable "" pass 101
  drop_events
  make_lan_up
  told 101
  drop_events
  pass 101 2 0 0
  say "its address goes and comes again"
  want 101 "10.8.0.0/16 via 10.0.1.9 metric 100"
  drive pass 101
  in_ns gw ip address delete 10.0.1.1/24 dev lan
  told 101
  in_ns gw ip route flush table 101 proto "$ROUTE_PROTO"
  expect_refused unreachable "no way to the next hop 10.0.1.9" pass 101
  drop_events
  in_ns gw ip address add 10.0.1.1/24 dev lan
  told 101
  want 101 "$both, rule 10.0.1.0/24"
  drive pass 101
  drop_events
  as_wanted 101
}

# With its IPv6 address, which goes with the link.
make_lan_up() {
  ip_lines gw <<END
link set lan up
address replace 2001:db8:1::1/64 dev lan nodad
END
}

a_vrf_comes() {
  say "a VRF that is not there yet"
  want vrf:red "blackhole 10.8.0.0/16 metric 100"
  expect_refused no_table "there is no VRF red" pass vrf:red
  in_ns gw ip link add red type vrf table 300
  wait_for_told "vrf red"
  pass vrf:red 1 0 0
  say "and comes again with another number"
  in_ns gw ip link delete red
  wait_for_told "vrf red"
  expect_refused no_table "there is no VRF red" pass vrf:red
  in_ns gw ip link add red type vrf table 301
  wait_for_told "vrf red"
  pass vrf:red 1 0 0
  expect_routes gw 4 301 "blackhole 10.8.0.0/16 metric 100"
  want vrf:red
  pass vrf:red 0 0 1
  drive forget vrf:red
  in_ns gw ip route flush table 300
  drop_events
}

# Among others.
wait_for_told() {
  local i
  for ((i = 0; i < 20; i++)); do
    drive event 5000
    [ "$answer" != "$1" ] || return 0
    [ "$answer" != none ] || break
  done
  fail "no drift of '$1', but '$answer'"
}

a_namespace_goes_and_comes() {
  say "a namespace vanishes while we hold routes in it"
  local there=101,netns=blue-$$ name="101 in netns blue-$$"
  want "$there" "10.8.0.0/16 via 10.0.2.9 metric 100"
  pass "$there" 1 0 0
  in_ns blue ip route delete 10.8.0.0/16 table 101
  told "$name"
  pass "$there" 1 0 0
  drop_events
  ip netns delete "blue-$$"
  told "$name"
  expect_refused no_namespace "there is no network namespace blue-$$" pass "$there"
  say "nothing keeps it alive"
  link gw probe gw probe-end
  in_ns gw ip link delete probe
  drop_events
  say "and comes again, another one of its name"
  ip netns add "blue-$$"
  wait_for_told "$name"
  ip -n "blue-$$" link set lo up
  drop_events
  expect_refused unreachable "no way to the next hop 10.0.2.9" pass "$there"
  link blue eth0 blue end
  ip_lines blue <<END
address add 10.0.2.1/24 dev eth0
link set eth0 up
link set end up
END
  wait_for_told "$name"
  drop_events
  pass "$there" 1 0 0
  expect_routes blue 4 101 "10.8.0.0/16 via 10.0.2.9 dev eth0 metric 100"
  want "$there"
  pass "$there" 0 0 1
  drive forget "$there"
}

a_storm() {
  say "20,000 routes of another one in a table of ours, in one go"
  drop_events
  awk 'BEGIN { for (i = 0; i < 20000; i++)
    print "route add blackhole 10." 100 + int(i / 256) "." i % 256 ".0/24 table 101" }' \
    >"$scratch/storm"
  quietly_in_ns gw ip -batch "$scratch/storm" &
  local storm=$!
  drive events 1000
  wait "$storm"
  local told=${answer% *} turns=${answer#* }
  # Of the table and of ways, ten times a second at most.
  if [ "$told" -lt 1 ] || [ "$told" -gt 24 ]; then fail "told $told times within a second"; fi
  [ "$turns" -le 600 ] || fail "the loop went round $turns times within a second"
  printf 'ok told %s times in %s turns of the loop\n' "$told" "$turns" >&2
  as_wanted 101
  in_ns gw ip route flush table 101 proto boot
  drop_events
  as_wanted 101
  say "and later changes are told again"
  in_ns gw ip route delete 10.8.0.0/16 table 101
  told 101
  pass 101 1 0 0
}

what_is_forgotten() {
  say "a table that was forgotten"
  drop_events
  drive forget 101
  in_ns gw ip rule delete priority 10113
  expect_answer ways event 5000
  expect_answer none event 200
  pass 101 0 0 0 rules+1
}

main
