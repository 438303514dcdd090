#!/usr/bin/env bash
# Goal: IKEv1 with charon, whoever begins: main mode and aggressive mode, every cipher, hash and group
# of phase 1, ESP and AH with and without PFS, a forced NAT, several pairs of ranges; rekeys of children
# and of the IKE SA; whether the peer lives; deletes. Both have the same keys for every child, and every
# message decodes.
# Method: a table of tunnels, each twice: the odd ones begun by us, the even ones by charon. Beside
# them one of IKEv2 on either side.
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

# Mode | phase 1 | phase 2 | what else our side has, and charon's. ESP and AH without a group: no PFS.
readonly algorithms=(
  "main|aes128-sha256-modp2048|esp aes128-sha256-modp2048"
  "main|aes256-sha384-modp3072|esp aes256-sha384"
  "main|aes192-sha512-ecp256|esp aes128gcm16-modp2048s256"
  "main|3des-md5-modp1024|esp 3des-md5-modp1024"
  "main|des-sha1-modp768|esp des-sha1-modp768"
  "main|aes256-sha1-modp2048s256|ah sha256-modp1536"
  "main|aes128-sha512-modp4096|esp aes256ctr-sha512-ecp384|encap=yes"
  "aggressive|aes128-sha256-modp2048|esp aes192-sha256-modp2048"
  "aggressive|aes256-sha512-ecp384|esp null-sha1"
  "aggressive|3des-sha1-modp1536|ah sha1"
  "aggressive|aes192-md5-modp2048|esp aes256gcm16-modp3072|encap=yes"
)
readonly last=$((2 * ${#algorithms[@]}))
readonly dpd_by_charon="6 20"
readonly of_pairs=aes128-sha256-modp2048
readonly pairs_ours=31 pairs_charon=32 v2_ours=33 v2_charon=34
# Of all tunnels, of which two have two pairs.
readonly children=$((last + 6))

main() {
  start_both "threads = 16" "delete_rekeyed = yes" \
    "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"
  capture_start ours eth0 exchanges
  load
  come_up
  expect_same_keys $((2 * children))
  expect_nat
  probes
  # Quick modes closer together than that may have crossed, and are settled by their nonces; what was
  # made since is made anew where charon makes the IKE SA anew.
  wait_out 13500
  rekey_ike
  rekey_children
  rekey_young_child
  deletes
  expect_no_failures_but_ends
  capture_stop exchanges
  expect_clean_capture exchanges
  stop_both
}

load() {
  local n
  {
    for ((n = 1; n <= last; n++)); do print_connection "$n"; done
    connection $pairs_ours version=1 "proposals=$of_pairs" "child.esp_proposals=$of_pairs" \
      "child.remote_ts=10.1.$pairs_ours.0/24,10.11.$pairs_ours.0/24"
    connection $pairs_charon version=1 "proposals=$of_pairs" "child.esp_proposals=$of_pairs" |
      sed "s|^ children {\$|&\n n1$pairs_charon {\n local_ts=10.2.$pairs_charon.0/24\n \
remote_ts=10.11.$pairs_charon.0/24\n esp_proposals=$of_pairs\n }|"
    connection $v2_ours
    connection $v2_charon
  } | load_connections
}

# --- the table ---------------------------------------------------------------------------------

# row N: mode, ike, protocol, child and extra of tunnel N.
row() {
  IFS='|' read -r mode ike child extra <<<"${algorithms[($1 - 1) / 2]}"
  protocol=${child%% *} child=${child#* }
}
is_ours() { [ $(($1 % 2)) = 1 ]; }

print_connection() {
  local n=$1 mode ike protocol child extra settings
  row "$n"
  settings=(version=1 "proposals=$ike" "child.${protocol}_proposals=$child")
  if [ "$mode" = aggressive ]; then
    settings+=(aggressive=yes "local.id=right$n.example.com" "remote.id=left$n.example.com")
  fi
  if [[ " $dpd_by_charon " = *" $n "* ]]; then settings+=(dpd_delay=2s); fi
  if ! is_ours "$n" && [ -n "$extra" ]; then settings+=("$extra"); fi
  connection "$n" "${settings[@]}"
}

our_end() {
  local n=$1 mode ike protocol child extra settings
  row "$n"
  settings=(version=1 "ike=$ike" "$protocol=$child")
  if [ "$mode" = aggressive ]; then
    settings+=(aggressive=yes "local_id=left$n.example.com" "remote_id=right$n.example.com")
  fi
  if ! is_ours "$n"; then settings+=(start=respond); fi
  if is_ours "$n" && [ -n "$extra" ]; then settings+=("$extra"); fi
  our_tunnel "$n" "${settings[@]}"
}

# --- steps -------------------------------------------------------------------------------------

come_up() {
  local n
  for ((n = 1; n <= last; n++)); do our_end "$n"; done
  our_tunnel $pairs_ours version=1 ike=$of_pairs esp=$of_pairs \
    "local_ts=10.1.$pairs_ours.0/24,10.11.$pairs_ours.0/24"
  our_tunnel $pairs_charon version=1 ike=$of_pairs esp=$of_pairs start=respond \
    "local_ts=10.1.$pairs_charon.0/24,10.11.$pairs_charon.0/24"
  our_tunnel $v2_ours
  our_tunnel $v2_charon start=respond
  for ((n = 2; n <= last; n += 2)); do swan --initiate --child "n$n"; done
  swan --initiate --child n$pairs_charon
  swan --initiate --child n1$pairs_charon
  swan --initiate --child n$v2_charon
  for ((n = 1; n <= last; n++)); do wait_until 20 "tunnel $n is up" says "child-up t$n "; done
  for n in $pairs_ours $pairs_charon; do
    wait_until 20 "both pairs of tunnel $n are up" says_times 2 "child-up t$n "
  done
  for n in $v2_ours $v2_charon; do wait_until 20 "tunnel $n is up" says "child-up t$n "; done
}

# RFC 3947 4: where a NAT was seen phase 1 ends on port 4500, and ESP goes in UDP.
expect_nat() {
  local n mode ike protocol child extra count=0
  for ((n = 1; n <= last; n++)); do
    row "$n"
    [ -n "$extra" ] || continue
    grep -qF " local=10.9.1.$n:4500 remote=10.9.0.2:4500 " "$scratch/ours.log" ||
      fail "tunnel $n has not gone to port 4500"
    count=$((count + 1))
  done
  expect_eq "$(grep -c 'encap=yes' "$scratch/ours.log")" $((2 * count)) "SAs in UDP"
}

# RFC 3706: asked by us, and by charon.
probes() {
  tell "probe t1"
  tell "probe t15"
  wait_until 5 "charon has answered us" charon_informational_times 2 generating DPD_ACK
  wait_until 10 "we have answered charon" charon_informational_times 2 parsed DPD_ACK
}

# charon_informational_times COUNT parsed|generating NOTIFY
charon_informational_times() {
  local count
  count=$(grep -c "$2 INFORMATIONAL_V1 request .*N($3)" "$scratch/charon-says.log") || true
  echo "$count times"
  [ "$count" -ge "$1" ]
}

# our_lines COUNT LINE: exactly this one, so that t1 is not t15.
our_lines() {
  local count
  count=$(grep -cxF -- "$2" "$scratch/ours.log") || true
  echo "$count times"
  [ "$count" -ge "$1" ]
}

# A new phase 1 takes the old one's place; its children stay where they are.
rekey_ike() {
  local n before
  before=$(charon_sas | sort)
  for n in 1 4 15; do tell "rekey-ike t$n"; done
  for n in 2 3 16; do swan --rekey --ike "c$n"; done
  for n in 1 2 3 4 15 16; do
    wait_until 10 "the IKE SA of tunnel $n is rekeyed" our_lines 1 "ike-rekeyed t$n"
  done
  [ "$(charon_sas | sort)" = "$before" ] || fail "charon's SAs are not those from before"
}

# The new IKE SAs are among those that carry it. Who asked for what is replaced deletes it; the IKE
# SAs that charon replaced it leaves to us, for longer than is waited here.
rekey_children() {
  local n
  for n in 1 3 4 5 11 15 16 19 21 $pairs_ours; do tell "rekey-child t$n"; done
  for n in 2 6 8 14 18 22; do swan --rekey --child "n$n"; done
  for n in 1 2 3 4 5 6 8 11 14 15 16 18 19 21 22; do
    wait_until 10 "the child of tunnel $n is rekeyed" our_lines 1 "child-rekeyed t$n"
  done
  wait_until 10 "both of tunnel $pairs_ours are" our_lines 2 "child-rekeyed t$pairs_ours"
  wait_until 40 "what was replaced is gone" charon_has_sas $((2 * children))
  expect_same_keys $((2 * children))
  for n in 1 4 15; do wait_until 10 "charon has one IKE SA of tunnel $n" charon_has_one "c$n"; done
}

# charon begins another phase 1 with the children that it has by then. So what was just made is made
# again, some time after charon can read it.
rekey_young_child() {
  local before
  before=$(grep -cxF "child-rekeyed t3" "$scratch/ours.log")
  tell "rekey-child t3"
  wait_until 10 "the child of tunnel 3 is rekeyed" our_lines $((before + 1)) "child-rekeyed t3"
  swan --rekey --ike c3
  wait_until 10 "and again after the IKE SA" our_lines $((before + 2)) "child-rekeyed t3"
  wait_until 40 "what was replaced is gone" charon_has_sas $((2 * children))
  expect_same_keys $((2 * children))
}

charon_has_one() {
  local sas
  sas=$(charon_ike_sas)
  echo "$sas"
  [ "$(grep -c "^$1 " <<<"$sas")" = 1 ]
}

deletes() {
  tell "down t7"
  tell "down t17"
  swan --terminate --child n12
  swan --terminate --ike c10
  swan --terminate --ike c18
  wait_until 10 "tunnel 12's child goes" our_lines 1 "child-down t12"
  for n in 10 18; do wait_until 10 "tunnel $n goes" says "ike-down t$n reason=deleted by the peer"; done
  wait_until 10 "charon has what is left" charon_has_sas $((2 * (children - 5)))
  expect_same_keys $((2 * (children - 5)))
}

expect_no_failures_but_ends() {
  local words
  for words in try-failed exchange-failed wrong:; do
    if says "$words"; then fail "there was '$words' on our side"; fi
  done
}

main
