#!/usr/bin/env bash
# Goal: ipsecd and charon come up with a pre-shared key, addresses or names as identities, with every
# algorithm that both have, whoever begins; and packets pass through the kernels both ways. `auto`
# meets a peer that knows nothing but the platforms' defaults. Each PFS group makes a child, asked for
# by either side.
# Method: tables that cover every pair of cipher, hash and group of IKE, of the platforms' list and of
# the modern one; every pair of ESP and all of AH spread over them. Each row is two tunnels, the first
# begun by us, the second by charon; even tunnels have names. All at once.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

# "CIPHER HASH GROUP", and beside each "esp|ah ALGORITHMS".
ike_rows=() child_rows=()
# The first rows have one of these each.
readonly pfs=(none modp768 modp1024 modp1536 modp2048 modp2048s256 modp3072 modp4096 modp6144 modp8192
  ecp256 ecp384 ecp521 x25519)

main() {
  make_rows
  local rows=${#ike_rows[@]} tunnels=$((2 * ${#ike_rows[@]})) all
  mapfile -t all < <(seq "$((tunnels + 2))")
  peer_topology "${#all[@]}"
  clear_is_seen 1 2 3
  left_site "${#all[@]}"
  configure_left "$rows"
  configure_right "$rows" >"$scratch/right"
  left_start
  clear_is_blocked "${all[@]}"
  # All of ours come from one address, and all at once.
  right_start "block_threshold = 1000" "cookie_threshold = 1000" "cookie_threshold_ip = 1000"
  load_connections <"$scratch/right"
  patience=90 wait_connected "${all[@]}"
  they_carry "${all[@]}"
  they_have_what_was_agreed "$rows"
  the_defaults_are_those_of_the_platforms $((tunnels + 1)) $((tunnels + 2))
  each_pfs_group "$rows"
  end_both
}

# --- the rows ----------------------------------------------------------------------------------

make_rows() {
  pairs "3des aes128 aes192 aes256" "md5 sha1 sha256" "modp768 modp1024 modp1536 modp2048 modp2048s256"
  pairs "aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305 aes128 aes192 aes256" \
    "sha256 sha384 sha512" "x25519 ecp521 ecp384 ecp256 modp4096 modp3072 modp2048"
  ike_rows+=("aes128ctr sha256 modp6144" "aes192ctr sha384 modp8192" "aes256ctr sha512 x25519"
    "des md5 modp768")
  local cipher hash
  for cipher in des 3des aes128 aes192 aes256 aes128ctr aes192ctr aes256ctr null; do
    for hash in md5 sha1 sha256 sha384 sha512; do child_rows+=("esp $cipher-$hash"); done
  done
  for cipher in aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305; do child_rows+=("esp $cipher"); done
  for hash in md5 sha1 sha256 sha384 sha512; do child_rows+=("ah $hash"); done
  [ "${#child_rows[@]}" -le "${#ike_rows[@]}" ] || fail "there are more children than IKE SAs"
}

# pairs CIPHERS HASHES GROUPS: every cipher with every group, and in the diagonals every hash with
# every cipher and every group, since there are at least as many of both as of hashes.
pairs() {
  local ciphers hashes groups c g
  read -ra ciphers <<<"$1"
  read -ra hashes <<<"$2"
  read -ra groups <<<"$3"
  for c in "${!ciphers[@]}"; do
    for g in "${!groups[@]}"; do
      ike_rows+=("${ciphers[c]} ${hashes[(c + g) % ${#hashes[@]}]} ${groups[g]}")
    done
  done
}

# Sets what row I has.
read_row() {
  read -r cipher hash group <<<"${ike_rows[$1]}"
  read -r protocol child <<<"${child_rows[$1 % ${#child_rows[@]}]}"
  pfs_group=${pfs[$1]:-}
}

is_aead() { [[ $1 = *gcm16 || $1 = chacha20poly1305 ]]; }

# --- both sides --------------------------------------------------------------------------------

configure_left() {
  local rows=$1 i policy
  for ((i = 0; i < rows; i++)); do
    left_policy "$i" $((i + 1))
    left_tunnel $((i + 1)) "$policy"
    left_policy "$i" $((rows + i + 1))
    left_tunnel $((rows + i + 1)) "start = \"respond\""$'\n'"$policy"
  done
  left_tunnel $((2 * rows + 1))
  left_tunnel $((2 * rows + 2)) 'start = "respond"'
}

# left_policy ROW N: sets `policy`.
left_policy() {
  local cipher hash group protocol child pfs_group ike ipsec
  read_row "$1"
  ike="encryption = [\"$cipher\"], integrity = [\"$hash\"], dh = [\"$group\"]"
  has_addresses "$2" ||
    ike+=", local_id = \"left.example.com\", peer_id = \"right$2.example.com\""
  ipsec="protocol = \"$protocol\""
  if [ "$protocol" = ah ]; then
    ipsec+=", integrity = [\"$child\"]"
  else
    ipsec+=", encryption = [\"${child%-*}\"]"
    is_aead "$child" || ipsec+=", integrity = [\"${child#*-}\"]"
  fi
  [ -z "$pfs_group" ] || ipsec+=", pfs = [\"$pfs_group\"]"
  policy="ike = { $ike }"$'\n'"ipsec = { $ipsec }"
}
has_addresses() { [ $(($1 % 2)) = 1 ]; }

configure_right() {
  local rows=$1 i
  for ((i = 0; i < rows; i++)); do
    child_name=${pfs[i]:+ours} right_row "$i" $((i + 1))
    child_name=${pfs[i]:+theirs} right_row "$i" $((rows + i + 1)) child.start_action=start
  done
  local n defaults=(proposals=aes128-sha1-modp1024 child.esp_proposals=aes128-sha1)
  n=$((2 * rows + 1))
  right "$n" "${defaults[@]}"
  right $((n + 1)) "${defaults[@]}" child.start_action=start
}

# right_row ROW N [SETTING...]
right_row() {
  local cipher hash group protocol child pfs_group names=() row=$1 n=$2
  shift 2
  read_row "$row"
  has_addresses "$n" || names=("local.id=right$n.example.com" remote.id=left.example.com)
  if [ "${pfs_group:-none}" != none ]; then child+=-$pfs_group; fi
  local ike
  charon_ike_row
  right "$n" "proposals=$ike" "child.${protocol}_proposals=${child//x25519/curve25519}" \
    "${names[@]}" "$@"
}

charon_ike_row() {
  ike=$cipher-$hash-$group
  if is_aead "$cipher"; then ike=$cipher-prf$hash-$group; fi
  ike=${ike//x25519/curve25519}
}

# --- what must be so ---------------------------------------------------------------------------

they_carry() {
  say "echoes both ways through $# tunnels"
  capture_start wire left
  pass left "$@"
  pass right "$@"
  capture_stop capture
  expect_no_clear_text capture 10.1.0.0/16 10.2.0.0/16
  local seen_ah seen_esp
  seen_ah=$(packets capture ah) seen_esp=$(packets capture "$esp_traffic")
  expect_eq $((seen_ah + seen_esp)) $((4 * $#)) "packets of ESP and AH"
  [ "$seen_ah" -ge 40 ] || fail "only $seen_ah packets of AH"
}

they_have_what_was_agreed() {
  local rows=$1 i cipher hash group protocol child pfs_group ours theirs n here there
  ours=$'\n'$(our_algorithms)$'\n' theirs=$'\n'$(their_algorithms)$'\n'
  for ((i = 0; i < rows; i++)); do
    read_row "$i"
    there=$cipher-$hash-prf$hash-$group here=$cipher-$hash-$group
    if is_aead "$cipher"; then there=$cipher-prf$hash-$group here=$there; fi
    if [ "$protocol" = ah ]; then child=ah:$child; fi
    for n in $((i + 1)) $((rows + i + 1)); do
      [[ $ours = *$'\n'"t$n $here $child"$'\n'* ]] ||
        fail "t$n: expected '$here $child', found '$(grep "^t$n " <<<"$ours")'"
      [[ $theirs = *$'\n'"t$n $there $child"$'\n'* ]] ||
        fail "c$n: expected '$there $child', found '$(grep "^t$n " <<<"$theirs")'"
    done
  done
  printf 'ok %s tunnels have what they were to have, on both sides\n' $((2 * rows)) >&2
}

# "tN IKE CHILD"
our_algorithms() {
  ask -o json status | python3 -c '
import json, sys
for it in json.load(sys.stdin)["tunnels"]:
  print(it["name"], it["ike"]["algorithms"], *[c["algorithms"] for c in it["children"]])'
}

# The same of charon, in our words but for the PRF, which it always names.
their_algorithms() {
  list_sas | awk '/^c[0-9]+:/ { name = "t" substr($1, 2, length($1) - 2); line = NR }
    NR == line + 3 { ike = $NF }
    /^  [a-z0-9]+: #/ { print name, ike, $NF }' |
    sed -E 's/AES_GCM_16-([0-9]+)/aes\1gcm16/g; s/AES_CTR-([0-9]+)/aes\1ctr/g; s/AES_CBC-/aes/g
      s/(DES|3DES)_CBC/\1/g; s/CHACHA20_POLY1305/chacha20poly1305/g; s/PRF_HMAC_(SHA2_)?/prf\1/g
      s/HMAC_(SHA2_[0-9]+|SHA1|MD5)_[0-9]+/\1/g; s/SHA2_/sha/g; s/MODP_2048_256/modp2048s256/g
      s/(MODP|ECP)_/\1/g; s/CURVE_25519/x25519/g; s/ESP://; s,/,-,g; s/.*/\L&/'
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
