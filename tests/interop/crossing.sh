# shellcheck shell=bash
# What the scenarios of crossings share, on top of charon.sh: all that charon sends is held back for
# a while on its way, and as soon as its log says that it has sent, we are told to begin too.
#
#   start_crossing               both, with the delay, a capture and charon's connections
#   crossing WHAT ...            one crossing, from one of each to one of each
#   cross COMMAND WORDS...       for each tunnel, swanctl in the background and COMMAND to us
#   has_one_of_each              one IKE SA and one child a tunnel, on both sides
#   end_crossing                 nothing went wrong, and every message decodes
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "${BASH_SOURCE[0]}")/charon.sh"

readonly tunnels=2 delay_ms=1000
readonly everything=$'t1 ike=1 children=1\nt2 ike=1 children=1'
# Where the peer is to delete one of two IKE SAs and does not, we do after 30 s.
readonly patience_s=45

start_crossing() {
  start_both "delete_rekeyed_delay = 1" "threads = 16"
  in_ns charon tc qdisc add dev eth0 root netem delay "${delay_ms}ms"
  capture_start ours eth0 exchanges
  local n
  for ((n = 1; n <= tunnels; n++)); do connection "$n"; done | load_connections
}

end_crossing() {
  local words
  for words in wrong: "no answer from"; do
    if says "$words"; then fail "there was '$words' on our side"; fi
  done
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

# crossing WHAT OF_CHARON COMMAND SWANCTL_WORDS... PREFIX: COMMAND to each of our tunnels, the words
# for each of charon's; OF_CHARON lists what is to be replaced.
crossing() {
  local what=$1 replaced=$2 command=$3 before
  shift 3
  say "$what"
  before=$("$replaced")
  cross "$command" "$@"
  wait_until "$patience_s" "none of the SAs of before is left" has_none_of "$replaced" "$before"
  settles
}

settles() {
  wait_until "$patience_s" "there is one of each" has_one_of_each
  expect_same_keys $((2 * tunnels))
}

# cross COMMAND SWANCTL_WORDS... PREFIX: charon may refuse; how it ends is what counts. COMMAND has
# a %s for the tunnel's number, as often as it needs it.
cross() {
  local command=$1 n before words=("${@:2:$#-2}") pids=() pid
  for ((n = 1; n <= tunnels; n++)); do
    before=$(charon_requests)
    swan "${words[@]}" "${!#}$n" &
    pids+=($!)
    poll 10 charon_has_sent "$before" || fail "charon has not begun within 10 s"
    tell "${command//%s/$n}"
  done
  for pid in "${pids[@]}"; do wait "$pid" || true; done
}

charon_requests() {
  grep -c 'generating [A-Z_]* request' "$scratch/charon-says.log" || true
}

charon_has_sent() { [ "$(charon_requests)" -gt "$1" ]; }

has_one_of_each() {
  local n ike children ours
  ike=$(charon_ike_sas) children=$(charon_children) ours=$(our_sas)
  printf '%s\n' "charon:" "$ike" "$children" "ours:" "$ours"
  has_lines "$tunnels" "$ike" && has_lines "$tunnels" "$children" || return 1
  for ((n = 1; n <= tunnels; n++)); do
    [[ $ike =~ c$n\ [0-9]+\ ESTABLISHED && $children =~ n$n\ [0-9]+\ INSTALLED ]] || return 1
  done
  [ "$ours" = "$everything" ]
}

has_lines() {
  local lines
  mapfile -t lines <<<"$2"
  [ ${#lines[@]} = "$1" ]
}

# has_none_of LISTING BEFORE
has_none_of() {
  local now name number _
  now=$("$1") || return
  now=$'\n'$now
  while read -r name number _; do
    if [[ $now = *$'\n'"$name $number "* ]]; then echo "$name $number"; return 1; fi
  done <<<"$2"
}
