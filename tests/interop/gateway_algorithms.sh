# shellcheck shell=bash
# What the scenarios of algorithms share: a table of which each row is two tunnels, the first begun by
# us, the second by charon. Of N rows row I is tunnel I + 1 and tunnel N + I + 1; even tunnels have
# names as identities. Sourced in place of gateway_peer.sh.
#
#   pairs CIPHERS HASHES GROUPS      rows of IKE that have every pair of these
#   child_pairs CIPHERS HASHES       rows of ESP
#   read_row ROW                     sets cipher, hash and group, protocol and child, and pfs_group
#   configure_left, configure_right  what each side is told of the table
#   they_carry N...                  echoes through these tunnels, and nothing in clear
#   they_have_what_was_agreed        what both sides say that they have is what the table says
#   our_algorithms, their_algorithms "tN IKE CHILD" of each tunnel, in our words
#
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "${BASH_SOURCE[0]}")/gateway_peer.sh"

# "CIPHER HASH GROUP"; beside each "esp|ah ALGORITHMS", over and over; and the group for PFS or "none",
# and nothing where it may be any.
ike_rows=() child_rows=() pfs_rows=()
# The tunnels of IKEv1 are of main mode and of aggressive mode in turn.
ike_version=2
# shellcheck disable=SC2034  # read by the scenarios
readonly pfs=(none modp768 modp1024 modp1536 modp2048 modp2048s256 modp3072 modp4096 modp6144 modp8192
  ecp256 ecp384 ecp521 x25519)

# --- the rows ----------------------------------------------------------------------------------

# Every cipher with every group, and in the diagonals every hash with every cipher and every group,
# since there are at least as many of both as of hashes.
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

child_pairs() {
  local cipher hash
  for cipher in $1; do
    for hash in $2; do child_rows+=("esp $cipher-$hash"); done
  done
}

read_row() {
  read -r cipher hash group <<<"${ike_rows[$1]}"
  read -r protocol child <<<"${child_rows[$1 % ${#child_rows[@]}]}"
  pfs_group=${pfs_rows[$1]:-}
}

is_aead() { [[ $1 = *gcm16 || $1 = chacha20poly1305 ]]; }
has_addresses() { [ $(($1 % 2)) = 1 ]; }
# is_aggressive ROW N: the two tunnels of a row have one mode each, and each has names now and then.
is_aggressive() {
  local theirs=$(($2 > ${#ike_rows[@]}))
  [ $((($1 / 2 + theirs) % 2)) = 1 ]
}

# --- both sides --------------------------------------------------------------------------------

configure_left() {
  local rows=${#ike_rows[@]} i policy
  for ((i = 0; i < rows; i++)); do
    left_policy "$i" $((i + 1))
    left_tunnel $((i + 1)) "$policy"
    left_policy "$i" $((rows + i + 1))
    left_tunnel $((rows + i + 1)) "start = \"respond\""$'\n'"$policy"
  done
}

# left_policy ROW N: sets `policy`.
left_policy() {
  local cipher hash group protocol child pfs_group ike ipsec
  read_row "$1"
  ike="version = $ike_version, encryption = [\"$cipher\"], integrity = [\"$hash\"], dh = [\"$group\"]"
  if [ "$ike_version" = 1 ] && is_aggressive "$1" "$2"; then ike+=", mode = \"aggressive\""; fi
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

# Prints it. What begins is called otherwise, so that swanctl can be told of the one or the other.
configure_right() {
  local rows=${#ike_rows[@]} i
  for ((i = 0; i < rows; i++)); do
    child_name=${pfs_rows[i]:+ours} right_row "$i" $((i + 1))
    child_name=${pfs_rows[i]:+theirs} right_row "$i" $((rows + i + 1)) child.start_action=start
  done
}

# right_row ROW N [SETTING...]
right_row() {
  local cipher hash group protocol child pfs_group more=("version=$ike_version") row=$1 n=$2 ike
  shift 2
  read_row "$row"
  if [ "$ike_version" = 1 ] && is_aggressive "$row" "$n"; then more+=(aggressive=yes); fi
  has_addresses "$n" || more+=("local.id=right$n.example.com" remote.id=left.example.com)
  if [ "${pfs_group:-none}" != none ]; then child+=-$pfs_group; fi
  ike=$cipher-$hash-$group
  if is_aead "$cipher"; then ike=$cipher-prf$hash-$group; fi
  right "$n" "proposals=${ike//x25519/curve25519}" \
    "child.${protocol}_proposals=${child//x25519/curve25519}" "${more[@]}" "$@"
}

# --- what must be so ---------------------------------------------------------------------------

# At least so many of the packets are AH's.
readonly least_ah=40

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
  [ "$seen_ah" -ge "$least_ah" ] || fail "only $seen_ah packets of AH"
}

# The first child of IKEv2 has its keys from the IKE SA; every one of IKEv1 has its own PFS.
they_have_what_was_agreed() {
  local rows=${#ike_rows[@]} i cipher hash group protocol child pfs_group ours theirs n here there
  ours=$'\n'$(our_algorithms)$'\n' theirs=$'\n'$(their_algorithms)$'\n'
  for ((i = 0; i < rows; i++)); do
    read_row "$i"
    there=$cipher-$hash-prf$hash-$group here=$cipher-$hash-$group
    if is_aead "$cipher"; then there=$cipher-prf$hash-$group here=$there; fi
    if [ "$protocol" = ah ]; then child=ah:$child; fi
    if [ "$ike_version" = 1 ] && [ "${pfs_group:-none}" != none ]; then child+=-$pfs_group; fi
    for n in $((i + 1)) $((rows + i + 1)); do
      [[ $ours = *$'\n'"t$n $here $child"$'\n'* ]] ||
        fail "t$n: expected '$here $child', found '$(grep "^t$n " <<<"$ours")'"
      [[ $theirs = *$'\n'"t$n $there $child"$'\n'* ]] ||
        fail "c$n: expected '$there $child', found '$(grep "^t$n " <<<"$theirs")'"
    done
  done
  printf 'ok %s tunnels have what they were to have, on both sides\n' $((2 * rows)) >&2
}

our_algorithms() {
  of_each gw-left "it['name'], it['ike']['algorithms'], *(c['algorithms'] for c in it['children'])"
}

# Charon always names the PRF.
their_algorithms() {
  list_sas | awk '/^c[0-9]+:/ { name = "t" substr($1, 2, length($1) - 2); line = NR }
    NR == line + 3 { ike = $NF }
    /^  [a-z0-9]+: #/ { print name, ike, $NF }' |
    sed -E 's/AES_GCM_16-([0-9]+)/aes\1gcm16/g; s/AES_CTR-([0-9]+)/aes\1ctr/g; s/AES_CBC-/aes/g
      s/(DES|3DES)_CBC/\1/g; s/CHACHA20_POLY1305/chacha20poly1305/g; s/PRF_HMAC_(SHA2_)?/prf\1/g
      s/HMAC_(SHA2_[0-9]+|SHA1|MD5)_[0-9]+/\1/g; s/SHA2_/sha/g; s/MODP_2048_256/modp2048s256/g
      s/(MODP|ECP)_/\1/g; s/CURVE_25519/x25519/g; s/ESP://; s,/,-,g; s/.*/\L&/'
}
