#!/usr/bin/env bash
# Goal: tunnels with pre-shared keys come up with charon, begun by either side, with addresses, names,
# email addresses and key ids as identities; both have the same ESP keys; and every message decodes.
# Method: eight tunnels at once, t1, t2, t5 and t6 begun by us, the others by charon.
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
  our_tunnel 5 local_id=left@example.com remote_id=right@example.com
  our_tunnel 6 local_id=key:left-six remote_id=key:0x00726967687400
  our_tunnel 7 start=respond local_id=left7@example.com remote_id=%any
  our_tunnel 8 start=respond local_id=key:left-eight remote_id=key:right-eight
  local n
  for n in 3 4 7 8; do swan --initiate --child "n$n"; done
  for n in 1 2 3 4 5 6 7 8; do wait_until 10 "tunnel $n is up" says "child-up t$n"; done
  expect_same_keys 16
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
    connection 5 local.id=right@example.com remote.id=left@example.com
    # A key id is bytes: one of ours is not even text.
    connection 6 'local.id="keyid:#00726967687400"' remote.id=keyid:left-six
    connection 7 local.id=right7@example.com remote.id=left7@example.com
    connection 8 local.id=keyid:right-eight remote.id=keyid:left-eight
  } | load_connections
}

main
