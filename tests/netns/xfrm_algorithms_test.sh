#!/usr/bin/env bash
# Goal: every algorithm the registry knows, in ESP and in AH, over IPv4 and over IPv6, bare and in
# UDP, carries traffic both ways between gateways that only our code has programmed.
# Method: the driver lists the registry's combinations; each child carries three datagrams of either
# family in each direction, is counted to the byte on all four SAs, and is removed again. What the
# kernel made of the truncation lengths is read with `ip`.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#        2001:db8:1::/64      2001:db8:f::/64      2001:db8:3::/64
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

readonly count=3 payload_bytes=100
# The kernel counts the inner packets: UDP in IPv4 and in IPv6.
readonly packets_each=$((2 * count))
readonly bytes_each=$((count * (20 + 8 + payload_bytes) + count * (40 + 8 + payload_bytes)))
# RFC 4868 2.6, RFC 2403, RFC 2404; all AEADs here have 128 bits.
declare -Ar icv_bits=([sha256]=128 [sha384]=192 [sha512]=256 [sha1]=96 [md5]=96)

esp_packets=0 ah_packets=0 spi=0x1000

main() {
  topology_two_gateways
  driver_start
  capture_start wire left
  local outer
  for outer in 4 6; do all_algorithms $outer; done
  truncation_is_as_the_rfcs_say
  in_udp
  capture_stop capture
  expect_no_clear_text capture "${inside_nets[@]}"
  expect_esp capture $esp_packets
  expect_eq "$(packets capture ah)" $ah_packets "AH packets"
  driver_end
}

all_algorithms() {
  local combination protocol encryption integrity tried=0
  drive - algorithms
  for combination in $answer; do
    IFS=: read -r protocol encryption integrity <<<"$combination"
    define_next "$1" "$protocol" "$encryption" "$integrity"
    carries_both_ways "$protocol"
    tried=$((tried + 1))
  done
  # 4 AEADs, 9 ciphers with each of 5 hashes, AH with each of 5: fewer means that one was lost.
  [ $tried -ge 54 ] || fail "only $tried combinations"
}

# define_next OUTER PROTOCOL ENCRYPTION|- INTEGRITY|- [KEY=VALUE]
define_next() {
  local words=(protocol="$2" ${5:+"$5"})
  [ "$3" = - ] || words+=(encryption="$3")
  [ "$4" = - ] || words+=(integrity="$4")
  spi=$((spi + 2))
  define_child next "$1" $spi $((spi + 1)) "${words[@]}"
}

# carries_both_ways PROTOCOL
carries_both_ways() {
  if [ "$1" = ah ]; then ah_packets=$((ah_packets + 4 * count))
  else esp_packets=$((esp_packets + 4 * count)); fi
  install_child next
  expect_crossing "$count $count" 4 $count $payload_bytes
  expect_crossing "$count $count" 6 $count $payload_bytes
  expect_carried next $packets_each $bytes_each
  remove_child next
}

truncation_is_as_the_rfcs_say() {
  say "ICV lengths in the kernel"
  local combination protocol encryption integrity seen
  drive - algorithms
  for combination in $answer; do
    IFS=: read -r protocol encryption integrity <<<"$combination"
    case $combination in ah:* | esp:*:-) ;; *) continue ;; esac
    define_next 4 "$protocol" "$encryption" "$integrity"
    drive gw-left install next
    seen=$(quietly_in_ns gw-left ip xfrm state list | awk '/auth-trunc|aead/ { print $NF }' | sort -u)
    expect_eq "$seen" "${icv_bits[$integrity]:-128}" "ICV bits of $combination"
    drive gw-left remove next
  done
}

in_udp() {
  say "ESP in UDP"
  local outer
  open_encapsulation 4500
  for outer in 4 6; do
    define_next $outer esp aes256gcm16 - ports=4500:4500
    carries_both_ways esp
    define_next $outer esp aes128 sha256 ports=4500:4500
    carries_both_ways esp
  done
}

main
