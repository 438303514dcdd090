#!/usr/bin/env bash
# Goal: a reload changes what the files say anew, and nothing else: a remark disturbs no packet, a
# changed policy reconnects its tunnel, a broken file changes nothing and says where it is broken.
# Other programs' hands in the kernel's tables are noticed and mended. A packet asks for a tunnel
# that waits for one.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  declare_both ""
  gateway_start gw-left
  gateway_start gw-right
  wait_until 20 "the tunnel carries pings" ping_passes
  a_remark_disturbs_nobody
  a_changed_policy_reconnects
  a_broken_file_changes_nothing
  a_foreign_flush_is_mended
  the_first_packet_asks
  a_second_daemon_is_refused
  stop ipsecd-gw-left
  stop ipsecd-gw-right
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
spis() { quietly_in_ns gw-left ip xfrm state list nokeys | awk '$1 == "proto" { print $4 }' | sort; }
spis_differ_from() { local now; now=$(spis); [ -n "$now" ] && [ "$now" != "$1" ]; }
times_said() { grep -c -- "$2" "$scratch/$1.log" || true; }
said_more_often() { [ "$(times_said "$1" "$2")" -gt "$3" ]; }

reload() {
  kill -HUP "${processes[ipsecd-$1]}"
}

a_remark_disturbs_nobody() {
  say "a remark"
  local before
  before=$(spis)
  start host-left pings ping -q -i 0.05 -c 40 192.168.3.10
  declare_site gw-left 1 3 1 2 'remarks = "the line to the office"'
  reload gw-left
  wait_until 10 "40 pings came back" log_says pings "40 received"
  stop pings
  expect_eq "$(spis)" "$before" "SPIs after a remark"
}

a_changed_policy_reconnects() {
  say "another replay window"
  local before
  before=$(spis)
  declare_site gw-left 1 3 1 2 'ipsec = { replay_window = 2048 }'
  reload gw-left
  wait_until 20 "there are other SAs" spis_differ_from "$before"
  wait_until 20 "they carry pings" ping_passes
}

a_broken_file_changes_nothing() {
  say "a broken file"
  local before
  before=$(spis)
  echo 'peer_cidr = ["10.0.0.0/8"]' >>"$scratch/gw-left/conf.d/site.toml"
  reload gw-left
  wait_until 10 "the log says where" log_says ipsecd-gw-left "is 'peer_cidrs' meant?"
  log_says ipsecd-gw-left "nothing of" || fail "the log does not say that nothing was applied"
  ping_passes
  expect_eq "$(spis)" "$before" "SPIs after a broken file"
}

a_foreign_flush_is_mended() {
  say "another program flushes SAs and policies"
  local before
  before=$(spis)
  in_ns gw-left ip xfrm state flush
  in_ns gw-left ip xfrm policy flush
  wait_until 20 "it is told" log_says ipsecd-gw-left "another program changed"
  wait_until 20 "there are other SAs" spis_differ_from "$before"
  wait_until 20 "they carry pings" ping_passes
}

the_first_packet_asks() {
  say "start = traffic"
  declare_site gw-left 1 3 1 2 'start = "traffic"'
  declare_site gw-right 3 1 2 1 'start = "traffic"'
  reload gw-left
  reload gw-right
  wait_until 20 "there are no SAs" no_sas
  wait_until 20 "a ping brings the tunnel up" ping_passes
}

no_sas() { [ -z "$(spis)" ]; }

a_second_daemon_is_refused() {
  say "a second daemon"
  local words
  words=$(quietly_in_ns gw-left ipsecd --run-dir "$scratch/gw-left/run" \
    --state-dir "$scratch/other" 2>&1) && fail "it started"
  [[ $words = *"another ipsecd, process ${processes[ipsecd-gw-left]}, runs on it"* ]] ||
    fail "it says: $words"
  words=$(quietly_in_ns gw-left ipsecd --run-dir "$scratch/other-run" \
    --state-dir "$scratch/gw-left/state" 2>&1) && fail "it started"
  [[ $words = *"another program has it"* ]] || fail "it says: $words"
  ping_passes
}

main "$@"
