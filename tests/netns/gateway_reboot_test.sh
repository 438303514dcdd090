#!/usr/bin/env bash
# Goal: a passive gateway that reboots is found by the first question of the other one, and traffic
# flows again: with its secret at once (RFC 6290), without it a few seconds later.
# Method: the right daemon is killed, its run directory and all that the kernel holds is taken away, and
# it is begun again; it only answers. The host on the left keeps on asking. Both outages are measured.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

# A liveness check begins 8 s after the peer was heard of last; a peer without a token is in doubt for
# 4 s. The rest is for the start of a daemon, for a handshake, and for the 2 s that pass before what was up
# for a moment only is tried again.
readonly delay_s=8 doubt_s=4 rest_s=6
readonly secret=$scratch/gw-right/state/qcd-secret

main() {
  topology_two_gateways
  declare_site gw-left 1 3 1 2
  declare_site gw-right 3 1 2 1 'start = "respond"'
  gateway_start gw-right
  gateway_start gw-left
  wait_until 20 "the tunnel carries traffic" echo_passes
  expect_eq "$(stat -c '%a %s' "$secret")" "600 32" "mode and size of the secret"

  local before
  before=$(sha256sum "$secret")
  right_reboots
  outage_within $((delay_s + rest_s)) "found by its token"
  expect_eq "$(sha256sum "$secret")" "$before" "the secret"
  left_said "which its token proves (RFC 6290)" 1

  rm "$secret"
  right_reboots
  outage_within $((delay_s + doubt_s + rest_s)) "found without a token"
  left_said "which its token proves (RFC 6290)" 1
  left_said "no answer from 203.0.113.2" 1

  say "a secret of no use is told, and another made"
  echo short >"$secret"
  right_reboots
  log_says ipsecd-gw-right "warning: the secret $secret does not hold 32 bytes, and another takes its place; " ||
    fail "the log does not say so"
  outage_within $((delay_s + doubt_s + rest_s)) "found with another secret"

  gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
}

right_reboots() {
  say "the right gateway reboots"
  killed_us=${EPOCHREALTIME/./}
  gateway_crash gw-right
  rm -rf "$scratch/gw-right/run"
  in_ns gw-right ip xfrm state flush
  in_ns gw-right ip xfrm policy flush
  gateway_start gw-right
}

# outage_within SECONDS WHAT: since the reboot.
outage_within() {
  local took_ms
  wait_until $(($1 + 10)) "traffic flows again" echo_passes
  took_ms=$(((${EPOCHREALTIME/./} - killed_us) / 1000))
  [ "$took_ms" -le $(($1 * 1000)) ] || fail "$2: the outage took $took_ms ms, not $1 s at most"
  printf 'ok %s: the outage took %s ms, within %s s\n' "$2" "$took_ms" "$1" >&2
}
echo_passes() { quietly_in_ns host-left ping -q -c 1 -W 0.3 192.168.3.10; }

# left_said WORDS TIMES
left_said() {
  expect_eq "$(grep -cF -- "$1" "$scratch/ipsecd-gw-left.log")" "$2" "times gw-left said '$1'"
}

main "$@"
