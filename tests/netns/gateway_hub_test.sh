#!/usr/bin/env bash
# Goal: one machine is the gateway of two VPCs and tunnels to three sites at once, over the public
# network and over a private line, with the ranges that the platforms' manuals give as examples; only
# configured pairs of ranges go through a tunnel; one tunnel's end leaves the others alone.
# Method: hosts are addresses of the gateways themselves. What no tunnel carries is routed in clear,
# so that a ping which passes shows nothing by itself: the tunnels' counters do.
#
#                      +-- main-1 203.0.113.1 === 203.0.113.2 site-a   192.168.3.0/24, 192.168.4.0/24
#   192.168.1.0/24 ----+
#   192.168.2.0/24 ----+-- main-2 203.0.113.11 == 202.108.22.5 site-b  10.0.1.0/24
#   172.16.1.0/24 -------- lab    10.255.0.1 ==== 10.255.0.2 site-c    10.0.192.0/20
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_hub
  hub_toml
  site_toml site-a 203.0.113.2 203.0.113.1 '"192.168.3.0/24", "192.168.4.0/24"' \
    '"192.168.1.0/24", "192.168.2.0/24"'
  site_toml site-b 202.108.22.5 203.0.113.11 '"10.0.1.0/24"' '"192.168.1.0/24"'
  site_toml site-c 10.255.0.2 10.255.0.1 '"10.0.192.0/20"' '"172.16.1.0/24"'
  for namespace in site-a site-b site-c hub; do gateway_start "$namespace"; done
  for tunnel in example-1 example-2 example-3; do
    wait_until 30 "$tunnel is connected" tunnel_is "$tunnel" connection connected
  done
  the_examples_work
  only_configured_pairs_go_through
  each_gateway_has_its_own
  one_end_leaves_the_others
}

topology_hub() {
  say "topology: hub, and three sites on one wire"
  make_namespace hub site-a site-b site-c
  "${enter[@]}" "hub-$$" sysctl -qw net.ipv4.ip_forward=1
  local site
  ip_lines hub <<END
link add wire type bridge stp_state 0 mcast_snooping 0
link set wire up
address add 203.0.113.1/24 dev wire
address add 203.0.113.11/24 dev wire
address add 10.255.0.1/24 dev wire
address add 192.168.1.10/24 dev lo
address add 192.168.2.10/24 dev lo
address add 172.16.1.10/24 dev lo
route add 202.108.22.5/32 dev wire
END
  for site in site-a site-b site-c; do
    link hub "$site" "$site" wan
    ip_lines hub <<<"link set $site master wire up"
  done
  make_site site-a 203.0.113.2/24 192.168.3.10/24 192.168.4.10/24
  make_site site-b 202.108.22.5/24 10.0.1.10/24
  make_site site-c 10.255.0.2/24 10.0.192.10/20
  ip_lines hub <<END
route add 192.168.3.0/24 via 203.0.113.2
route add 192.168.4.0/24 via 203.0.113.2
route add 10.0.1.0/24 via 202.108.22.5 dev wire onlink
route add 10.0.192.0/20 via 10.255.0.2
END
}

# make_site NS OUTSIDE INSIDE...
make_site() {
  local namespace=$1 inside
  ip_lines "$namespace" <<END
address add $2 dev wan
link set wan up
route add default dev wan
END
  for inside in "${@:3}"; do ip_lines "$namespace" <<<"address add $inside dev lo"; done
}

hub_toml() {
  mkdir -p "$scratch/hub/conf.d"
  cat >"$scratch/hub/conf.d/hub.toml" <<'END'
[[vpc]]
name = "main"
cidrs = ["192.168.0.0/24", "192.168.1.0/24", "192.168.2.0/24"]
[[vpc]]
name = "lab"
cidrs = ["172.16.0.0/16"]

[[subnet]]
name = "edge"
vpc = "main"
cidr = "192.168.0.0/24"
[[subnet]]
name = "web"
vpc = "main"
cidr = "192.168.1.0/24"
[[subnet]]
name = "db"
vpc = "main"
cidr = "192.168.2.0/24"
[[subnet]]
name = "lab-edge"
vpc = "lab"
cidr = "172.16.0.0/24"
[[subnet]]
name = "lab"
vpc = "lab"
cidr = "172.16.1.0/24"

[[gateway]]
name = "main-1"
vpc = "main"
subnet = "edge"
public_address = "203.0.113.1"
[[gateway]]
name = "main-2"
vpc = "main"
subnet = "edge"
public_address = "203.0.113.11"
[[gateway]]
name = "lab"
vpc = "lab"
subnet = "lab-edge"
public_address = "10.255.0.1"

[[peer]]
name = "site-a"
address = "203.0.113.2"
[[peer]]
name = "site-b"
address = "202.108.22.5"
[[peer]]
name = "site-c"
address = "10.255.0.2"

[[tunnel]]
name = "example-1"
gateway = "main-1"
peer = "site-a"
local_cidrs = ["192.168.1.0/24", "192.168.2.0/24"]
peer_cidrs = ["192.168.3.0/24", "192.168.4.0/24"]
psk = "the-key-of-site-a"
[[tunnel]]
name = "example-2"
gateway = "main-2"
peer = "site-b"
local_cidrs = ["192.168.1.0/24"]
peer_cidrs = ["10.0.1.0/24"]
psk = "the-key-of-site-b"
[[tunnel]]
name = "example-3"
gateway = "lab"
peer = "site-c"
local_cidrs = ["172.16.1.0/24"]
peer_cidrs = ["10.0.192.0/20"]
psk = "the-key-of-site-c"
END
}

# site_toml NS OWN_ADDRESS HUB_ADDRESS OWN_RANGES HUB_RANGES: waits for the hub to begin.
site_toml() {
  mkdir -p "$scratch/$1/conf.d"
  {
    printf '[[vpc]]\nname = "here"\ncidrs = [%s]\n' "$4"
    local i=0 range
    for range in ${4//,/ }; do
      i=$((i + 1))
      printf '[[subnet]]\nname = "lan-%s"\nvpc = "here"\ncidr = %s\n' $i "$range"
    done
    printf '[[gateway]]\nname = "gw"\nvpc = "here"\nsubnet = "lan-1"\npublic_address = "%s"\n' "$2"
    printf '[[peer]]\nname = "hub"\naddress = "%s"\n' "$3"
    printf '[[tunnel]]\nname = "hub"\ngateway = "gw"\npeer = "hub"\nstart = "respond"\n'
    printf 'local_cidrs = [%s]\npeer_cidrs = [%s]\npsk = "the-key-of-%s"\n' "$4" "$5" "$1"
  } >"$scratch/$1/conf.d/site.toml"
}

# of_tunnel NAME EXPRESSION: of what `status` says of it, as Python sees it.
of_tunnel() { of_one hub "$1" "$2"; }
tunnel_is() { [ "$(of_tunnel "$1" "it['$2']")" = "$3" ]; }
# Of the kernel's outbound SA: what status says of it may be a second old.
packets_out() { sa_packets hub "$(of_tunnel "$1" "it['children'][0]['outbound_spi']")"; }

has_counted() { [ "$(of_tunnel "$1" "it['counters']['out_packets']")" = "$2" ]; }

# expect_through TUNNEL FROM TO: two pings pass, and it is this tunnel that takes them.
expect_through() {
  local before
  before=$(packets_out "$1")
  in_ns hub ping -q -c 2 -i 0.2 -W 2 -I "$2" "$3" >&2
  expect_eq "$(packets_out "$1")" $((before + 2)) "packets of $1 after $2 -> $3"
}

the_examples_work() {
  for from in 192.168.1.10 192.168.2.10; do
    for to in 192.168.3.10 192.168.4.10; do expect_through example-1 $from $to; done
  done
  expect_through example-2 192.168.1.10 10.0.1.10
  expect_through example-3 172.16.1.10 10.0.192.10
  for tunnel in example-1 example-2 example-3; do
    wait_until 10 "$tunnel carries both ways" tunnel_is "$tunnel" traffic normal
  done
  wait_until 5 "status has counted the packets" has_counted example-1 8
  expect_eq "$(of_tunnel example-1 "it['pairs'], it['pairs_up']")" "4 4" "pairs of example-1"
}

only_configured_pairs_go_through() {
  say "a pair of ranges that no tunnel has"
  local before
  before=$(packets_out example-2)
  in_ns hub ping -q -c 2 -i 0.2 -W 2 -I 192.168.2.10 10.0.1.10 >&2
  expect_eq "$(packets_out example-2)" "$before" "packets of example-2 after those of another range"
}

each_gateway_has_its_own() {
  expect_eq "$(ctl hub -o csv gateway list | grep -c ,main,)" 2 "gateways of one VPC"
  expect_eq "$(ctl hub -o csv tunnel list --search site-b | tail -n +2 | wc -l)" 1 \
    "tunnels found by their peer"
}

one_end_leaves_the_others() {
  say "site-b does not answer any more, so its tunnel's end is told for a while"
  in_ns site-b ip link set wan down
  ctl hub tunnel delete --yes example-1 example-2 >&2
  expect_eq "$(ctl hub -o csv status | grep -c '^example-2,[^,]*,Deleting,')" 1 "tunnels that are leaving"
  wait_until 10 "example-1 has ended under its name" \
    log_says ipsecd-hub "tunnel=example-1 phase=1 event=ike-down"
  expect_fails quietly_in_ns hub ipsecctl --run-dir "$scratch/hub/run" tunnel show example-1
  expect_through example-3 172.16.1.10 10.0.192.10
  wait_until 30 "example-2 has ended" \
    log_says ipsecd-hub "tunnel=example-2 phase=1 event=ike-down"
  expect_eq "$(ctl hub -o csv status | wc -l)" 2 "lines of status"
  gateway_end hub
  expect_nothing_left hub
}

main "$@"
