#!/usr/bin/env bash
# Goal: each side ends children and IKE SAs and the other follows; each notices that the other
# lives, and that it is gone.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

main() {
  start_both "threads = 16"
  capture_start ours eth0 exchanges
  {
    connection 1
    connection 2
    connection 3
    connection 4 dpd_delay=1s
  } | load_connections
  we_end_all
  charon_ends_a_child
  charon_ends_all
  liveness
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

up() {
  our_tunnel "$@"
  wait_until 10 "tunnel $1 is up" says "child-up t$1"
}

we_end_all() {
  say "down: charon's SAs go"
  up 1
  expect_same_keys 2
  tell "down t1"
  wait_until 5 "charon has none left" has_no_charon_sas
  wait_until 5 "we say so" says "ike-down t1 reason=deleted by us"
}

has_no_charon_sas() { [ -z "$(charon_sas)" ]; }

# An automatic tunnel is brought back: the child comes again, on the same IKE SA.
charon_ends_a_child() {
  say "charon deletes a child, then the IKE SA: we bring both back"
  up 2
  swan --terminate --child n2
  wait_until 5 "we follow" says "child-down t2"
  wait_until 15 "and bring it back" says_times 2 "child-up t2"
  expect_same_keys 2
  swan --terminate --ike c2
  wait_until 5 "we follow" says "ike-down t2 reason=deleted by the peer"
  wait_until 15 "and bring it back" says_times 3 "child-up t2"
  expect_same_keys 2
  tell "down t2"
  wait_until 5 "charon has none left" has_no_charon_sas
}

charon_ends_all() {
  say "charon ends what it began: it stays down"
  our_tunnel 3 start=respond
  swan --initiate --child n3
  wait_until 5 "tunnel 3 is up" says "child-up t3"
  swan --terminate --ike c3
  wait_until 5 "we follow" says "ike-down t3 reason=deleted by the peer"
}

liveness() {
  say "probes both ways, then silence"
  up 4 dpd_delay=1 dpd_timeout=4
  tell "probe t4"
  wait_until 10 "charon answers our probe" charon_says "generating INFORMATIONAL response"
  wait_until 10 "we answer charon's" charon_says "parsed INFORMATIONAL response"
  ip -n "charon-$$" link set eth0 down
  wait_until 20 "we notice" says "ike-down t4"
  ip -n "charon-$$" link set eth0 up
  wait_until 30 "and come back" says_times 2 "child-up t4"
  expect_eq "$(grep -c 'ike-down t4' "$scratch/ours.log")" 1 "times that tunnel 4 ended"
}

main
