#!/usr/bin/env bash
# Goal: what both sides begin at the same time ends in exactly one IKE SA and one child on both, with
# the same keys: openings, rekeys of children and of IKE SAs.
# Method: see crossing.sh. Nonces decide who wins. A crossing is over when none of the SAs of before
# it is left.
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=crossing.sh
. "$(dirname "$0")/crossing.sh"

main() {
  start_crossing
  both_start
  crossing "both rekey the children" charon_children "rekey-child t%s" --rekey --child n
  expect_crossed
  crossing "both rekey the IKE SAs" charon_ike_sas "rekey-ike t%s" --rekey --ike c
  crossing "both rekey the IKE SAs again" charon_ike_sas "rekey-ike t%s" --rekey --ike c
  end_crossing
}

both_start() {
  say "both start"
  cross "tunnel name=t%s local=10.9.1.%s remote=10.9.0.2 local_ts=10.1.%s.0/24 \
remote_ts=10.2.%s.0/24" --initiate --child n
  settles
  charon_says_times "$tunnels" "generating IKE_SA_INIT request" || fail "charon did not begin all"
  charon_says_times "$tunnels" "parsed IKE_SA_INIT request" || fail "we did not begin all"
}

# charon saw that what it began crossed ours, as the order of its log shows: it sent, then received
# our request, then our answer.
expect_crossed() {
  local log
  log=$(grep -m 3 -o '\(generating\|parsed\) CREATE_CHILD_SA re[a-z]*' "$scratch/charon-says.log")
  [[ $log = "generating CREATE_CHILD_SA request"*"parsed CREATE_CHILD_SA request"* ]] ||
    fail "the rekeys did not cross:"$'\n'"$log"
}

main
