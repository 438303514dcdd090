#!/usr/bin/env bash
# Goal: a deletion that crosses a rekey or another deletion ends as RFC 7296 2.25 says, whoever began
# which: what was deleted is gone on both sides, with its kernel SAs, and nobody waits for an answer.
# Method: see crossing.sh. What we delete stays down until we are told otherwise; what charon deletes
# we bring back, and then there is one of each, and none of the SAs of before.
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=crossing.sh
. "$(dirname "$0")/crossing.sh"

readonly nothing=$'t1 ike=0 children=0\nt2 ike=0 children=0'

main() {
  start_crossing
  all_up
  ends "we delete, charon rekeys the IKE SA" --rekey --ike c
  ends "we delete, charon rekeys the child" --rekey --child n
  ends "both delete the IKE SA" --terminate --ike c
  crossing "we rekey the IKE SA, charon deletes it" charon_ike_sas "rekey-ike t%s" \
    --terminate --ike c
  crossing "we rekey the child, charon deletes the IKE SA" charon_ike_sas "rekey-child t%s" \
    --terminate --ike c
  crossing "we rekey the child, charon deletes it" charon_children "rekey-child t%s" \
    --terminate --child n
  end_crossing
}

all_up() {
  local n
  for ((n = 1; n <= tunnels; n++)); do our_tunnel "$n"; done
  settles
}

# ends WHAT SWANCTL_WORDS... PREFIX: we delete the IKE SAs meanwhile. Then all are brought up again.
ends() {
  local n
  say "$1"
  shift
  cross "down t%s" "$@"
  wait_until "$patience_s" "nothing is left" has_nothing
  for ((n = 1; n <= tunnels; n++)); do tell "up t$n"; done
  settles
}

has_nothing() {
  local theirs ours
  theirs=$(list_sas)$(charon_sas) ours=$(our_sas)
  printf '%s\n' "charon:" "$theirs" "ours:" "$ours"
  [ -z "$theirs" ] && [ "$ours" = "$nothing" ]
}

main
