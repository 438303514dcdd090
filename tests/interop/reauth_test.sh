#!/usr/bin/env bash
# Goal: reauthentication, that is a new IKE SA with new children before the old ones go, leaves one
# of each on both sides; and every message decodes.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

main() {
  start_both "delete_rekeyed_delay = 1"
  capture_start ours eth0 exchanges
  { connection 1; connection 2; } | load_connections
  our_tunnel 1
  our_tunnel 2 start=respond
  swan --initiate --child n2
  wait_until 10 "tunnel 1 is up" says "child-up t1"
  wait_until 10 "tunnel 2 is up" says "child-up t2"
  expect_same_keys 4
  tell "reauth t1"
  wait_until 10 "there is a new child" says_times 2 "child-up t1"
  wait_until 10 "the old one is gone" says_times 1 "child-down t1"
  expect_same_keys 4
  swan --rekey --ike c2 --reauth
  wait_until 10 "there is a new child" says_times 2 "child-up t2"
  wait_until 10 "the old one is gone" says_times 1 "child-down t2"
  expect_same_keys 4
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

main
