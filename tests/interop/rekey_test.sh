#!/usr/bin/env bash
# Goal: child SAs and IKE SAs are rekeyed, whoever begins and whoever was the initiator before; with
# and without PFS; the new ESP keys are the same on both sides, and what is replaced goes.
# Method: t1 is begun by us, t2 by charon; each is rekeyed twice in every way. Every message decodes.
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

main() {
  start_both "delete_rekeyed_delay = 1"
  capture_start ours eth0 exchanges
  {
    connection 1 child.esp_proposals=aes256-sha256-ecp256 proposals=aes128-sha256-ecp256
    connection 2 child.esp_proposals=aes128gcm16 proposals=aes256gcm16-prfsha384-curve25519
  } | load_connections
  our_tunnel 1 ike=aes128-sha256-ecp256 esp=aes256-sha256-ecp256
  our_tunnel 2 start=respond ike=aes256gcm16-prfsha384-x25519 esp=aes128gcm16
  swan --initiate --child n2
  wait_until 10 "tunnel 1 is up" says "child-up t1"
  wait_until 10 "tunnel 2 is up" says "child-up t2"
  local n
  for n in 1 2; do
    children_then_ike "$n"
    children_then_ike "$n"
  done
  expect_same_keys 4
  expect_no_failures
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

declare -A child_rekeys=() ike_rekeys=()

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

child_rekeyed() {
  child_rekeys[$1]=$((${child_rekeys[$1]:-0} + 1))
  wait_until 10 "the child of tunnel $1 is rekeyed" \
    says_times "${child_rekeys[$1]}" "child-rekeyed t$1"
  # charon keeps an old inbound SA for a while, as we do.
  wait_until 10 "what was replaced is gone" charon_has_sas 4
}

ike_rekeyed() {
  ike_rekeys[$1]=$((${ike_rekeys[$1]:-0} + 1))
  wait_until 10 "the IKE SA of tunnel $1 is rekeyed" \
    says_times "${ike_rekeys[$1]}" "ike-rekeyed t$1"
}

main
