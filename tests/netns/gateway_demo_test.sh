#!/usr/bin/env bash
# Goal: what scripts/demo shows is true, and on one screen: two sites join by a few commands, their
# subnets' tables get the routes, packets go through as ESP, a key that differs is named by `diag`, and
# what is taken down leaves nothing.
# Method: what a person would type is shown with a prompt and its output, on standard output; all else
# is hidden below the story and shown where something fails.
#
#   web 10.1.1.10 --+                                            +-- app 10.2.1.10
#                   gw-left 203.0.113.1 == wire == 203.0.113.2 gw-right
#   db  10.1.2.10 --+                                            +-- log 10.2.2.10
#
# time limit: 120
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

# To standard output, which the caller of a scenario sees; narration stays in the log of a failure.
main() {
  if [ -n "${IPSEC_DEMO:-}" ]; then exec 2>"$scratch/narrated"; fi
  cd "$scratch"
  two_sites
  chapter "Each site declares what there is. The left one first: it waits for its peer."
  declare_left_site
  shown gw-left ipsecctl status
  expect_shown "connecting"
  chapter "The right one says the same from its side."
  declare_right_site
  wait_until 20 "the tunnel is connected" status_says connected
  shown gw-left ipsecctl status
  chapter "The hosts' subnets now have routes to the other site, put there by the gateways."
  routes_are_there
  chapter "A ping from host to host, and what somebody on the wire sees of it."
  a_ping_crosses
  chapter "Somebody changes the key on one side. What is wrong, and what to do about it?"
  a_wrong_key_is_explained
  chapter "The tunnel is taken down: its routes go, and nothing is left in the kernel."
  all_goes
  chapter "Each of these words was checked while it was said."
}

# --- what is shown -----------------------------------------------------------------------------

chapter() { printf '\n--- %s\n\n' "$*"; }

# shown NS COMMAND...: as somebody would type it there; its output is in $output too.
shown() {
  local namespace=$1 status=0
  shift
  printf '%s# %s\n' "$namespace" "$*"
  output=$(IPSECD_RUN_DIR=$scratch/$namespace/run quietly_in_ns "$namespace" "$@" 2>&1 </dev/null) ||
    status=$?
  [ -z "$output" ] || printf '%s\n' "$output"
  return "$status"
}
expect_shown() { [[ $output = *"$1"* ]] || fail "expected '$1' in: $output"; }

# --- the sites ---------------------------------------------------------------------------------

two_sites() {
  local name
  make_namespace gw-left gw-right wire web db app log
  ip_lines wire <<<"link add bridge type bridge stp_state 0 mcast_snooping 0
link set bridge up"
  for name in left right; do
    link wire "$name" "gw-$name" wan
    ip_lines wire <<<"link set $name master bridge up"
  done
  make_side gw-left 1 1 web db
  make_side gw-right 2 2 app log
  gateway_start gw-left
  gateway_start gw-right
}

# make_side GATEWAY NUMBER END HOST HOST
make_side() {
  local gateway=$1 site=$2 end=$3 host number=0
  shift 3
  "${enter[@]}" "$gateway-$$" sysctl -qw net.ipv4.ip_forward=1
  ip_lines "$gateway" <<<"address add 203.0.113.$end/24 dev wan
link set wan up"
  for host; do
    number=$((number + 1))
    link "$gateway" "$host" "$host" eth0
    ip_lines "$gateway" <<<"address add 10.$site.$number.1/24 dev $host
link set $host up"
    ip_lines "$host" <<<"address add 10.$site.$number.10/24 dev eth0
link set eth0 up"
  done
  # Packets must find a way on the gateway before their policy is asked for.
  ip_lines "$gateway" <<<"route add default via 203.0.113.$((3 - end))"
}

declare_left_site() {
  declare_subnets gw-left 1 web db
  shown gw-left ipsecctl peer create office --address 203.0.113.2
  (umask 077 && printf 'a-key-that-both-know' >tunnel.psk && printf 'a-key-of-one-side' >wrong.psk)
  shown gw-left ipsecctl tunnel create to-office --gateway gw --peer office \
    --psk-file tunnel.psk --local-cidrs 10.1.1.0/24,10.1.2.0/24 \
    --peer-cidrs 10.2.1.0/24,10.2.2.0/24
}

declare_right_site() {
  declare_subnets gw-right 2 app log
  shown gw-right ipsecctl peer create cloud --address 203.0.113.1
  shown gw-right ipsecctl tunnel create to-cloud --gateway gw --peer cloud \
    --psk-file tunnel.psk --local-cidrs 10.2.1.0/24,10.2.2.0/24 \
    --peer-cidrs 10.1.1.0/24,10.1.2.0/24
}

# declare_subnets GATEWAY SITE HOST HOST: each subnet's table is that of its own hosts here.
declare_subnets() {
  local gateway=$1 site=$2 name number=0
  shift 2
  shown "$gateway" ipsecctl vpc create vpc --cidrs "10.$site.0.0/16"
  shown "$gateway" ipsecctl subnet create edge --vpc vpc --cidr "10.$site.0.0/24"
  for name; do
    number=$((number + 1))
    shown "$gateway" ipsecctl subnet create "$name" --vpc vpc --cidr "10.$site.$number.0/24" \
      --route-table "main,netns=$name-$$,via=10.$site.$number.1"
  done
  shown "$gateway" ipsecctl gateway create gw --vpc vpc --subnet edge \
    --public-address "203.0.113.$site"
}

status_of_left() {
  IPSECD_RUN_DIR=$scratch/gw-left/run quietly_in_ns gw-left ipsecctl -o csv status || true
}
status_says() { [[ $(status_of_left) = *",$1,"* ]]; }

# --- the story ---------------------------------------------------------------------------------

routes_are_there() {
  local host
  for host in web db app log; do
    wait_until 10 "$host has both routes" has_routes "$host" 2
    shown "$host" ip route show proto "$ROUTE_PROTO"
  done
  shown gw-left ipsecctl routes
}
has_routes() { [ "$(quietly_in_ns "$1" ip route show proto "$ROUTE_PROTO" | wc -l)" = "$2" ]; }

a_ping_crosses() {
  capture_start wire left
  shown web ping -c 2 -i 0.3 10.2.2.10
  expect_shown "2 received"
  capture_stop capture
  printf 'wire# tcpdump -n\n'
  tcpdump -n -t -r "$scratch/capture.pcap" esp 2>/dev/null
  tcpdump -n -t -x -c 1 -r "$scratch/capture.pcap" esp 2>/dev/null | sed -n '2,6p'
  expect_esp capture 4
  expect_no_clear_text capture 10.0.0.0/8
  wait_until 20 "traffic is normal" status_says normal
  shown gw-left ipsecctl status
}

a_wrong_key_is_explained() {
  shown gw-left ipsecctl tunnel set to-office --psk-file wrong.psk
  wait_until 30 "the peer has refused" status_says phase1-failed
  shown gw-left ipsecctl diag to-office || true
  expect_shown "key"
  shown gw-left ipsecctl tunnel set to-office --psk-file tunnel.psk
  wait_until 30 "it is connected again" status_says connected
}

all_goes() {
  shown gw-left ipsecctl tunnel delete --yes to-office
  local host
  for host in web db; do wait_until 10 "the routes of $host are gone" has_routes "$host" 0; done
  shown web ip route
  shown gw-left ip xfrm state
  expect_eq "$output" "" "SAs at gw-left"
  shown gw-left ip xfrm policy list nosock
  expect_eq "$output" "" "policies at gw-left"
  gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right web db app log wire
}

main "$@"
