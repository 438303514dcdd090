#!/usr/bin/env bash
# Goal: on a kernel that lacks an algorithm, AH or ESP, the tunnel that needs it says so and what
# would bring it, in its status and in `check`; other tunnels run, and it does too once the module
# is there. Without its capability the daemon says which it is, in one line, and ends.
# Method: modules are taken away under two gateways of one kernel, with no way to load them.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# Modules are the machine's and not a namespace's: never on the kernel of somebody's machine.
# kernel: uml
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"
# shellcheck source-path=SCRIPTDIR source=driver.sh
. "$(dirname "$0")/driver.sh"

trap 'status=$?; bring_modules_back; on_exit $status' EXIT

main() {
  without_privilege
  topology_two_gateways
  everything_is_loaded
  declare_three gw-left 1 3 1 2
  declare_three gw-right 3 1 2 1
  without_an_algorithm_and_ah
  with_the_modules_all_come_up
  without_esp
}

# What is not there before cannot be had later.
everything_is_loaded() {
  local hash
  driver_start
  drive gw-left features
  expect_answer can gw-left can esp 4 aes256gcm16 -
  expect_answer can gw-left can esp 4 chacha20poly1305 -
  for hash in sha512 sha384 sha256 sha1; do
    expect_answer can gw-left can esp 4 aes256 $hash
    expect_answer can gw-left can ah 4 - $hash
  done
  stop driver
}

without_privilege() {
  say "without CAP_NET_ADMIN"
  local said status=0
  said=$(setpriv --bounding-set -net_admin --inh-caps -net_admin ipsecd --conf-dir "$scratch/none" \
    --run-dir "$scratch/unprivileged/run" --state-dir "$scratch/unprivileged/state" 2>&1) ||
    status=$?
  expect_eq "$status" 1 "exit status"
  expect_eq "$(wc -l <<<"$said")" 1 "lines"
  [[ $said = "ipsecd: "*CAP_NET_ADMIN* ]] || fail "it says: $said"
  printf 'ok %s\n' "$said" >&2
}

# declare_three NS OWN PEER OWN_END PEER_END: the usual tunnel for the lower halves of both subnets,
# and two more for small ranges above, each between gateways of its own.
declare_three() {
  declare_site "$@"
  local file=$scratch/$1/conf.d/site.toml
  sed -i -e "s|^local_cidrs.*|local_cidrs = [\"192.168.$2.0/25\"]|" \
    -e "s|^peer_cidrs.*|peer_cidrs = [\"192.168.$3.0/25\"]|" "$file"
  another_tunnel "$@" 128 1 chacha 'ipsec = { encryption = ["chacha20poly1305"] }' >>"$file"
  another_tunnel "$@" 192 2 header 'ipsec = { protocol = "ah" }' >>"$file"
  ip_lines "$1" <<END
address add 203.0.113.1$4/24 dev wan
address add 203.0.113.2$4/24 dev wan
END
}

# another_tunnel NS OWN PEER OWN_END PEER_END FIRST NUMBER NAME LINES
another_tunnel() {
  cat <<END

[[gateway]]
name = "gw-$8"
vpc = "vpc"
subnet = "lan"
public_address = "203.0.113.$7$4"

[[peer]]
name = "other-$8"
address = "203.0.113.$7$5"

[[tunnel]]
name = "$8"
gateway = "gw-$8"
peer = "other-$8"
local_cidrs = ["192.168.$2.$6/26"]
peer_cidrs = ["192.168.$3.$6/26"]
psk = "another-key-for-$8"
$9
END
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
# Its exit status says too whether the tunnel is up.
status_of() { ctl_quietly status "$1" || true; }
ctl_quietly() { quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" "$@"; }
status_says() { [[ $(status_of "$1") = *"$2"* ]]; }
is_connected() { status_says "$1" "connected"; }

# says_what_is_missing TUNNEL WHAT MODULE
says_what_is_missing() {
  local said
  said=$(status_of "$1")
  [[ $said = *"this kernel lacks $2, which its module $3 would bring (modprobe $3)"* ]] ||
    fail "the status of $1 says: $said"
  said=$(ctl_quietly check || true)
  [[ $said = *"tunnel '$1'"*"this kernel lacks $2"*"modprobe $3"* ]] || fail "check says: $said"
  printf 'ok %s lacks %s\n' "$1" "$2" >&2
}

without_an_algorithm_and_ah() {
  say "without ChaCha20-Poly1305 and AH over IPv4"
  take_away chacha20poly1305
  take_away ah4
  gateway_start gw-left
  gateway_start gw-right
  wait_until 20 "the usual tunnel carries pings" ping_passes
  says_what_is_missing chacha chacha20poly1305 chacha20poly1305
  says_what_is_missing header "AH over IPv4" ah4
  log_says ipsecd-gw-left "others are offered" || fail "nothing is said of what is not offered"
  wait_until 20 "a try has failed" status_says chacha "Last failure"
  is_connected to-other || fail "the usual tunnel: $(status_of to-other)"
}

with_the_modules_all_come_up() {
  say "the modules come, and nobody tells the daemons"
  bring_modules_back
  wait_until 40 "the tunnel with ChaCha20-Poly1305 is up" is_connected chacha
  wait_until 40 "the tunnel with AH is up" is_connected header
  if status_says chacha "this kernel lacks"; then fail "a note stays: $(status_of chacha)"; fi
  ping_passes
}

without_esp() {
  say "without ESP over IPv4"
  gateway_end gw-left gw-right
  take_away esp4
  gateway_start gw-left
  gateway_start gw-right
  wait_until 30 "the tunnel with AH is up" is_connected header
  says_what_is_missing to-other "ESP over IPv4" esp4
  expect_fails ping_passes
  stop ipsecd-gw-left
  stop ipsecd-gw-right
}

main "$@"
