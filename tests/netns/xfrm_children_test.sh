#!/usr/bin/env bash
# Goal: children and the traps below them. Nothing leaves in clear while there is no child; the first
# packet asks for it; a child is installed and removed as a whole; what fails leaves nothing behind;
# limits end an SA; IKE goes around all policies.
# Method: clear text is seen first, so that not seeing it later means something. Each failure is
# followed by a look at what `ip` shows, against what it showed before.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

readonly some_key=0x0102030405060708090a0b0c0d0e0f1011121314

main() {
  topology_two_gateways
  driver_start
  drive gw-left monitor
  expect_crossing "3 3" 4 3 100
  capture_start wire left
  a_trap_blocks_and_asks
  a_child_takes_its_place_and_gives_it_back
  a_peer_without_an_address_is_only_blocked
  ike_goes_around_policies
  spis_are_ours_and_differ
  the_byte_limit_ends_an_sa
  a_soft_limit_is_told_each_way
  the_time_limit_ends_an_sa
  an_spi_in_use_undoes_the_whole
  remove_traps
  two_hundred_pairs_are_one_batch
  two_hundred_pairs_that_fail_leave_nothing
  capture_stop capture
  expect_no_clear_text capture "${inside_nets[@]}"
  forget_larval_sas gw-left
  forget_larval_sas gw-right
  driver_end
}

a_trap_blocks_and_asks() {
  say "a trap: nothing passes, the first packet asks, the next do not"
  define_child child 4 0x1001 0x2001
  drive gw-right trap child
  drive gw-left trap child
  expect_blocked 4
  expect_answer "acquired reqid=1 192.168.1.10/32->192.168.3.10/32 protocol=17" gw-left event 5000
  expect_answer none gw-left event 0
}

a_child_takes_its_place_and_gives_it_back() {
  say "a child above its trap"
  local before
  before=$(policies_of gw-left)
  install_child child
  expect_answer unused gw-left watch child in
  expect_crossing "3 3" 4 3 100
  expect_crossing "3 3" 6 3 100
  expect_answer used gw-left watch child in
  expect_answer "first-used 0x1001" gw-left event 5000
  expect_answer none gw-left event 0
  say "and the trap again below it"
  remove_child child
  expect_same "$(policies_of gw-left)" "$before" "policies after the child"
  expect_blocked 4
  expect_answer "acquired reqid=1 192.168.1.10/32->192.168.3.10/32 protocol=17" gw-left event 5000
  # It has been asked for already: the kernel remembers by what the policy leads to.
  expect_blocked 6
  expect_answer none gw-left event 0
  drive gw-left untrap child
}

# It cannot be asked for: there is nobody to ask.
a_peer_without_an_address_is_only_blocked() {
  say "a trap for a peer at any address"
  drive gw-left child anybody reqid=2 local=203.0.113.1 remote=0.0.0.0 \
    ours=$left_nets theirs=$right_nets
  drive gw-left trap anybody
  expect_blocked 4
  expect_blocked 6
  expect_answer none gw-left event 0
  say "and a child that takes its place"
  drive gw-left child child reqid=2 local=203.0.113.1 remote=203.0.113.2 in=0x1001 out=0x2001 \
    ours=$left_nets theirs=$right_nets
  install_child child
  expect_crossing "3 3" 4 3 100
  remove_child child
  expect_blocked 4
  drive gw-left untrap anybody
  define_child child 4 0x1001 0x2001
  drive gw-left trap child
}

ike_goes_around_policies() {
  say "a trap for everything, and IKE sockets with and without their bypass"
  local gateway family
  neighbours_are_known
  for gateway in gw-left gw-right; do
    drive $gateway child all reqid=9 local=0.0.0.0 remote=0.0.0.0 ours=0.0.0.0/0,::/0 \
      theirs=0.0.0.0/0,::/0
    drive $gateway trap all
  done
  for family in 4 6; do
    drive gw-right udp bypassed "${right_outer[$family]}" 500 bypass
    drive gw-right udp trapped "${right_outer[$family]}" 501 plain
    drive gw-left udp bypassed "${left_outer[$family]}" 500 bypass
    drive gw-left udp trapped "${left_outer[$family]}" 501 plain
    drive gw-left say bypassed "${right_outer[$family]}" 500 2 64
    expect_answer 2 gw-right hear bypassed 2 64 5000
    drive gw-left say bypassed "${right_outer[$family]}" 501 2 64
    expect_answer 0 gw-right hear trapped 1 64 200
    drive gw-left say trapped "${right_outer[$family]}" 500 2 64
    expect_answer 0 gw-right hear bypassed 1 64 200
  done
  for gateway in gw-left gw-right; do drive $gateway untrap all; done
}

# Policies for everything hold back neighbour discovery as well, which is ICMPv6 like any other.
neighbours_are_known() {
  drive gw-right udp early "${right_outer[6]}" 4500 plain
  drive gw-left udp early "${left_outer[6]}" 4500 plain
  drive gw-left say early "${right_outer[6]}" 4500 1 64
  expect_answer 1 gw-right hear early 1 64 5000
  drive gw-right say early "${left_outer[6]}" 4500 1 64
  expect_answer 1 gw-left hear early 1 64 5000
}

spis_are_ours_and_differ() {
  say "held SPIs, and an SA that takes its place in one"
  local first second
  drive gw-left spi esp 203.0.113.2 203.0.113.1
  first=$answer
  [ $((first)) -ge $((0x10000000)) ] || fail "an SPI of $first"
  drive gw-left spi esp 203.0.113.2 203.0.113.1
  second=$answer
  [ "$second" != "$first" ] || fail "$first was given out twice"
  define_child held 4 "$first" 0x2010
  install_child held
  expect_crossing "3 3" 4 3 100
  expect_carried held 3 384
  remove_child held
  drive gw-left child held local=203.0.113.1 remote=203.0.113.2 in="$second" out=0x2011 \
    ours=$left_nets theirs=$right_nets
  drive gw-left remove held in
}

# The kernel looks before it counts: the packet that goes beyond the limit is the last one.
the_byte_limit_ends_an_sa() {
  say "a limit of 1000 bytes: eight packets of 128"
  define_child bytes 4 0x1002 0x2002 hard_bytes=1000
  install_child bytes
  drop_events gw-left
  expect_crossing "8 8" 4 12 100 400
  expect_answer "hard-expired 0x2002" gw-left event 5000
  expect_answer none gw-left count bytes out
  remove_child bytes
}

# Each packet counts as 128 bytes both ways. The kernel tells once, and the SA carries on.
a_soft_limit_is_told_each_way() {
  say "a soft limit of 1000 bytes: the ninth packet is told of, behind the first use inwards"
  define_child soft 4 0x1009 0x2009 soft_bytes=1000
  install_child soft
  drop_events gw-left
  expect_crossing "20 20" 4 20 100
  expect_answer "soft-expired 0x2009" gw-left event 5000
  expect_answer "first-used 0x1009 of-more" gw-left event 5000
  expect_answer none gw-left event 200
  say "nobody asked for more inwards: now somebody does, and hears at once"
  drive gw-left await-volume soft in
  expect_answer "soft-expired 0x1009" gw-left event 5000
  expect_answer none gw-left event 200
  expect_carried soft 20 2560
  remove_child soft
  say "asked for in time it is told when it comes, and once"
  install_child soft
  expect_crossing "2 2" 4 2 100
  drop_events gw-left
  drive gw-left await-volume soft in
  expect_crossing "4 4" 4 4 100
  expect_answer none gw-left event 200
  expect_crossing "20 20" 4 20 100
  expect_answer "soft-expired 0x2009" gw-left event 5000
  expect_answer "soft-expired 0x1009" gw-left event 5000
  expect_answer none gw-left event 200
  expect_carried soft 26 3328
  remove_child soft
}

the_time_limit_ends_an_sa() {
  say "a limit of one second"
  define_child seconds 4 0x1003 0x2003 hard_s=1
  drop_events gw-left
  drive gw-left install seconds
  # The kernel's timer takes its time: up to some seconds more.
  local expired
  drive gw-left event 20000
  expired=$answer
  drive gw-left event 20000
  expect_eq "$(printf '%s\n' "$expired" "$answer" | sort | tr '\n' ' ')" \
    "hard-expired 0x1003 hard-expired 0x2003 " "what expired"
  expect_answer none gw-left count seconds in
  drive gw-left remove seconds
}

an_spi_in_use_undoes_the_whole() {
  say "somebody else has the outbound SPI: all is as before, and the error says what and why"
  in_ns gw-left ip xfrm state add src 203.0.113.1 dst 203.0.113.2 proto esp spi 0x2004 \
    reqid 77 mode tunnel aead 'rfc4106(gcm(aes))' $some_key 128
  local sas policies
  sas=$(sas_of gw-left) policies=$(policies_of gw-left)
  define_child failing 4 0x1004 0x2004
  refused gw-left install failing
  expect_says 0x00002004 203.0.113.2 "File exists"
  expect_same "$(sas_of gw-left)" "$sas" "SAs after the failure"
  expect_same "$(policies_of gw-left)" "$policies" "policies after the failure"
  expect_blocked 4
  in_ns gw-left ip xfrm state delete src 203.0.113.1 dst 203.0.113.2 proto esp spi 0x2004
}

two_hundred_pairs_are_one_batch() {
  say "20 x 10 selectors: 2 SAs and 600 policies"
  local before
  ip_lines host-left <<<'address add 192.168.1.150/24 dev eth0'
  ip_lines host-right <<<'address add 192.168.3.70/24 dev eth0'
  wide_child
  drive gw-left sends
  before=$answer
  drive gw-left install wide
  drive gw-left sends
  say "sent in $((answer - before)) calls"
  [ $((answer - before)) -le 10 ] || fail "one child took $((answer - before)) sends"
  expect_answer "2 600" gw-left held
  drive gw-right install wide
  expect_answer "3 3" host-left cross 192.168.1.150 host-right 192.168.3.70 3 100 5000
  expect_carried wide 3 384
  remove_child wide
  expect_answer "0 0" gw-left held
}

two_hundred_pairs_that_fail_leave_nothing() {
  say "the same, when its outbound SPI is in use"
  in_ns gw-left ip xfrm state add src 203.0.113.1 dst 203.0.113.2 proto esp spi 0x2005 \
    reqid 77 mode tunnel aead 'rfc4106(gcm(aes))' $some_key 128
  refused gw-left install wide
  expect_says 0x00002005 "File exists"
  expect_answer "0 0" gw-left held
  in_ns gw-left ip xfrm state delete src 203.0.113.1 dst 203.0.113.2 proto esp spi 0x2005
}

wide_child() {
  local i left='' right=''
  for ((i = 0; i < 20; i++)); do left+=,192.168.1.$((i * 8))/29; done
  for ((i = 0; i < 10; i++)); do right+=,192.168.3.$((i * 8))/29; done
  drive gw-left child wide reqid=5 local=203.0.113.1 remote=203.0.113.2 in=0x1005 out=0x2005 \
    ours="${left#,}" theirs="${right#,}"
  drive gw-right child wide reqid=5 local=203.0.113.2 remote=203.0.113.1 in=0x2005 out=0x1005 \
    ours="${right#,}" theirs="${left#,}"
}

remove_traps() {
  drive gw-left untrap child
  drive gw-right untrap child
  expect_answer "0 0" gw-left held
}

main
