#!/usr/bin/env bash
# Goal: the peer's range is announced by BGP while its tunnel is up and withdrawn when it is down; the
# private line's route then carries the traffic (M102), by the include file as it is shipped.
# Method: BIRD beside ipsecd and BIRD on the VPC's border router, with one session between them.
#
#   web 10.1.1.10 --- border 10.1.0.2 --- 10.1.0.1 gw-left === wire === gw-right --- host-right
#                     border 10.9.9.1 ------------ private line ------------ 10.9.9.2 192.168.3.10
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly peer_range=192.168.3.0/24 peer_host=192.168.3.10

main() {
  topology
  declare_left
  declare_site gw-right 3 0 2 1
  sed -i 's|^peer_cidrs = .*|peer_cidrs = ["10.1.1.0/24"]|' "$scratch/gw-right/conf.d/site.toml"
  start_bird border '' 65002 10.1.0.2 10.1.0.1 65001 \
    'ipv4 { import all; export none; };'
  start_bird gw-left "include \"$repository/scripts/bird-ipsecd.conf\";" 65001 10.1.0.1 10.1.0.2 \
    65002 'ipv4 { table ipsecd4; import none; export all; next hop self; };'
  wait_until 30 "the session is established" session_is_up
  expect_fails has_route
  gateway_start gw-right
  gateway_start gw-left
  wait_until 30 "the range is announced" has_route
  expect_eq "$(quietly_in_ns gw-left ip route show table 10179 proto "$ROUTE_PROTO" | wc -l)" 1 \
    "routes in the table of its own"
  expect_empty "routes of ours in the main table" \
    quietly_in_ns gw-left ip route show table main proto "$ROUTE_PROTO"
  through_the_tunnel
  ctl gw-left tunnel down to-other >&2
  wait_until 20 "the range is withdrawn" has_no_route
  over_the_line
  ctl gw-left tunnel up to-other >&2
  wait_until 30 "the range is announced again" has_route
  through_the_tunnel
  other_modes_of_the_line
  the_end
}

topology() {
  topology_two_gateways
  make_namespace web border
  link web eth0 border lan
  link border vpc gw-left vpc
  link border line host-right line
  "${enter[@]}" "border-$$" sysctl -qw net.ipv4.ip_forward=1
  ip_lines web <<END
address add 10.1.1.10/24 dev eth0
link set eth0 up
route add default via 10.1.1.1
END
  ip_lines border <<END
address add 10.1.1.1/24 dev lan
address add 10.1.0.2/24 dev vpc
address add 10.9.9.1/30 dev line
link set lan up
link set vpc up
link set line up
route add $peer_range via 10.9.9.2 dev line metric 500
END
  ip_lines gw-left <<END
address add 10.1.0.1/24 dev vpc
link set vpc up
route add 10.1.1.0/24 via 10.1.0.2
END
  ip_lines gw-right <<<"route add 10.1.0.0/16 via 203.0.113.1"
  ip_lines host-right <<END
address add 10.9.9.2/30 dev line
link set line up
END
}

declare_left() {
  mkdir -p "$scratch/gw-left/conf.d"
  cat >"$scratch/gw-left/conf.d/site.toml" <<END
[[vpc]]
name = "vpc"
cidrs = ["10.1.0.0/16"]
[[subnet]]
name = "edge"
vpc = "vpc"
cidr = "10.1.0.0/24"
[[subnet]]
name = "web"
vpc = "vpc"
cidr = "10.1.1.0/24"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "edge"
public_address = "203.0.113.1"
[[peer]]
name = "other"
address = "203.0.113.2"
[[tunnel]]
name = "to-other"
gateway = "gw"
peer = "other"
local_cidrs = ["10.1.1.0/24"]
peer_cidrs = ["$peer_range"]
psk = "a-key-for-tests-only"
route_mode = "bgp"
line_route_mode = "bgp"
END
}

# start_bird NS INCLUDE OWN_AS OWN_ADDRESS PEER_ADDRESS PEER_AS CHANNEL
start_bird() {
  cat >"$scratch/bird-$1.conf" <<END
router id $4;
log stderr all;
protocol device { scan time 10; }
$2
$([ -n "$2" ] || echo 'protocol kernel { ipv4 { import none; export all; }; }')
protocol bgp neighbour {
  local $4 as $3;
  neighbor $5 as $6;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 2;
  $7
}
END
  start "$1" "bird-$1" bird -f -c "$scratch/bird-$1.conf" -s "$scratch/bird-$1.ctl" \
    -P "$scratch/bird-$1.pid"
}
session_is_up() { [[ $(birdc -s "$scratch/bird-border.ctl" show protocols) = *Established* ]]; }

has_route() {
  [[ $(quietly_in_ns border ip route show proto bird) = *"$peer_range via 10.1.0.1 "* ]]
}
has_no_route() { ! has_route; }

# ping_and_count: three pings, and how many packets of theirs the private line saw.
ping_and_count() {
  capture_start host-right line line
  in_ns web ping -q -c 3 -i 0.2 -W 2 "$peer_host" >&2
  capture_stop line
  packets line icmp
}
through_the_tunnel() {
  wait_until 10 "web reaches the peer" quietly_in_ns web ping -q -c 1 -W 1 "$peer_host"
  expect_eq "$(ping_and_count)" 0 "packets in clear on the line"
}
# The peer's host answers where it was asked from: the line's own address.
over_the_line() {
  ip_lines host-right <<<"route add 10.1.1.0/24 via 10.9.9.1 dev line"
  expect_eq "$(ping_and_count)" 6 "pings and answers in clear on the line"
  ip_lines host-right <<<"route del 10.1.1.0/24 via 10.9.9.1 dev line"
}

# The line of this scenario is a static one to the hosts, whatever is said of it (M103).
other_modes_of_the_line() {
  say "the line is static, the tunnel BGP; the other way round cannot work"
  ctl gw-left tunnel set to-other --line-route-mode static >&2
  ctl gw-left tunnel down to-other >&2
  wait_until 20 "the range is withdrawn" has_no_route
  over_the_line
  ctl gw-left tunnel up to-other >&2
  wait_until 30 "the range is announced again" has_route
  through_the_tunnel
  local told
  told=$(ctl gw-left tunnel set to-other --line-route-mode bgp --route-mode static 2>&1) &&
    fail "both were taken: $told"
  [[ $told = *"does not go with BGP on the private line"* ]] || fail "refused for another reason: $told"
  has_route
}

the_end() {
  stop bird-border
  stop bird-gw-left
  stop ipsecd-gw-right
  gateway_end gw-left
  expect_nothing_left gw-left
}

main "$@"
