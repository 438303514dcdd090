#!/usr/bin/env bash
# Goal: the peer's range appears in the tables of the subnets that a tunnel serves and in no other,
# goes when the tunnel does, and nothing else moves it: no rekey, no restart, no edit of something
# else. A private line takes over in clear where that is wanted, and nothing leaks where it is not.
# Method: each subnet is a namespace whose own main table is its route table, so hosts reach the peer
# by a delivered route or not at all. `ip monitor` counts what moves.
#
#   web 10.1.1.10 --+
#   db  10.1.2.10 --+-- gw-left 203.0.113.1 === wire === 203.0.113.2 gw-right --- host-right
#   lab 10.1.3.10 --+                                                           192.168.3.10
#   web 10.9.9.1 ------------------------- private line ------------------------- 10.9.9.2
#
# time limit: 300
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly peer_range=192.168.3.0/24 peer_host=192.168.3.10

main() {
  topology_vpc
  declare_left
  declare_right
  gateway_start gw-right
  a_host_has_no_way
  gateway_start gw-left
  routes_come_with_the_tunnel
  rekeys_move_nothing
  drift_is_put_right
  a_foreign_route_is_a_conflict
  an_edit_moves_the_difference
  a_crash_moves_nothing
  the_line_takes_over
  nothing_leaks
  by_hand
  trouble_is_told_and_ends_by_itself
  a_table_taken_out_while_it_was_down_is_cleared
  the_end
}

topology_vpc() {
  topology_two_gateways
  make_namespace web db lab
  local name number=0
  for name in web db lab; do
    number=$((number + 1))
    link gw-left "$name" "$name" eth0
    ip_lines gw-left <<END
address add 10.1.$number.1/24 dev $name
link set $name up
END
    ip_lines "$name" <<END
address add 10.1.$number.10/24 dev eth0
link set eth0 up
END
  done
  link web line host-right line
  ip_lines web <<END
address add 10.9.9.1/30 dev line
link set line up
END
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
END
  local name number=0
  for name in web db lab; do
    number=$((number + 1))
    cat >>"$scratch/gw-left/conf.d/site.toml" <<END

[[subnet]]
name = "$name"
vpc = "vpc"
cidr = "10.1.$number.0/24"
route_table = "main,netns=$name-$$,via=10.1.$number.1"
END
  done
  cat >>"$scratch/gw-left/conf.d/site.toml" <<END

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
local_cidrs = ["10.1.1.0/24", "10.1.2.0/24"]
peer_cidrs = ["$peer_range"]
psk = "a-key-for-tests-only"
END
}

declare_right() {
  declare_site gw-right 3 0 2 1
  sed -i 's|^peer_cidrs = .*|peer_cidrs = ["10.1.1.0/24", "10.1.2.0/24", "10.1.3.0/24"]|' \
    "$scratch/gw-right/conf.d/site.toml"
}

# --- what is looked at -------------------------------------------------------------------------

# our_routes NS: what is delivered there.
our_routes() { quietly_in_ns "$1" ip route show table main proto "$ROUTE_PROTO"; }
has_route() { [[ $(our_routes "$1") = *"$peer_range"* ]]; }
has_no_route() { ! has_route "$1"; }
has_hole() { [[ $(our_routes "$1") = "blackhole $peer_range"* ]]; }
reaches() { quietly_in_ns "$1" ping -q -c 1 -W 1 "$peer_host"; }

status_is() { [[ $(ctl gw-left -o csv status 2>/dev/null | sed -n 2p) = *",$1,"* ]]; }
trouble_is() { [[ $(ctl gw-left tunnel show to-other 2>/dev/null) = *"$1"* ]]; }

# --- the story ---------------------------------------------------------------------------------

a_host_has_no_way() {
  expect_fails reaches web
}

routes_come_with_the_tunnel() {
  wait_until 30 "web has its route" has_route web
  wait_until 5 "db has its route" has_route db
  expect_eq "$(our_routes web)" \
    "$peer_range via 10.1.1.1 dev eth0 metric 100 mtu 1446 advmss 1406 " \
    "the route of web"
  expect_empty "routes in lab, which the tunnel does not serve" our_routes lab
  capture_start wire left
  in_ns web ping -q -c 3 -i 0.2 -W 2 "$peer_host" >&2
  in_ns db ping -q -c 3 -i 0.2 -W 2 "$peer_host" >&2
  capture_stop capture
  expect_no_clear_text capture 10.1.0.0/16 "$peer_range"
  expect_esp_at_least capture 12
  expect_eq "$(ctl gw-left -o csv routes | grep -c ',ok,')" 2 "routes that are told to be in place"
  expect_eq "$(ctl gw-left -o csv routes --drift | wc -l)" 1 "lines about drift"
  wait_until 5 "the event is kept" events_say "2 of 2 routes are in place"
}
events_say() { [[ $(ctl gw-left events 2>/dev/null) = *"$1"* ]]; }

rekeys_move_nothing() {
  watch web
  ctl gw-left tunnel reconnect to-other >&2
  wait_until 20 "a new IKE SA is there" events_say_times ike-up 2
  in_ns web ping -q -c 3 -i 0.2 -W 2 "$peer_host" >&2
  unwatch web
  expect_eq "$(moved web)" "" "what a reauthentication moved"
}
events_say_times() { [ "$(ctl gw-left -o csv events | grep -c ",$1,")" -ge "$2" ]; }

drift_is_put_right() {
  in_ns web ip route del "$peer_range" proto "$ROUTE_PROTO"
  wait_until 5 "the route is back" has_route web
  say "IPv4 routes vanish with a link, and nobody is told"
  in_ns web ip link set eth0 down
  expect_fails has_route web
  in_ns web ip link set eth0 up
  wait_until 10 "the route is back" has_route web
}

a_foreign_route_is_a_conflict() {
  ctl gw-left tunnel routes withdraw to-other >&2
  wait_until 5 "the route is gone" has_no_route web
  in_ns web ip route add "$peer_range" via 10.1.1.77 metric 100 proto static
  ctl gw-left tunnel routes announce to-other >&2
  wait_until 5 "the conflict is told" trouble_is "has the place"
  expect_eq "$(ctl gw-left -o csv routes --drift | grep -c ',conflict,')" 1 "conflicts"
  wait_until 5 "db has its route" has_route db
  expect_eq "$(quietly_in_ns web ip route show "$peer_range")" \
    "$peer_range via 10.1.1.77 dev eth0 proto static metric 100 " "the foreign route"
  in_ns web ip route del "$peer_range" via 10.1.1.77
  wait_until 5 "web has its route" has_route web
  expect_fails trouble_is "has the place"
}

an_edit_moves_the_difference() {
  watch db
  ctl gw-left tunnel set to-other --peer-cidrs "$peer_range,192.168.4.0/24" >&2
  ctl gw-right subnet create lan4 --vpc vpc --cidr 192.168.4.0/24 >&2 || true
  wait_until 30 "the tunnel is connected anew" status_is connected
  wait_until 30 "web has its route" has_route web
  routes_settle
  unwatch db
  expect_eq "$(moved db | grep -F "$peer_range" || true)" "" \
    "what an edit moved of the range that stays"
  ctl gw-left tunnel set to-other --peer-cidrs "$peer_range" >&2
  wait_until 30 "the tunnel is connected anew" status_is connected
}

a_crash_moves_nothing() {
  wait_until 20 "web is reached" reaches web
  watch web
  gateway_crash gw-left
  has_route web
  gateway_start gw-left
  wait_until 30 "it is connected again" status_is connected
  wait_until 20 "web is reached" reaches web
  routes_settle
  unwatch web
  expect_eq "$(moved web)" "" "what a crash and a restart moved"
}

the_line_takes_over() {
  in_ns web ip route add "$peer_range" via 10.9.9.2 dev line metric 500
  reaches web
  ctl gw-left tunnel down to-other >&2
  wait_until 10 "the route is withdrawn" has_no_route web
  capture_start host-right line clear
  in_ns web ping -q -c 3 -i 0.2 -W 2 "$peer_host" >&2
  capture_stop clear
  expect_eq "$(packets clear icmp)" 6 "pings and answers in clear on the private line"
  expect_fails reaches db
  ctl gw-left tunnel up to-other >&2
  wait_until 30 "the tunnel has its traffic back" has_route web
  say "the peer's link is cut: nobody says goodbye"
  ip_lines gw-right <<<"link set wan down"
  wait_until 40 "the route is withdrawn" has_no_route web
  reaches web
  ip_lines gw-right <<END
link set wan up
route replace default via 203.0.113.1 dev wan
route replace 10.1.0.0/16 via 203.0.113.1 dev wan
END
  wait_until 40 "the tunnel has its traffic back" has_route web
}

nothing_leaks() {
  ctl gw-left tunnel set to-other --on-down blackhole >&2
  wait_until 20 "it is connected" status_is connected
  ctl gw-left tunnel down to-other >&2
  wait_until 10 "the route leads nowhere" has_hole web
  capture_start host-right line leak
  expect_fails reaches web
  capture_stop leak
  expect_eq "$(packets leak icmp)" 0 "packets on the private line"
  ctl gw-left tunnel up to-other >&2
  wait_until 30 "web is reached" reaches web
  ctl gw-left tunnel set to-other --on-down withdraw >&2
}

by_hand() {
  ctl gw-left tunnel set to-other --route-mode static --line-route-mode static >&2
  ctl gw-left tunnel down to-other >&2
  routes_settle
  has_route web
  say "static routes stay until they are withdrawn by hand"
  ctl gw-left tunnel routes withdraw to-other >&2
  wait_until 5 "the route is withdrawn" has_no_route web
  reaches web
  ctl gw-left tunnel routes announce to-other >&2
  wait_until 5 "the route is back" has_route web
  ctl gw-left tunnel set to-other --route-mode auto >&2
  ctl gw-left tunnel up to-other >&2
  wait_until 30 "it is connected" status_is connected
}

trouble_is_told_and_ends_by_itself() {
  ctl gw-left subnet set lab --route-table "main,netns=ghost-$$,via=10.1.3.1" >&2
  ctl gw-left tunnel set to-other --local-cidrs 10.1.1.0/24,10.1.2.0/24,10.1.3.0/24 >&2
  wait_until 30 "the trouble is told" trouble_is "there is no network namespace ghost-$$"
  wait_until 30 "the tunnel is connected for all that" status_is connected
  make_namespace ghost
  link gw-left ghost ghost eth0
  ip_lines ghost <<END
address add 10.1.3.20/24 dev eth0
link set eth0 up
END
  wait_until 60 "the route comes by itself" has_route ghost
  expect_fails trouble_is "there is no"
}

# Nobody names the table any more when the daemon comes back.
a_table_taken_out_while_it_was_down_is_cleared() {
  has_route db || fail "db has no route"
  gateway_crash gw-left
  sed -i "/netns=db-/d" "$scratch/gw-left/conf.d/site.toml"
  gateway_start gw-left
  wait_until 10 "what was left in db is gone" has_no_route db
  log_says ipsecd-gw-left "table main in netns db-$$ is not configured any more" ||
    fail "the log does not say so"
  wait_until 30 "the tunnel is connected again" status_is connected
  wait_until 10 "web has its route" has_route web
}

the_end() {
  ctl gw-left tunnel delete --yes to-other >&2
  wait_until 10 "routes are cleared" has_no_route web
  expect_empty "routes in ghost" our_routes ghost
  stop ipsecd-gw-right
  gateway_end gw-left
  expect_nothing_left gw-left web db lab ghost
}

main "$@"
