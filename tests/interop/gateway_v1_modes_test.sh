#!/usr/bin/env bash
# Goal: ipsecd and charon come up in IKEv1: main mode and aggressive mode, whoever begins, with
# addresses or names as identities; and packets pass through the kernels both ways. Beside them IKEv2,
# also with the same peer at the same address; neither is disturbed when the other ends.
# Method: four tunnels, of main mode and of aggressive mode one begun by us and one by charon; and four
# of IKEv2 between the same addresses, t5 beside t1 to t8 beside t4, which the same side begins.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly v1=(1 2 3 4) v2=(5 6 7 8)

main() {
  peer_topology 8
  clear_is_seen "${v1[@]}" "${v2[@]}"
  left_site 8
  configure_left
  left_start
  clear_is_blocked "${v1[@]}" "${v2[@]}"
  watch_clear
  right_start "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"
  configure_right | load_connections
  wait_connected "${v1[@]}" "${v2[@]}"
  all_pass "${v1[@]}" "${v2[@]}"
  each_speaks_its_version
  one_goes_and_the_other_stays
  expect_none_in_clear
  end_both
}

configure_left() {
  local n
  left_tunnel 1 "$(policy main)"
  left_tunnel 2 "start = \"respond\""$'\n'"$(policy main)"
  left_tunnel 3 "$(policy aggressive "$(names 3)")"
  left_tunnel 4 "start = \"respond\""$'\n'"$(policy aggressive "$(names 4)")"
  left_tunnel 5
  left_tunnel 6 'start = "respond"'
  left_tunnel 7 "ike = { ${version_2_names}3.example.com\" }"
  left_tunnel 8 "start = \"respond\""$'\n'"ike = { ${version_2_names}4.example.com\" }"
  # The same peers under other names.
  for n in "${v2[@]}"; do sed -i "/^name = \"p$n\"/{n;s/[0-9]*\"$/$((10 + n - 4))\"/}" "$site_file"; done
}
readonly version_2_names='local_id = "left.example.com", peer_id = "right'

configure_right() {
  local n outside old=(version=1 proposals=aes128-sha256-modp2048
    child.esp_proposals=aes128-sha256-modp2048)
  right 1 "${old[@]}"
  right 2 "${old[@]}" child.start_action=start
  right 3 "${old[@]}" aggressive=yes local.id=right3.example.com remote.id=left.example.com
  right 4 "${old[@]}" aggressive=yes local.id=right4.example.com remote.id=left.example.com \
    child.start_action=start
  for n in "${v2[@]}"; do
    right_outside $((n - 4))
    beside "$n" "$outside"
  done
}

# beside N ADDRESS: of IKEv2, between the same addresses and names as tunnel N - 4.
beside() {
  local own=$2 peer=$left_outside begins=none
  if [ "$1" -ge 7 ]; then own=right$(($1 - 4)).example.com peer=left.example.com; fi
  if [ $(($1 % 2)) = 0 ]; then begins=start; fi
  right "$1" "local_addrs=$2" "local.id=$own" "remote.id=$peer" "child.start_action=$begins"
}

all_pass() {
  pass left "$@"
  pass right "$@"
}

each_speaks_its_version() {
  local theirs
  theirs=$(list_sas | sed -nE 's/^c([0-9]+): .*ESTABLISHED, (IKEv[12]),.*/\1 \2/p' | sort -n | paste -sd ' ')
  expect_eq "$theirs" "1 IKEv1 2 IKEv1 3 IKEv1 4 IKEv1 5 IKEv2 6 IKEv2 7 IKEv2 8 IKEv2" \
    "charon's IKE SAs"
  expect_eq "$(status_of 1 "it['weak']")" "[]" "what is weak in main mode"
  expect_eq "$(status_of 3 "it['weak']")" "['aggressive mode (identities in clear)']" \
    "what is weak in aggressive mode"
}

one_goes_and_the_other_stays() {
  say "of each two between the same addresses one goes, and the other carries on"
  local before n
  before=$(times_left_said event=ike-up)
  for n in 1 2 7 8; do ask tunnel down "t$n"; done
  wait_until 20 "four are down" are_down 1 2 7 8
  all_pass 3 4 5 6
  for n in 1 7; do ask tunnel up "t$n"; done
  for n in 2 8; do
    ask tunnel up "t$n"
    swan --initiate --child "n$n"
  done
  wait_connected "${v1[@]}" "${v2[@]}"
  all_pass "${v1[@]}" "${v2[@]}"
  expect_eq "$(($(times_left_said event=ike-up) - before))" 4 "IKE SAs made anew"
}

are_down() {
  local all n
  all=$'\n'$(states)$'\n'
  for n; do
    [[ $all != *$'\n'"t$n,connected"$'\n'* ]] || { echo "t$n is not"; return 1; }
  done
}

policy() {
  printf 'ike = { version = 1, mode = "%s", encryption = ["aes128"], integrity = ["sha256"], dh = [14]%s }\n' \
    "$1" "${2:-}"
  printf 'ipsec = { encryption = ["aes128"], integrity = ["sha256"], pfs = [14] }\n'
}
names() { printf ', local_id = "left.example.com", peer_id = "right%s.example.com"' "$1"; }

main "$@"
