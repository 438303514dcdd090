#!/usr/bin/env bash
# Goal: a daemon that is killed, restarted by order, or upgraded loses no packet and no tunnel: what was
# up goes on as it was, its counters grow, its routes stay, and it can be rekeyed and ended from either
# side. With a hundred tunnels too.
# Method: a hundred datagrams a second each way through tunnels of both versions, plain and in UDP,
# begun by either side, counted, until each has been rekeyed once more by the side that has the shorter
# lifetime. Meanwhile daemons of both sides are killed with -9.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: ipsecd ------ host-right
#   10.1.N.10          203.0.113.1                    203.0.113.(10+N)       10.2.N.10
#
#   t1 IKEv2    t3 IKEv2 in UDP    begun and rekeyed by left
#   t2 IKEv1    t4 IKEv1 in UDP    begun and rekeyed by right
#   t5 to t104: made when all are upgraded
#
# time limit: 480
# shellcheck source-path=SCRIPTDIR source=gateway_pairs.sh
. "$(dirname "$0")/gateway_pairs.sh"

readonly flows=(1 2 3 4) kills=12 many=100 at_least_sent=1000
RANDOM=${SEED:=$((RANDOM + 1))}

main() {
  say "seed $SEED"
  pairs_topology "${flows[@]}"
  ends_of $last
  declare_side gw-left 1 "${flows[@]}"
  declare_side gw-right 2 "${flows[@]}"
  set_pairs "${flows[@]}"
  side_starts gw-left
  side_starts gw-right
  wait_until 30 "all are connected" are_connected "${flows[@]}"
  are_begun
  kills_lose_nothing
  an_orderly_end_and_a_start
  nothing_stays_twice
  many_are_upgraded
  gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
}

last=$((${#flows[@]} + many))

# Of the many the left side begins.
tunnel_lines() {
  local n=$1 own=$2 ike="version = 2" more="" start=respond
  if [ "$n" -gt "${#flows[@]}" ]; then
    [ "$own" = 2 ] || start=auto
  else
    [ $((n % 2)) = 1 ] || ike='version = 1'
    [ "$n" -lt 3 ] || more="force_encapsulation = true"
    if [ $(((n - 1) % 2 + 1)) = "$own" ]; then
      start=auto ike+=', lifetime_s = 60' more+=$'\nipsec = { lifetime_s = 60 }'
    fi
  fi
  printf 'start = "%s"\nike = { %s }\n%s\n' "$start" "$ike" "$more"
}

# --- kills -------------------------------------------------------------------------------------

declare -A since=()
are_begun() {
  local namespace
  for namespace in gw-left gw-right; do
    since[$namespace]=$(looked "$namespace" "[t[n]['since'] for n in sorted(t)]")
    counted[$namespace]=0
  done
}

# A moment of at most MS.
a_moment() { wait_out $((RANDOM % $1)); }

kills_lose_nothing() {
  say "$kills kills"
  local i namespace daemon before
  watch gw-left
  flow_rate=100 flow_between kills 200 56 "${pairs[@]}"
  for ((i = 0; i < kills; i++)); do
    a_moment 1500
    # In turns: the keeper waits twice as long before each, and an SA whose time ends meanwhile goes.
    namespace=gw-left
    if [ $((i % 2)) = 1 ]; then namespace=gw-right; fi
    daemon=$(daemon_of "ipsecd-$namespace")
    kill -KILL "$daemon"
    wait_until 30 "another daemon answers in $namespace" has_another_daemon "$namespace" "$daemon"
    counters_grow "$namespace"
  done
  before=$(spis gw-left)
  wait_until 70 "each has been rekeyed" are_others gw-left "$before"
  flow_ends kills
  none_lost kills $at_least_sent
  expect_empty "routes that moved" moved gw-left
  unwatch gw-left
}

# Without a word to the peers. Nobody holds the sockets meanwhile, so nothing comes out of UDP.
an_orderly_end_and_a_start() {
  say "an end by order, and another start"
  flow_rate=100 flow_between restart 100 56 "${pairs[@]:0:2}"
  stop ipsecd-gw-left
  a_moment 1000
  side_starts gw-left
  wait_until 10 "all are there" are_connected "${flows[@]}"
  counters_grow gw-left
  flow_ends restart
  none_lost restart 100
}

nothing_stays_twice() {
  local namespace now
  for namespace in gw-left gw-right; do
    now=$(looked "$namespace" "[t[n]['since'] for n in sorted(t)]")
    expect_eq "$now" "${since[$namespace]}" "since when they are connected"
    [ "$(looked "$namespace" "all(it['resumed_at'] for it in t.values())")" = True ] ||
      fail "$namespace does not say when it took over"
    if log_says "ipsecd-$namespace" "event=disconnected"; then fail "a tunnel of $namespace went down"; fi
    wait_until 40 "one child each in $namespace" has_one_each "$namespace"
  done
}
# The kernel has two SAs of each.
has_one_each() {
  [ "$(looked "$1" "all(len(it['children']) == 1 for it in t.values())")" = True ] &&
    [ "$(quietly_in_ns "$1" ip xfrm state list nokeys | grep -c '^src')" = $((2 * ${#flows[@]})) ]
}

# Each tunnel has children, and none that it had before: a death within a rekey may have left it two.
are_others() {
  [ "$(looked "$1" "(lambda before, now: {n for n, _ in before} == {n for n, _ in now} and not before & now)(
    set($2), set($all_spis))")" = True ]
}

# --- an upgrade --------------------------------------------------------------------------------

many_are_upgraded() {
  say "an upgrade with $many tunnels more"
  local n own namespace all=("${flows[@]}") version newer
  for namespace in gw-left gw-right; do
    own=$([ "$namespace" = gw-left ] && echo 1 || echo 2)
    for ((n = ${#flows[@]} + 1; n <= last; n++)); do tunnel "$n" "$own"; done \
      >"$scratch/$namespace/conf.d/many.toml"
    kill -HUP "${processes[ipsecd-$namespace]}"
  done
  for ((n = ${#flows[@]} + 1; n <= last; n++)); do all+=("$n"); done
  wait_until 60 "all are connected" are_connected "${all[@]}"
  are_begun
  flow_rate=100 flow_between upgrade 100 56 "${pairs[@]}"
  version=$("$program" --version)
  version=${version#ipsecd } newer=${version%?}9
  sed "s/${version//./\\.}/$newer/g" "$program" >"$scratch/newer"
  chmod +x "$scratch/newer"
  mv "$scratch/newer" "$program"
  for namespace in gw-left gw-right; do
    expect_eq "$(ctl "$namespace" upgrade)" "ipsecd $newer has taken the place of $version" "told"
    counters_grow "$namespace"
  done
  wait_until 10 "all are there" are_connected "${all[@]}"
  flow_ends upgrade
  none_lost upgrade 100
  for namespace in gw-left gw-right; do
    expect_eq "$(looked "$namespace" "[t[n]['since'] for n in sorted(t)]")" "${since[$namespace]}" \
      "since when they are connected"
  done
}

main "$@"
