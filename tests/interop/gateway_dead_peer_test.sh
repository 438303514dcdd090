#!/usr/bin/env bash
# Goal: a peer that dies and a link that is cut are found within 21 s: the tunnel is connecting, its
# route is withdrawn, and not a packet leaves in clear. The tunnel is back within 15 s of the peer's
# or the link's return, with its route. A peer that reboots at once, and leaves it to us to begin, is
# back within 25 s, though it proves nothing: charon has no tokens (RFC 6290).
# Method: charon is killed and begun anew on a kernel without its SAs, as after a reboot; then the wire
# is cut in its middle, so that neither gateway sees a link go down. The hosts keep on sending.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# t1 has ESP as it is, t2 in UDP; t3 and t4 the same in IKEv1's main mode and aggressive mode, where
# either side also answers whether it is there (RFC 3706).
#
# time limit: 300
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly found_within_s=21 back_within_s=15 rebooted_within_s=25
readonly tunnels=(1 2 3 4)

main() {
  peer_topology "${#tunnels[@]}"
  clear_is_seen "${tunnels[@]}"
  left_site "${#tunnels[@]}"
  left_tunnel 1
  left_tunnel 2 'force_encapsulation = true'
  left_tunnel 3 "$(v1 main)"
  left_tunnel 4 $'force_encapsulation = true\n'"$(v1 aggressive)"
  left_start
  clear_is_blocked "${tunnels[@]}"
  has_no_route || fail "there is a route before there is a tunnel"
  charon_comes
  # Until it is there each try of aggressive mode offers another group, and charon takes some of them.
  patience=100 wait_connected "${tunnels[@]}"
  wait_until 5 "the routes are there" has_all_routes
  watch_clear
  pass left "${tunnels[@]}"
  both_answer_in_ikev1

  say "charon is killed"
  it_is_killed
  it_is_found
  say "and begun again on a kernel that knows nothing"
  it_is_begun_anew
  it_is_back

  say "charon reboots at once"
  it_reboots

  say "the link is cut"
  in_ns wire ip link set right nomaster
  it_is_found
  in_ns wire ip link set right master bridge
  it_is_back

  pass left "${tunnels[@]}"
  pass right "${tunnels[@]}"
  # A kernel whose policies are flushed, as charon's is here, may answer in clear what came through a tunnel.
  expect_none_of_ours_in_clear
  end_both host-left
}

# The first message of a quick mode has the only group there is, and charon by itself has none.
v1() { printf 'ike = { version = 1, mode = "%s" }\nipsec = { pfs = ["none"] }\n' "$1"; }

# Its line is there once it has its connections: what it refuses before is offered otherwise then.
charon_comes() {
  in_ns wire ip link set right nomaster
  right_start "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"
  {
    right 1
    right 2
    right 3 version=1 dpd_delay=3s dpd_timeout=60s
    right 4 version=1 aggressive=yes
  } | load_connections
  in_ns wire ip link set right master bridge
}

it_is_killed() {
  kill -KILL "${processes[charon]}"
  wait "${processes[charon]}" 2>/dev/null || true
}

it_is_begun_anew() {
  in_ns gw-right ip xfrm state flush
  in_ns gw-right ip xfrm policy flush
  charon_comes
}

# The time of each is counted from the kill.
it_reboots() {
  local begun_us=${EPOCHREALTIME/./} n took_ms
  it_is_killed
  it_is_begun_anew
  wait_until $((rebooted_within_s + 10)) "all are found and are back" after_echoes were_made_anew "$begun_us"
  for n in "${tunnels[@]}"; do
    took_ms=$(($(told_at_ms "tunnel=t$n event=(connected|recovered)") - begun_us / 1000))
    [ "$took_ms" -le $((rebooted_within_s * 1000)) ] || fail "t$n was back after $took_ms ms only"
    printf 'ok t%s was back after %s ms, within %s s\n' "$n" "$took_ms" $rebooted_within_s >&2
  done
  wait_until 5 "the routes are there" has_all_routes
  pass left "${tunnels[@]}"
}
# were_made_anew SINCE_US: told once each since then, and connected.
were_made_anew() {
  local n
  for n in "${tunnels[@]}"; do
    [ "$(told_at_ms "tunnel=t$n event=(connected|recovered)")" -gt $(($1 / 1000)) ] || return 1
  done
  is_connected "${tunnels[@]}"
}

both_answer_in_ikev1() {
  say "either side is asked whether it is there, and answers"
  wait_until 20 "charon asked" charon_log_has 'generating .*N\(DPD\)'
  wait_until 20 "we answered" charon_log_has 'parsed .*N\(DPD_ACK\)'
  wait_until 20 "we asked" charon_log_has 'parsed .*N\(DPD\)'
  wait_until 20 "charon answered" charon_log_has 'generating .*N\(DPD_ACK\)'
}
charon_log_has() { grep -qE "$1" "$scratch/charon-says.log"; }

# Both are within their time, counted from here.
it_is_found() {
  local begun_us=${EPOCHREALTIME/./} n found_ms
  wait_until $((found_within_s + 10)) "it is found" after_echoes none_is_connected
  # By the clock of who found it: a poll here takes its time.
  for n in "${tunnels[@]}"; do
    found_ms=$(($(told_at_ms "tunnel=t$n event=disconnected") - begun_us / 1000))
    [ "$found_ms" -le $((found_within_s * 1000 + 200)) ] || fail "t$n was found after $found_ms ms only"
    printf 'ok t%s was found after %s ms, within %s s\n' "$n" "$found_ms" $found_within_s >&2
  done
  expect_eq "$(states | cut -d , -f 2 | sort -u)" connecting "what the tunnels are"
  wait_until 5 "the routes are withdrawn" has_no_route
  expect_eq "$(echo_wait_s=0.3 through_all left "${tunnels[@]}" | wc -l)" "${#tunnels[@]}" \
    "echoes without an answer"
}

# told_at_ms PATTERN: when ipsecd said so last.
told_at_ms() {
  local line
  line=$(grep -E -- "$1" "$scratch/ipsecd-gw-left.log" | tail -n 1)
  date -d "${line%% *}" +%s%3N
}

it_is_back() {
  within $back_within_s "the tunnels are back" is_connected "${tunnels[@]}"
  wait_until 5 "the routes are back" has_all_routes
  pass left "${tunnels[@]}"
}

# within SECONDS WHAT COMMAND...: the hosts keep on sending meanwhile.
within() {
  local limit_s=$1 what=$2 begun_us=${EPOCHREALTIME/./} took_ms
  shift 2
  wait_until $((limit_s + 5)) "$what" after_echoes "$@"
  took_ms=$(((${EPOCHREALTIME/./} - begun_us) / 1000))
  # It is seen up to a second late.
  [ "$took_ms" -le $((limit_s * 1000 + 1000)) ] || fail "$what after $took_ms ms only"
  printf 'ok %s after %s ms, within %s s\n' "$what" "$took_ms" "$limit_s" >&2
}
after_echoes() {
  echo_wait_s=0.05 through_all left "${tunnels[@]}" >/dev/null
  "$@"
}

our_routes() { quietly_in_ns host-left ip route show proto "$ROUTE_PROTO"; }
has_no_route() { [ -z "$(our_routes)" ]; }
has_all_routes() {
  local all n
  all=$(our_routes)
  for n in "${tunnels[@]}"; do [[ $all = *"10.2.$n.0/24 via 10.1.$n.1 "* ]] || return 1; done
}

main "$@"
