#!/usr/bin/env bash
# Goal: two daemons with nothing but a file each come up by themselves and carry traffic, protected;
# a daemon that ends leaves what carries traffic, and one that begins takes nothing in clear.
# Method: pings are seen in clear before there is a daemon, so that not seeing them later means
# something.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  in_ns host-left ping -q -c 1 -W 2 192.168.3.10 >&2
  declare_both ""
  gateway_start gw-left
  gateway_start gw-right
  # Only now: to the first messages gw-right answered that nobody listens there.
  capture_start wire left
  wait_until 20 "the tunnel carries pings" quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10
  in_ns host-left ping -q -c 5 -i 0.2 -W 2 192.168.3.10 >&2
  stop ipsecd-gw-left
  in_ns host-left ping -q -c 3 -i 0.2 -W 2 192.168.3.10 >&2
  say "the daemon is gone, and its SAs carry on"
  stop ipsecd-gw-right
  capture_stop capture
  expect_no_clear_text capture 192.168.1.0/24 192.168.3.0/24
  expect_esp_at_least capture 16
}

main "$@"
