#!/usr/bin/env bash
# Goal: rekeys of IPsec and IKE SAs lose no packet, whoever begins them: charon every few seconds, ipsecd by
# volume every few seconds and by time, both at once. In IKEv1 another phase 1 takes the place of an IKE
# SA, and its children go on under that. Nothing is left but one of each.
# Method: fifty datagrams a second each way (a hundred where volume counts) through every tunnel for a
# minute, counted. Who has no limit rekeys nothing, so all the rekeys of a tunnel are those of the side that has one. The least
# lifetime that ipsecd takes is a minute; more tunnels have it, since each is rekeyed once by then.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
#   t1  charon: every 3 s, IKE every 5 s   t3  both sides as in t1 and t2
#   t2  ipsecd: 2560 KB, and a minute     t4 to t7  ipsecd: a minute; charon began t6 and t7
#
#   IKEv1, t9 and t11 in aggressive mode:
#   t8  as t1    t9  as t3    t10, t11  ipsecd: a minute; charon began t11
#
# time limit: 360
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly tunnels=(1 2 3 4 5 6 7 8 9 10 11) v1=(8 9 10 11)
readonly small=(1 4 5 6 7 8 10 11) large=(2 3 9)
# A machine under load sends fewer, and some there must be.
readonly flow_s=60 at_least_sent=$((60 * 12))
# Five fragments each, so that the least volume there is lasts about 3 s.
readonly large_bytes=7000

main() {
  peer_topology "${#tunnels[@]}"
  clear_is_seen "${tunnels[@]}"
  configure_left
  configure_right >"$scratch/right"
  left_start
  clear_is_blocked "${tunnels[@]}"
  right_start "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"
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
  local n respond='start = "respond"'$'\n'
  left_settings='wide_lifetimes = true' left_site "${#tunnels[@]}"
  left_tunnel 1
  left_tunnel 2 "$(limits "$volume")"
  left_tunnel 3 "$(limits "$volume")"
  for n in 4 5; do left_tunnel $n "$(limits)"; done
  for n in 6 7; do left_tunnel $n "$respond$(limits)"; done
  left_tunnel 8 'ike = { version = 1 }'
  left_tunnel 9 "$(limits "$volume" "$aggressive")"
  left_tunnel 10 "$(limits '' ', version = 1')"
  left_tunnel 11 "$respond$(limits '' "$aggressive")"
}
readonly volume=', lifetime_kb = 2560' aggressive=', version = 1, mode = "aggressive", dh = ["x25519"]'
# limits [IPSEC [IKE]]
limits() { printf 'ike = { lifetime_s = 60%s }\nipsec = { lifetime_s = 60%s }\n' "${2:-}" "${1:-}"; }

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
  # In IKEv1 it keeps what it has rekeyed until that expires; we may send with one that is 13 s old
  # (limits::kV1SettlesAfter), and none of those may be about to end.
  right 8 version=1 "${often[@]}" child.life_time=30s
  right 9 version=1 aggressive=yes "${often[@]}" child.life_time=30s
  right 10 version=1 "${never[@]}"
  right 11 version=1 aggressive=yes "${never[@]}" child.start_action=start
}

nothing_is_lost() {
  say "fifty datagrams a second each way through ${#tunnels[@]} tunnels, for $flow_s s"
  flow small $flow_s 56 "${small[@]}"
  flow_rate=100 flow large $flow_s $large_bytes "${large[@]}"
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
  at_least "children that we rekeyed" "$(rekeys 2 2 child)" 8
  at_least "children that both rekeyed" "$(rekeys 3 2 child)" 12
  at_least "IKE SAs that both rekeyed" "$(rekeys 3 1 ike)" 8
  at_least "children of IKEv1 that charon rekeyed" "$(rekeys 8 2 child)" 12
  at_least "IKE SAs that charon replaced in IKEv1" "$(rekeys 8 1 ike)" 8
  at_least "children of IKEv1 that both rekeyed" "$(rekeys 9 2 child)" 12
  at_least "IKE SAs that both replaced in IKEv1" "$(rekeys 9 1 ike)" 8
  for n in 2 4 5 6 7 10 11; do
    # More than once where the machine is so slow that another minute has gone by.
    at_least "IKE SAs of t$n that we rekeyed" "$(rekeys "$n" 1 ike)" 1
  done
  for n in 4 5 6 7 10 11; do
    at_least "children of t$n that we rekeyed" "$(rekeys "$n" 2 child)" 1
  done
  for n in 1 2 3 4 5 6 7; do
    expect_eq "$(times_left_said "tunnel=t$n phase=1 event=ike-up")" 1 "times that t$n came up"
  done
  # Of IKEv1 each phase 1 is told of.
  local ups
  for n in "${v1[@]}"; do
    ups=$(times_left_said "tunnel=t$n phase=1 event=ike-up")
    # Of two that crossed one takes no other's place.
    if [ "$n" = 9 ]; then
      at_least "IKE SAs of t$n, the first, those in its place, and what crossed" "$ups" \
        $(($(rekeys "$n" 1 ike) + 1))
    else
      expect_eq "$ups" $(($(rekeys "$n" 1 ike) + 1)) \
        "IKE SAs of t$n, the first and those in its place"
    fi
    expect_eq "$(times_left_said "tunnel=t$n event=disconnected")" 0 "times that t$n went down"
  done
}

# Between two rekeys of charon's there is a moment without either one under way.
one_of_each_is_left() {
  wait_until 20 "there is one of each" has_one_of_each
}
has_one_of_each() {
  local theirs
  theirs=$(list_sas)
  [ "$(grep -c '^c[0-9]*: .*ESTABLISHED' <<<"$theirs")" = "${#tunnels[@]}" ] &&
    [ "$(grep -c '^  n[0-9]*: .*INSTALLED' <<<"$theirs")" = "${#tunnels[@]}" ] && we_have_as_many
}
# Of those that charon rekeys in IKEv1 there are as many as it makes until one expires.
we_have_as_many() {
  local others
  others=$(looked gw-left "{n: len(it['children']) for n, it in t.items()
    if not 0 < len(it['children']) <= {'t8': 13, 't9': 13}.get(n, 1)}")
  echo "children: $others"
  [ "$others" = "{}" ]
}

main "$@"
