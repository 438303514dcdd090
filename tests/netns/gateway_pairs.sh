# shellcheck shell=bash
# Two gateways of ours whose daemons die and go on: sourced in place of gateways.sh. Left is one
# gateway; right is as many as there are tunnels: tN ends there at 203.0.113.(10+N), and joins
# 10.1.N.0/24 with 10.2.N.0/24.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: ipsecd ------ host-right
#   10.1.N.10          203.0.113.1                    203.0.113.(10+N)       10.2.N.10
#
#   pairs_topology N...        the namespaces; hosts for the tunnels of the scenario's flows
#   ends_of COUNT              the addresses that the right side has for so many tunnels
#   declare_side NS SIDE N...  the site of gw-left, SIDE 1, or of gw-right, SIDE 2
#   tunnel N SIDE              a tunnel of it; the scenario's `tunnel_lines N SIDE` prints the rest
#   side_starts NS             the daemon: of $program, a copy that is small, with what is in
#                              `side_environment`
#   ask NS ARGUMENT...         ipsecctl there, without being printed
#   are_connected N...         on both sides
#   has_another_daemon NS PID  which answers
#   counters_grow NS           since it was asked last
#   spis NS                    which children there are
#   each_has_one N...          a child, and the same two SAs in both kernels: seen once of each, at a
#                              moment when it is not being rekeyed
#   set_pairs N...             `pairs` of their hosts, for flow_between
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "${BASH_SOURCE[0]}")/gateways.sh"

program=$scratch/program/ipsecd
side_environment=()

pairs_topology() {
  local n
  topology_two_gateways
  for n; do
    in_ns host-left ip address add "10.1.$n.10/24" dev eth0
    in_ns host-right ip address add "10.2.$n.10/24" dev eth0
    in_ns gw-left ip address add "10.1.$n.1/24" dev lan
    in_ns gw-right ip address add "10.2.$n.1/24" dev lan
  done
  mkdir "$scratch/program"
  strip -o "$program" "$(command -v ipsecd)"
}

ends_of() {
  local n
  for ((n = 1; n <= $1; n++)); do
    echo "address add 203.0.113.$((10 + n))/24 dev wan"
  done | quietly_in_ns gw-right ip -batch -
}

# --- the sites ---------------------------------------------------------------------------------

declare_side() {
  local n own=$2
  mkdir -p "$scratch/$1/conf.d"
  cat >"$scratch/$1/ipsecd.toml" <<END
wide_lifetimes = true
[limits]
tunnels_per_gateway = 250
tunnels_per_peer = 250
gateways_per_vpc = 250
peers_per_region = 250
END
  {
    cat <<END
[[vpc]]
name = "vpc"
cidrs = ["10.$own.0.0/16", "10.10$own.0.0/24"]
[[subnet]]
name = "edge"
vpc = "vpc"
cidr = "10.10$own.0.0/24"
[[subnet]]
name = "all"
vpc = "vpc"
cidr = "10.$own.0.0/16"
route_table = "100"
END
    if [ "$own" = 1 ]; then gateway gw 203.0.113.1; else peer other 203.0.113.1; fi
    shift 2
    for n; do tunnel "$n" "$own"; done
  } >"$scratch/$1/conf.d/site.toml"
}
gateway() {
  printf '[[gateway]]\nname = "%s"\nvpc = "vpc"\nsubnet = "edge"\npublic_address = "%s"\n' "$1" "$2"
}
peer() { printf '[[peer]]\nname = "%s"\naddress = "%s"\n' "$1" "$2"; }

tunnel() {
  local n=$1 own=$2 ends
  if [ "$own" = 1 ]; then
    peer "p$n" "203.0.113.$((10 + n))"
    ends="gateway = \"gw\""$'\n'"peer = \"p$n\""
  else
    gateway "g$n" "203.0.113.$((10 + n))"
    ends="gateway = \"g$n\""$'\n'"peer = \"other\""
  fi
  printf '[[tunnel]]\nname = "t%s"\n%s\npsk = "a-key-for-tests-only"\n' "$n" "$ends"
  printf 'local_cidrs = ["10.%s.%s.0/24"]\npeer_cidrs = ["10.%s.%s.0/24"]\n' "$own" "$n" \
    $((3 - own)) "$n"
  tunnel_lines "$n" "$own"
}

side_starts() {
  local directories=$scratch/$1
  looker_starts
  start "$1" "ipsecd-$1" env "${side_environment[@]}" "$program" \
    --config "$directories/ipsecd.toml" --run-dir "$directories/run" \
    --state-dir "$directories/state" --conf-dir "$directories/conf.d"
  wait_until 60 "ipsecd in $1 is ready" log_says "ipsecd-$1" event=ready
}

# --- what is looked at -------------------------------------------------------------------------

ask() { quietly_in_ns "$1" ipsecctl --run-dir "$scratch/$1/run" "${@:2}"; }

are_connected() {
  local namespace wanted
  wanted=$(printf '"t%s",' "$@")
  for namespace in gw-left gw-right; do
    [ "$(looked "$namespace" "{t[n]['connection'] for n in [$wanted]} == {'connected'}")" = True ] ||
      return 1
  done
}

has_another_daemon() {
  local now
  now=$(daemon_of "ipsecd-$1")
  [ -n "$now" ] && [ "$now" != "$2" ] && ask "$1" version >/dev/null
}

declare -A counted=([gw-left]=0 [gw-right]=0)
counters_grow() {
  local now
  now=$(looked "$1" "sum(sum(it['counters'].values()) for it in t.values())")
  [ "$now" -ge "${counted[$1]}" ] || fail "the counters of $1 fell from ${counted[$1]} to $now"
  counted[$1]=$now
}

readonly all_spis="sorted((n, c['inbound_spi']) for n in t for c in t[n]['children'])"
spis() { looked "$1" "$all_spis"; }

set_pairs() {
  local n
  pairs=()
  for n; do pairs+=("10.1.$n.10,10.2.$n.10"); done
}

each_has_one() {
  settled=' '
  wait_until 90 "each has one child, and the same two SAs in both kernels" are_settled "$@"
}
are_settled() {
  local side n
  for side in left right; do
    quietly_in_ns gw-$side ip xfrm state list nokeys |
      awk '$1 == "src" { from = $2; to = $4 } $1 == "proto" { print from, to, $4 }' |
      sort >"$scratch/sas-$side"
    looked gw-$side "'\n'.join(f'{n} {len(it[\"children\"])} {it[\"connection\"]}'
      for n, it in t.items())" >"$scratch/children-$side"
  done
  for n; do
    if [[ $settled != *" $n "* ]] && is_settled "$n"; then settled+="$n "; fi
  done
  echo "settled:$settled"
  [ "$(wc -w <<<"$settled")" = $# ]
}
is_settled() {
  local side
  for side in left right; do
    grep -qx "t$1 1 connected" "$scratch/children-$side" || return 1
    grep -E "203\.0\.113\.$((10 + $1)) " "$scratch/sas-$side" >"$scratch/of-$side" || return 1
  done
  [ "$(wc -l <"$scratch/of-left")" = 2 ] && cmp -s "$scratch/of-left" "$scratch/of-right"
}
