#!/usr/bin/env bash
# Goal: whoever is asked for a cookie comes back with it and the tunnel comes up: we by charon, and
# charon by us. What a flood costs us is one Diffie-Hellman for each half-open SA below the
# threshold, and none above it.
# Method: init_flood makes half-open SAs and ends only when it has itself been asked for a cookie. So
# the SAs are there before a tunnel begins, and live for half a minute; each opening of the
# following seconds is asked for a cookie. At charon from one address; at ours from 64 peers, since a
# second opening of a peer with one tunnel would be asked already.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

readonly ike=aes128-sha256-x25519
readonly charon_ike=aes128-sha256-curve25519
readonly charon_threshold=3
readonly our_threshold=64  # limits::kCookieThreshold
readonly tunnels=4

main() {
  start_both "cookie_threshold = $charon_threshold"
  capture_start ours eth0 exchanges
  local n
  for n in 1 2 3 4 5 6 7 8 40; do connection "$n" proposals=$charon_ike; done | load_connections
  charon_asks
  we_ask
  expect_same_keys $((4 * tunnels))
  expect_no_failures
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

charon_asks() {
  say "charon asks us"
  flood ours 20 10.9.1.40,10.9.0.2
  expect_flooded $charon_threshold
  local n
  for ((n = 1; n <= tunnels; n++)); do our_tunnel "$n" "ike=$ike"; done
  for ((n = 1; n <= tunnels; n++)); do wait_until 20 "tunnel $n is up" says "child-up t$n "; done
  wait_until 5 "charon saw its cookies again" \
    charon_says_times "$tunnels" "parsed IKE_SA_INIT request 0 [ N(COOKIE) SA KE No"
}

# As many of charon's addresses as it takes, each that of a tunnel of its own.
we_ask() {
  say "we ask charon"
  local n pairs=()
  for ((n = 1; n <= our_threshold; n++)); do echo "address add 10.9.2.$n/16 dev eth0"; done |
    ip_lines charon
  for ((n = 1; n <= our_threshold; n++)); do pairs+=("10.9.2.$n,10.9.1.30"); done
  tell "$(flooded_tunnels)"
  for ((n = tunnels + 1; n <= 2 * tunnels; n++)); do our_tunnel "$n" "ike=$ike" start=respond; done
  local before
  before=$(our_status agreements)
  flood charon 100 "${pairs[@]}"
  expect_flooded "$our_threshold"
  expect_eq "$(our_status half_open)" "$our_threshold" "half-open SAs of ours"
  expect_eq "$(($(our_status agreements) - before))" "$our_threshold" "Diffie-Hellmans of the flood"
  for ((n = tunnels + 1; n <= 2 * tunnels; n++)); do
    swan --initiate --child "n$n"
    wait_until 10 "tunnel $n is up" says "child-up t$n "
  done
  wait_until 5 "charon came back with our cookies" \
    charon_says_times "$tunnels" "generating IKE_SA_INIT request 0 [ N(COOKIE) SA KE No"
  expect_eq "$(($(our_status agreements) - before))" "$((our_threshold + tunnels))" \
    "Diffie-Hellmans with charon's"
  expect_eq "$(our_drops 'cookie asked for')" "$((tunnels + 1))" "times that we asked for a cookie"
}

flooded_tunnels() {
  local n
  for ((n = 1; n <= our_threshold; n++)); do
    echo "tunnel name=f$n local=10.9.1.30 remote=10.9.2.$n local_ts=10.3.$n.0/24" \
      "remote_ts=10.4.$n.0/24 ike=$ike start=respond"
  done
}

# flood NS REQUESTS LOCAL,REMOTE...
flood() {
  local namespace=$1
  shift
  in_ns "$namespace" init_flood "$@" >"$scratch/flood.log"
}

expect_flooded() { expect_eq "$(<"$scratch/flood.log")" "half_open=$1 cookie=yes" "the flood"; }

main
