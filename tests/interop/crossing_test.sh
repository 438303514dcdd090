#!/usr/bin/env bash
# Goal: what both sides begin at the same time ends in exactly one IKE SA and one child on both, with
# the same keys: openings, rekeys of children and of IKE SAs, and rekeys against deletes.
# Method: all that we send is held back for a second, so whatever charon is told to do within that
# second crosses ours on the wire. Four tunnels at once, for nonces decide who wins; t1 and t2 were
# begun by us, t3 and t4 by charon. A crossing is over when none of the SAs of before it is left.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

readonly tunnels=4 delay_ms=1000
shopt -s extglob
readonly everything=$'t1 ike=1 children=1\nt2 ike=1 children=1
t3 ike=1 children=1\nt4 ike=1 children=1'

main() {
  start_both "delete_rekeyed_delay = 1" "threads = 16"
  in_ns ours tc qdisc add dev eth0 root netem delay "${delay_ms}ms"
  capture_start ours eth0 exchanges
  local n
  for ((n = 1; n <= tunnels; n++)); do connection "$n"; done | load_connections
  both_start
  crossing "both rekey the children" charon_children "rekey-child" --rekey --child n
  crossing "both rekey the IKE SAs" charon_ike_sas "rekey-ike" --rekey --ike c
  crossing "we rekey the children, charon deletes them" charon_children \
    "rekey-child" --terminate --child n
  crossing "we rekey the IKE SAs, charon deletes them" charon_ike_sas \
    "rekey-ike" --terminate --ike c
  crossing "we rekey the IKE SAs, charon the children" charon_ike_sas "rekey-ike" --rekey --child n
  crossing "charon rekeys the IKE SAs, we the children" charon_ike_sas "rekey-child" --rekey --ike c
  we_end_what_charon_rekeys
  expect_collisions
  if says wrong:; then fail "there was 'wrong:' on our side"; fi
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

both_start() {
  say "both start"
  charon_does_all --initiate --child n
  tell "$(for ((n = 1; n <= tunnels; n++)); do
    echo "tunnel name=t$n local=10.9.1.$n remote=10.9.0.2 local_ts=10.1.$n.0/24" \
      "remote_ts=10.2.$n.0/24"
  done)"
  await_charon
  # Where the peer is to delete the one of two IKE SAs and does not, we do after 30 s.
  wait_until 45 "there is one of each" has_one_of_each
  expect_same_keys $((2 * tunnels))
  wait_until 1 "both sent an opening for each" charon_says_times "$tunnels" "generating IKE_SA_INIT request"
  wait_until 1 "both sent an opening for each" charon_says_times "$tunnels" "parsed IKE_SA_INIT request"
}

# crossing WHAT OF_CHARON COMMAND SWANCTL_WORDS... PREFIX: COMMAND to each of our tunnels, the words
# for each of charon's; OF_CHARON lists what is to be replaced.
crossing() {
  local what=$1 replaced=$2 command=$3 before n
  shift 3
  say "$what"
  before=$("$replaced" | cut -d ' ' -f 1,2)
  tell "$(for ((n = 1; n <= tunnels; n++)); do echo "$command t$n"; done)"
  charon_does_all "$@"
  await_charon
  wait_until 30 "none of the SAs of before is left" has_none_of "$replaced" "$before"
  wait_until 30 "there is one of each" has_one_of_each
  expect_same_keys $((2 * tunnels))
}

we_end_what_charon_rekeys() {
  local n
  for words in "--child n" "--ike c"; do
    say "charon rekeys ${words% *}, we end all"
    tell "$(for ((n = 1; n <= tunnels; n++)); do echo "down t$n"; done)"
    # shellcheck disable=SC2086  # two words
    charon_does_all --rekey $words
    await_charon
    wait_until 30 "charon has none left" expect_empty "SAs" charon_ike_sas
    wait_until 30 "we have none left" has_none_of_ours
    tell "$(for ((n = 1; n <= tunnels; n++)); do echo "up t$n"; done)"
    wait_until 30 "there is one of each" has_one_of_each
    expect_same_keys $((2 * tunnels))
  done
}

pids=()

# In the background: what they do takes longer than they may take to begin. charon may refuse; how
# it ends is what counts.
charon_does_all() {
  local n words=("${@:1:$#-1}")
  for ((n = 1; n <= tunnels; n++)); do
    swan "${words[@]}" "${!#}$n" &
    pids+=($!)
  done
}

await_charon() {
  local pid
  for pid in "${pids[@]}"; do wait "$pid" || true; done
  pids=()
}

has_one_of_each() {
  local n ike children ours
  ike=$(charon_ike_sas) children=$(charon_children) ours=$(our_sas)
  printf '%s\n' "charon:" "$ike" "$children" "ours:" "$ours"
  [ "$(wc -l <<<"$ike")" = "$tunnels" ] && [ "$(wc -l <<<"$children")" = "$tunnels" ] || return 1
  for ((n = 1; n <= tunnels; n++)); do
    [[ $ike = *"c$n "+([0-9])" ESTABLISHED"* && $children = *"n$n "+([0-9])" INSTALLED"* ]] ||
      return 1
  done
  [ "$ours" = "$everything" ]
}

# has_none_of LISTING BEFORE
has_none_of() {
  local now
  now=$("$1" | cut -d ' ' -f 1,2)
  [ -z "$(comm -12 <(echo "$now") <(echo "$2"))" ]
}

has_none_of_ours() { [ "$(our_sas)" = "${everything//=1/=0}" ]; }

# charon saw that what it began crossed ours.
expect_collisions() {
  local kind
  for kind in "CHILD_REKEY collision with CHILD_REKEY" "IKE_REKEY collision with IKE_REKEY"; do
    charon_says "detected $kind" || fail "charon has not detected any $kind"
  done
}

main
