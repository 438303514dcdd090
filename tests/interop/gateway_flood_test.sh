#!/usr/bin/env bash
# Goal: a flood of IKE_SA_INIT requests from spoofed addresses keeps no peer out: charon, which connects
# anew all the while, comes through every time; half-open SAs and memory stay bounded; a tunnel that
# is up loses nothing of it. Nor does a flood of IKEv1's aggressive mode by who knows the name that a
# peer of any address has: it costs a Diffie-Hellman only so many times a second, diag says that
# openings are held back, and peers of other tunnels come through in either mode.
# Method: the gateway has tunnels for a peer of any address, so every spoofed address may be one. The
# flood is made on the wire itself. 5,000 a second for 15 s; where the machine cannot make so many, the
# test says how many it were and wants a half. Each Diffie-Hellman of aggressive mode yields an answer,
# which is counted on the wire.
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
# ike/base/limits.h: kAgreementsPerTunnel.
readonly agreements_a_second=25 v1_seconds=15 v1_connections=2

main() {
  peer_topology 4
  left_site 4
  left_tunnel 1 'start = "respond"'
  left_tunnel 2
  left_tunnel 3 "$(v1 main)"
  left_tunnel 4 "$(v1 aggressive)"
  from_anywhere roaming 192.168.200.1
  from_anywhere named roaming.example.com '"aggressive", version = 1'
  left_start
  right_start "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"
  { right 1; right 2; right 3 version=1; right 4 version=1 aggressive=yes; } | load_connections
  wait_connected 2
  the_flood_has_a_way
  say "IKE_SA_INIT from everywhere"
  start wire flood spoof_flood $a_second $seconds 198.18.0.0/15 "$left_outside"
  wait_until 10 "cookies are asked for" has_counted 'cookie asked for'
  charon_connects_all_the_while $connections 1
  the_flood_ends $seconds
  say "aggressive mode from everywhere"
  capture_start wire left answers "src $left_outside and dst net 198.18.0.0/15"
  start wire flood spoof_flood $a_second $v1_seconds 198.18.0.0/15 "$left_outside" \
    roaming.example.com
  wait_until 10 "openings are held back" has_counted 'aggressive mode withheld'
  it_is_told
  charon_connects_all_the_while $v1_connections 1 3 4
  the_flood_ends $v1_seconds
  few_were_answered
  end_both
}

v1() { printf 'start = "respond"\nike = { version = 1, mode = "%s" }\n' "$1"; }

# from_anywhere NAME PEER_ID [MODE]: a tunnel that whoever it is might be for.
subnets=0
from_anywhere() {
  subnets=$((subnets + 1))
  cat >>"$site_file" <<END
[[subnet]]
name = "$1"
vpc = "vpc"
cidr = "10.1.$((200 + subnets)).0/24"
[[peer]]
name = "anybody-$1"
address = "0.0.0.0"
[[tunnel]]
name = "$1"
gateway = "gw"
peer = "anybody-$1"
psk = "a-key-for-somebody-else"
local_cidrs = ["10.1.$((200 + subnets)).0/24"]
peer_cidrs = ["10.2.$((200 + subnets)).0/24"]
ike = { peer_id = "$2"${3:+, mode = $3} }
END
}

# From the wire's own stack, which has an address there for it; answers go to a hole.
the_flood_has_a_way() {
  ip_lines wire <<'END'
address add 203.0.113.250/24 dev bridge
END
  ip_lines gw-left <<<"route add 198.18.0.0/15 via 203.0.113.250 dev wan"
  ip_lines wire <<<"route add blackhole 198.18.0.0/15"
}
has_counted() { [ "$(counted "$1")" -gt 100 ]; }
counted() {
  ask -o json counters | python3 -c "
import json, sys
print(sum(it['value'] for it in json.load(sys.stdin)['counters'] if '$1' in it['name']))"
}

# charon_connects_all_the_while TIMES N...: each of these tunnels in its turn.
charon_connects_all_the_while() {
  local times=$1 i n begun_us took_ms left_ms longest_ms=0 during=0 all=0
  shift
  for ((i = 1; i <= times; i++)); do
    for n; do
      all=$((all + 1))
      if is_running flood; then during=$all; fi
      begun_us=${EPOCHREALTIME/./}
      swan --initiate --child "n$n" --timeout 10 || fail "connection $i of t$n did not come up"
      took_ms=$(((${EPOCHREALTIME/./} - begun_us) / 1000))
      [ "$took_ms" -le "$longest_ms" ] || longest_ms=$took_ms
      swan --terminate --ike "c$n" --timeout 10 || fail "connection $i of t$n did not end"
      left_ms=$((500 - (${EPOCHREALTIME/./} - begun_us) / 1000))
      [ "$left_ms" -le 0 ] || wait_out "$left_ms"
    done
  done
  [ "$during" -ge $least_during ] || fail "only $during connections were during the flood"
  printf 'ok %s connections of %s while it flooded, the longest took %s ms\n' "$during" \
    "$all" "$longest_ms" >&2
}

it_is_told() {
  ask diag named >"$scratch/diag" || true
  grep -F 'openings' "$scratch/diag" >&2 || fail "diag says nothing of it: $(<"$scratch/diag")"
  grep -qF 'in aggressive mode held back' "$scratch/diag" || fail "diag does not say what is held back"
  ask status named >"$scratch/status"
  grep -qF 'in aggressive mode held back' "$scratch/status" ||
    fail "status says nothing of it: $(<"$scratch/status")"
}

few_were_answered() {
  capture_stop answers
  local answered
  answered=$(packets answers udp src port 500)
  [ "$answered" -gt 0 ] || fail "none was answered"
  [ "$answered" -le $((agreements_a_second * (v1_seconds + 2))) ] ||
    fail "$answered were answered, each for a Diffie-Hellman"
  printf 'ok %s of them were answered\n' "$answered" >&2
}

the_flood_ends() {
  wait_until $(($1 + 10)) "the flood has ended" has_ended "${processes[flood]}"
  unset 'processes[flood]'
  local sent peak_kib
  sent=$(sed -n 's/^sent=//p' "$scratch/flood.log")
  [ "${sent:-0}" -ge $((a_second * $1 / 2)) ] || fail "the flood was of $sent only"
  printf 'ok %s requests in %s s\n' "$sent" "$1" >&2
  peak_kib=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(daemon_of ipsecd-gw-left)/status")
  [ "$peak_kib" -le $memory_limit_kib ] || fail "ipsecd took $peak_kib KiB"
  printf 'ok ipsecd took %s KiB at most\n' "$peak_kib" >&2
  expect_eq "$(times_left_said "tunnel=t2 event=disconnected")" 0 "times that t2 was cut off"
  pass left 2
}

main "$@"
