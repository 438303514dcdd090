#!/usr/bin/env bash
# Goal: where charon asks for a cookie we come back with it, and the tunnel comes up.
# Method: charon asks from the second half-open SA on; twelve tunnels begin at once.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

readonly tunnels=12

main() {
  start_both "cookie_threshold = 1"
  local n
  for ((n = 1; n <= tunnels; n++)); do connection "$n" proposals=aes128-sha256-modp4096; done | load_connections
  tell "$(for ((n = 1; n <= tunnels; n++)); do our_line "$n"; done)"
  for ((n = 1; n <= tunnels; n++)); do wait_until 20 "tunnel $n is up" says "child-up t$n "; done
  expect_no_failures
  wait_until 5 "charon saw its cookie again" charon_says "parsed IKE_SA_INIT request 0 [ N(COOKIE)"
  expect_same_keys $((2 * tunnels))
  stop_both
}

# One line of the many that are told at once.
our_line() {
  echo "tunnel name=t$1 local=10.9.1.$1 remote=10.9.0.2 local_ts=10.1.$1.0/24" \
    "remote_ts=10.2.$1.0/24 ike=aes128-sha256-modp4096"
}

main
