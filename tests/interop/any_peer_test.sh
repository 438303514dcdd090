#!/usr/bin/env bash
# Goal: a tunnel whose peer may come from anywhere: the identities tell which tunnel is meant, and
# which key; who has the wrong key or is nobody we know is refused, with the cause on our side.
# Method: all of ours share one address. Keys differ by the pair of identities: `a` has one with
# left1 and another with left2. charon comes from two addresses.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

readonly our_address=10.9.1.1 other_address=10.9.2.7

main() {
  start_both "threads = 16"
  ip_lines charon <<<"address add $other_address/16 dev eth0"
  capture_start ours eth0 exchanges
  load
  from_anywhere 1 left1 a psk=one
  from_anywhere 2 left1 b psk=two
  from_anywhere 3 left2 a psk=three
  from_anywhere 4 left1 c psk=four
  from_anywhere 5 left2 d psk=five
  come_up
  are_refused
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

# from_anywhere N LOCAL REMOTE KEY=VALUE...: identities without their domain.
from_anywhere() {
  local n=$1 left=$2 right=$3
  shift 3
  our_tunnel "$n" "local=$our_address" remote=0.0.0.0 "local_id=$left.example.com" \
    "remote_id=$right.example.com" start=respond "$@"
}

load() {
  charon_secrets=$(
    secret 1 left1 a one
    secret 2 left1 b two
    secret 3 left2 a three
    secret 4 left1 c four
    secret 5 left2 d wrong
    secret 6 left1 stranger one
  )
  {
    comes_as 1 left1 a
    comes_as 2 left1 b
    comes_as 3 left2 a
    comes_as 4 left1 c "local_addrs=$other_address"
    comes_as 5 left2 d
    comes_as 6 left1 stranger
  } | load_connections
}

comes_as() {
  local n=$1 left=$2 right=$3
  shift 3
  connection "$n" "remote_addrs=$our_address" "local.id=$right.example.com" \
    "remote.id=$left.example.com" "$@"
}

secret() {
  printf 'ike-%s {\n id-1 = %s.example.com\n id-2 = %s.example.com\n secret = %s\n}\n' "$@"
}

come_up() {
  local n
  for n in 1 2 3 4; do
    swan --initiate --child "n$n"
    wait_until 10 "tunnel $n is up" says "child-up t$n "
  done
  expect_same_keys 8
  expect_no_failures
  expect_eq "$(grep -o '^ike-up t[0-9]* \|remote=[0-9.]*' "$scratch/ours.log" | paste -sd ' ' |
    tr -s ' ')" "ike-up t1 remote=10.9.0.2 ike-up t2 remote=10.9.0.2 ike-up t3 remote=10.9.0.2 \
ike-up t4 remote=$other_address" "where they came from"
}

are_refused() {
  expect_fails swan --initiate --child n5
  wait_until 5 "the key of t5 is wrong" says \
    "exchange-failed t5 IKE_AUTH failed: authentication-failed"
  expect_fails swan --initiate --child n6
  wait_until 5 "nobody knows the stranger" says "identity-unknown"
  wait_until 5 "charon was told, twice" charon_says_times 2 "received AUTHENTICATION_FAILED notify"
  expect_eq "$(grep -c '^ike-up' "$scratch/ours.log")" 4 "tunnels that came up"
  expect_same_keys 8
}

main
