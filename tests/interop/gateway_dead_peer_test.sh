#!/usr/bin/env bash
# Goal: a peer that dies and a link that is cut are found within 21 s: the tunnel is connecting, its
# route is withdrawn, and not a packet leaves in clear. The tunnel is back within 15 s of the peer's
# or the link's return, with its route.
# Method: charon is killed and begun anew on a kernel without its SAs, as after a reboot; then the wire
# is cut in its middle, so that neither gateway sees a link go down. The hosts keep on sending.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# t1 has ESP as it is, t2 in UDP.
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly found_within_s=21 back_within_s=15
readonly tunnels=(1 2)

main() {
  peer_topology "${#tunnels[@]}"
  clear_is_seen "${tunnels[@]}"
  left_site "${#tunnels[@]}"
  left_tunnel 1
  left_tunnel 2 'force_encapsulation = true'
  left_start
  clear_is_blocked "${tunnels[@]}"
  has_no_route || fail "there is a route before there is a tunnel"
  charon_comes
  wait_connected "${tunnels[@]}"
  wait_until 5 "the routes are there" has_all_routes
  watch_clear
  pass left "${tunnels[@]}"

  say "charon is killed"
  kill -KILL "${processes[charon]}"
  wait "${processes[charon]}" 2>/dev/null || true
  it_is_found
  say "and begun again on a kernel that knows nothing"
  in_ns gw-right ip xfrm state flush
  in_ns gw-right ip xfrm policy flush
  charon_comes
  it_is_back

  say "the link is cut"
  in_ns wire ip link set right nomaster
  it_is_found
  in_ns wire ip link set right master bridge
  it_is_back

  pass left "${tunnels[@]}"
  pass right "${tunnels[@]}"
  expect_none_in_clear
  end_both host-left
}

charon_comes() {
  right_start
  { right 1; right 2; } | load_connections
}

# Both are within their time, counted from here.
it_is_found() {
  within $found_within_s "it is found" none_is_connected
  expect_eq "$(states | cut -d , -f 2 | sort -u)" connecting "what the tunnels are"
  wait_until 5 "the routes are withdrawn" has_no_route
  expect_eq "$(echo_wait_s=0.3 through_all left "${tunnels[@]}" | wc -l)" "${#tunnels[@]}" \
    "echoes without an answer"
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
