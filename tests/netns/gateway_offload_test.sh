#!/usr/bin/env bash
# Goal: kernel.offload is heeded: SAs of a tunnel are offered to the device that has its gateway's
# address, once told where it takes none, and the tunnel runs without.
# Method: a bond knows of offload and asks the device below it, a veth, which does none of it.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24  bond   203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  modprobe -a bonding esp4_offload
  put_a_bond_above
  declare_both ''
  mkdir -p "$scratch/gw-left"
  printf '[kernel]\noffload = ["bond-wan"]\n' >"$scratch/gw-left/ipsecd.toml"
  printf '[kernel]\noffload = ["lan"]\n' >"$scratch/gw-right/ipsecd.toml"
  gateway_start gw-left
  gateway_start gw-right
  wait_until 20 "the tunnel carries pings" ping_passes
  expect_eq "$(times_said ipsecd-gw-left "bond-wan takes no SAs; the processor encrypts")" 1 \
    "refusals that gw-left tells of"
  say "a device without the gateway's address is asked for nothing"
  expect_eq "$(times_said ipsecd-gw-right "takes no SAs")" 0 "refusals that gw-right tells of"
  stop ipsecd-gw-left
  stop ipsecd-gw-right
}

put_a_bond_above() {
  ip_lines gw-left <<END
link add bond-wan type bond mode active-backup miimon 100
address flush dev wan
link set wan down
link set wan master bond-wan
link set bond-wan up
address add 203.0.113.1/24 dev bond-wan
route add default via 203.0.113.2
END
  wait_until 10 "the bond carries pings" quietly_in_ns gw-left ping -q -c 1 -W 1 203.0.113.2
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
times_said() { grep -c -- "$2" "$scratch/$1.log" || true; }

main "$@"
