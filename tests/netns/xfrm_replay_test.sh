#!/usr/bin/env bash
# Goal: sequence numbers. ESN carries on across the 32-bit boundary, without ESN an SA stops at its
# last number; a packet that comes twice, or too late, is counted as such and not delivered.
# Method: SAs begin just below the boundary; the wire sends every packet twice where replays are
# wanted, so that the second one is a replay as an attacker would send it.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

readonly count=20 payload_bytes=100
readonly bytes=$((count * (20 + 8 + payload_bytes)))
# Ten below 2^32.
readonly near_the_end=4294967286

main() {
  topology_two_gateways
  driver_start
  esn_crosses_the_boundary aes128gcm16
  esn_crosses_the_boundary aes128 integrity=sha256
  without_esn_the_last_number_is_the_end
  what_comes_twice_is_counted
  what_was_seen_or_is_too_old_is_counted
  what_is_forged_is_counted
  driver_end
}

# esn_crosses_the_boundary ENCRYPTION [integrity=NAME]
esn_crosses_the_boundary() {
  say "ESN with $1: $count packets from ten below 2^32 on"
  define_child esn 4 0x1001 0x2001 esn=yes encryption="$1" "${@:2}"
  start_near_the_end esn
  capture_start wire left "$1"
  expect_crossing "$count $count" 4 $count $payload_bytes
  capture_stop "$1"
  expect_carried esn $count $bytes
  local gateway
  for gateway in gw-left gw-right; do
    expect_answer "$((near_the_end + count)) 0" $gateway replay esn out
    expect_answer "0 $((near_the_end + count))" $gateway replay esn in
  done
  # The wire shows the lower half: ten packets below the boundary, ten from 0 on.
  expect_eq "$(sequence_numbers "$1" 0x00001001 | sed -n 1p)" 0xfffffff7 "first number of $1"
  expect_eq "$(sequence_numbers "$1" 0x00001001 | tail -n 1)" 0xa "last number of $1"
  remove_child esn
}

without_esn_the_last_number_is_the_end() {
  say "without ESN: nine packets, and no number comes twice"
  define_child short 4 0x1002 0x2002
  start_near_the_end short
  expect_crossing "9 9" 4 $count $payload_bytes 500
  remove_child short
}

start_near_the_end() {
  local gateway
  for gateway in gw-left gw-right; do
    drive $gateway install-at "$1" $near_the_end $near_the_end
    drive $gateway install "$1" policies
  done
}

what_comes_twice_is_counted() {
  say "the wire doubles what goes to the right"
  define_child twice 4 0x1003 0x2003 window=32
  install_child twice
  in_ns wire tc qdisc add dev right root netem duplicate 100%
  expect_crossing "$count $count" 4 $count $payload_bytes
  in_ns wire tc qdisc delete dev right root
  expect_answer "$count $bytes $count 0 0" gw-right count twice in
  expect_answer "$count $bytes 0 0 0" gw-left count twice in
  remove_child twice
}

# What has been received says 1000, and all 32 before that: the left one sends from below.
what_was_seen_or_is_too_old_is_counted() {
  say "numbers within the window that were seen, and numbers below it"
  define_child seen 4 0x1004 0x2004 window=32
  drive gw-right install-at seen 0 1000
  drive gw-right install seen policies
  drive gw-left install-at seen 960 0
  drive gw-left install seen policies
  # 961 to 968 are too old, 969 to 1000 seen, 1001 to 1003 new.
  expect_crossing "3 43" 4 43 $payload_bytes 500
  expect_answer "3 $((3 * (28 + payload_bytes))) 32 8 0" gw-right count seen in
  remove_child seen
}

# Keys follow from the SPI; one algorithm instead of the other of the same sizes gives a wrong ICV.
what_is_forged_is_counted() {
  say "packets whose ICV is wrong"
  define_child forged 4 0x1005 0x2005 encryption=null integrity=sha384
  drive gw-right install forged
  drive gw-left child forged local="${left_outer[4]}" remote="${right_outer[4]}" in=0x1005 \
    out=0x2005 ours=$left_nets theirs=$right_nets encryption=null integrity=sha512
  drive gw-left install forged
  expect_crossing "0 0" 4 3 $payload_bytes 300
  expect_answer "0 0 0 0 3" gw-right count forged in
  remove_child forged
}

sequence_numbers() {
  tcpdump -n -r "$scratch/$1.pcap" 2>/dev/null | sed -n "s/.*ESP(spi=$2,seq=\(0x[0-9a-f]*\)).*/\1/p"
}

main
