#!/usr/bin/env bash
# Goal: what an operator types, from an empty gateway to a ping and back to nothing: objects are made,
# listed, changed and deleted; a tunnel comes up, is seen, reconnects, goes down; refusals say why and
# end with the status that scripts go by; nothing is left.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  gateway_start gw-left
  declare_site gw-right 3 1 2 1
  gateway_start gw-right
  nothing_is_there_yet
  a_site_is_made_by_hand
  the_tunnel_is_seen
  refusals_say_why
  orders_are_obeyed
  keys_are_renewed
  a_remark_changes_nothing_and_a_policy_reconnects
  it_is_written_down_and_applied_again
  events_are_kept
  deleting_needs_a_yes
  a_stop_with_flush_leaves_nothing
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
# quietly, for what is polled or compared
ctl_q() { local namespace=$1; shift; quietly_in_ns "$namespace" ipsecctl --run-dir "$scratch/$namespace/run" "$@"; }
# json NS EXPRESSION ARGUMENT...: python's view of what a command prints.
json() {
  local namespace=$1 expression=$2
  shift 2
  ctl_q "$namespace" -o json "$@" | python3 -c "
import json, sys
it = json.load(sys.stdin)
print($expression)"
}
tunnel_is() { [ "$(json gw-left "it['tunnels'][0]['$1']" status to-other)" = "$2" ]; }
# expect_status CODE ARGUMENT...: of ipsecctl at gw-left; its words are in $said.
expect_status() {
  local expected=$1 status=0
  shift
  said=$(ctl_q gw-left "$@" 2>&1 </dev/null) || status=$?
  expect_eq "$status" "$expected" "exit status of '$*' ($said)"
}
expect_words() {
  [[ $said = *"$1"* ]] || fail "expected '$1' in: $said"
}

nothing_is_there_yet() {
  say "an empty gateway"
  for kind in vpc subnet gateway peer tunnel; do
    expect_eq "$(ctl_q gw-left -o csv "$kind" list | wc -l)" 1 "lines of $kind list"
  done
  expect_status 3 tunnel show nothing
  expect_words "no such tunnel"
  expect_status 2 tunel list
  expect_words "tunnel"
  said=$(quietly_in_ns gw-left ipsecctl --run-dir "$scratch/nowhere" status 2>&1) && fail "reached"
  expect_words "ipsecd"
}

a_site_is_made_by_hand() {
  say "a site, object by object"
  ctl gw-left vpc create vpc --cidrs 192.168.1.0/24
  ctl gw-left subnet create lan --vpc vpc --cidr 192.168.1.0/24
  ctl gw-left gateway create gw --vpc vpc --subnet lan --remarks "the way out"
  ctl gw-left peer create other --address 203.0.113.2
  printf 'a-key-for-tests-only\n' >"$scratch/key"
  ctl gw-left tunnel create to-other --gateway gw --peer other --local-cidrs 192.168.1.0/24 \
    --peer-cidrs 192.168.3.0/24 --psk-file "$scratch/key"
  expect_eq "$(json gw-left "it['tunnels'][0]['resource']" status)" Creating "resource"
  say "its address comes later"
  ctl gw-left gateway set gw --public-address 203.0.113.1
  wait_until 20 "it is connected" tunnel_is connection connected
  wait_until 20 "it carries pings" ping_passes
  wait_until 20 "its traffic is normal" tunnel_is traffic normal
}

the_tunnel_is_seen() {
  say "status, lists, details"
  expect_eq "$(json gw-left "it['tunnels'][0]['resource']" status)" Running "resource"
  expect_eq "$(json gw-left "(it['tunnels'][0]['pairs_up'], it['tunnels'][0]['pairs'])" status)" \
    "(1, 1)" "pairs"
  expect_eq "$(json gw-left "len(it['sas'])" sa)" 2 "SAs"
  ctl gw-left status >&2
  ctl gw-left tunnel list >&2
  ctl gw-left tunnel show to-other >"$scratch/shown"
  cat "$scratch/shown" >&2
  ! grep -q a-key-for-tests-only "$scratch/shown" || fail "the key is shown"
  grep -q a-key-for-tests-only <<<"$(ctl_q gw-left tunnel show to-other --show-secrets)" ||
    fail "the key is not shown to who asks for it"
  local id
  id=$(json gw-left "it['objects'][0]['id']" tunnel list)
  expect_eq "$(json gw-left "it['objects'][0]['name']" tunnel show "${id:0:10}")" to-other \
    "the tunnel of a part of its id"
  expect_eq "$(json gw-left "len(it['objects'])" tunnel list --search OTHER)" 1 "found"
  expect_eq "$(json gw-left "len(it['objects'])" tunnel list --search nowhere)" 0 "found"
  local remarks
  for remarks in first second; do
    ctl gw-left tunnel set "$id" --remarks "$remarks" >&2
    expect_eq "$(json gw-left "it['objects'][0]['fields']['remarks']" tunnel list)" "$remarks" \
      "remarks in a list after a change"
  done
  ctl gw-left tunnel list -o xlsx --output "$scratch/tunnels.xlsx"
  python3 -m zipfile -t "$scratch/tunnels.xlsx" >&2
  ctl gw-left limits >&2
  ctl gw-left vendors >&2
}

refusals_say_why() {
  say "refusals"
  expect_status 1 gateway delete gw --yes
  expect_words "to-other"
  expect_status 1 tunnel set to-other --peer-cidrs 192.168.1.0/25
  expect_words "192.168.1.0/25"
  expect_status 1 peer create wrong --address 127.0.0.1
  expect_words "127.0.0.1"
  expect_status 2 tunnel set to-other --peer-cidr 10.0.0.0/8
  expect_words "--peer-cidrs"
  expect_status 2 tunnel create another --gateway gw
  ping_passes
}

orders_are_obeyed() {
  say "down, up, reconnect"
  ctl gw-left tunnel down to-other
  wait_until 20 "there are no SAs" no_sas
  expect_fails ping_passes >&2
  ctl gw-left tunnel up to-other
  wait_until 20 "it carries pings" ping_passes
  local before
  before=$(spis)
  start host-left pings ping -q -i 0.05 -c 40 192.168.3.10
  ctl gw-left tunnel reconnect to-other
  wait_until 10 "40 pings came back" log_says pings "40 received"
  stop pings
  [ "$(spis)" != "$before" ] || fail "it did not reconnect"
}
# Of the traffic, or of the IKE SA, and in each case the other stays.
keys_are_renewed() {
  say "rekey"
  local before now
  wait_until 10 "there are two SAs" two_sas
  before=$(all_spis)
  start host-left rekeyed-pings ping -q -i 0.05 -c 60 192.168.3.10
  ctl gw-left tunnel rekey to-other
  wait_until 10 "the traffic has other keys" renewed "$before" 1
  now=$(all_spis)
  expect_eq "${now%%$'\n'*}" "${before%%$'\n'*}" "the IKE SA"
  wait_until 10 "there are two SAs" two_sas
  before=$(all_spis)
  ctl gw-left tunnel rekey --ike to-other
  wait_until 10 "the IKE SA has other keys" renewed "$before" 0
  now=$(all_spis)
  expect_eq "${now#*$'\n'}" "${before#*$'\n'}" "the SAs of the traffic"
  wait_until 10 "60 pings came back" log_says rekeyed-pings "60 received"
  stop rekeyed-pings
  ctl gw-left tunnel down to-other
  wait_until 20 "there are no SAs" no_sas
  expect_status 0 tunnel rekey to-other
  expect_words "tunnel 'to-other' is not connected and has no keys to renew"
  ctl gw-left tunnel up to-other
  wait_until 20 "it carries pings" ping_passes
}
# The IKE SA's, and in the second line those of the children.
all_spis() {
  json gw-left "it['tunnels'][0]['ike']['our_spi']" status to-other
  json gw-left "[c['inbound_spi'] for c in it['tunnels'][0]['children']]" status to-other
}
# renewed BEFORE LINE: that line is another, and there is one child.
renewed() {
  local before now
  mapfile -t before <<<"$1"
  mapfile -t now < <(all_spis)
  [ "${now[$2]}" != "${before[$2]}" ] && [[ ${now[1]} != *,* ]]
}
spis() { quietly_in_ns gw-left ip xfrm state list nokeys | awk '$1 == "proto" { print $4 }' | sort; }
no_sas() { [ -z "$(spis)" ]; }
spis_differ_from() { local now; now=$(spis); [ -n "$now" ] && [ "$now" != "$1" ]; }

a_remark_changes_nothing_and_a_policy_reconnects() {
  say "changes"
  # Without the old SAs of the reconnection, which linger.
  wait_until 10 "there are two SAs" two_sas
  local before
  before=$(spis)
  ctl gw-left tunnel set to-other --remarks "to the office"
  ctl gw-left tunnel rename to-other office
  ctl gw-left tunnel rename office to-other
  expect_eq "$(spis)" "$before" "SPIs"
  ctl gw-left tunnel set to-other --dpd-delay-s 9
  wait_until 20 "there are other SAs" spis_differ_from "$before"
  wait_until 20 "it carries pings" ping_passes
}
two_sas() { [ "$(spis | wc -l)" = 2 ]; }

it_is_written_down_and_applied_again() {
  say "dump and apply"
  ctl gw-left dump --show-secrets >"$scratch/dump.toml"
  expect_eq "$(json gw-left "len(it['steps'])" apply -f "$scratch/dump.toml" --dry-run)" 0 "steps"
  sed 's/remarks = "to the office"/remarks = "to the head office"/' "$scratch/dump.toml" \
    >"$scratch/changed.toml"
  expect_eq "$(json gw-left "[(s['what'], s['reconnects']) for s in it['steps']]" \
    apply -f "$scratch/changed.toml" --dry-run)" "[('change', False)]" "the plan"
  ctl gw-left apply -f "$scratch/changed.toml" >&2
  echo 'nonsense = ' >>"$scratch/changed.toml"
  expect_status 1 apply -f "$scratch/changed.toml"
  expect_words "changed.toml:"
}

events_are_kept() {
  say "events and audit"
  ctl gw-left events --tunnel to-other >"$scratch/events"
  for event in ike-up child-up connected traffic-normal; do
    grep -q "$event" "$scratch/events" || fail "no $event in: $(<"$scratch/events")"
  done
  ctl gw-left audit >"$scratch/audit"
  grep -q "root (uid 0)" "$scratch/audit" || fail "the audit says: $(<"$scratch/audit")"
  ! grep -q a-key-for-tests-only "$scratch/audit" || fail "the audit has the key"
  start gw-left follow ipsecctl --run-dir "$scratch/gw-left/run" events -f --tunnel to-other
  wait_until 10 "the follower is there" log_says follow ike-up
  ctl gw-left tunnel down to-other
  wait_until 10 "the follower is told" log_says follow ike-down
  ctl gw-left tunnel up to-other
  wait_until 20 "it carries pings" ping_passes
  stop follow INT
}

deleting_needs_a_yes() {
  say "deleting"
  expect_status 2 tunnel delete to-other
  expect_words "--yes"
  ping_passes
  ctl gw-left tunnel delete to-other --yes >&2
  wait_until 10 "there are no SAs" no_sas
  expect_empty "policies" quietly_in_ns gw-left ip xfrm policy list nosock
  ctl gw-left apply -f "$scratch/dump.toml" >&2
  wait_until 20 "it carries pings" ping_passes
}

a_stop_with_flush_leaves_nothing() {
  say "stop"
  gateway_end gw-left
  wait_until 10 "the other side knows" right_has_no_sas
  stop ipsecd-gw-right
  expect_nothing_left gw-left
}
right_has_no_sas() { [ -z "$(quietly_in_ns gw-right ip xfrm state list nokeys)" ]; }

main "$@"
