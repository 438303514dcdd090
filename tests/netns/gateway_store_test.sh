#!/usr/bin/env bash
# Goal: a daemon that finds a runtime store it cannot go on from says which file and why, and makes
# all its tunnels anew; of those that were, nothing stays in either kernel. Where there is no place
# for a store it says that, and goes on without.
# Method: the left daemon is ended by order, which leaves its SAs in the kernel, its store is spoilt
# in one way after the other, and it is begun again. First one that nobody has touched is gone on
# from.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: ipsecd ------ host-right
#   10.1.N.10          203.0.113.1                    203.0.113.(10+N)       10.2.N.10
#
#   t1 IKEv2    t2 IKEv1    begun by left            t3 IKEv2    t4 IKEv1    begun by right
#
# time limit: 300
# shellcheck source-path=SCRIPTDIR source=gateway_pairs.sh
. "$(dirname "$0")/gateway_pairs.sh"

readonly tunnels=(1 2 3 4) store=$scratch/gw-left/run/runtime
readonly anew="; tunnels that were up are negotiated anew"

main() {
  pairs_topology "${tunnels[@]}"
  ends_of ${#tunnels[@]}
  declare_side gw-left 1 "${tunnels[@]}"
  declare_side gw-right 2 "${tunnels[@]}"
  side_starts gw-right
  side_starts gw-left
  wait_until 30 "all are connected" are_connected "${tunnels[@]}"
  it_goes_on_from_a_good_one
  begins_anew_with empty "warning event=runtime-store: $store: it is no runtime store$anew"
  begins_anew_with half_a_head "warning event=runtime-store: $store: its head is cut short$anew"
  begins_anew_with a_byte_flipped "warning event=runtime-store: $store: it is broken at byte "
  begins_anew_with another_version "warning event=runtime-store: $store: its format is 4242, and this"
  begins_anew_with shorter "warning event=runtime-store: $store: it is cut short$anew"
  begins_anew_with a_directory "error event=runtime-store: there is no runtime store: replace $store: "
  rmdir "$store"
  begins_anew_with nothing ""
  gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
}

tunnel_lines() {
  local version=$((2 - ($1 + 1) % 2)) start=respond
  if [ $((($1 + 1) / 2)) = "$2" ]; then start=auto; fi
  printf 'start = "%s"\nike = { version = %s }\n' $start $version
  # What finds out that the other side has gone.
  printf 'dpd = { delay_s = 2, timeout_s = 5 }\n'
}

it_goes_on_from_a_good_one() {
  say "an end and a start"
  local before
  before=$(spis gw-left)
  stop ipsecd-gw-left
  side_starts gw-left
  expect_eq "$(spis gw-left)" "$before" "children after the start"
  expect_eq "$(grep -c event=runtime-store "$scratch/ipsecd-gw-left.log" || true)" 0 "complaints"
}

# begins_anew_with SPOILER WORDS: and the log says them.
begins_anew_with() {
  say "the store: ${1//_/ }"
  local before
  before=$(spis gw-left)
  stop ipsecd-gw-left
  "$1"
  side_starts gw-left
  log_says ipsecd-gw-left "$2" || fail "the log does not say: $2"
  wait_until 60 "all are connected, and none as it was" are_all_others "$before"
  all_carry
}
all_carry() {
  local n
  each_has_one "${tunnels[@]}"
  for n in "${tunnels[@]}"; do
    wait_until 10 "t$n passes an echo" \
      quietly_in_ns host-left ping -q -c 1 -W 1 -I "10.1.$n.10" "10.2.$n.10"
  done
}
are_all_others() {
  are_connected "${tunnels[@]}" &&
    [ "$(looked gw-left "not set($1) & set($all_spis)")" = True ]
}

# --- ways to spoil it --------------------------------------------------------------------------

empty() { : >"$store"; }
# To two thirds of what stands in it: behind that is room, of zeros.
shorter() {
  python3 - "$store" <<'END'
import sys
with open(sys.argv[1], "r+b") as store:
    store.truncate(len(store.read().rstrip(b"\0")) * 2 // 3)
END
}
half_a_head() { truncate -s 24 "$store"; }
nothing() { rm -f "$store"; }
another_version() { printf '\0\0\x10\x92' | patch_at 15; }
a_directory() { rm "$store" && mkdir "$store"; }

# In the first change behind the head, which others follow.
a_byte_flipped() {
  local byte
  byte=$(od -An -tu1 -j 120 -N 1 "$store")
  printf '%b' "$(printf '\\x%02x' $((byte ^ 1)))" | patch_at 120
}
patch_at() { dd of="$store" bs=1 seek="$1" conv=notrunc status=none; }

main "$@"
