#!/usr/bin/env bash
# Goal: rekeys of IPsec and IKE SAs lose no packet, whoever begins them: charon every few seconds, ipsecd by
# volume every few seconds and by time, both at once. Nothing is left but one of each.
# Method: a hundred datagrams a second each way through every tunnel for a minute, counted. Who has no
# limit rekeys nothing, so all the rekeys of a tunnel are those of the side that has one. The least
# lifetime that ipsecd takes is a minute; more tunnels have it, since each is rekeyed once by then.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
#   t1  charon: every 3 s, IKE every 5 s   t3  both sides as in t1 and t2
#   t2  ipsecd: 2560 KB, and a minute     t4 to t7  ipsecd: a minute; charon began t6 and t7
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly tunnels=(1 2 3 4 5 6 7)
readonly small=(1 4 5 6 7) large=(2 3)
# A machine under load sends fewer, and some there must be.
readonly flow_s=60 at_least_sent=$((60 * 25))
# Five fragments each, so that the least volume there is lasts about 3 s.
readonly large_bytes=7000

main() {
  peer_topology "${#tunnels[@]}"
  clear_is_seen "${tunnels[@]}"
  configure_left
  configure_right >"$scratch/right"
  left_start
  clear_is_blocked "${tunnels[@]}"
  right_start
  load_connections <"$scratch/right"
  wait_connected "${tunnels[@]}"
  pass left "${tunnels[@]}"
  watch_clear
  nothing_is_lost
  expect_none_in_clear
  rekeys_are_those_of_who_has_a_limit
  one_of_each_is_left
  end_both
}

configure_left() {
  local by_time='ike = { lifetime_s = 60 }'$'\n''ipsec = { lifetime_s = 60 }' n
  local by_volume='ike = { lifetime_s = 60 }'$'\n''ipsec = { lifetime_s = 60, lifetime_kb = 2560 }'
  left_settings='wide_lifetimes = true' left_site "${#tunnels[@]}"
  left_tunnel 1
  left_tunnel 2 "$by_volume"
  left_tunnel 3 "$by_volume"
  for n in 4 5; do left_tunnel $n "$by_time"; done
  for n in 6 7; do left_tunnel $n 'start = "respond"'$'\n'"$by_time"; done
}

configure_right() {
  # Both at the same instant, charon puts its children off again and again.
  local n never=(rekey_time=0 child.rekey_time=0 child.life_time=0)
  local often=(rekey_time=5s over_time=60s rand_time=0 child.rekey_time=3s child.life_time=60s
    child.rand_time=0)
  right 1 "${often[@]}"
  right 2 "${never[@]}"
  right 3 "${often[@]}"
  for n in 4 5; do right $n "${never[@]}"; done
  for n in 6 7; do right $n "${never[@]}" child.start_action=start; done
}

nothing_is_lost() {
  say "a hundred datagrams a second each way through ${#tunnels[@]} tunnels, for $flow_s s"
  flow small $flow_s 56 "${small[@]}"
  flow large $flow_s $large_bytes "${large[@]}"
  none_lost small $at_least_sent
  none_lost large $at_least_sent
}

rekeys() { times_left_said "tunnel=t$1 phase=$2 event=$3-rekeyed"; }
at_least() {
  [ "$2" -ge "$3" ] || fail "$1: $2, and not at least $3"
  printf 'ok %s: %s, at least %s\n' "$1" "$2" "$3" >&2
}

rekeys_are_those_of_who_has_a_limit() {
  local n
  at_least "children that charon rekeyed" "$(rekeys 1 2 child)" 12
  at_least "IKE SAs that charon rekeyed" "$(rekeys 1 1 ike)" 8
  at_least "children that we rekeyed" "$(rekeys 2 2 child)" 12
  at_least "children that both rekeyed" "$(rekeys 3 2 child)" 12
  at_least "IKE SAs that both rekeyed" "$(rekeys 3 1 ike)" 8
  for n in 2 4 5 6 7; do expect_eq "$(rekeys "$n" 1 ike)" 1 "IKE SAs of t$n that we rekeyed"; done
  for n in 4 5 6 7; do at_least "children of t$n that we rekeyed" "$(rekeys "$n" 2 child)" 1; done
  for n in "${tunnels[@]}"; do
    expect_eq "$(times_left_said "tunnel=t$n phase=1 event=ike-up")" 1 "times that t$n came up"
  done
}

# Between two rekeys of charon's there is a moment without either one under way.
one_of_each_is_left() {
  wait_until 20 "there is one of each" has_one_of_each
}
has_one_of_each() {
  local theirs
  theirs=$(list_sas)
  [ "$(grep -c '^c[0-9]*:' <<<"$theirs")" = "${#tunnels[@]}" ] &&
    [ "$(grep -c '^  n[0-9]*: .*INSTALLED' <<<"$theirs")" = "${#tunnels[@]}" ] &&
    [ "$(our_children)" = "${#tunnels[@]}" ]
}
our_children() {
  ask -o json status | python3 -c '
import json, sys
print(sum(len(it["children"]) for it in json.load(sys.stdin)["tunnels"]))'
}

main "$@"
