#!/usr/bin/env bash
# Goal: the first run as README.md tells it works, to the letter: what stands in its blocks `sh left`,
# `sh right` and `sh host` is taken from there and run, nothing else is configured, and the ping goes
# through ESP.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  quietly_in_ns host-left ping -q -c 1 192.168.3.10 >&2
  forwards_nothing gw-left
  forwards_nothing gw-right
  gateway_start gw-left
  gateway_start gw-right
  read_blocks

  say "the left site"
  follow gw-left "${left[0]}"
  [ "$(stat -c %a "$scratch/gw-left/tunnel.psk")" = 600 ] || fail "others can read the key"
  say "its operator hands the key to the other"
  cp "$scratch/gw-left/tunnel.psk" "$scratch/gw-right/"
  say "the right site"
  follow gw-right "${right[0]}"
  say "its export, for other devices"
  follow gw-left "${left[1]}" >"$scratch/exported"
  grep -q "crypto map" "$scratch/exported" || fail "this is no ASA's: $(<"$scratch/exported")"

  wait_until 20 "status says connected" status_says_connected
  cat "$scratch/status" >&2
  grep -q to-office "$scratch/status" || fail "status tells of something else"
  capture_start wire left
  follow host-left "${host[0]}" >"$scratch/pinged"
  capture_stop capture
  grep -q "3 received" "$scratch/pinged" || fail "the ping: $(<"$scratch/pinged")"
  expect_no_clear_text capture 192.168.0.0/16
  expect_esp capture 6

  in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" stop --flush --yes
  stop ipsecd-gw-left
  in_ns gw-right ipsecctl --run-dir "$scratch/gw-right/run" stop --flush --yes
  stop ipsecd-gw-right
  expect_nothing_left gw-left gw-right
}

# As a machine is that has just been installed.
forwards_nothing() { quietly_in_ns "$1" sysctl -qw net.ipv4.ip_forward=0; }

# Sets `left`, `right` and `host`: the text of the blocks that are marked so, in their order.
read_blocks() {
  local line block='' text='' sharp='^```sh (left|right|host)$'
  left=() right=() host=()
  while IFS= read -r line; do
    if [ -n "$block" ] && [ "$line" = '```' ]; then
      case $block in
        left) left+=("$text") ;;
        right) right+=("$text") ;;
        host) host+=("$text") ;;
      esac
      block=''
    elif [ -n "$block" ]; then
      text+=$line$'\n'
    elif [[ $line =~ $sharp ]]; then
      block=${BASH_REMATCH[1]} text=''
    fi
  done <"$repository/README.md"
  expect_eq "${#left[@]} ${#right[@]} ${#host[@]}" "3 1 1" "blocks for left, right and host in README"
}

# follow NS TEXT: as somebody types it there, who would stop at the first refusal.
follow() {
  local namespace=$1 directory=$scratch/$1
  mkdir -p "$directory"
  printf '%s' "$2" | sed "s/^/[$namespace] /" >&2
  (cd "$directory" && IPSECD_RUN_DIR=$directory/run quietly_in_ns "$namespace" \
    bash -euo pipefail -c "$2")
}

status_says_connected() {
  follow gw-left "${left[2]}" >"$scratch/status" 2>&1
  cat "$scratch/status"
  grep -qw connected "$scratch/status"
}

main "$@"
