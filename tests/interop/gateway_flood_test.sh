#!/usr/bin/env bash
# Goal: a flood of IKE_SA_INIT requests from spoofed addresses keeps no peer out: charon, which connects
# anew all the while, comes through every time; half-open SAs and memory stay bounded; a tunnel that
# is up loses nothing of it.
# Method: the gateway has a tunnel for a peer of any address, so every spoofed address may be one. The
# flood is made on the wire itself. 5,000 a second for 15 s; where the machine cannot make so many, the
# test says how many it were and wants a half.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#                      203.0.113.1           \          203.0.113.(10+N)
#                                             flood from 198.18.0.0/15
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly a_second=5000 seconds=15 connections=20 least_during=2
readonly memory_limit_kib=65536

main() {
  peer_topology 2
  left_site 2
  left_tunnel 1 'start = "respond"'
  left_tunnel 2
  from_anywhere
  left_start
  right_start
  { right 1; right 2; } | load_connections
  wait_connected 2
  the_flood_comes_from_everywhere
  charon_connects_all_the_while
  the_flood_ends
  end_both
}

# A tunnel that whoever it is might be for.
from_anywhere() {
  cat >>"$site_file" <<'END'
[[subnet]]
name = "roam"
vpc = "vpc"
cidr = "10.1.200.0/24"
[[peer]]
name = "anybody"
address = "0.0.0.0"
[[tunnel]]
name = "roaming"
gateway = "gw"
peer = "anybody"
psk = "a-key-for-somebody-else"
local_cidrs = ["10.1.200.0/24"]
peer_cidrs = ["10.2.200.0/24"]
ike = { peer_id = "192.168.200.1" }
END
}

# From the wire's own stack, which has an address there for it; answers go to a hole.
the_flood_comes_from_everywhere() {
  ip_lines wire <<'END'
address add 203.0.113.250/24 dev bridge
END
  ip_lines gw-left <<<"route add 198.18.0.0/15 via 203.0.113.250 dev wan"
  ip_lines wire <<<"route add blackhole 198.18.0.0/15"
  start wire flood spoof_flood $a_second $seconds 198.18.0.0/15 "$left_outside"
  wait_until 10 "cookies are asked for" has_asked_for_cookies
}
has_asked_for_cookies() { [ "$(counted 'cookie asked for')" -gt 100 ]; }
counted() {
  ask -o json counters | python3 -c "
import json, sys
print(sum(it['value'] for it in json.load(sys.stdin)['counters'] if '$1' in it['name']))"
}

charon_connects_all_the_while() {
  local i begun_us took_ms longest_ms=0 during=0
  for ((i = 1; i <= connections; i++)); do
    if is_running flood; then during=$i; fi
    begun_us=${EPOCHREALTIME/./}
    swan --initiate --child n1 --timeout 10 || fail "connection $i did not come up"
    took_ms=$(((${EPOCHREALTIME/./} - begun_us) / 1000))
    [ "$took_ms" -le "$longest_ms" ] || longest_ms=$took_ms
    swan --terminate --ike c1 --timeout 10 || fail "connection $i did not end"
    wait_until 5 "half a second is over" is_past $((begun_us + 500000))
  done
  [ "$during" -ge $least_during ] || fail "only $during connections were during the flood"
  printf 'ok %s connections of %s while it flooded, the longest took %s ms\n' "$during" \
    "$connections" "$longest_ms" >&2
}

the_flood_ends() {
  wait_until $((seconds + 10)) "the flood has ended" has_ended "${processes[flood]}"
  unset 'processes[flood]'
  local sent peak_kib
  sent=$(sed -n 's/^sent=//p' "$scratch/flood.log")
  [ "${sent:-0}" -ge $((a_second * seconds / 2)) ] || fail "the flood was of $sent only"
  printf 'ok %s requests in %s s\n' "$sent" "$seconds" >&2
  peak_kib=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(<"$scratch/gw-left/run/ipsecd.pid")/status")
  [ "$peak_kib" -le $memory_limit_kib ] || fail "ipsecd took $peak_kib KiB"
  printf 'ok ipsecd took %s KiB at most\n' "$peak_kib" >&2
  expect_eq "$(times_left_said "tunnel=t2 event=disconnected")" 0 "times that t2 was cut off"
  pass left 2
}

main "$@"
