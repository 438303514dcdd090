#!/usr/bin/env bash
# Goal: a child asks for offload where no card can do it, or there is no such card: it works without,
# and each device is told once.
# Method: veth devices offload nothing; a bond would, had it a card below it. In QEMU, whose kernel
# knows of packet offload.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# kernel: qemu
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

main() {
  topology_two_gateways
  driver_start
  works_without packet:wan wan
  works_without packet:nosuch nosuch
  modprobe bonding
  in_ns gw-left ip link add bond type bond mode active-backup
  in_ns gw-right ip link add bond type bond mode active-backup
  works_without bond bond
  driver_end
}

# works_without OFFLOAD DEVICE: two children, one after the other.
works_without() {
  local i
  say "offload=$1"
  for i in 1 2; do
    define_child "$2-$i" 4 0x100$i 0x200$i offload="$1"
    install_child "$2-$i"
    expect_crossing "3 3" 4 3 100
    if [ $i = 1 ]; then
      expect_answer "$2" gw-left offload-refusals
    else
      expect_answer "" gw-left offload-refusals
    fi
    remove_child "$2-$i"
  done
}

main
