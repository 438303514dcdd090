#!/usr/bin/env bash
# Goal: two ranges here and two there are joined in one child; with a peer that takes only one pair a
# child, in four children made one after another; and so in IKEv1, which has no other way, whoever
# begins. Every pair of hosts is reached, over all of them.
# Method: charon has all ranges of t1 in one child, and of the others one pair in each of four children.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.1.0/24, 10.1.2.0/24              t1             10.2.1.0/24, 10.2.2.0/24
#   10.1.3.0/24, 10.1.4.0/24              t3             10.2.3.0/24, 10.2.4.0/24
#   10.1.5.0/24, 10.1.6.0/24              t5: IKEv1      10.2.5.0/24, 10.2.6.0/24
#   10.1.7.0/24, 10.1.8.0/24              t7: IKEv1,     10.2.7.0/24, 10.2.8.0/24
#                                         begun by charon
#
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly tunnels=(1 3 5 7)

main() {
  peer_topology 8
  clear_is_seen 1 2 3 4 5 6 7 8
  left_site 8
  ranges 1 2
  ranges 3 4
  ranges 5 6 "$v1"
  ranges 7 8 "$v1"$'\n''start = "respond"'
  left_start
  clear_is_blocked 1 2 3 4 5 6 7 8
  watch_clear
  right_start
  { right_at_once; right_pair_by_pair 3; right_v1 5; right_v1 7 child.start_action=start; } |
    load_connections
  wait_connected "${tunnels[@]}"
  wait_until 20 "all pairs are up" all_have_children
  local n
  for n in "${tunnels[@]}"; do
    expect_eq "$(status_of "$n" "it['pairs_up'], 'of', it['pairs']")" "4 of 4" "pairs of t$n"
    every_pair_is_reached "$n" $((n + 1))
  done
  all_have_children
  each_child_has_carried
  expect_none_in_clear
  end_both
}

readonly v1='ike = { version = 1, encryption = ["aes128"], integrity = ["sha256"], dh = [14] }
ipsec = { encryption = ["aes128"], integrity = ["sha256"], pfs = [14] }'

# ranges A B [TOML]: of tunnel tA.
ranges() {
  left_tunnel "$1" "local_cidrs = [\"10.1.$1.0/24\", \"10.1.$2.0/24\"]
peer_cidrs = [\"10.2.$1.0/24\", \"10.2.$2.0/24\"]
${3:-}"
}

right_at_once() {
  right 1 child.local_ts=10.2.1.0/24,10.2.2.0/24 child.remote_ts=10.1.1.0/24,10.1.2.0/24
}

# right_pair_by_pair A [SETTING...]: swanctl takes the same connection several times, with another
# child each.
right_pair_by_pair() {
  local a=$1 own peer
  shift
  for own in "$a" $((a + 1)); do
    for peer in "$a" $((a + 1)); do
      child_name=n$own$peer right "$a" "child.local_ts=10.2.$own.0/24" \
        "child.remote_ts=10.1.$peer.0/24" "$@"
    done
  done
}

right_v1() {
  right_pair_by_pair "$1" version=1 proposals=aes128-sha256-modp2048 \
    child.esp_proposals=aes128-sha256-modp2048 "${@:2}"
}

all_have_children() {
  [ "$(looked gw-left "[len(it['children']) for it in t.values()]")" = "[1, 4, 4, 4]" ]
}

every_pair_is_reached() {
  local here there out=() back=()
  for here; do
    for there; do
      out+=("10.1.$here.10,10.2.$there.10") back+=("10.2.$there.10,10.1.$here.10")
    done
  done
  expect_empty "echoes without an answer" quietly_in_ns host-left python3 "$echoes" 1 "${out[@]}"
  expect_empty "echoes without an answer" quietly_in_ns host-right python3 "$echoes" 1 "${back[@]}"
}

# Two echoes a pair make two packets each way. The kernel may have held what was blocked in the beginning,
# and sends it now.
each_child_has_carried() {
  local carried
  carried=$(quietly_in_ns gw-left ip -s xfrm state list nokeys | awk '
    /lifetime current:/ { getline; split($2, packets, "("); print packets[1] }' | sort -n | paste -sd ' ')
  [[ $carried =~ ^([23]\ ){24}(8|9|10)\ (8|9|10)$ ]] || fail "packets of the SAs: $carried"
  printf 'ok packets of eight SAs of t3, t5 and t7 each, and two of t1: %s\n' "$carried" >&2
}

main "$@"
