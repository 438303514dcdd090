#!/usr/bin/env bash
# Goal: fifty deaths of ipsecd opposite charon lose no packet and no tunnel, whoever began it and
# whoever rekeys; no counter falls, nothing is there twice afterwards, and each side's next rekey and
# Delete is understood by the other.
# Method: a hundred datagrams a second each way through every tunnel, counted. kill -9 comes at
# random moments, every fifth time before the next daemon has answered. Rekeys go on all the while:
# charon's every few seconds, ours by the least lifetime there is; who has no limit rekeys nothing.
# The keeper waits longer after each death; an upgrade, which loses nothing either, makes it begin
# anew.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
#               t1    t2      t3    t4      t5    t6
#   in UDP            yes     yes                 yes
#   begun by    us    charon  us    charon  us    charon
#   IKE SA by   us    charon  both  us      charon us
#   child by    us    charon  both  us      both  charon
#
# t5 and t6 are IKEv1. t5 is where charon's quick modes and its phases 1 cross, t6 where a phase 1 of
# ours goes to other ports (docs/interop.md).
#
# time limit: 400
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly tunnels=(1 2 3 4 5 6) kills=50 upgrade_every=5 at_least_sent=1000
RANDOM=${SEED:=$((RANDOM + 1))}

main() {
  say "seed $SEED"
  peer_topology "${#tunnels[@]}"
  clear_is_seen "${tunnels[@]}"
  configure_left
  configure_right >"$scratch/right"
  # What is executed at each death is rather small.
  mkdir "$scratch/program"
  strip -o "$scratch/program/ipsecd" "$(command -v ipsecd)"
  PATH=$scratch/program:$PATH
  left_start
  right_start
  load_connections <"$scratch/right"
  wait_connected "${tunnels[@]}"
  pass left "${tunnels[@]}"
  since=$(looked gw-left "[t[n]['since'] for n in sorted(t)]")
  watch_clear
  deaths_lose_nothing
  expect_none_in_clear
  all_went_on
  deletes_are_understood
  end_both
}

configure_left() {
  local n more ike
  left_settings='wide_lifetimes = true' left_site "${#tunnels[@]}"
  for n in "${tunnels[@]}"; do
    more='' ike=''
    case $n in 2 | 4 | 6) more+='start = "respond"'$'\n' ;; esac
    case $n in 2 | 3 | 6) more+='force_encapsulation = true'$'\n' ;; esac
    case $n in 5 | 6) ike='version = 1' ;; esac
    case $n in [1346]) ike+=${ike:+, }'lifetime_s = 60' ;; esac
    case $n in [1345]) more+='ipsec = { lifetime_s = 60 }'$'\n' ;; esac
    if [ -n "$ike" ]; then more+="ike = { $ike }"$'\n'; fi
    left_tunnel "$n" "$more"
  done
}

configure_right() {
  local n more
  for n in "${tunnels[@]}"; do
    more=(rekey_time=0)
    case $n in [235]) more=(rekey_time=9s over_time=60s rand_time=0) ;; esac
    case $n in
      [2356]) more+=(child.rekey_time=5s child.life_time=60s child.rand_time=0) ;;
      *) more+=(child.rekey_time=0 child.life_time=0) ;;
    esac
    case $n in 2 | 4 | 6) more+=(child.start_action=start) ;; esac
    case $n in 5 | 6) more+=(version=1) ;; esac
    right "$n" "${more[@]}"
  done
}

# --- deaths ------------------------------------------------------------------------------------

deaths_lose_nothing() {
  say "$kills deaths"
  local i daemon upgrades=0 counted=0 now
  flow_rate=100 flow deaths 400 56 "${tunnels[@]}"
  for ((i = 1; i <= kills; i++)); do
    daemon=$(daemon_of ipsecd-gw-left)
    a_moment 1500
    kill -KILL "$daemon"
    if [ $((i % upgrade_every)) = 3 ]; then
      wait_until 30 "another daemon is there" is_another "$daemon"
      daemon=$(daemon_of ipsecd-gw-left)
      a_moment 300
      kill -KILL "$daemon"
      i=$((i + 1))
    fi
    wait_until 30 "another daemon answers" another_answers "$daemon"
    now=$(looked gw-left "sum(sum(it['counters'].values()) for it in t.values())")
    [ "$now" -ge "$counted" ] || fail "the counters fell from $counted to $now"
    counted=$now
    [ $((i % upgrade_every)) != 0 ] || { is_upgraded; upgrades=$((upgrades + 1)); }
  done
  at_least "deaths that the keeper tells of" \
    "$(times_left_said "ipsecd died by SIGKILL; it is started again")" "$kills"
  expect_eq "$upgrades" $((kills / upgrade_every)) "upgrades"
  next_rekeys_succeed
  flow_ends deaths
  none_lost deaths $at_least_sent
}

# A moment of at most MS.
a_moment() { wait_out $((RANDOM % $1)); }

is_another() {
  local now
  now=$(daemon_of ipsecd-gw-left)
  [ -n "$now" ] && [ "$now" != "$1" ]
}
another_answers() { is_another "$1" && ask version >/dev/null; }

# To the program that there is.
is_upgraded() {
  local said
  said=$(ask upgrade 2>&1) || fail "no upgrade: $said"
}

at_least() {
  [ "$2" -ge "$3" ] || fail "$1: $2, and not at least $3"
  printf 'ok %s: %s, at least %s\n' "$1" "$2" "$3" >&2
}

# Each tunnel's by the side that it has them from; both kinds.
next_rekeys_succeed() {
  local n
  declare -gA rekeyed_before=()
  for n in "${tunnels[@]}"; do
    rekeyed_before[$n-child]=$(rekeys "$n" 2 child) rekeyed_before[$n-ike]=$(rekeys "$n" 1 ike)
  done
  wait_until 80 "each has been rekeyed once more" are_rekeyed
  for n in "${tunnels[@]}"; do
    printf 'ok t%s: %s children and %s IKE SAs were rekeyed\n' "$n" "$(rekeys "$n" 2 child)" \
      "$(rekeys "$n" 1 ike)" >&2
  done
}
are_rekeyed() {
  local n
  for n in "${tunnels[@]}"; do
    [ "$(rekeys "$n" 2 child)" -gt "${rekeyed_before[$n-child]}" ] || { echo "t$n child"; return 1; }
    [ "$(rekeys "$n" 1 ike)" -gt "${rekeyed_before[$n-ike]}" ] || { echo "t$n IKE"; return 1; }
  done
}
rekeys() { times_left_said "tunnel=t$1 phase=$2 event=$3-rekeyed"; }

# --- afterwards --------------------------------------------------------------------------------

all_went_on() {
  local n
  expect_eq "$(looked gw-left "[t[n]['since'] for n in sorted(t)]")" "$since" \
    "since when they are connected"
  expect_eq "$(times_left_said event=disconnected)" 0 "times that a tunnel went down"
  for n in 1 2 3 4; do
    expect_eq "$(times_left_said "tunnel=t$n phase=1 event=ike-up")" 1 "times that t$n came up"
  done
  wait_until 40 "there is one of each" has_one_of_each
}

# Between two rekeys of charon's there is a moment without either one under way.
has_one_of_each() {
  local theirs ours
  theirs=$(list_sas)
  ours=$(looked gw-left "' '.join(f'{n}:{len(it[\"children\"])}' for n, it in sorted(t.items()))")
  echo "ours: $ours"
  [ "$(grep -c '^c[0-9]*: .*ESTABLISHED' <<<"$theirs")" = "${#tunnels[@]}" ] &&
    [ "$(grep -c '^  n[0-9]*: .*INSTALLED' <<<"$theirs")" = "${#tunnels[@]}" ] &&
    [ "$ours" = "t1:1 t2:1 t3:1 t4:1 t5:1 t6:1" ]
}

deletes_are_understood() {
  say "charon closes t4 and t6, and we t1 and t5"
  local n
  for n in 4 6; do
    swan --terminate --ike "c$n"
    wait_until 10 "t$n is down" is_down "$n"
  done
  for n in 1 5; do ask tunnel down "t$n" >&2; done
  wait_until 20 "charon has none of them" charon_has_none 1 4 5 6
  wait_until 20 "nothing of them is in our kernel" kernel_has_none 1 4 5 6
  is_connected 2 3 || fail "another has gone"
  pass left 2 3
}
is_down() { ! is_connected "$1" >&2; }
charon_has_none() {
  local n theirs
  theirs=$'\n'$(list_sas)
  for n; do if [[ $theirs = *$'\n'"c$n: "* ]]; then echo "c$n"; return 1; fi; done
}
kernel_has_none() {
  local n outside sas
  sas=$(quietly_in_ns gw-left ip xfrm state list nokeys)
  for n; do
    right_outside "$n"
    if [[ $sas = *"$outside"* ]]; then echo "t$n"; return 1; fi
  done
}

main "$@"
