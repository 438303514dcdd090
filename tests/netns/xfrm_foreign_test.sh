#!/usr/bin/env bash
# Goal: other people's hands. What they remove is told and put right, what is theirs is left alone,
# and losing their traces in a flood of events costs one look and no more.
# Method: `ip` flushes, deletes and adds; the driver reconciles; `ip` shows the outcome.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

readonly some_key=0x0102030405060708090a0b0c0d0e0f1011121314
# kFirstReqid: the same number as reqid=1 in the driver.
readonly first_reqid=$((0x49500001))
readonly nothing_to_do="lost=none deleted=none policies_added=0 policies_deleted=0"

main() {
  topology_two_gateways
  driver_start
  define_child child 4 0x1001 0x2001
  drive gw-left trap child
  install_child child
  drive gw-left monitor
  all_is_well
  flushed_policies_are_put_back
  a_deleted_policy_is_told_and_put_back
  a_deleted_sa_is_told_and_lost
  flushed_sas_are_told_and_lost
  strays_of_ours_are_deleted
  what_is_not_ours_stays
  where_another_stands_we_do_not
  where_another_came_to_stand_it_stays
  after_a_restart_all_is_adopted
  our_own_changes_are_no_news
  lost_events_are_told_once
  drive gw-left remove child
  drive gw-left untrap child
  drive gw-right remove child
  forget_larval_sas gw-left
  driver_end
}

all_is_well() {
  expect_answer "adopted=0x1001,0x2001 $nothing_to_do" gw-left reconcile child
}

flushed_policies_are_put_back() {
  say "ip xfrm policy flush"
  local before
  before=$(policies_of gw-left)
  in_ns gw-left ip xfrm policy flush
  expect_answer "foreign all" gw-left event 5000
  reconcile_adds 6
  expect_same "$(policies_of gw-left)" "$before" "policies after reconciling"
  all_is_well
  expect_crossing "3 3" 4 3 100
}

a_deleted_policy_is_told_and_put_back() {
  say "ip xfrm policy delete, of one of ours; and another hand that changes one"
  local before
  drop_events gw-left
  before=$(policies_of gw-left)
  in_ns gw-left ip xfrm policy delete src 192.168.1.0/24 dst 192.168.3.0/24 dir out
  drive gw-left event 5000
  expect_says foreign
  reconcile_adds 1
  expect_same "$(policies_of gw-left)" "$before" "policies after reconciling"
  in_ns gw-left ip xfrm policy update src 192.168.1.0/24 dst 192.168.3.0/24 dir out \
    tmpl src 203.0.113.1 dst 203.0.113.9 proto esp reqid $first_reqid mode tunnel
  reconcile_adds 1
  expect_same "$(policies_of gw-left)" "$before" "policies after reconciling"
  expect_crossing "3 3" 4 3 100
}

a_deleted_sa_is_told_and_lost() {
  say "ip xfrm state delete"
  drop_events gw-left
  in_ns gw-left ip xfrm state delete src 203.0.113.1 dst 203.0.113.2 proto esp spi 0x2001
  expect_answer "foreign 0x2001" gw-left event 5000
  expect_answer none gw-left event 0
  # A packet that finds no SA leaves a larval one with the SPI of its policy: that is none.
  expect_crossing "0 3" 4 3 100 300
  expect_answer none gw-left count child out
  expect_answer "adopted=0x1001 lost=0x2001 deleted=none policies_added=0 policies_deleted=0" \
    gw-left reconcile child
  # It does not stand in the way of the next SA of its name.
  drive gw-left install child out
}

# Their sequence numbers are gone: putting them back would use numbers twice.
flushed_sas_are_told_and_lost() {
  say "ip xfrm state flush"
  drop_events gw-left
  in_ns gw-left ip xfrm state flush
  expect_answer "foreign all" gw-left event 5000
  expect_answer "adopted=none lost=0x1001,0x2001 deleted=none policies_added=0 policies_deleted=0" \
    gw-left reconcile child
  expect_answer "0 6" gw-left held
  say "negotiated anew"
  drive gw-left remove child
  drive gw-right remove child
  install_child child
  all_is_well
  expect_crossing "3 3" 4 3 100
}

# As a daemon that died may leave them.
strays_of_ours_are_deleted() {
  say "an SA and a policy with a reqid of ours that nobody wants"
  local before
  before=$(policies_of gw-left)
  ip_lines gw-left <<END
$(their_sa 0x3001 $((first_reqid + 6)))
$(their_policy 192.168.77.0/24 $((first_reqid + 6)))
END
  expect_answer \
    "adopted=0x1001,0x2001 lost=none deleted=0x3001 policies_added=0 policies_deleted=1" \
    gw-left reconcile child
  expect_same "$(policies_of gw-left)" "$before" "policies after reconciling"
  all_is_well
}

what_is_not_ours_stays() {
  say "somebody else's SA and policies"
  ip_lines gw-left <<END
$(their_sa 0x3002 77)
$(their_policy 192.168.78.0/24 77)
xfrm policy add src 192.168.79.0/24 dst 192.168.80.0/24 dir out action block
END
  local sas policies
  sas=$(sas_of gw-left) policies=$(policies_of gw-left)
  all_is_well
  expect_same "$(sas_of gw-left)" "$sas" "SAs"
  expect_same "$(policies_of gw-left)" "$policies" "policies"
  expect_answer "2 6" gw-left held
  ip_lines gw-left <<END
xfrm state delete src 203.0.113.2 dst 203.0.113.1 proto esp spi 0x3002
xfrm policy delete src 192.168.78.0/24 dst 192.168.1.0/24 dir in
xfrm policy delete src 192.168.79.0/24 dst 192.168.80.0/24 dir out
END
}

after_a_restart_all_is_adopted() {
  say "a new process with what the old one wrote down"
  drive gw-left open
  drive gw-left remember child trap
  drive gw-left remember child child
  all_is_well
  say "and the traps are below the child as before"
  drive gw-left remove child
  drive gw-right remove child
  expect_blocked 4
  install_child child
  expect_crossing "3 3" 4 3 100
  drive gw-left monitor
}

where_another_stands_we_do_not() {
  say "another program's policy stands where a child's would"
  local before
  in_ns gw-left ip xfrm policy add src 192.168.1.0/24 dst 192.168.9.0/24 dir out priority 7 \
    action block
  before=$(policies_of gw-left)
  drive gw-left child elsewhere local=203.0.113.1 remote=203.0.113.2 in=0x100a out=0x200a reqid=9 \
    ours=192.168.1.0/24 theirs=192.168.9.0/24
  refused gw-left install elsewhere
  case $answer in
    *"out policy 192.168.1.0/24 -> 192.168.9.0/24"*"there is one like it already"*"another program's"*) ;;
    *) fail "the refusal does not name the policy and whose it is: $answer" ;;
  esac
  expect_same "$(policies_of gw-left)" "$before" "policies after the refusal"
  in_ns gw-left ip xfrm policy delete src 192.168.1.0/24 dst 192.168.9.0/24 dir out
  drive gw-left install elsewhere
  drive gw-left remove elsewhere
  drop_events gw-left
}

# Ours was flushed, and theirs came to stand in its place.
where_another_came_to_stand_it_stays() {
  say "another program's policy has come to stand where a child's was"
  local theirs
  drive gw-left child displaced local=203.0.113.1 remote=203.0.113.2 in=0x100b out=0x200b reqid=10 \
    ours=192.168.1.0/24 theirs=192.168.10.0/24
  drive gw-left install displaced
  in_ns gw-left ip xfrm policy delete src 192.168.1.0/24 dst 192.168.10.0/24 dir out
  in_ns gw-left ip xfrm policy add src 192.168.1.0/24 dst 192.168.10.0/24 dir out priority 7 \
    action block
  theirs=$(in_ns gw-left ip xfrm policy get src 192.168.1.0/24 dst 192.168.10.0/24 dir out)
  drive gw-left reconcile child displaced
  drive gw-left child rekeyed local=203.0.113.1 remote=203.0.113.2 in=0x100c out=0x200c reqid=10 \
    ours=192.168.1.0/24 theirs=192.168.10.0/24
  refused gw-left install rekeyed
  expect_says "another program's"
  drive gw-left remove displaced
  expect_same "$(in_ns gw-left ip xfrm policy get src 192.168.1.0/24 dst 192.168.10.0/24 dir out)" \
    "$theirs" "their policy"
  in_ns gw-left ip xfrm policy delete src 192.168.1.0/24 dst 192.168.10.0/24 dir out
  drop_events gw-left
}

our_own_changes_are_no_news() {
  say "what we do ourselves is no event, and wakes nobody"
  drop_events gw-left
  define_child other 4 0x1007 0x2007 reqid=7
  drive gw-left install other
  drive gw-left remove other
  expect_answer no gw-left wakes 200
  expect_answer none gw-left event 0
}

lost_events_are_told_once() {
  say "more events than a socket holds, by another hand"
  define_child churned 4 0x1008 0x2008 reqid=8
  drive gw-left churn churned 8000
  drive gw-left overruns 5000
  expect_eq "${answer%% *}" 1 "overruns"
  all_is_well
  say "and later events are told again"
  drive gw-left churn churned 1
  wait_for_event gw-left "foreign 0x1008"
}

reconcile_adds() {
  expect_answer "adopted=0x1001,0x2001 lost=none deleted=none policies_added=$1 policies_deleted=0" \
    gw-left reconcile child
}

# their_sa SPI REQID
their_sa() {
  echo "xfrm state add src 203.0.113.2 dst 203.0.113.1 proto esp spi $1 reqid $2 mode tunnel" \
    "aead rfc4106(gcm(aes)) $some_key 128"
}

# their_policy NET REQID
their_policy() {
  echo "xfrm policy add src $1 dst 192.168.1.0/24 dir in" \
    "tmpl src 203.0.113.2 dst 203.0.113.1 proto esp reqid $2 mode tunnel"
}

main
