#!/usr/bin/env bash
# Goal: one gateway serves three sites, and the routes that it delivers are all that leads to them:
# from a host of its VPC, and from site to site through the hub. A site that says goodbye, is cut
# off or is deleted loses its routes, and nothing of the others moves; when it is back, so are they.
# Method: the hub's tunnels have devices, since a site's range is local to one tunnel and the peer's
# in another; those of the sites have none, and their ranges are what decides: the hub's and the
# other sites'. What goes in clear is seen on the wire, and what moves by `ip monitor`.
#
#   web 10.0.1.10 ---- hub 203.0.113.1 == wire ==+== site-1 203.0.113.11  10.1.0.0/24
#     table of web: its own main one             +== site-2 203.0.113.12  10.2.0.0/24
#     table of subnet hub: main, in hub          +== site-3 203.0.113.13  10.3.0.0/24
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology
  declare_hub
  local site
  for site in 1 2 3; do declare_spoke $site; done
  gateway_start hub
  for site in 1 2 3; do gateway_start site-$site; done
  routes_lead_to_all
  sites_reach_each_other
  one_says_goodbye
  one_is_cut_off
  one_is_deleted
  the_end
}

# --- what there is -----------------------------------------------------------------------------

topology() {
  make_namespace web hub wire site-1 site-2 site-3
  link web eth0 hub web
  link hub wan wire hub
  "${enter[@]}" "hub-$$" sysctl -qw net.ipv4.ip_forward=1
  "${enter[@]}" "wire-$$" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  ip_lines wire <<END
link add bridge type bridge stp_state 0 mcast_snooping 0
link set bridge up
link set hub master bridge up
END
  ip_lines hub <<END
address add 203.0.113.1/24 dev wan
address add 10.0.1.1/24 dev web
link set wan up
link set web up
END
  ip_lines web <<END
address add 10.0.1.10/24 dev eth0
link set eth0 up
END
  local site
  for site in 1 2 3; do make_site $site; done
}

# A site's host is an address of its gateway.
make_site() {
  link "site-$1" wan wire "site-$1"
  ip_lines wire <<<"link set site-$1 master bridge up"
  ip_lines "site-$1" <<END
address add 203.0.113.1$1/24 dev wan
address add 10.$1.0.10/24 dev lo
link set wan up
route add default via 203.0.113.1
END
}

declare_hub() {
  mkdir -p "$scratch/hub/conf.d"
  cat >"$scratch/hub/conf.d/hub.toml" <<END
[[vpc]]
name = "vpc"
cidrs = ["10.0.0.0/16"]
[[subnet]]
name = "edge"
vpc = "vpc"
cidr = "10.0.0.0/24"
[[subnet]]
name = "web"
vpc = "vpc"
cidr = "10.0.1.0/24"
route_table = "main,netns=web-$$,via=10.0.1.1"
[[subnet]]
name = "hub"
vpc = "vpc"
cidr = "10.0.2.0/24"
route_table = "main"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "edge"
public_address = "203.0.113.1"
END
  local site
  for site in 1 2 3; do
    cat >>"$scratch/hub/conf.d/hub.toml" <<END
[[peer]]
name = "site-$site"
address = "203.0.113.1$site"
[[tunnel]]
name = "site-$site"
gateway = "gw"
peer = "site-$site"
interface = "to-$site"
start = "respond"
local_cidrs = ["10.0.1.0/24", "10.0.2.0/24"]
peer_cidrs = ["10.$site.0.0/24"]
psk = "the-key-of-site-$site"
dpd = { delay_s = 1, timeout_s = 2 }
END
  done
}

declare_spoke() {
  local others=(10.1.0.0/24 10.2.0.0/24 10.3.0.0/24)
  unset "others[$1 - 1]"
  mkdir -p "$scratch/site-$1/conf.d"
  cat >"$scratch/site-$1/conf.d/site.toml" <<END
[[vpc]]
name = "vpc"
cidrs = ["10.$1.0.0/16"]
[[subnet]]
name = "lan"
vpc = "vpc"
cidr = "10.$1.0.0/24"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "lan"
public_address = "203.0.113.1$1"
[[peer]]
name = "hub"
address = "203.0.113.1"
[[tunnel]]
name = "hub"
gateway = "gw"
peer = "hub"
local_cidrs = ["10.$1.0.0/24"]
peer_cidrs = ["10.0.0.0/16", $(printf '"%s", ' "${others[@]}")]
psk = "the-key-of-site-$1"
dpd = { delay_s = 1, timeout_s = 2 }
END
}

# --- what is looked at -------------------------------------------------------------------------

# routed NS: the sites that routes of ours lead to, as "1 2 3".
routed() {
  quietly_in_ns "$1" ip route show table main proto "$ROUTE_PROTO" |
    sed -n 's|^10\.\([1-3]\)\.0\.0/24 .*|\1|p' | sort | paste -sd ' '
}
routed_are() {
  local both
  both="$(routed web), $(routed hub)"
  echo "$both"
  [ "$both" = "$1, $1" ]
}
# moved_of NS: the ranges whose routes moved.
moved_of() { moved "$1" | sed -n 's|^.*\(10\.[1-3]\.0\.0/24\).*|\1|p' | sort -u | paste -sd ' '; }

watch_both() { watch web; watch hub; }
# expect_moved WEB HUB: the ranges whose routes moved in either table.
expect_moved() {
  unwatch web
  unwatch hub
  expect_eq "$(moved_of web)" "$1" "what moved in web"
  expect_eq "$(moved_of hub)" "$2" "what moved in hub"
}

# pings NS FROM TO
pings() { in_ns "$1" ping -q -c 3 -i 0.2 -W 2 -I "$2" "$3" >&2; }
reaches() { quietly_in_ns "$1" ping -q -c 1 -W 1 -I "$2" "$3"; }

# --- the story ---------------------------------------------------------------------------------

routes_lead_to_all() {
  wait_until 30 "all sites are routed" routed_are "1 2 3"
  expect_eq "$(quietly_in_ns hub ip route show 10.2.0.0/24 | sed 's/ mtu.*//')" \
    "10.2.0.0/24 dev to-2 proto $ROUTE_PROTO scope link metric 100" "a route in hub"
  capture_start wire bridge web
  for site in 1 2 3; do pings web 10.0.1.10 10.$site.0.10; done
  capture_stop web
  expect_no_clear_text web 10.0.0.0/8
  expect_esp web 18
}

sites_reach_each_other() {
  capture_start wire bridge sites
  pings site-1 10.1.0.10 10.2.0.10
  pings site-3 10.3.0.10 10.1.0.10
  capture_stop sites
  expect_no_clear_text sites 10.0.0.0/8
  # Each ping and each answer goes into the hub and out of it again.
  expect_esp sites 24
}

one_says_goodbye() {
  say "site-3 says goodbye"
  watch_both
  ctl site-3 tunnel down hub >&2
  wait_until 10 "its routes are withdrawn" routed_are "1 2"
  expect_moved 10.3.0.0/24 10.3.0.0/24
  expect_fails reaches site-1 10.1.0.10 10.3.0.10
  pings site-1 10.1.0.10 10.2.0.10
  ctl site-3 tunnel up hub >&2
  wait_until 20 "its routes are back" routed_are "1 2 3"
  pings site-3 10.3.0.10 10.2.0.10
}

one_is_cut_off() {
  say "the link of site-2 is cut: nobody says goodbye"
  watch_both
  ip_lines wire <<<"link set site-2 down"
  wait_until 30 "its routes are withdrawn" routed_are "1 3"
  expect_moved 10.2.0.0/24 10.2.0.0/24
  pings site-1 10.1.0.10 10.3.0.10
  pings web 10.0.1.10 10.1.0.10
  ip_lines wire <<<"link set site-2 up"
  wait_until 60 "its routes are back" routed_are "1 2 3"
  pings site-2 10.2.0.10 10.1.0.10
  pings web 10.0.1.10 10.2.0.10
}

one_is_deleted() {
  watch_both
  ctl hub tunnel delete --yes site-1 >&2
  wait_until 10 "its routes are cleared" routed_are "2 3"
  # A route into a device goes with it without a word.
  expect_moved 10.1.0.0/24 ""
  pings site-2 10.2.0.10 10.3.0.10
}

ours_of_devices() { quietly_in_ns hub ip -oneline link show | grep ' to-[1-3]@' || true; }

the_end() {
  local site
  for site in 1 2 3; do stop "ipsecd-site-$site"; done
  end_limit_s=20 gateway_end hub
  expect_nothing_left hub web
  expect_empty "devices of ours" ours_of_devices
}

main "$@"
