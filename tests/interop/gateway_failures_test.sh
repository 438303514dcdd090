#!/usr/bin/env bash
# Goal: what differs between ipsecd and charon is named: status says which phase failed after three
# tries, `diag` what the cause is and what to compare; a try follows every 12 s; and each tunnel is up by
# itself once charon is mended.
# Method: eight tunnels at once, in each something else is wrong at charon. The silent peer is an address
# that nobody has.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# time limit: 180
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
)
readonly tunnels=(1 2 3 4 5 6 7 8) pfs=7 silent=8
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
  for n in 1 6; do tries_follow_every_12_s "$n"; done
  charon_is_mended
  # One more try comes within 12 s.
  patience=20 wait_connected "${tunnels[@]}"
  pass left "${tunnels[@]}"
  pass right "${tunnels[@]}"
  expect_none_in_clear
  for n in "${tunnels[@]}"; do nothing_is_bad "$n"; done
  end_both
}

left_policy() {
  case $1 in
    1) echo 'ike = { local_id = "left.example.com", peer_id = "right.example.com" }' ;;
    2) echo 'ipsec = { encryption = ["aes128"], integrity = ["sha256"] }' ;;
    6) echo 'ike = { encryption = ["aes128"], integrity = ["sha256"], dh = ["ecp256"] }' ;;
    7) echo 'ipsec = { encryption = ["aes128"], integrity = ["sha256"], pfs = ["ecp256"] }' ;;
  esac
}

silence_begins() {
  local outside
  right_outside "$silent"
  ip_lines gw-right <<<"address del $outside/24 dev wan"
}

charon_is_wrong() {
  right_start
  local right_secrets=$charon_secrets
  charon_secrets+=$'\nike-wrong {\n id-1 = right.example.com\n id-2 = left.example.com\n'
  charon_secrets+=$' secret = quite-another-key\n}'
  {
    right 1 local.id=right.example.com remote.id=left.example.com
    right 2 child.esp_proposals=aes192-sha512
    right 3 local.id=stranger.example.com
    right 4 remote.id=stranger.example.com
    right 5 child.local_ts=10.77.0.0/24
    right 6 proposals=aes256-sha384-ecp521
    right 7 child.esp_proposals=aes128-sha256-ecp384
  } | load_connections
  charon_secrets=$right_secrets
}

charon_is_mended() {
  say "charon is mended"
  local n outside
  right_outside "$silent"
  ip_lines gw-right <<<"address add $outside/24 dev wan"
  {
    right 1 local.id=right.example.com remote.id=left.example.com
    right 2 child.esp_proposals=aes128-sha256
    for n in 3 4 5 8; do right "$n"; done
    right 6 proposals=aes128-sha256-ecp256
    right 7 child.esp_proposals=aes128-sha256-ecp256
  } | load_connections
}

# The first child's keys come of the IKE SA's.
only_a_new_child_shows_its_group() {
  patience=40 wait_connected $pfs
  swan --terminate --child "n$pfs"
}

it_is_named() {
  local n=$1 what phase cause words
  IFS='|' read -r what phase cause words <<<"${faults[n]}"
  say "t$n: $what"
  read -r what <<<"$what"
  read -r cause <<<"$cause"
  wait_until 60 "t$n is $phase-failed" is_state "$n" "$phase-failed"
  ask diag "t$n" >"$scratch/diag" || true
  grep -E "last failure" -A 4 "$scratch/diag" >&2 || true
  grep -qF "$cause" "$scratch/diag" || fail "$what: diag does not name $cause: $(<"$scratch/diag")"
  grep -qF "$words" "$scratch/diag" || fail "$what: diag does not say '$words': $(<"$scratch/diag")"
  expect_eq "$(status_of "$n" "it['last_failure']['cause']")" "$cause" "the cause of t$n: $what"
}
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
