#!/usr/bin/env bash
# Goal: two ranges here and two there are joined in one child; with a peer that takes only one pair a
# child, in four children made one after another. Every pair of hosts is reached, over all of them.
# Method: charon has all ranges of t1 in one child, and of t3 one pair in each of four children.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.1.0/24, 10.1.2.0/24              t1             10.2.1.0/24, 10.2.2.0/24
#   10.1.3.0/24, 10.1.4.0/24              t3             10.2.3.0/24, 10.2.4.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

main() {
  peer_topology 4
  clear_is_seen 1 2 3 4
  left_site 4
  ranges 1 2
  ranges 3 4
  left_start
  clear_is_blocked 1 2 3 4
  watch_clear
  right_start
  { right_at_once; right_pair_by_pair; } | load_connections
  wait_connected 1 3
  wait_until 20 "all pairs of t3 are up" has_children 3 4
  has_children 1 1 || fail "t1 has not one child: $(status_of 1 "it['children']")"
  expect_eq "$(status_of 1 "it['pairs_up'], 'of', it['pairs']")" "4 of 4" "pairs of t1"
  expect_eq "$(status_of 3 "it['pairs_up'], 'of', it['pairs']")" "4 of 4" "pairs of t3"
  every_pair_is_reached 1 2
  every_pair_is_reached 3 4
  each_child_has_carried
  expect_none_in_clear
  end_both
}

# ranges A B: of tunnel tA.
ranges() {
  left_tunnel "$1" "local_cidrs = [\"10.1.$1.0/24\", \"10.1.$2.0/24\"]
peer_cidrs = [\"10.2.$1.0/24\", \"10.2.$2.0/24\"]"
}

right_at_once() {
  right 1 child.local_ts=10.2.1.0/24,10.2.2.0/24 child.remote_ts=10.1.1.0/24,10.1.2.0/24
}

# swanctl takes the same connection several times, with another child each.
right_pair_by_pair() {
  local own peer
  for own in 3 4; do
    for peer in 3 4; do
      child_name=n$own$peer right 3 "child.local_ts=10.2.$own.0/24" "child.remote_ts=10.1.$peer.0/24"
    done
  done
}

has_children() { [ "$(status_of "$1" "len(it['children'])")" = "$2" ]; }

every_pair_is_reached() {
  local here there
  for here; do
    for there; do
      expect_empty "echoes without an answer" quietly_in_ns host-left python3 "$echoes" 1 \
        "10.1.$here.10,10.2.$there.10"
      expect_empty "echoes without an answer" quietly_in_ns host-right python3 "$echoes" 1 \
        "10.2.$there.10,10.1.$here.10"
    done
  done
}

# Two echoes a pair make two packets each way. The kernel may have held what was blocked in the beginning,
# and sends it now.
each_child_has_carried() {
  local carried
  carried=$(quietly_in_ns gw-left ip -s xfrm state list nokeys | awk '
    /lifetime current:/ { getline; split($2, packets, "("); print packets[1] }' | sort -n | paste -sd ' ')
  [[ $carried =~ ^([23]\ ){8}(8|9|10)\ (8|9|10)$ ]] || fail "packets of the SAs: $carried"
  printf 'ok packets of eight SAs of t3 and two of t1: %s\n' "$carried" >&2
}

main "$@"
