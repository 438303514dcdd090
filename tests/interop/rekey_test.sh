#!/usr/bin/env bash
# Goal: child SAs and IKE SAs are rekeyed, whoever begins and whoever was the initiator before; with
# and without PFS; the new ESP keys are the same on both sides, and what is replaced goes.
# Method: t1 is begun by us, t2 by charon; each is rekeyed twice in every way. t3 and t4 have two PRFs
# to choose from, which the sides prefer in another order. Each of t5 to t9 has one of the platforms'
# groups for PFS. Every message decodes.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

readonly we_prefer=aes128-sha256-prfsha256-x25519,aes256-sha512-prfsha512-x25519
readonly charon_prefers=aes256-sha512-prfsha512-curve25519,aes128-sha256-prfsha256-curve25519

readonly pfs_groups=([5]=modp768 [6]=modp1024 [7]=modp1536 [8]=modp2048 [9]=modp2048s256)
readonly pfs_names=([5]=MODP_768 [6]=MODP_1024 [7]=MODP_1536 [8]=MODP_2048 [9]=MODP_2048_256)
readonly sas=18

main() {
  start_both "delete_rekeyed_delay = 1"
  capture_start ours eth0 exchanges
  {
    connection 1 child.esp_proposals=aes256-sha256-ecp256 proposals=aes128-sha256-ecp256
    connection 2 child.esp_proposals=aes128gcm16 proposals=aes256gcm16-prfsha384-curve25519
    connection 3 "proposals=$charon_prefers"
    connection 4 "proposals=$charon_prefers"
    local n
    for n in "${!pfs_groups[@]}"; do
      connection "$n" "child.esp_proposals=aes128-sha1-${pfs_groups[n]}" \
        proposals=aes128-sha256-curve25519
    done
  } | load_connections
  our_tunnel 1 ike=aes128-sha256-ecp256 esp=aes256-sha256-ecp256
  our_tunnel 2 start=respond ike=aes256gcm16-prfsha384-x25519 esp=aes128gcm16
  our_tunnel 3 "ike=$we_prefer"
  our_tunnel 4 "ike=$we_prefer" start=respond
  for n in "${!pfs_groups[@]}"; do
    our_tunnel "$n" ike=aes128-sha256-x25519 "esp=aes128-sha1-${pfs_groups[n]}"
  done
  swan --initiate --child n2
  swan --initiate --child n4
  for n in 1 2 3 4 "${!pfs_groups[@]}"; do
    wait_until 10 "tunnel $n is up" says "child-up t$n"
  done
  for n in 3 4; do ike_from_both "$n"; done
  for n in 1 2; do
    children_then_ike "$n"
    children_then_ike "$n"
  done
  for n in "${!pfs_groups[@]}"; do with_pfs "$n"; done
  expect_same_keys $sas
  expect_no_failures
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

declare -A child_rekeys=() ike_rekeys=()

# M74; t2 has none. A child's first keys come of the IKE SA's: only a rekey shows its group.
with_pfs() {
  say "rekeys of tunnel $1, with ${pfs_groups[$1]}"
  tell "rekey-child t$1"
  child_rekeyed "$1"
  swan --rekey --child "n$1"
  child_rekeyed "$1"
  list_sas | grep -E "^ +n$1: .*ESP:AES_CBC-128/HMAC_SHA1_96/${pfs_names[$1]}$" >&2 ||
    fail "charon's child has not ${pfs_names[$1]}"
}

# Begun by us, by charon, by charon, by us: so each side also rekeys what the other rekeyed last.
children_then_ike() {
  local n=$1
  say "rekeys of tunnel $n"
  tell "rekey-child t$n"
  child_rekeyed "$n"
  swan --rekey --child "n$n"
  child_rekeyed "$n"
  swan --rekey --ike "c$n"
  ike_rekeyed "$n"
  tell "rekey-ike t$n"
  ike_rekeyed "$n"
}

# The side that answers would choose another PRF than the IKE SA has.
ike_from_both() {
  say "rekeys of tunnel $1, the PRF stays"
  swan --rekey --ike "c$1"
  ike_rekeyed "$1"
  tell "rekey-ike t$1"
  ike_rekeyed "$1"
  # With other keys on one side the newest IKE SA could not carry this.
  tell "rekey-child t$1"
  child_rekeyed "$1"
}

child_rekeyed() {
  child_rekeys[$1]=$((${child_rekeys[$1]:-0} + 1))
  wait_until 10 "the child of tunnel $1 is rekeyed" \
    says_times "${child_rekeys[$1]}" "child-rekeyed t$1"
  # charon keeps an old inbound SA for a while, as we do.
  wait_until 10 "what was replaced is gone" charon_has_sas $sas
}

ike_rekeyed() {
  ike_rekeys[$1]=$((${ike_rekeys[$1]:-0} + 1))
  wait_until 10 "the IKE SA of tunnel $1 is rekeyed" \
    says_times "${ike_rekeys[$1]}" "ike-rekeyed t$1"
}

main
