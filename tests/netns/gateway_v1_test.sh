#!/usr/bin/env bash
# Goal: two gateways of ours in IKEv1, main mode and aggressive mode: they come up, with a child for
# each pair of ranges; IKE SAs are made anew by order, by one side and by both at once, and children
# are rekeyed by volume, without losing a datagram and without moving a route; what is taken down is
# down at both ends, stays down, and comes back.
# Method: fifty datagrams a second each way through every pair meanwhile, all of them counted.
#
#   host-left ------ gw-left ===== wire ===== gw-right ------ host-right
#   192.168.1.10, .11     203.0.113.1   203.0.113.2      192.168.3.10, 192.168.4.10    main mode
#   192.168.5.10                                         192.168.7.10            aggressive mode
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly pairs=("192.168.1.10,192.168.3.10" "192.168.1.11,192.168.4.10" "192.168.5.10,192.168.7.10")
# A machine under load sends fewer, and some there must be. Five fragments each, so that the least
# volume there is lasts about 3 s.
readonly small_s=60 large_s=12 a_second=12 large_bytes=7000

main() {
  topology
  declare_ends
  gateway_start gw-left
  gateway_start gw-right
  capture_start wire left
  wait_until 30 "all pairs are up" are_connected
  watch gw-left
  new_ike_sas_lose_nothing
  new_children_lose_nothing
  unwatch gw-left
  expect_eq "$(moved gw-left)" "" "routes that moved at gw-left"
  down_is_down_at_both_ends
  capture_stop capture
  expect_no_clear_text capture 192.168.0.0/16
  gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
}

topology() {
  topology_two_gateways
  ip_lines host-left <<'END'
address add 192.168.1.11/24 dev eth0
address add 192.168.5.10/24 dev eth0
END
  ip_lines gw-left <<<"address add 192.168.5.1/24 dev lan"
  ip_lines host-right <<'END'
address add 192.168.4.10/24 dev eth0
address add 192.168.7.10/24 dev eth0
END
  ip_lines gw-right <<'END'
address add 192.168.4.1/24 dev lan
address add 192.168.7.1/24 dev lan
END
}

# Of the first tunnel two pairs of ranges, so two quick modes.
declare_ends() {
  local ike=$'ike = { version = 1, mode = "main" }\nipsec = { lifetime_kb = 2560 }'
  declare_site gw-left 1 3 1 2 "$ike"
  declare_site gw-right 3 1 2 1 "$ike"
  sed -i 's|^peer_cidrs.*|peer_cidrs = ["192.168.3.0/24", "192.168.4.0/24"]|' \
    "$scratch/gw-left/conf.d/site.toml"
  sed -i 's|^local_cidrs.*|local_cidrs = ["192.168.3.0/24", "192.168.4.0/24"]|' \
    "$scratch/gw-right/conf.d/site.toml"
  more_subnets gw-left 5
  more_subnets gw-right 4 7
  in_aggressive_mode gw-left 5 7 2 left right
  in_aggressive_mode gw-right 7 5 1 right left
}

# more_subnets NS SUBNET...
more_subnets() {
  local namespace=$1 file=$scratch/$1/conf.d/site.toml n
  shift
  for n; do
    sed -i "s|^cidrs = \[\(.*\)\]|cidrs = [\1, \"192.168.$n.0/24\"]|" "$file"
    printf '[[subnet]]\nname = "lan-%s"\nvpc = "vpc"\ncidr = "192.168.%s.0/24"\n' "$n" "$n" >>"$file"
  done
}

# in_aggressive_mode NS SUBNET PEER_SUBNET PEER_END NAME PEER_NAME
in_aggressive_mode() {
  cat >>"$scratch/$1/conf.d/site.toml" <<END
[[peer]]
name = "aggressive"
address = "203.0.113.$4"
[[tunnel]]
name = "aggressive"
gateway = "gw"
peer = "aggressive"
local_cidrs = ["192.168.$2.0/24"]
peer_cidrs = ["192.168.$3.0/24"]
psk = "another-key-for-tests"
ike = { version = 1, mode = "aggressive", local_id = "$5.example.com", peer_id = "$6.example.com" }
ipsec = { lifetime_kb = 2560 }
END
}

# --- what is seen of them ----------------------------------------------------------------------

are_connected() {
  local namespace
  for namespace in gw-left gw-right; do
    [ "$(of_each "$namespace" "(it['connection'], it['pairs_up'], it['pairs'])")" = \
      "('connected', 1, 1)"$'\n'"('connected', 2, 2)" ] || return 1
  done
}
# One IKE SA of each tunnel and one child of each pair, and no more in the kernels.
is_one_of_each() {
  local namespace
  are_connected || return 1
  for namespace in gw-left gw-right; do
    [ "$(spis_at "$namespace" | wc -l)" = 6 ] || return 1
  done
}
spis_at() { quietly_in_ns "$1" ip xfrm state list nokeys | awk '$1 == "proto" { print $4 }' | sort; }
# Of IKE, as gw-left sees it.
ike_spis() { of_each gw-left "it['ike']['our_spi']"; }

# --- what is made anew -------------------------------------------------------------------------

new_ike_sas_lose_nothing() {
  wait_until 20 "there is one of each" is_one_of_each
  # Younger children are made anew where the peer makes the IKE SA anew.
  wait_out 13500
  local children
  children=$(spis_at gw-left)
  flow_between small $small_s 56 "${pairs[@]}"
  new_ike_sas gw-left
  new_ike_sas gw-right
  new_ike_sas gw-left gw-right
  expect_eq "$(spis_at gw-left)" "$children" "children under new IKE SAs"
  flow_ends small
  none_lost small $((3 * a_second))
}

new_ike_sas() {
  say "new IKE SAs, by order at $*"
  local before
  before=$(ike_spis)
  order reconnect "$@"
  wait_until 30 "there are other IKE SAs" all_differ "$before" ike_spis
  # The old ones are deleted some seconds later.
  wait_until 30 "there is one of each" is_one_of_each
}

# order WHAT NS...: to both tunnels of each.
order() {
  local what=$1 namespace name
  shift
  for namespace; do
    for name in to-other aggressive; do ctl "$namespace" tunnel "$what" "$name" >&2; done
  done
}

new_children_lose_nothing() {
  say "new children by volume"
  flow_rate=100 flow_between large $large_s $large_bytes "${pairs[@]}"
  none_lost large $((large_s * a_second))
  local name times
  for name in to-other aggressive; do
    times=$(grep -cF "tunnel=$name phase=2 event=child-rekeyed" "$scratch/ipsecd-gw-left.log") || true
    [ "$times" -ge 2 ] || fail "of $name only $times children were rekeyed"
    printf 'ok %s children of %s were rekeyed\n' "$times" "$name" >&2
  done
  wait_until 40 "there is one of each" is_one_of_each
}

# all_differ BEFORE COMMAND...: none of its lines is one of those before.
all_differ() {
  local before=$1 now
  shift
  now=$("$@")
  [ -n "$now" ] && [ -z "$(comm -12 <(sort <<<"$before") <(sort <<<"$now"))" ]
}

down_is_down_at_both_ends() {
  say "down and up"
  order down gw-left
  wait_until 10 "gw-left has no SAs" has_no_sas gw-left
  wait_until 10 "gw-right has no SAs" has_no_sas gw-right
  # The other side would have it up, and tries; it is refused.
  order up gw-right
  wait_out 4000
  has_no_sas gw-left || fail "it came up against the order"
  order up gw-left
  wait_until 20 "all pairs are up" are_connected
  flow_between after 2 200 "${pairs[@]}"
  none_lost after 25
}
has_no_sas() { [ -z "$(spis_at "$1")" ]; }

main "$@"
