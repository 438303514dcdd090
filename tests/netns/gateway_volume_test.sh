#!/usr/bin/env bash
# Goal: a limit by volume rekeys IPsec SAs as the one by time does, make before break: no packet is
# lost, whichever side has the limit and whichever way the packets go; what the daemon did not hear
# it reads off its SAs. The kernel's own limits lie behind, as a seat belt.
# Method: floods of counted packets over the least limit there is, 2560 KB; the SAs are counted by
# what the daemons say of them, the limits read off the kernel.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

readonly limit_kb=2560
readonly limit_bytes=$((limit_kb * 1024))

main() {
  topology_two_gateways
  driver_start
  declare_both "ipsec = { lifetime_kb = $limit_kb }"
  gateway_start gw-left
  gateway_start gw-right
  wait_until 20 "the tunnel carries pings" ping_passes
  the_kernel_has_the_limits
  a_flood_both_ways_is_rekeyed
  only_one_side_has_a_limit
  a_flood_inwards_alone_is_rekeyed
  a_daemon_that_was_deaf_catches_up
  stop ipsecd-gw-left
  stop ipsecd-gw-right
  stop driver
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
times_said() { grep -c -- "$2" "$scratch/$1.log" || true; }
rekeys() { times_said ipsecd-gw-left event=child-rekeyed; }
has_come_up_since() { [ "$(times_said ipsecd-gw-left event=child-up)" -gt "$1" ]; }
has_rekeyed_since() { [ "$(rekeys)" -gt "$1" ]; }

# limits NS: "SOFT HARD SECONDS" of each SA there, once each.
limits() {
  quietly_in_ns "$1" ip -s xfrm state list nokeys | sed -n '
    s/.*limit: soft \(.*\)(bytes), hard \(.*\)(bytes).*/\1 \2/p
    s/.*expire add: soft 0(sec), hard \([0-9]*\)(sec).*/\1/p' | paste -d' ' - - | sort -u
}

the_kernel_has_the_limits() {
  local gateway all soft hard seconds soft_limits=()
  for gateway in gw-left gw-right; do
    all=$(limits $gateway)
    expect_eq "$(wc -l <<<"$all")" 1 "different limits of SAs at $gateway"
    read -r soft hard seconds <<<"$all"
    # 20 s at 1 Gbit/s, and half a minute.
    expect_eq "$hard $seconds" "$((limit_bytes + 2500000000)) 86430" "hard limits at $gateway"
    in_range "bytes before $gateway rekeys" "$soft" $((limit_bytes * 72 / 100)) \
      $((limit_bytes * 9 / 10))
    soft_limits+=("$soft")
  done
  [ "${soft_limits[0]}" != "${soft_limits[1]}" ] || fail "both sides drew the same limit"
}

# 10,000 times 1428 bytes: what is 72 to 90 hundredths of the limit is reached six or seven times.
a_flood_both_ways_is_rekeyed() {
  say "a flood both ways"
  local before
  before=$(rekeys)
  start host-left flood ping -f -q -s 1400 -c 10000 192.168.3.10
  wait_until 120 "all of the flood is back" log_says flood "10000 packets transmitted"
  log_says flood " 10000 received" || fail "packets were lost: $(<"$scratch/flood.log")"
  stop flood
  nothing_was_cut_off
  in_range rekeys $(($(rekeys) - before)) 6 7
}

# What the kernel ends is made anew, and not rekeyed.
nothing_was_cut_off() {
  local gateway
  for gateway in gw-left gw-right; do
    expect_eq "$(times_said ipsecd-$gateway event=child-up)" 1 "SAs made anew at $gateway"
  done
}

# in_range WHAT NUMBER LEAST MOST
in_range() {
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then fail "$1: $2, not $3 to $4"; fi
  printf 'ok %s: %s\n' "$1" "$2" >&2
}

# From here on gw-right counts nothing: what is rekeyed, gw-left does.
only_one_side_has_a_limit() {
  say "gw-right has no limit any more"
  declare_site gw-right 3 1 2 1
  kill -HUP "${processes[ipsecd-gw-right]}"
  wait_until 20 "gw-right has SAs without one" has_no_limit gw-right
  wait_until 20 "they carry pings" ping_passes
  # Those of before linger for 5 s.
  wait_until 20 "gw-left has two SAs" has_two_sas gw-left
  drive host-left udp sink 192.168.1.10 4000 plain
  drive host-right udp source 192.168.3.10 4000 plain
}

has_no_limit() { [[ $(limits "$1") = "(INF) (INF) 86430" ]]; }
has_two_sas() { [ "$(quietly_in_ns "$1" ip xfrm state list nokeys | grep -c '^src')" = 2 ]; }

# flow_inwards DATAGRAMS: from right to left, 20 at a time of 1428 bytes, each of them counted.
flow_inwards() {
  local sent
  for ((sent = 0; sent < $1; sent += 20)); do
    ask_driver host-right say source 192.168.1.10 4000 20 1400
    ask_driver host-left hear sink 20 1400 5000
    [ "$answer" = "ok 20" ] || fail "of 20 datagrams after $sent there came: $answer"
  done
} 2>/dev/null

# Twice: inwards the kernel must be asked a second time, with each SA.
a_flood_inwards_alone_is_rekeyed() {
  say "8,500,000 bytes to the side with the limit, and none back"
  local before
  before=$(rekeys)
  flow_inwards 6000
  in_range rekeys $(($(rekeys) - before)) 3 4
}

# More events than its socket holds, and behind them the first use and the volume of a new SA.
a_daemon_that_was_deaf_catches_up() {
  say "a daemon that hears nothing while a new SA reaches its limit"
  local before
  before=$(times_said ipsecd-gw-left event=child-up)
  declare_site gw-left 1 3 1 2 "ipsec = { lifetime_kb = $limit_kb, replay_window = 2048 }"
  kill -HUP "${processes[ipsecd-gw-left]}"
  wait_until 20 "it has reconnected" has_come_up_since "$before"
  wait_until 20 "gw-left has two SAs" has_two_sas gw-left
  before=$(rekeys)
  define_child churned 4 0x1008 0x2008 reqid=8
  kill -STOP "$(daemon_of ipsecd-gw-left)"
  drive gw-left churn churned 8000
  flow_inwards 2000
  expect_eq "$(rekeys)" "$before" "rekeys by a stopped daemon"
  kill -CONT "$(daemon_of ipsecd-gw-left)"
  wait_until 10 "it rekeys" has_rekeyed_since "$before"
  flow_inwards 200
}

main "$@"
