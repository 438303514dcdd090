#!/usr/bin/env bash
# Goal: a capture holds every packet of its link, though tcpdump got no turn while they passed; and
# where the kernel had to drop some, that is what the scenario is told.
# Method: tcpdump is stopped (SIGSTOP) while pings pass, so the kernel's ring must hold them all. And
# one that wants few packets is begun while many others pass, whose first it receives as well.
#
#      left                                   right
#      eth0 --------------------------------- eth0
#      10.9.0.1                               10.9.0.2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

main() {
  make_namespace left right
  link left eth0 right eth0
  printf '%s\n' "address add 10.9.0.1/24 dev eth0" "link set eth0 up" | ip_lines left
  printf '%s\n' "address add 10.9.0.2/24 dev eth0" "link set eth0 up" | ip_lines right
  in_ns left ping -q -c 1 10.9.0.2
  holds_all
  tells_of_drops
  ends_with_a_filter
}

# A hundred echoes and their answers; 2 are of the address resolution, which may come again.
holds_all() {
  say "100 pings while tcpdump has no turn"
  capture_start left eth0 whole
  kill -STOP "${processes[whole]}"
  in_ns left ping -q -f -c 100 10.9.0.2
  kill -CONT "${processes[whole]}"
  capture_stop whole
  expect_eq "$(packets whole icmp)" 200 "packets of the pings"
}

# 60,000 bytes each, in fragments: more than the ring holds.
tells_of_drops() {
  say "more than the ring has room for"
  capture_start left eth0 partial
  kill -STOP "${processes[partial]}"
  in_ns left ping -q -f -c 300 -s 60000 10.9.0.2
  kill -CONT "${processes[partial]}"
  local told=$scratch/told
  expect_fails capture_stop_apart "$told"
  [[ $(<"$told") = *"the kernel dropped "*" packets of partial, for which its ring"* ]] ||
    fail "another reason: $(<"$told")"
}

ends_with_a_filter() {
  local n
  say "a filter that comes when packets already pass"
  start left flood ping -q -f 10.9.0.2
  for n in 1 2 3 4 5; do
    capture_start right eth0 "few-$n" 'icmp[icmptype] == icmp-echo and ip[8] == 9'
    in_ns left ping -q -c 2 -i 0.2 -t 9 10.9.0.2
    capture_stop "few-$n"
    expect_eq "$(packets "few-$n")" 2 "packets of the filter"
  done
  stop flood
}

# In a shell of its own, since a failed check ends the shell it is in.
capture_stop_apart() (
  exec {narration}>"$1"
  trap - ERR
  capture_stop partial
)

main
