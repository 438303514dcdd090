#!/usr/bin/env bash
# Goal: tunnels with pre-shared keys come up with charon, begun by either side, with addresses and
# with names as identities; both have the same ESP keys; and every message decodes.
# Method: four tunnels at once, t1 and t2 begun by us, t3 and t4 by charon.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

main() {
  start_both "threads = 16"
  capture_start ours eth0 exchanges
  load
  our_tunnel 1
  our_tunnel 2 local_id=left.example.com remote_id=right.example.com
  our_tunnel 3 start=respond
  our_tunnel 4 start=respond local_id=left4.example.com remote_id=%any
  swan --initiate --child n3
  swan --initiate --child n4
  local n
  for n in 1 2 3 4; do wait_until 10 "tunnel $n is up" says "child-up t$n"; done
  expect_same_keys 8
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

load() {
  {
    connection 1
    connection 2 local.id=right.example.com remote.id=left.example.com
    connection 3
    connection 4 local.id=right4.example.com remote.id=left4.example.com
  } | load_connections
}

main
