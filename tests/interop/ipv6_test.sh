#!/usr/bin/env bash
# Goal: IPv6 outside and inside: networks of either family, and both in one child, behind gateways of
# either family, begun by either side; rekeyed, in fragments, and in UDP.
# Method: t1 to t3 between 2001:db8:9::1:N and 2001:db8:9::2, t4 between IPv4 addresses.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

main() {
  start_both "fragment_size = 1280" "delete_rekeyed_delay = 1"
  add_addresses
  capture_start ours eth0 exchanges
  load
  all_up
  rekeyed
  expect_no_failures
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

add_addresses() {
  local n
  for n in 1 2 3; do echo "address add 2001:db8:9::1:$n/64 dev eth0 nodad"; done | ip_lines ours
  ip_lines charon <<<"address add 2001:db8:9::2/64 dev eth0 nodad"
}

load() {
  {
    outside 1
    outside 2 child.local_ts=2001:db8:2:2::/64 child.remote_ts=2001:db8:1:2::/64
    outside 3 fragmentation=force encap=yes child.local_ts=10.2.3.0/24,2001:db8:2:3::/64 \
      child.remote_ts=10.1.3.0/24,2001:db8:1:3::/64
    connection 4 child.local_ts=2001:db8:2:4::/64 child.remote_ts=2001:db8:1:4::/64
  } | load_connections
}

# outside N SETTING...: charon's connection between IPv6 addresses, which are the identities too.
outside() {
  local n=$1
  shift
  connection "$n" local_addrs=2001:db8:9::2 "remote_addrs=2001:db8:9::1:$n" \
    local.id=2001:db8:9::2 "remote.id=2001:db8:9::1:$n" "$@"
}

# our_outside N KEY=VALUE...
our_outside() {
  local n=$1
  shift
  our_tunnel "$n" "local=2001:db8:9::1:$n" remote=2001:db8:9::2 "$@"
}

all_up() {
  our_outside 1
  our_outside 2 start=respond local_ts=2001:db8:1:2::/64 remote_ts=2001:db8:2:2::/64
  our_outside 3 fragment_bytes=200 local_ts=10.1.3.0/24,2001:db8:1:3::/64 \
    remote_ts=10.2.3.0/24,2001:db8:2:3::/64
  our_tunnel 4 start=respond local_ts=2001:db8:1:4::/64 remote_ts=2001:db8:2:4::/64
  swan --initiate --child n2
  swan --initiate --child n4
  local n
  for n in 1 2 3 4; do wait_until 10 "tunnel $n is up" says "child-up t$n "; done
  expect_same_keys 8
  expect_eq "$(line_of "child-up t1")" "10.1.1.0/24 === 10.2.1.0/24" "selectors of t1"
  expect_eq "$(line_of "child-up t2")" "2001:db8:1:2::/64 === 2001:db8:2:2::/64" "selectors of t2"
  expect_eq "$(line_of "child-up t3")" \
    "10.1.3.0/24, 2001:db8:1:3::/64 === 10.2.3.0/24, 2001:db8:2:3::/64" "selectors of t3"
  expect_eq "$(grep -c 'encap=yes' "$scratch/ours.log")" 2 "SAs in UDP, those of t3"
}

# The selectors that our line says.
line_of() { sed -n "s/^$1 .* selectors=//p" "$scratch/ours.log"; }

rekeyed() {
  tell "rekey-child t1"
  swan --rekey --child n2
  swan --rekey --ike c3
  tell "rekey-ike t4"
  wait_until 10 "t1 has a new child" says "child-rekeyed t1"
  wait_until 10 "t2 has a new child" says "child-rekeyed t2"
  wait_until 10 "t3 has a new IKE SA" says "ike-rekeyed t3"
  wait_until 10 "t4 has a new IKE SA" says "ike-rekeyed t4"
  expect_same_keys 8
}

main
