#!/usr/bin/env bash
# Goal: what differs between ipsecd and charon is named, in IKEv2 and in IKEv1: status says which
# phase failed after three tries, `diag` what the cause is and what to compare; a try follows every
# 12 s; and each tunnel is up by itself once charon is mended.
# Method: all tunnels at once, in each something else is wrong at charon. The silent peers are
# addresses that nobody has. Where charon begins, our tunnel only answers, and says why it would not.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

#  what is wrong           | phase | cause                   | what diag says of it
readonly faults=(
  ""
  "another key              |phase1|authentication-failed    |pre-shared key"
  "another ESP              |phase2|no-proposal-chosen       |IPsec policy"
  "charon is somebody else  |phase1|authentication-failed    |peer ID"
  "charon wants another     |phase1|authentication-failed    |local ID"
  "other ranges             |phase2|selectors-unacceptable   |CIDRs"
  "another IKE              |phase1|no-proposal-chosen       |IKE policy"
  "another PFS group        |phase2|no-proposal-chosen       |PFS group"
  "silence                  |phase1|peer-silent              |UDP 500"
  # IKEv1
  "main: another key        |phase1|authentication-failed    |phase 1 authentication;pre-shared key"
  "aggressive: another key  |phase1|authentication-failed    |phase 1 authentication;pre-shared key"
  "it is aggressive, we main|phase1|authentication-failed    |here IKEv1, main mode"
  "it is main, we aggressive|phase1|authentication-failed    |here IKEv1, aggressive mode"
  "it has IKEv2, we IKEv1   |phase1|no-proposal-chosen       |phase 1;IKE version"
  "it has IKEv1, we IKEv2   |phase1|no-proposal-chosen       |IKE_SA_INIT;IKE version"
  "main: it is another      |phase1|identity-unknown         |peer ID;stranger.example.com"
  "aggressive: wants another|phase1|authentication-failed    |local ID"
  "main: another IKE        |phase1|no-proposal-chosen       |IKE policy"
  "quick: another ESP       |phase2|no-proposal-chosen       |quick mode;IPsec policy"
  "quick: another PFS group |phase2|no-proposal-chosen       |quick mode;PFS group"
  "quick: other ranges      |phase2|selectors-unacceptable   |quick mode;CIDRs"
  "main: silence            |phase1|peer-silent              |message 1 sent 3 times;IKEv1"
  # IKEv1, where charon begins
  "main: another key        |idle  |authentication-failed    |phase 1 authentication;pre-shared key"
  "aggressive: another key  |idle  |authentication-failed    |phase 1 authentication;pre-shared key"
  "quick: another ESP       |idle  |no-proposal-chosen       |quick mode;IPsec policy"
)
readonly tunnels=(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24)
readonly pfs=7 silent=(8 21) charon_begins=(22 23 24)
# charon takes the better match of two keys, by either end: so both have a name of their own.
readonly other_keys=(9 10 22 23)
readonly every_s=12

main() {
  peer_topology "${#tunnels[@]}"
  clear_is_seen "${tunnels[@]}"
  silence_begins
  local n
  left_site "${#tunnels[@]}"
  for n in "${tunnels[@]}"; do left_tunnel "$n" "$(left_policy "$n")"; done
  left_start
  clear_is_blocked "${tunnels[@]}"
  charon_is_wrong
  only_a_new_child_shows_its_group
  watch_clear
  for n in "${tunnels[@]}"; do it_is_named "$n"; done
  for n in 1 6 9 17; do tries_follow_every_12_s "$n"; done
  charon_is_mended
  for n in "${charon_begins[@]}"; do swan --initiate --child "n$n" --timeout 10; done
  # One more try comes within 12 s.
  patience=20 wait_connected "${tunnels[@]}"
  pass left "${tunnels[@]}"
  pass right "${tunnels[@]}"
  # charon has answered an echo through a new tunnel of IKEv1 in clear, some times beside other guests.
  expect_none_of_ours_in_clear
  for n in "${tunnels[@]}"; do nothing_is_bad "$n"; done
  end_both
}

left_policy() {
  case $1 in
    1) echo 'ike = { local_id = "left.example.com", peer_id = "right.example.com" }' ;;
    2) echo 'ipsec = { encryption = ["aes128"], integrity = ["sha256"] }' ;;
    6) echo 'ike = { encryption = ["aes128"], integrity = ["sha256"], dh = ["ecp256"] }' ;;
    7) echo 'ipsec = { encryption = ["aes128"], integrity = ["sha256"], pfs = ["ecp256"] }' ;;
    9) v1 main "$(names_of 9)" ;;
    10) v1 aggressive "$(names_of 10)" ;;
    12 | 16) v1 aggressive ;;
    11 | 13 | 15 | 17 | 18 | 19 | 20 | 21) v1 main ;;
    22) echo 'start = "respond"' && v1 main "$(names_of 22)" ;;
    24) echo 'start = "respond"' && v1 main ;;
    23) echo 'start = "respond"' && v1 aggressive "$(names_of 23)" ;;
  esac
}
names_of() { printf ', local_id = "left%s.example.com", peer_id = "right%s.example.com"' "$1" "$1"; }
v1() {
  printf 'ike = { version = 1, mode = "%s", encryption = ["aes128"], ' "$1"
  printf 'integrity = ["sha256"], dh = [14]%s }\n' "${2:-}"
  printf 'ipsec = { encryption = ["aes128"], integrity = ["sha256"], pfs = [14] }\n'
}

silence_begins() {
  local n outside
  for n in "${silent[@]}"; do
    right_outside "$n"
    echo "address del $outside/24 dev wan"
  done | ip_lines gw-right
}

charon_is_wrong() {
  right_start "i_dont_care_about_security_and_use_aggressive_mode_psk = yes" \
    "retransmit_base = 1" "retransmit_timeout = 2" \
    "block_threshold = 1000" "cookie_threshold = 1000" "cookie_threshold_ip = 1000"
  local right_secrets=$charon_secrets n
  charon_secrets+=$(wrong_key 1 right.example.com left.example.com)
  for n in "${other_keys[@]}"; do
    charon_secrets+=$(wrong_key "$n" "right$n.example.com" "left$n.example.com")
  done
  {
    right 1 local.id=right.example.com remote.id=left.example.com
    right 2 child.esp_proposals=aes192-sha512
    right 3 local.id=stranger.example.com
    right 4 remote.id=stranger.example.com
    right 5 child.local_ts=10.77.0.0/24
    right 6 proposals=aes256-sha384-ecp521
    right 7 child.esp_proposals=aes128-sha256-ecp384
    for n in "${other_keys[@]}"; do right_v1 "$n"; done
    right_v1 11 aggressive=yes
    right_v1 12 aggressive=no
    right_v1 13 version=2
    right 14 version=1
    right_v1 15 local.id=stranger.example.com
    right_v1 16 remote.id=stranger.example.com
    right_v1 17 proposals=aes256-sha512-modp4096
    for n in 18 24; do right_v1 "$n" child.esp_proposals=aes192-sha512-modp2048; done
    right_v1 19 child.esp_proposals=aes128-sha256-modp4096
    right_v1 20 child.local_ts=10.77.0.0/24
  } | load_connections
  charon_secrets=$right_secrets
  for n in "${charon_begins[@]}"; do expect_fails swan --initiate --child "n$n" --timeout 5; done
}
wrong_key() {
  printf '\nike-%s {\n id-1 = %s\n id-2 = %s\n secret = quite-another-key\n}' "$@"
}

# As our tunnel of that number wants it, but for the settings given.
right_v1() {
  local n=$1 settings=()
  shift
  case $n in 10 | 12 | 16 | 23) settings+=(aggressive=yes) ;; esac
  case $n in
    9 | 10 | 22 | 23) settings+=("local.id=right$n.example.com" "remote.id=left$n.example.com") ;;
  esac
  right "$n" version=1 proposals=aes128-sha256-modp2048 \
    child.esp_proposals=aes128-sha256-modp2048 "${settings[@]}" "$@"
}

charon_is_mended() {
  say "charon is mended"
  local n outside
  for n in "${silent[@]}"; do
    right_outside "$n"
    echo "address add $outside/24 dev wan"
  done | ip_lines gw-right
  {
    right 1 local.id=right.example.com remote.id=left.example.com
    right 2 child.esp_proposals=aes128-sha256
    for n in 3 4 5 8 14; do right "$n"; done
    right 6 proposals=aes128-sha256-ecp256
    right 7 child.esp_proposals=aes128-sha256-ecp256
    for n in 9 10 11 12 13 15 16 17 18 19 20 21 22 23 24; do right_v1 "$n"; done
  } | load_connections
}

# The first child's keys come of the IKE SA's.
only_a_new_child_shows_its_group() {
  patience=40 wait_connected $pfs
  swan --terminate --child "n$pfs"
}

it_is_named() {
  local n=$1 what phase cause words word
  IFS='|' read -r what phase cause words <<<"${faults[n]}"
  say "t$n: $what"
  read -r what <<<"$what"
  read -r phase <<<"$phase"
  read -r cause <<<"$cause"
  if [ "$phase" = idle ]; then
    wait_until 30 "t$n says why not" has_failed "$n"
  else
    wait_until 60 "t$n is $phase-failed" is_state "$n" "$phase-failed"
  fi
  ask diag "t$n" >"$scratch/diag" || true
  grep -E "last failure" -A 4 "$scratch/diag" >&2 || true
  expect_eq "$(status_of "$n" "it['last_failure']['cause']")" "$cause" "the cause of t$n: $what"
  grep -qF "$cause" "$scratch/diag" || fail "$what: diag does not name $cause: $(<"$scratch/diag")"
  while read -r -d ';' word; do
    grep -qF "$word" "$scratch/diag" || fail "$what: diag does not say '$word': $(<"$scratch/diag")"
  done <<<"$words;"
}
has_failed() { [ -n "$(status_of "$1" "it['last_failure']['cause']")" ]; }
is_state() { [[ $'\n'$(states)$'\n' = *$'\n'"t$1,$2"$'\n'* ]]; }

# Between the newest two tries, of those after the third.
tries_follow_every_12_s() {
  local between
  wait_until 40 "t$1 was tried five times" left_says_times 5 "tunnel=t$1 phase=1 event=try-failed"
  between=$(grep "tunnel=t$1 phase=1 event=try-failed" "$scratch/ipsecd-gw-left.log" | tail -n 2 |
    awk -F '[T:Z]' '{ at[NR] = $2 * 3600 + $3 * 60 + $4 } END { print at[2] - at[1] }')
  awk -v between="$between" -v every=$every_s \
    'BEGIN { exit !(between > every - 1 && between < every + 2) }' || fail "t$1 was tried after $between s"
  printf 'ok t%s was tried again after %s s\n' "$1" "$between" >&2
}

nothing_is_bad() {
  ask -o json diag "t$1" >"$scratch/diag" || true
  expect_eq "$(python3 -c "
import json, sys
print([it for it in json.load(sys.stdin)['findings'] if it['grade'] == 'bad'])" <"$scratch/diag")" "[]" \
    "what is bad of t$1"
}

main "$@"
