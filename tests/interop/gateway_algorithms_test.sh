#!/usr/bin/env bash
# Goal: ipsecd and charon come up with a pre-shared key, addresses or names as identities, with every
# algorithm that both have, whoever begins; and packets pass through the kernels both ways. `auto`
# meets a peer that knows nothing but the platforms' defaults. Each PFS group makes a child, asked for
# by either side.
# Method: tables that cover every pair of cipher, hash and group of IKE, of the platforms' list and of
# the modern one; every pair of ESP and all of AH spread over them. Each row is two tunnels, the first
# begun by us, the second by charon. All at once.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateway_algorithms.sh
. "$(dirname "$0")/gateway_algorithms.sh"

main() {
  make_rows
  local rows=${#ike_rows[@]} tunnels=$((2 * ${#ike_rows[@]})) all
  mapfile -t all < <(seq "$((tunnels + 2))")
  peer_topology "${#all[@]}"
  clear_is_seen 1 2 3
  left_site "${#all[@]}"
  configure_left
  left_on_defaults $((tunnels + 1))
  { configure_right; right_on_defaults $((tunnels + 1)); } >"$scratch/right"
  left_start
  clear_is_blocked "${all[@]}"
  # All of ours come from one address, and all at once.
  right_start "block_threshold = 1000" "cookie_threshold = 1000" "cookie_threshold_ip = 1000"
  load_connections <"$scratch/right"
  patience=90 wait_connected "${all[@]}"
  they_carry "${all[@]}"
  they_have_what_was_agreed
  the_defaults_are_those_of_the_platforms $((tunnels + 1)) $((tunnels + 2))
  each_pfs_group "$rows"
  end_both
}

make_rows() {
  pairs "3des aes128 aes192 aes256" "md5 sha1 sha256" "modp768 modp1024 modp1536 modp2048 modp2048s256"
  pairs "aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305 aes128 aes192 aes256" \
    "sha256 sha384 sha512" "x25519 ecp521 ecp384 ecp256 modp4096 modp3072 modp2048"
  ike_rows+=("aes128ctr sha256 modp6144" "aes192ctr sha384 modp8192" "aes256ctr sha512 x25519"
    "des md5 modp768")
  local cipher hash
  child_pairs "des 3des aes128 aes192 aes256 aes128ctr aes192ctr aes256ctr null" \
    "md5 sha1 sha256 sha384 sha512"
  for cipher in aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305; do child_rows+=("esp $cipher"); done
  for hash in md5 sha1 sha256 sha384 sha512; do child_rows+=("ah $hash"); done
  [ "${#child_rows[@]}" -le "${#ike_rows[@]}" ] || fail "there are more children than IKE SAs"
  # The first rows have one of these each.
  pfs_rows=("${pfs[@]}")
}

# The second begun by charon.
left_on_defaults() {
  left_tunnel "$1"
  left_tunnel $(($1 + 1)) 'start = "respond"'
}

right_on_defaults() {
  local defaults=(proposals=aes128-sha1-modp1024 child.esp_proposals=aes128-sha1)
  right "$1" "${defaults[@]}"
  right $(($1 + 1)) "${defaults[@]}" child.start_action=start
}

the_defaults_are_those_of_the_platforms() {
  local n
  for n; do
    expect_eq "$(status_of "$n" "it['ike']['algorithms'], it['children'][0]['algorithms']")" \
      "aes128-sha1-modp1024 aes128-sha1" "what auto has agreed on with a peer on defaults"
  done
}

# A child's first keys come of the IKE SA's. So charon rekeys those it began, and ends those of ours,
# which are made anew by us.
each_pfs_group() {
  local rows=$1 i all=()
  say "a child with each PFS group, asked for by either side"
  for i in "${!pfs[@]}"; do all+=($((i + 1)) $((rows + i + 1))); done
  swan --rekey --child theirs
  swan --terminate --child ours
  wait_until 30 "all have a child with their group" all_have_their_group "$rows"
  wait_connected "${all[@]}"
  pass left "${all[@]}"
  pass right "${all[@]}"
}

all_have_their_group() {
  local rows=$1 i n ours theirs cipher hash group protocol child pfs_group
  ours=$'\n'$(our_algorithms)$'\n' theirs=$'\n'$(their_algorithms)$'\n'
  for i in "${!pfs[@]}"; do
    read_row "$i"
    if [ "$pfs_group" != none ]; then child+=-$pfs_group; fi
    for n in $((i + 1)) $((rows + i + 1)); do
      [[ $ours =~ $'\n'"t$n "[^\ ]+" $child"$'\n' ]] || { echo "t$n here"; return 1; }
      [[ $theirs =~ $'\n'"t$n "[^\ ]+" $child"$'\n' ]] || { echo "t$n there"; return 1; }
    done
  done
  # Those without PFS look no other than before.
  left_says_times 2 "tunnel=t1 phase=2 event=child-up" &&
    left_says_times 1 "tunnel=t$((rows + 1)) phase=2 event=child-rekeyed"
}

main "$@"
