#!/usr/bin/env bash
# Goal: the side roads of an opening, in both roles: a wrong guess of the group, cookies, fragments,
# forced encapsulation; and the failures, which name their cause on our side.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

main() {
  start_both "fragment_size = 400"
  capture_start ours eth0 exchanges
  load
  wrong_group
  fragments
  encapsulation
  failures_as_initiator
  failures_as_responder
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

load() {
  {
    connection 1 proposals=aes128-sha256-ecp384
    connection 2 proposals=aes128-sha256-ecp256-ecp384
    connection 3 fragmentation=force
    connection 4 fragmentation=force
    connection 5 encap=yes
    connection 6 encap=yes
    connection 7
    connection 8 child.local_ts=10.77.0.0/24
    connection 9 proposals=aes256-sha384-ecp521
    connection 10
    connection 11 child.esp_proposals=aes192-sha512
    connection 12
    connection 13 proposals=aes256-sha384-ecp521
    connection 14 child.local_ts=10.77.0.0/24
    connection 15 child.esp_proposals=aes192-sha512
    connection 16 local.id=stranger.example.com
  } | load_connections
}

is_up() { wait_until 15 "tunnel $1 is up" says "child-up t$1 "; }

wrong_group() {
  say "INVALID_KE_PAYLOAD to us, and from us"
  our_tunnel 1 ike=aes128-sha256-ecp256-ecp384
  is_up 1
  wait_until 5 "charon refused the group" charon_says "requesting ECP_384"
  our_tunnel 2 ike=aes128-sha256-ecp384 start=respond
  swan --initiate --child n2
  is_up 2
  wait_until 5 "we refused the group" charon_says "peer didn't accept DH group ECP_256"
}

fragments() {
  say "fragments both ways"
  our_tunnel 3 fragment_bytes=200
  is_up 3
  our_tunnel 4 fragment_bytes=200 start=respond
  swan --initiate --child n4
  is_up 4
  wait_until 5 "charon sent fragments" charon_says "splitting IKE message"
  wait_until 5 "charon received fragments" charon_says "reassembled fragmented IKE message"
}

encapsulation() {
  say "a NAT is pretended: port 4500"
  our_tunnel 5 encap=yes
  is_up 5
  our_tunnel 6 start=respond
  swan --initiate --child n6
  is_up 6
  local n
  for n in 5 6; do wait_until 5 "tunnel $n is on 4500" line_says "ike-up t$n " ":4500"; done
  expect_same_keys 12
}

# line_says BEGINNING WORDS: a line of ours.
line_says() {
  local line
  while read -r line; do
    if [[ $line = "$1"* && $line = *"$2"* ]]; then return 0; fi
  done <"$scratch/ours.log"
  return 1
}

fails() { wait_until 15 "tunnel $1: $2" line_says "$3 t$1 " "$2"; }

failures_as_initiator() {
  say "failures of what we begin"
  our_tunnel 7 psk=wrong
  fails 7 authentication-failed try-failed
  our_tunnel 9 ike=aes128-sha256-ecp256
  fails 9 no-proposal-chosen try-failed
  our_tunnel 10 remote_id=somebody.example.com
  fails 10 authentication-failed try-failed
  our_tunnel 11 esp=aes128-sha256
  fails 11 no-proposal-chosen try-failed
  our_tunnel 14
  fails 14 selectors-unacceptable try-failed
  local n
  for n in 7 9 10 11 14; do tell "down t$n"; done
}

failures_as_responder() {
  say "failures of what charon begins"
  our_tunnel 8 start=respond
  our_tunnel 12 psk=wrong start=respond
  our_tunnel 13 ike=aes128-sha256-ecp256 start=respond
  our_tunnel 15 esp=aes128-sha256 start=respond
  our_tunnel 16 start=respond
  refused 12 authentication-failed AUTH_FAILED
  refused 16 identity-unknown AUTH_FAILED
  refused 15 no-proposal-chosen NO_PROP
  refused 8 selectors-unacceptable TS_UNACCEPT
  expect_fails swan --initiate --child n13
  wait_until 5 "charon is told so" charon_says "received NO_PROPOSAL_CHOSEN notify"
}

# refused N CAUSE NOTIFY: we know the cause, charon has been sent the notify. Causes have been seen
# before, in what we began; so only what is told from now on counts.
refused() {
  local before
  before=$(<"$scratch/ours.log")
  expect_fails swan --initiate --child "n$1"
  wait_until 5 "we say $2" says_after "${#before}" "$2"
  wait_until 5 "charon is told $3" charon_says "N($3)"
}

says_after() {
  local all
  all=$(<"$scratch/ours.log")
  [[ ${all:$1} = *"$2"* ]]
}

main
