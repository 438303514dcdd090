#!/usr/bin/env bash
# Goal: a thousand tunnels of one gateway with routes in two tables each: all come up, all are
# routed, each route within 5 ms of its IPsec SAs (the median); neither rekeys of all nor a crash
# move a single one; all down, and nothing is left. So this stands as well for 200 tunnels between
# two daemons in one boot: all up, all routed, all down, nothing left.
# Method: two daemons; the peers are as many gateways of one machine. Limits are settings. Lags are
# read off the events; `ip monitor` counts what moves; SAs are rekeyed by their volume, after
# the kernel was told that it has nearly gone through.
#
#   gw-left 203.0.113.1 ===== wire ===== 203.0.113.2 gw-right, and 1,000 addresses of 100.64.0.0/16
#   web 10.1.0.0/24, table 101                       behind each of them a range of 20.0.0.0/12
#   db  10.2.0.0/24, table 102
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly tunnels=1000 lag_limit_ms=5 limit_kb=2560
names=()

# Of a thousand tunnels the usual one would be too long to read, and to write.
dump_everything() {
  local name
  for name in "$scratch"/ipsecd-*.log; do
    printf '\n--- %s, its end\n' "${name##*/}" >&2
    grep -E ' (warning|error) ' "$name" | tail -n 20 >&2
    tail -n 20 "$name" >&2
  done
}

main() {
  topology
  declare_left
  declare_right
  gateway_start gw-right
  gateway_start gw-left
  all_come_up
  the_lag_is_small
  a_rekey_of_all_moves_nothing
  a_crash_moves_nothing
  all_go_down
}

# --- what there is -----------------------------------------------------------------------------

# each COMMAND: with a tunnel's number and the two middle bytes of its addresses.
each() {
  local i
  for ((i = 0; i < tunnels; i++)); do "$1" "$i" "$((i / 250)).$((i % 250 + 1))"; done
}

topology() {
  make_namespace gw-left gw-right
  link gw-left wan gw-right wan
  ip_lines gw-left <<END
address add 203.0.113.1/24 dev wan
address add 10.1.0.10/32 dev lo
address add 10.2.0.10/32 dev lo
link set wan up
route add 100.64.0.0/16 via 203.0.113.2
END
  ip_lines gw-right <<END
address add 203.0.113.2/24 dev wan
link set wan up
route add 10.0.0.0/8 via 203.0.113.1
route add local 20.0.0.0/12 dev lo
END
  each address_line | quietly_in_ns gw-right ip -batch -
}
address_line() { echo "address add 100.64.$2/32 dev wan"; }

settings() {
  mkdir -p "$scratch/$1/conf.d"
  cat >"$scratch/$1/ipsecd.toml" <<END
[limits]
tunnels_per_gateway = $tunnels
tunnels_per_peer = $tunnels
gateways_per_vpc = $tunnels
peers_per_region = $tunnels
END
}

declare_left() {
  settings gw-left
  {
    cat <<END
[[vpc]]
name = "vpc"
cidrs = ["10.0.0.0/8"]
[[subnet]]
name = "edge"
vpc = "vpc"
cidr = "10.0.0.0/24"
[[subnet]]
name = "web"
vpc = "vpc"
cidr = "10.1.0.0/24"
route_table = "101,rule"
[[subnet]]
name = "db"
vpc = "vpc"
cidr = "10.2.0.0/24"
route_table = "102,rule"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "edge"
public_address = "203.0.113.1"
END
    each left_tunnel
  } >"$scratch/gw-left/conf.d/site.toml"
  mapfile -t names < <(each name_of)
}
name_of() { echo "t$1"; }

# No program is started for any of these: a thousand starts take a minute in a guest. A machine under load
# may need more than the usual 13 s for a thousand rekeys at once, and a peer that is slow is not dead.
left_tunnel() {
  printf '[[peer]]\nname = "peer%s"\naddress = "100.64.%s"\n' "$1" "$2"
  printf '[[tunnel]]\nname = "t%s"\ngateway = "gw"\npeer = "peer%s"\n' "$1" "$1"
  printf 'local_cidrs = ["10.1.0.0/24", "10.2.0.0/24"]\npeer_cidrs = ["20.%s.0/24"]\n' "$2"
  printf 'psk = "a-key-for-tests-%s"\nipsec = { lifetime_kb = %s }\ndpd = { timeout_s = 60 }\n' "$1" "$limit_kb"
}

declare_right() {
  settings gw-right
  {
    cat <<END
[[vpc]]
name = "vpc"
cidrs = ["20.0.0.0/12"]
[[subnet]]
name = "all"
vpc = "vpc"
cidr = "20.0.0.0/12"
[[peer]]
name = "left"
address = "203.0.113.1"
END
    each right_tunnel
  } >"$scratch/gw-right/conf.d/site.toml"
}
right_tunnel() {
  printf '[[gateway]]\nname = "gw%s"\nvpc = "vpc"\nsubnet = "all"\n' "$1"
  printf 'public_address = "100.64.%s"\n' "$2"
  printf '[[tunnel]]\nname = "t%s"\ngateway = "gw%s"\npeer = "left"\nstart = "respond"\n' "$1" "$1"
  printf 'local_cidrs = ["20.%s.0/24"]\npeer_cidrs = ["10.1.0.0/24", "10.2.0.0/24"]\n' "$2"
  printf 'psk = "a-key-for-tests-%s"\n' "$1"
}

# --- what is looked at -------------------------------------------------------------------------

# Of `status`: how many tunnels are connected, and how many routes are there of how many.
summary() {
  looked gw-left "'{} {} {}'.format(sum(it['connection'] == 'connected' for it in t.values()),
    sum(it['routes_ok'] for it in t.values()), sum(it['routes'] for it in t.values()))"
}
summary_is() {
  local now
  now=$(summary)
  echo "$now"
  [ "$now" = "$1" ]
}
all_are_up() { summary_is "$tunnels $((2 * tunnels)) $((2 * tunnels))"; }

routes_in() { quietly_in_ns gw-left ip route show table "$1" proto "$ROUTE_PROTO" | wc -l; }
events_of_left() { grep -c " event=$1:" "$scratch/ipsecd-gw-left.log" || true; }
has_events() { echo "$(events_of_left "$1") events" && [ "$(events_of_left "$1")" -ge "$2" ]; }

# --- the story ---------------------------------------------------------------------------------

all_come_up() {
  wait_until 60 "all tunnels are up and routed" all_are_up
  local table
  for table in 101 102; do
    expect_eq "$(routes_in $table)" "$tunnels" "routes in table $table"
  done
  in_ns gw-left ping -q -c 2 -i 0.2 -W 2 -I 10.1.0.10 20.0.1.10 >&2
  in_ns gw-left ping -q -c 2 -i 0.2 -W 2 -I 10.2.0.10 20.3.250.10 >&2
}

the_lag_is_small() {
  wait_until 10 "each tunnel has said when it was routed" has_events routes-up "$tunnels"
  lags_in_ms <"$scratch/ipsecd-gw-left.log" | sort -n >"$scratch/lags"
  expect_eq "$(wc -l <"$scratch/lags")" "$tunnels" "lags from a child to its routes"
  local median
  median=$(sed -n "$((tunnels / 2))p" "$scratch/lags")
  [ "$median" -le "$lag_limit_ms" ] ||
    fail "the median lag is $median ms, more than $lag_limit_ms ms"
  printf 'ok lag from child to routes: median %s ms, longest %s ms\n' "$median" \
    "$(tail -n 1 "$scratch/lags")" >&2
}
# Of each tunnel's first time, by the stamps of both events, which are of a millisecond.
lags_in_ms() {
  awk '{ split(substr($1, 12), at, /[:Z]/); ms = (at[1] * 60 + at[2]) * 60000 + at[3] * 1000 }
    / event=child-up:/ { up[$3] = ms }
    / event=routes-up:/ && !seen[$3]++ { printf "%d\n", (ms - up[$3] + 86400000) % 86400000 }'
}

a_rekey_of_all_moves_nothing() {
  say "all children reach their volume"
  watch gw-left
  quietly_in_ns gw-left ip xfrm state list nokeys | awk '
    $1 == "src"           { ours = $2 == "203.0.113.1"; to = $4 }
    $1 == "proto" && ours { print to, $4 }' >"$scratch/outbound"
  expect_eq "$(wc -l <"$scratch/outbound")" "$tunnels" "outbound SAs"
  in_ns gw-left "$repository/tests/support/age_sas.py" $((limit_kb * 1024)) <"$scratch/outbound"
  a_packet_each
  wait_until 60 "all are rekeyed" has_events child-rekeyed "$tunnels"
  routes_settle
  unwatch gw-left
  expect_eq "$(moved gw-left)" "" "what the rekeys moved"
  all_are_up || fail "not all are up after the rekeys"
}
a_packet_each() {
  in_ns gw-left python3 -c "
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
    it.bind(('10.1.0.10', 0))
    for i in range($tunnels):
        it.sendto(b'x', (f'20.{i // 250}.{i % 250 + 1}.10', 9))"
}

a_crash_moves_nothing() {
  watch gw-left
  gateway_crash gw-left
  expect_eq "$(routes_in 101) $(routes_in 102)" "$tunnels $tunnels" "routes without a daemon"
  gateway_start gw-left
  wait_until 60 "all tunnels are up and routed" all_are_up
  routes_settle
  unwatch gw-left
  expect_eq "$(moved gw-left)" "" "what a crash and a restart moved"
}

all_go_down() {
  print_command gw-left ipsecctl tunnel down t0 ... "t$((tunnels - 1))"
  quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" tunnel down "${names[@]}" >&2
  wait_until 30 "no tunnel is up or routed" summary_is "0 0 0"
  expect_eq "$(routes_in all)" 0 "routes of ours"
  end_limit_s=20 gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
  expect_empty "rules of ours" quietly_in_ns gw-left ip rule show table 101
}

main "$@"
