#!/usr/bin/env bash
# Goal: ipsecd and charon come up in IKEv1, main mode and aggressive mode, with every algorithm that
# IKEv1 has words for, addresses or names as identities, whoever begins; every child has the PFS that
# it was to have; and packets pass through the kernels both ways. `auto` meets peers that know nothing
# but the platforms' defaults, with PFS or without.
# Method: a table that covers every pair of cipher, hash and group of phase 1, and each of these with
# both modes begun by both sides; every pair of ESP, all of AH and all of PFS spread over it. Each row
# is two tunnels, the first begun by us, the second by charon, in the other mode. All at once.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateway_algorithms.sh
. "$(dirname "$0")/gateway_algorithms.sh"

ike_version=1

main() {
  make_rows
  local tunnels=$((2 * ${#ike_rows[@]})) all
  mapfile -t all < <(seq "$((tunnels + 4))")
  peer_topology "${#all[@]}"
  clear_is_seen 1 2 3
  left_site "${#all[@]}"
  configure_left
  left_on_defaults $((tunnels + 1))
  { configure_right; right_on_defaults $((tunnels + 1)); } >"$scratch/right"
  left_start
  clear_is_blocked "${all[@]}"
  # All of ours come from one address, and all at once.
  right_start "block_threshold = 1000" "cookie_threshold = 1000" "cookie_threshold_ip = 1000" \
    "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"
  load_connections <"$scratch/right"
  patience=90 wait_connected "${all[@]}"
  they_carry "${all[@]}"
  they_have_what_was_agreed
  the_defaults_are_those_of_the_platforms $((tunnels + 1)) "aes128-sha1-modp1024"
  the_defaults_are_those_of_the_platforms $((tunnels + 3)) "aes128-sha1"
  end_both
}

make_rows() {
  pairs "des 3des aes128 aes192 aes256" "md5 sha1 sha256 sha384 sha512" "${pfs[*]:1}"
  local cipher hash i
  child_pairs "des 3des aes128 aes192 aes256 aes128ctr aes192ctr aes256ctr null" \
    "md5 sha1 sha256 sha384 sha512"
  for cipher in aes128gcm16 aes192gcm16 aes256gcm16; do child_rows+=("esp $cipher"); done
  for hash in md5 sha1 sha256 sha384 sha512; do child_rows+=("ah $hash"); done
  [ "${#child_rows[@]}" -le "${#ike_rows[@]}" ] || fail "there are more children than IKE SAs"
  for i in "${!ike_rows[@]}"; do pfs_rows+=("${pfs[i % ${#pfs[@]}]}"); done
}

# Four: of each two the second is begun by charon.
left_on_defaults() {
  local n
  for n in "$1" $(($1 + 2)); do
    left_tunnel "$n" 'ike = { version = 1 }'
    left_tunnel $((n + 1)) $'start = "respond"\nike = { version = 1 }'
  done
}

right_on_defaults() {
  local n=$1 esp
  for esp in aes128-sha1-modp1024 aes128-sha1; do
    right "$n" version=1 proposals=aes128-sha1-modp1024 "child.esp_proposals=$esp"
    right $((n + 1)) version=1 proposals=aes128-sha1-modp1024 "child.esp_proposals=$esp" \
      child.start_action=start
    n=$((n + 2))
  done
}

# the_defaults_are_those_of_the_platforms N CHILD: of the tunnels N and N + 1.
the_defaults_are_those_of_the_platforms() {
  local n
  for n in "$1" $(($1 + 1)); do
    expect_eq "$(status_of "$n" "it['ike']['algorithms'], it['children'][0]['algorithms']")" \
      "aes128-sha1-modp1024 $2" "what auto has agreed on with a peer on defaults"
  done
}

main "$@"
