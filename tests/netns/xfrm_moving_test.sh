#!/usr/bin/env bash
# Goal: changes under traffic. A rekeyed child takes over, the peer's port and address change, and no
# packet is lost, none delivered twice, no sequence number used twice.
# Method: a ping every few milliseconds crosses a wire that holds packets for a while, so that some
# are under way at each step; ping counts what is lost, the capture shows the sequence numbers.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#                          10 ms each way
#
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

readonly left=203.0.113.1 right=203.0.113.2 left_too=203.0.113.3

main() {
  topology_two_gateways
  driver_start
  tuned_once
  open_encapsulation 4500
  open_encapsulation 4501
  ip_lines gw-left <<<"address add $left_too/24 dev wan"
  in_ns wire tc qdisc add dev left root netem delay 10ms limit 1000
  in_ns wire tc qdisc add dev right root netem delay 10ms limit 1000
  rekeyed_again_and_again
  the_port_changes_again_and_again
  the_address_changes_again_and_again
  encapsulation_goes_and_comes
  driver_end
}

# What was set by hand is left alone; what was set before is not set again.
tuned_once() {
  say "the namespaces are told to hold packets and to hash prefixes"
  in_ns gw-right ip xfrm policy set hthresh4 16 16
  expect_answer "done: net.core.xfrm_larval_drop = 0, policies are hashed from /24 on, those of \
IPv6 from /64; failed: none" gw-left tune
  expect_answer "done: net.core.xfrm_larval_drop = 0; failed: none" gw-right tune
  expect_answer "done: none; failed: none" gw-left tune
  expect_eq "$(in_ns gw-left cat /proc/sys/net/core/xfrm_larval_drop)" 0 "xfrm_larval_drop"
  expect_eq "$(hash_thresholds gw-left)" "24 24 64 64" "thresholds of gw-left"
  expect_eq "$(hash_thresholds gw-right)" "16 16 128 128" "thresholds of gw-right"
}

# hash_thresholds NS: local and remote of IPv4, then of IPv6.
hash_thresholds() {
  in_ns "$1" ip -s -s xfrm policy count |
    awk '/thresholds/ { out = out sep $5 " " $7; sep = " " } END { print out }'
}

# RFC 7296 2.8: the new inbound SAs first, then each side turns to the new outbound SA, and the old
# ones go when nothing comes on them any more.
rekeyed_again_and_again() {
  say "ten rekeys, make before break"
  local i old=rekeyed-0 new
  define_child $old 4 0x1100 0x2100
  install_child $old
  traffic_start rekeyed
  for ((i = 1; i <= 10; i++)); do
    new=rekeyed-$i
    define_child $new 4 $((0x1100 + i)) $((0x2100 + i))
    drive gw-right install $new in
    drive gw-left install $new in
    drive gw-left install $new out policies
    drive gw-right install $new out policies
    wait_until 10 "all has turned to $new" arrives_on $new
    remove_child $old
    old=$new
  done
  traffic_end rekeyed
  remove_child $old
}

the_port_changes_again_and_again() {
  say "the left one's port changes, as a NAT would do it; the kernel tells, the right one follows"
  local i port
  define_child mapped 4 0x1201 0x2201 ports=4500:4500
  drive gw-right monitor
  install_child mapped
  traffic_start mapped
  for ((i = 1; i <= 10; i++)); do
    port=$((4500 + i % 2))
    drive gw-left move mapped out $left $port $right 4500 yes
    wait_for_event gw-right "mapping-changed 0x2201 reqid=1 $left:$port"
    drive gw-right move mapped in $left $port $right 4500 yes
    drive gw-right move mapped out $right 4500 $left $port yes
  done
  traffic_end mapped
  expect_all_used_once mapped
  remove_child mapped
}

# The left one has both addresses and takes in on both for as long as packets are under way.
the_address_changes_again_and_again() {
  say "the left one's address changes, the right one follows"
  local i from=$left to=$left_too old
  define_child moving 4 0x1301 0x2301
  drive gw-left child landing local=$left_too remote=$right in=0x1301 out=0x2301 \
    ours=$left_nets theirs=$right_nets
  install_child moving
  drive gw-left install landing in
  traffic_start moving
  for ((i = 1; i <= 10; i++)); do
    drive gw-left move moving out "$to" 0 $right 0 no
    drive gw-right move moving out $right 0 "$to" 0 no
    drive gw-right move moving in "$to" 0 $right 0 no
    drive gw-right replay moving out
    wait_until 10 "replies come to $to" has_received gw-left moving $((${answer% *} + 5))
    old=$from from=$to to=$old
  done
  traffic_end moving
  remove_child moving
  drive gw-left remove landing in
}

# With nothing under way: what meets the wrong form is dropped, whatever we do.
encapsulation_goes_and_comes() {
  say "a NAT appears and goes away again"
  local form port
  define_child wrapped 4 0x1401 0x2401
  install_child wrapped
  capture_start wire left wrapped
  expect_crossing "3 3" 4 3 100
  for form in yes no yes; do
    port=0
    [ $form = no ] || port=4500
    wrap $form $port
    expect_crossing "3 3" 4 3 100
    expect_crossing "3 3" 6 3 100
  done
  capture_stop wrapped
  expect_all_used_once wrapped
  expect_eq "$(packets wrapped udp port 4500)" 24 "packets in UDP"
  remove_child wrapped
}

# wrap yes|no PORT: all four SAs of the child, whose sequence numbers go on.
wrap() {
  local gateway own peer received sent
  for gateway in gw-left gw-right; do
    drive $gateway replay wrapped in
    received=${answer#* }
    drive $gateway replay wrapped out
    sent=${answer% *}
    if [ $gateway = gw-left ]; then own=$left peer=$right; else own=$right peer=$left; fi
    drive $gateway move wrapped in "$peer" "$2" "$own" "$2" "$1"
    expect_answer "0 $received" $gateway replay wrapped in
    drive $gateway move wrapped out "$own" "$2" "$peer" "$2" "$1"
    drive $gateway replay wrapped out
    [ "${answer% *}" -gt "$sent" ] || fail "no room after $sent for packets that left meanwhile"
  done
}

# --- traffic -----------------------------------------------------------------------------------

traffic_start() {
  capture_start wire left "$1"
  start host-left "$1-ping" ping -n -i 0.002 192.168.3.10
  wait_until 10 "pings cross" log_says "$1-ping" "icmp_seq=20 "
}

# All that was sent has come back, once, but for what was under way at the end.
traffic_end() {
  local replies
  stop "$1-ping" INT
  capture_stop "$1"
  replies=$(awk -F'icmp_seq=' '/ bytes from / { split($2, n, " "); if (n[1] > last) last = n[1]
      if (seen[n[1]]++) twice++; count++ }
    END { print count + 0, last - count, twice + 0 }' "$scratch/$1-ping.log")
  expect_eq "${replies#* }" "0 0" "pings lost and doubled, of ${replies%% *}"
  [ "${replies%% *}" -ge 40 ] || fail "only ${replies%% *} pings: no traffic to speak of"
  expect_no_clear_text "$1" "${inside_nets[@]}"
  expect_all_used_once "$1"
}

# A sequence number that is used twice under one key breaks a counter-mode cipher (RFC 4106 3).
expect_all_used_once() {
  local twice
  twice=$(tcpdump -n -r "$scratch/$1.pcap" 2>/dev/null |
    grep -o 'ESP(spi=0x[0-9a-f]*,seq=0x[0-9a-f]*)' | sort | uniq -d)
  [ -z "$twice" ] || fail "sequence numbers used twice in $1:"$'\n'"${twice:0:300}"
  printf 'ok no sequence number is used twice in %s\n' "$1" >&2
}

# arrives_on CHILD: packets come in on both sides.
arrives_on() {
  local gateway
  for gateway in gw-left gw-right; do
    drive $gateway count "$1" in
    [ "${answer%% *}" -ge 10 ] || return 1
  done
}

# has_received NS CHILD NUMBER: a packet with it, or a later one.
has_received() {
  drive "$1" replay "$2" in
  [ "${answer#* }" -ge "$3" ]
}

main
