#!/usr/bin/env bash
# Goal: the first packet brings a tunnel up that waits for one, and no more than the time of the
# negotiation passes until packets do. Twenty tunnels that both sides begin at the same instant end with
# one IKE SA and one child each, and carry packets: with charon, and with another ipsecd, where `auto` on
# both sides picks the strongest.
# Method: all that charon sends is held back for a while, so that each side has begun before it hears of
# the other's beginning.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly waiting=21 delay_ms=1500
# Where charon is to delete one of two IKE SAs and does not, we do after 30 s.
readonly settled_within_s=60

main() {
  mapfile -t crossing < <(seq 20)
  local n
  peer_topology $waiting
  clear_is_seen $waiting
  left_site $waiting
  for n in "${crossing[@]}"; do left_tunnel "$n"; done
  left_tunnel $waiting 'start = "traffic"'
  left_start
  ask tunnel down "${crossing[@]/#/t}"
  right_start "block_threshold = 1000" "cookie_threshold = 1000" "cookie_threshold_ip = 1000"
  right $waiting | load_connections
  clear_is_blocked "${crossing[@]}"
  watch_clear
  a_packet_brings_it_up
  both_begin
  pass left "${crossing[@]}"
  pass right "${crossing[@]}"
  charon_makes_way
  both_of_ours_begin
  pass left "${crossing[@]}"
  pass right "${crossing[@]}"
  expect_none_in_clear
  end_limit_s=20 gateway_end gw-right
  end_both
}

a_packet_brings_it_up() {
  say "a tunnel that waits for a packet"
  expect_eq "$(states | grep "^t$waiting,")" "t$waiting,idle" "the tunnel that nobody needs"
  expect_eq "$(grep -c 'IKE_SA_INIT request' "$scratch/charon-says.log" || true)" 0 "requests at charon"
  # The very first is held until the tunnel is up.
  in_ns host-left ping -c 1 -W 5 -I "10.1.$waiting.10" "10.2.$waiting.10" >&2
  wait_connected $waiting
}

both_begin() {
  say "both begin ${#crossing[@]} tunnels at the same instant"
  local n before
  before=$(grep -c 'parsed IKE_SA_INIT request' "$scratch/charon-says.log")
  in_ns gw-right tc qdisc add dev wan root netem delay "${delay_ms}ms" limit 10000
  {
    right $waiting
    for n in "${crossing[@]}"; do right "$n" child.start_action=start; done
  } >"$scratch/right"
  load_connections <"$scratch/right" &
  local loading=$!
  wait_until 10 "charon has begun" charon_says "generating IKE_SA_INIT request"
  ask tunnel up "${crossing[@]/#/t}"
  wait $loading
  wait_until $settled_within_s "there is one of each" has_one_of_each
  charon_says_times ${#crossing[@]} "generating IKE_SA_INIT request" >&2 ||
    fail "charon did not begin each once"
  charon_says_times $((before + ${#crossing[@]})) "parsed IKE_SA_INIT request" >&2 ||
    fail "we did not begin each once"
  in_ns gw-right tc qdisc del dev wan root
}

# Of each tunnel, at charon and here.
has_one_of_each() {
  local theirs ours expected
  expected=$(printf '1 %s 1 1\n' "${crossing[@]}" "$waiting" | sort)
  theirs=$(list_sas)
  [ "$(grep -oE '^c[0-9]+: .*ESTABLISHED' <<<"$theirs" | wc -l)" = "$waiting" ] &&
    [ "$(grep -oE '^  n[0-9]+:' <<<"$theirs" | sort -u | wc -l)" = "$waiting" ] &&
    [ "$(grep -cE '^  n[0-9]+: .*INSTALLED' <<<"$theirs")" = "$waiting" ] || return 1
  ours=$(of_each gw-left "it['connection'] == 'connected' and 1, it['name'][1:], len(it['children']),
    int(it['ike'] is not None)" | sort)
  echo "$ours"
  [ "$ours" = "$expected" ]
}

# --- two of ours -------------------------------------------------------------------------------

charon_makes_way() {
  ask tunnel down "${crossing[@]/#/t}" "t$waiting"
  stop charon
  wait_until 10 "charon's SAs are gone" is_empty_of_xfrm gw-right
  unset "processes[charon]"
}

# different CAPTURE FILTER: how many, what was sent again counted once. Of each packet that is what stands
# behind 20 bytes of IP and 8 of UDP.
different() {
  tcpdump -n -x -r "$scratch/$1.pcap" "$2" 2>/dev/null | awk '
    !/^\t/ { if (message) print message; message = ""; next }
    $1 == "0x0000:" { next }
    $1 == "0x0010:" { message = $8 $9; next }
    { for (i = 2; i <= NF; i++) message = message $i }
    END { if (message) print message }' | sort -u | wc -l
}

both_of_ours_begin() {
  say "both of ours begin ${#crossing[@]} tunnels at the same instant"
  right_site
  in_ns gw-right tc qdisc add dev wan root netem delay "${delay_ms}ms" limit 10000
  capture_start wire left openings
  gateway_start gw-right
  ask tunnel up "${crossing[@]/#/t}"
  wait_until $settled_within_s "there is one of each" has_one_of_each_of_ours
  in_ns gw-right tc qdisc del dev wan root
  capture_stop openings
  # Requests of IKE_SA_INIT: by exchange and flags.
  local request='udp port 500 and udp[26] = 34 and udp[27] & 0x20 = 0' from
  for from in "src host $left_outside" "not src host $left_outside"; do
    expect_eq "$(different openings "$request and $from")" ${#crossing[@]} "openings, $from"
  done
  expect_eq "$(of_all gw-left "it['ike']['algorithms'], it['children'][0]['algorithms'].split('-')[0]" |
    sort -u)" "aes256gcm16-prfsha512-x25519 aes256gcm16" "what auto has agreed on with auto"
}

right_site() {
  local n outside
  mkdir -p "$scratch/gw-right/conf.d"
  printf '[limits]\ngateways_per_vpc = 250\n' >"$scratch/gw-right/ipsecd.toml"
  {
    printf '[[vpc]]\nname = "vpc"\ncidrs = ["10.2.0.0/16"]\n'
    printf '[[subnet]]\nname = "edge"\nvpc = "vpc"\ncidr = "10.2.0.0/24"\n'
    printf '[[peer]]\nname = "left"\naddress = "%s"\n' "$left_outside"
    for n in "${crossing[@]}"; do
      right_outside "$n"
      printf '[[subnet]]\nname = "n%s"\nvpc = "vpc"\ncidr = "10.2.%s.0/24"\n' "$n" "$n"
      printf '[[gateway]]\nname = "g%s"\nvpc = "vpc"\nsubnet = "edge"\npublic_address = "%s"\n' \
        "$n" "$outside"
      printf '[[tunnel]]\nname = "t%s"\ngateway = "g%s"\npeer = "left"\npsk = "%s"\n' "$n" "$n" \
        "$tunnel_key"
      printf 'local_cidrs = ["10.2.%s.0/24"]\npeer_cidrs = ["10.1.%s.0/24"]\n' "$n" "$n"
    done
  } >"$scratch/gw-right/conf.d/site.toml"
}

# Also by what the kernels hold: an SA each way.
has_one_of_each_of_ours() {
  local namespace
  for namespace in gw-left gw-right; do
    [ "$(of_all $namespace "it['connection'], len(it['children'])" | grep -c '^connected 1$')" = \
      "${#crossing[@]}" ] || return 1
    [ "$(quietly_in_ns $namespace ip xfrm state list nokeys | grep -c '^src')" = \
      $((2 * ${#crossing[@]})) ] || return 1
  done
}

# of_all NS EXPRESSION: of each tunnel that is not down.
of_all() {
  of_each "$1" "$2" "it['ike'] and it['children']"
}

main "$@"
