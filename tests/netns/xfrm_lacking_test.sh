#!/usr/bin/env bash
# Goal: a person without privilege, or on a kernel that lacks something, is told what it is and what
# would bring it, in one line; what does not need it runs.
# Method: the driver without its capability; then the same kernel with modules taken away and no way
# to load them, as on a trimmed kernel.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# Modules are the machine's and not a namespace's: never on the kernel of somebody's machine.
# kernel: uml
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

trap 'status=$?; bring_modules_back; on_exit $status' EXIT

main() {
  without_privilege
  topology_two_gateways
  driver_start
  everything_is_there
  without_an_algorithm
  without_ah
  without_esp
  bring_modules_back
  drive gw-left open
  everything_is_there
  driver_end
}

without_privilege() {
  say "without CAP_NET_ADMIN"
  local said
  said=$(setpriv --bounding-set -net_admin --inh-caps -net_admin "$driver" "-$$" <<<'- open')
  expect_eq "${said%% *}" refused "the driver without CAP_NET_ADMIN"
  answer=$said
  expect_says CAP_NET_ADMIN
  expect_eq "$(wc -l <<<"$said")" 1 "lines"
  printf 'ok refused: %s\n' "$said" >&2
}

everything_is_there() {
  drive gw-left features
  expect_says "missing=none"
  expect_answer can gw-left can esp 4 aes128gcm16 -
  expect_answer can gw-left can esp 6 chacha20poly1305 -
  expect_answer can gw-left can ah 6 - sha256
}

# The batch begins with what works and fails at what does not: nothing of it is left.
without_an_algorithm() {
  say "without ChaCha20-Poly1305"
  take_away chacha20poly1305
  drive gw-left can esp 4 chacha20poly1305 -
  expect_says "lacks chacha20poly1305" "(chacha20poly1305)"
  define_child chacha 4 0x1001 0x2001 encryption=chacha20poly1305
  refused gw-left install chacha
  expect_says chacha20poly1305 modprobe
  expect_answer "0 0" gw-left held
  say "another child runs"
  define_child other 4 0x1002 0x2002
  install_child other
  expect_crossing "3 3" 4 3 100
  remove_child other
}

without_ah() {
  say "without AH"
  take_away ah4
  drive gw-left open
  drive gw-left features
  expect_says AH ah4
  drive gw-left can ah 4 - sha256
  expect_says lacks AH ah4
  expect_answer can gw-left can ah 6 - sha256
  define_child header 4 0x1003 0x2003 protocol=ah integrity=sha256
  refused gw-left install header
  expect_says AH ah4
  expect_answer "0 0" gw-left held
}

without_esp() {
  say "without ESP over IPv4"
  take_away esp4
  drive gw-left open
  drive gw-left features
  expect_says ESP esp4
  drive gw-left can esp 4 aes128gcm16 -
  expect_says lacks ESP esp4
  refused gw-left install other
  expect_says ESP esp4
  expect_answer "0 0" gw-left held
  say "over IPv6 it runs"
  define_child over6 6 0x1006 0x2006
  install_child over6
  expect_crossing "3 3" 4 3 100
  remove_child over6
}

main
