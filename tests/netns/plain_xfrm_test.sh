#!/usr/bin/env bash
# Goal: the ground the other scenarios stand on. Two gateways with SAs and policies set by hand
# carry traffic between the hosts behind them in ESP, and only in ESP.
# Method: see clear text on the wire first, so that not seeing it later means something; then
# policies without SAs, which must stop everything; then SAs; then nothing left.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#        2001:db8:1::/64      2001:db8:f::/64      2001:db8:3::/64
#                          AES-GCM, tunnel mode
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

readonly pings=5
readonly ping_payload_bytes=56
readonly left_key=0x0102030405060708090a0b0c0d0e0f1011121314
readonly right_key=0x1415161718191a1b1c1d1e1f2021222324252627
readonly left_net4=192.168.1.0/24 right_net4=192.168.3.0/24
readonly left_net6=2001:db8:1::/64 right_net6=2001:db8:3::/64

main() {
  topology_two_gateways
  without_policies_the_wire_shows_clear_text
  add_policies
  without_sas_nothing_passes
  add_sas
  pings_cross_in_esp_only
  counters_are_exact
  remove_all
  expect_nothing_left gw-left gw-right
}

without_policies_the_wire_shows_clear_text() {
  say "no policies: the hosts see each other, and so does the capture"
  capture_start wire left clear
  ping_across 192.168.3.10
  ping_across 2001:db8:3::10
  capture_stop clear
  expect_eq "$(packets clear "icmp and net $right_net4")" $((2 * pings)) "IPv4 in clear"
  expect_eq "$(packets clear "icmp6 and net $right_net6")" $((2 * pings)) "IPv6 in clear"
}

without_sas_nothing_passes() {
  say "policies without SAs: nothing passes, nothing leaks"
  capture_start wire left blocked
  expect_fails in_ns host-left ping -n -c 2 -i 0.2 -W 1 192.168.3.10
  expect_fails in_ns host-left ping -n -c 2 -i 0.2 -W 1 2001:db8:3::10
  capture_stop blocked
  expect_no_clear_text blocked "$left_net4" "$right_net4" "$left_net6" "$right_net6"
  expect_esp blocked 0
}

pings_cross_in_esp_only() {
  say "SAs: the hosts see each other, the wire shows ESP"
  capture_start wire left protected
  ping_across 192.168.3.10
  ping_across 2001:db8:3::10
  capture_stop protected
  expect_no_clear_text protected "$left_net4" "$right_net4" "$left_net6" "$right_net6"
  expect_esp protected $((4 * pings))
}

# One packet an SA for each ping. The kernel counts what is inside the tunnel on the way out and
# what came out of it on the way in: the inner packet both times.
counters_are_exact() {
  local gateway
  for gateway in gw-left gw-right; do
    expect_sa $gateway 0x1004 $pings $((pings * (20 + 8 + ping_payload_bytes)))
    expect_sa $gateway 0x2004 $pings $((pings * (20 + 8 + ping_payload_bytes)))
    expect_sa $gateway 0x1006 $pings $((pings * (40 + 8 + ping_payload_bytes)))
    expect_sa $gateway 0x2006 $pings $((pings * (40 + 8 + ping_payload_bytes)))
  done
}

ping_across() {
  in_ns host-left ping -n -q -c $pings -i 0.05 -W 5 -s $ping_payload_bytes "$1"
}

add_policies() {
  say "policies on both gateways"
  local left4="$left_net4 203.0.113.1" right4="$right_net4 203.0.113.2"
  local left6="$left_net6 2001:db8:f::1" right6="$right_net6 2001:db8:f::2"
  {
    policies "$left4" "$right4"
    policies "$left6" "$right6"
  } | ip_lines gw-left
  {
    policies "$right4" "$left4"
    policies "$right6" "$left6"
  } | ip_lines gw-right
}

# policies "OUR_NET OUR_GATEWAY" "THEIR_NET THEIR_GATEWAY": `fwd` is `in` for what goes on to hosts.
policies() {
  local ours=${1% *} our_gateway=${1#* } theirs=${2% *} their_gateway=${2#* } direction
  local in_esp="proto esp reqid 1 mode tunnel"
  echo "xfrm policy add src $ours dst $theirs dir out" \
    "tmpl src $our_gateway dst $their_gateway $in_esp"
  for direction in in fwd; do
    echo "xfrm policy add src $theirs dst $ours dir $direction" \
      "tmpl src $their_gateway dst $our_gateway $in_esp"
  done
}

add_sas() {
  say "the same SAs on both gateways"
  local gateway
  for gateway in gw-left gw-right; do
    ip_lines $gateway <<END
$(sa 203.0.113.1 203.0.113.2 0x1004 $left_key)
$(sa 203.0.113.2 203.0.113.1 0x2004 $right_key)
$(sa 2001:db8:f::1 2001:db8:f::2 0x1006 $left_key)
$(sa 2001:db8:f::2 2001:db8:f::1 0x2006 $right_key)
END
  done
}

# sa OUTER_SRC OUTER_DST SPI KEY
sa() {
  echo "xfrm state add src $1 dst $2 proto esp spi $3 reqid 1 mode tunnel replay-window 32" \
    "aead rfc4106(gcm(aes)) $4 128"
}

remove_all() {
  say "everything is removed"
  local gateway
  for gateway in gw-left gw-right; do
    in_ns $gateway ip xfrm state flush
    in_ns $gateway ip xfrm policy flush
  done
}

main
