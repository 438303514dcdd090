#!/usr/bin/env bash
# Goal: wherever between its runtime store and the world a daemon dies, the one after it goes on:
# traffic passes, or the tunnel comes up if it was only being made; no counter falls; it can be
# rekeyed and closed; in the end each tunnel has one of everything, and both sides have the same.
# Method: tests/support/die_at_write.cpp in the daemon on the left kills it at the Nth of its write
# points, where a change stands in the store and what depends on it has not left: the change is
# broken (torn), or nothing leaves (before), or it leaves and no more (after), in turns. N rises
# until what is disturbed is over before. Only those count that change an SA: half of them are all
# alike, a tunnel's counters and state as the operator is told them, and each way to die is met at
# one of these.
#
#   closing and opening   of t5 to t12, a pair of them at once: Delete, handshake, first child
#   rekeys of children    of t1 to t4, a pair at once
#   rekeys of IKE SAs     of the same; in IKEv1 that is another phase 1
#
# In each the left side begins half of it and answers the other half, in both versions, in UDP and
# bare. Rekeys are begun by either side in turns. Through t1 to t4 a hundred datagrams a second flow
# both ways all the while, and none may be lost.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: ipsecd ------ host-right
#   10.1.N.10          203.0.113.1                    203.0.113.(10+N)       10.2.N.10
#
#   N, less fours:   1 IKEv2            3 IKEv1 in UDP    begun by left
#                    2 IKEv2 in UDP     4 IKEv1           begun by right
#
# time limit: 360
# shellcheck source-path=SCRIPTDIR source=gateway_pairs.sh
. "$(dirname "$0")/gateway_pairs.sh"

readonly flows=(1 2 3 4) many=12
readonly orders=$scratch/die
preload=${IPSECD_BUILD_DIR:-$repository/build/release}/tests/support/libdie_at_write.so
mapfile -t tunnels < <(seq $many)
readonly hows=(torn before after)

main() {
  [ -f "$preload" ] || fail "no $preload: build die_at_write"
  pairs_topology "${flows[@]}"
  ends_of $many
  declare_side gw-left 1 "${tunnels[@]}"
  declare_side gw-right 2 "${tunnels[@]}"
  mkdir "$orders"
  : >"$orders/calls"
  side_starts gw-right
  side_environment=("LD_PRELOAD=$preload" "DIE_AT_WRITE=$orders")
  side_starts gw-left
  wait_until 30 "all are connected" are_connected "${tunnels[@]}"
  set_pairs "${flows[@]}"
  flow_rate=100 flow_between deaths 900 56 "${pairs[@]}"
  deaths_while "IKEv2: closing and opening" opening 5 6 9 10
  deaths_while "IKEv1: closing and opening" opening 7 8 11 12
  deaths_while "IKEv2: rekeys of children" rekey 1 2
  deaths_while "IKEv1: rekeys of children" rekey 3 4
  deaths_while "IKEv2: rekeys of IKE SAs" renewal 1 2
  deaths_while "IKEv1: another phase 1" renewal 3 4
  deaths_at_what_is_told
  each_has_one "${tunnels[@]}"
  flow_ends deaths
  none_lost deaths 1000
  wait_until 10 "the counters have all of it" all_is_counted
  cat "$scratch/counted" >&2
  none_went_down
  what_was_met
  gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
}

# Lifetimes and liveness checks would only be in the way. What a death has taken is said again soon.
tunnel_lines() {
  local n=$1 own=$2 start=respond version=2
  local kind=$((($1 - 1) % 4 + 1))
  if [ $(((kind - 1) % 2 + 1)) = "$own" ]; then start=auto; fi
  if [ $kind -gt 2 ]; then version=1; fi
  if [ $kind = 2 ] || [ $kind = 3 ]; then printf 'force_encapsulation = true\n'; fi
  printf 'start = "%s"\nike = { version = %s }\ndpd = { delay_s = 3600, timeout_s = 24 }\n' \
    $start $version
}

# --- deaths ------------------------------------------------------------------------------------

# order N HOW PATTERN: see die_at_write.cpp.
order() {
  printf '.. death at write point %s: %s\n' "$1" "$2" >&2
  mapfile -t lines <"$orders/calls"
  calls_before=${#lines[@]}
  printf '%s' "$*" >"$orders/order.new"
  mv "$orders/order.new" "$orders/order"
}
is_carried_out() { [ ! -e "$orders/order" ]; }

# Takes back what nothing has met.
withdrawn() { rm "$orders/order" 2>/dev/null; }

# The order went as the daemon died, so who answers now is another one.
it_goes_on() {
  wait_until 30 "another daemon answers" counts_on
  [ "$now" -ge "$so_far" ] || fail "the counters fell from $so_far to $now"
  so_far=$now
  mapfile -t -s "$calls_before" lines <"$orders/calls"
  for now in "${lines[@]}"; do
    if [[ $now = *'|'* ]]; then printf '   %s\n' "${now:0:96}" >&2; fi
  done
}
so_far=0
counts_on() {
  local flowing=("${flows[@]/#/t}")
  now=$(looked gw-left "(sum(sum(it['counters'].values()) for it in t.values()),
      [n for n in '${flowing[*]}'.split() if t[n]['connection'] != 'connected'])") || return 1
  [[ $now = *"[])" ]] || fail "tunnels that carry a flow have gone: $now"
  now=${now%%,*} now=${now#(}
}

# deaths_while WHAT NAME N...: a death at each write point of what NAME_begins with two of those
# tunnels, until that is over before. What a death has cut short has time to come up again.
deaths_while() {
  local n what=$1 name=$2 begun_s=$SECONDS
  shift 2
  say "deaths in $what"
  for ((n = 1; n <= 40; n++)); do
    being=("$1" "$2")
    shift 2
    set -- "$@" "${being[@]}"
    wait_until 60 "each of ${being[*]} has one of everything" are_up
    begins_it=$((n % 2))
    order $n "${hows[n % 3]}" 'association|sa|window'
    "${name}_begins"
    calls_seen=-1
    wait_until 60 "it is met, or all is over" is_met_or "${name}_is_over"
    if withdrawn; then
      printf 'ok %s: %s deaths in %s s\n' "$what" $((n - 1)) $((SECONDS - begun_s)) >&2
      return
    fi
    it_goes_on
    "${name}_goes_on"
  done
  fail "$what is never over"
}
# Of those that deaths_while passes over there are some in an opening.
deaths_at_what_is_told() {
  local how
  say "deaths at what the operator is told"
  being=(5 6)
  for how in "${hows[@]}"; do
    wait_until 60 "each of ${being[*]} has one of everything" are_up
    order 1 "$how" '^change( [+]board)+$'
    opening_begins
    wait_until 60 "it is met" is_carried_out
    it_goes_on
    opening_goes_on
  done
}

# Over is what looks so, and has had nothing to write since the last look.
is_met_or() {
  local seen=$calls_seen
  if is_carried_out; then return; fi
  mapfile -t lines <"$orders/calls"
  calls_seen=${#lines[@]}
  "$1" && [ "$calls_seen" = "$seen" ]
}

# left NAME..., right NAME...: who is told may die of it.
left() { looked gw-left "told('$1', 't$2')" >/dev/null 2>&1; }
right() { looked gw-right "told('$1', 't$2')" >/dev/null; }

# --- what is disturbed -------------------------------------------------------------------------

# The first of a pair is begun by left, the other by right. Who died of the order is told again.
opening_begins() {
  if left down "${being[0]}"; then left up "${being[0]}" || true; fi
  right down "${being[1]}"
  right up "${being[1]}"
}
opening_is_over() { none_remain inbound; }
opening_goes_on() { left up "${being[0]}" || fail "it cannot be told"; }

rekey_begins() { both_begin rekey; }
rekey_is_over() { none_remain inbound; }
rekey_goes_on() { :; }

renewal_begins() { both_begin rekey-ike; }
renewal_is_over() { none_remain ike_sas; }
renewal_goes_on() { :; }

# Either side one of the pair, in turns the one and the other.
both_begin() {
  left "$1" "${being[1 - begins_it]}" || true
  right "$1" "${being[begins_it]}"
}

# inbound SIDE, ike_sas SIDE: "tN SPI", a line each, of those that are connected.
inbound() { of_those "$1" "f'{n} {c[\"inbound_spi\"]}' for c in t[n]['children']"; }
ike_sas() { of_those "$1" "f'{n} {t[n][\"ike\"][\"our_spi\"]}' for _ in [0]"; }
of_those() {
  local names=("${being[@]/#/t}")
  looked "gw-$1" "chr(10).join(it for n in '${names[*]}'.split()
    if t[n]['connection'] == 'connected' for it in [$2])"
}

# Of what there is on the left it sets what was before.
are_up() {
  local side now
  for side in right left; do
    now=$(inbound $side) && has_one_each "$now" || return 1
  done
  before=$now$'\n'$(ike_sas left)
}
has_one_each() {
  local names
  echo "$1"
  mapfile -t names <<<"$1"
  [ ${#names[@]} = 2 ] && [ "${names[0]%% *}" != "${names[1]%% *}" ]
}
none_remain() {
  local now line
  now=$("$1" left) && has_one_each "$now" || return 1
  while read -r line; do
    if [[ $before = *"$line"* ]]; then return 1; fi
  done <<<"$now"
}

# What an SA carries between its last count and its end is lost with a daemon that dies there, which at
# a hundred a second is some dozens; never what it carried before, and nothing counts twice.
all_is_counted() {
  local n from counted sent=()
  for n in "${flows[@]}"; do
    sent=()
    for from in left right; do
      sent+=("$(awk -v n="^10[.].[.]${n}[.]10," '$1 ~ n { print $2 }' "$scratch/deaths-$from.log")")
    done
    counted=$(looked gw-left "'{out_packets} {in_packets}'.format(**t['t$n']['counters'])")
    echo "t$n: $counted of ${sent[*]}" | tee -a "$scratch/counted" >&2
    at_most "${counted% *}" "${sent[0]}" && at_most "${counted#* }" "${sent[1]}" || return 1
  done
}
at_most() { [ "$1" -le "$2" ] && [ "$1" -gt $(($2 * 49 / 50)) ]; }

none_went_down() {
  local side
  for side in left right; do
    log_says ipsecd-gw-$side event=disconnected || fail "the log of $side does not say who closed"
    expect_empty "flows' tunnels that went down" \
      sed -nE '/ tunnel=t[1-4] .*event=disconnected/p' "$scratch/ipsecd-gw-$side.log"
  done
}

# Each way to die, at each kind of change there is; and what was torn has been found to be.
what_was_met() {
  local how change
  expect_eq "$(grep -c 'the last change was not finished' "$scratch/ipsecd-gw-left.log")" \
    "$(grep -c '| torn$' "$orders/calls")" "changes that were left out"
  grep '|' "$orders/calls" | cut -c 1-90 | sort | uniq -c >&2
  for how in "${hows[@]}"; do
    for change in '[+]association' '[+]sa' '[+]window' '^change( [+]board)+ '; do
      grep -qE "$change.*[|] $how\$" "$orders/calls" || fail "nobody died $how: $change"
    done
  done
}

main "$@"
