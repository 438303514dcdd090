#!/usr/bin/env bash
# Goal: of ten tunnels, half of them of IKEv1, one is edited: its range, its IKE policy, its IPsec
# policy, its mode, its IKE version, its key. That one reconnects by itself and has what was asked
# for, and ipsecd sends nothing of it in clear meanwhile; the other nine keep their IKE and IPsec SAs
# and lose no packet. A tunnel that is deleted takes its SAs, policies and routes with it, here and at
# charon, and disturbs the others no more than an edit does.
# Method: charon takes the new settings beforehand, which changes nothing of what is up. Fifty
# datagrams a second go each way through each of the nine meanwhile, and are counted. As many go
# through the edited one: its gap loses some, and the watch on the wire would see those that pass in
# clear. Only what our side sends counts there: charon takes its policies down with a connection,
# and routes on in clear.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# time limit: 300
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly tunnels=(1 2 3 4 5 6 7 8 9 10) in_v1=(6 7 8 9 10) deleted=5
readonly other_key=another-key-for-tests
# A machine under load sends fewer, and some there must be.
readonly flow_s=6 at_least_sent=$((6 * 12))

main() {
  peer_topology "${#tunnels[@]}"
  clear_is_seen "${tunnels[@]}"
  local n
  left_site "${#tunnels[@]}"
  for n in 1 2 3 4 5; do left_tunnel "$n"; done
  for n in "${in_v1[@]}"; do
    # The first message of a quick mode has the only group there is, and charon by itself has none.
    left_tunnel "$n" $'ike = { version = 1 }\nipsec = { pfs = ["none"] }'
    differs[$n]=version=1
  done
  left_start
  clear_is_blocked "${tunnels[@]}"
  right_start "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"
  charon_has
  wait_connected "${tunnels[@]}"
  pass left "${tunnels[@]}"
  watch_clear
  a_range
  an_ike_policy
  an_ipsec_policy
  a_range_in_v1
  policies_in_v1
  a_mode
  another_version
  a_key 4
  a_key 10
  a_tunnel_goes
  expect_none_of_ours_in_clear
  clear_passes_where_no_tunnel_is
  end_both
}

# --- charon ------------------------------------------------------------------------------------

# What differs at charon from what all tunnels have, by tunnel.
declare -A differs=()
charon_has() {
  local n settings
  for n in "${tunnels[@]}"; do
    read -ra settings <<<"${differs[$n]:-}"
    right "$n" "${settings[@]}"
  done | load_connections
}

# --- edits -------------------------------------------------------------------------------------

a_range() {
  say "t1: half of the peer's range"
  differs[1]=child.local_ts=10.2.1.0/25
  charon_has
  edit 1 --peer-cidrs 10.2.1.0/25
  expect_eq "$(policies_of 1)" "dst 10.2.1.0/25" "destinations of t1 in the kernel"
  expect_eq "$(routes_of 1)" 10.2.1.0/25 "routes of t1"
}

an_ike_policy() {
  say "t2: another IKE policy"
  differs[2]=proposals=aes256-sha512-ecp384
  charon_has
  edit 2 --ike-encryption aes256 --ike-integrity sha512 --ike-dh ecp384
  charon_uses 2 AES_CBC-256/HMAC_SHA2_512_256/PRF_HMAC_SHA2_512/ECP_384
}

an_ipsec_policy() {
  say "t3: another IPsec policy"
  differs[3]=child.esp_proposals=aes192-sha384
  charon_has
  edit 3 --ipsec-encryption aes192 --ipsec-integrity sha384 --ipsec-pfs none
  charon_uses 3 ESP:AES_CBC-192/HMAC_SHA2_384_192
}

a_range_in_v1() {
  say "t6: half of the peer's range"
  differs[6]+=" child.local_ts=10.2.6.0/25"
  charon_has
  edit 6 --peer-cidrs 10.2.6.0/25
  expect_eq "$(policies_of 6)" "dst 10.2.6.0/25" "destinations of t6 in the kernel"
}

policies_in_v1() {
  say "t7: other policies"
  differs[7]+=" proposals=aes256-sha512-modp2048 child.esp_proposals=aes192-sha384"
  charon_has
  edit 7 --ike-encryption aes256 --ike-integrity sha512 --ike-dh modp2048 \
    --ipsec-encryption aes192 --ipsec-integrity sha384 --ipsec-pfs none
  charon_uses 7 AES_CBC-256/HMAC_SHA2_512_256/PRF_HMAC_SHA2_512/MODP_2048
  charon_uses 7 ESP:AES_CBC-192/HMAC_SHA2_384_192
}

a_mode() {
  say "t8: aggressive mode"
  differs[8]+=" aggressive=yes"
  charon_has
  edit 8 --ike-mode aggressive
  charon_log_has "203\.0\.113\.1 is initiating a Aggressive Mode IKE_SA" || fail "it is main mode still"
}
charon_log_has() { grep -qE "$1" "$scratch/charon-says.log"; }

another_version() {
  say "t9: IKEv2, and t2: IKEv1"
  differs[9]=version=2
  charon_has
  edit 9 --ike-version 2
  charon_uses 9 IKEv2
  differs[2]="version=1 proposals=aes256-sha512-ecp384"
  charon_has
  edit 2 --ike-version 1 --ipsec-pfs none
  charon_uses 2 IKEv1
}

a_key() {
  local n=$1 outside
  right_outside "$n"
  say "t$n: another key"
  # Named after one end only, charon would take the key of all before it.
  charon_secrets+=$'\nike-'$n$' {\n id-right = '$outside$'\n id-left = '$left_outside
  charon_secrets+=$'\n secret = '$other_key$'\n}'
  charon_has
  (umask 077 && printf '%s' "$other_key" >"$scratch/other-key")
  edit "$n" --psk-file "$scratch/other-key"
}

# edit N OPTION...
edit() {
  local n=$1 before kept
  shift
  before=$(spis_of "$n")
  the_others "$n"
  kept=$(kept_of_others)
  flow "edit-$n" $flow_s 200 "${tunnels[@]}"
  say "ipsecctl tunnel set t$n $*"
  ask tunnel set "t$n" "$@" >&2
  wait_until 20 "t$n has other SAs" spis_differ "$n" "$before"
  wait_connected "$n"
  pass left "$n"
  may_lose="10.1.$n.10" none_lost "edit-$n" $at_least_sent
  others_are_as_they_were "$n" "$kept"
}

a_tunnel_goes() {
  say "t$deleted is deleted"
  local kept
  the_others $deleted
  kept=$(kept_of_others)
  expect_eq "$(routes_of $deleted)" "10.2.$deleted.0/24" "routes of t$deleted"
  expect_eq "$(in_namespace=gw-right policies_with "10.1.$deleted.0" | wc -l)" 3 \
    "policies of t$deleted at charon"
  flow delete $flow_s 200 "${others[@]}"
  ask tunnel delete "t$deleted" --yes >&2
  wait_until 10 "its SAs are gone here" has_no_sas gw-left
  wait_until 10 "its SAs are gone at charon" has_no_sas gw-right
  wait_until 10 "charon has no IKE SA of it" charon_has_none
  expect_empty "policies of t$deleted" policies_of $deleted
  wait_until 10 "its policies are gone at charon" has_no_policies gw-right
  wait_until 10 "its routes are gone" has_no_routes
  none_lost delete $at_least_sent
  others_are_as_they_were $deleted "$kept"
}
has_no_policies() { [ -z "$(in_namespace=$1 policies_with "10.1.$deleted.0")" ]; }
has_no_sas() { [ -z "$(in_namespace=$1 spis_of "$deleted")" ]; }
charon_has_none() {
  local sas
  sas=$(list_sas) && ! grep -q "^c$deleted:" <<<"$sas"
}
has_no_routes() { [ -z "$(routes_of "$deleted")" ]; }

clear_passes_where_no_tunnel_is() {
  say "what t$deleted joined is no longer ours to protect"
  pass left $deleted
}

# --- what is looked at -------------------------------------------------------------------------

# Sets `others`: all but that one, and the deleted one once it is gone.
the_others() {
  local n
  others=()
  for n in "${tunnels[@]}"; do [ "$n" = "$1" ] || others+=("$n"); done
}

# Of the SAs with charon's addresses of these tunnels that have keys: what a packet asked for while an
# SA went has its SPI too, for half a minute.
spis_of() {
  local n outside addresses=' '
  for n; do
    right_outside "$n"
    addresses+="$outside "
  done
  quietly_in_ns "${in_namespace:-gw-left}" ip xfrm state list nokeys | awk -v of="$addresses" '
    $1 == "src" { is_one = index(of, " " $2 " ") || index(of, " " $4 " ") }
    $1 == "proto" { spi = $4 }
    is_one && $1 ~ /^(aead|enc|auth-trunc)$/ && spi { print spi; spi = "" }' | sort
}
spis_differ() {
  local now
  now=$(spis_of "$1")
  printf 'before: %s\nnow: %s\n' "$2" "$now"
  [ -n "$now" ] && [ "$now" != "$2" ] && [ "$(comm -12 <(echo "$now") <(echo "$2") | wc -l)" = 0 ]
}

# What is made anew where a tunnel reconnects or is rekeyed: SPIs here, and charon's numbers of
# IKE SAs.
kept_of_others() {
  local n all
  spis_of "${others[@]}"
  all=$'\n'$(charon_ike_sas)$'\n'
  for n in "${others[@]}"; do grep -E "^c$n " <<<"$all"; done
}

others_are_as_they_were() {
  expect_eq "$(spis_of "${others[@]}" | wc -l)" $((2 * ${#others[@]})) "SAs of all but t$1"
  local now
  now=$(kept_of_others)
  [ "$now" = "$2" ] || fail "of another tunnel than t$1:"$'\n'"$(diff <(echo "$2") <(echo "$now"))"
  printf 'ok all but t%s have the SPIs and IKE SAs they had\n' "$1" >&2
}

# A line for each in which that is an end, at the gateway of that namespace.
policies_with() {
  quietly_in_ns "$in_namespace" ip xfrm policy list nosock | grep -E "^src .*\b${1//./\\.}/" || true
}
policies_of() {
  quietly_in_ns gw-left ip xfrm policy list dir out |
    grep -oE "dst 10\.2\.$1\.[0-9./]+" | sort -u || true
}
# In the route table of the subnet.
routes_of() { quietly_in_ns host-left ip route show | grep -oE "^10\.2\.$1\.[0-9./]+" || true; }

# charon_uses N ALGORITHMS
charon_uses() {
  local sas
  sas=$(list_sas | awk -v start="c$1:" '/^c[0-9]+:/ { is_it = index($0, start) == 1 } is_it')
  [[ $sas = *"$2"* ]] || fail "charon does not use $2 for t$1:"$'\n'"$sas"
  printf 'ok charon uses %s for t%s\n' "$2" "$1" >&2
}

main "$@"
