# shellcheck shell=bash
# For scenarios that drive the room `xfrm` itself: sourced instead of lib.sh; `driver_start` once
# the namespaces are there.
#
#   drive NS COMMAND...         obeyed, or the scenario fails; the rest of the answer is in `answer`
#   expect_answer TEXT NS COMMAND...
#   refused NS COMMAND...       the kernel says no; the reason is in `answer`
#   define_child, install_child, remove_child, expect_crossing, expect_carried
#
# The commands are listed in xfrm_driver/main.cpp. One process serves all namespaces.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly driver=${IPSECD_BUILD_DIR:-$repository/build/release}/tests/netns/xfrm_driver/xfrm_driver

# The outer addresses of topology_two_gateways, and selectors for all that is behind the gateways.
declare -Ar left_outer=([4]=203.0.113.1 [6]=2001:db8:f::1)
declare -Ar right_outer=([4]=203.0.113.2 [6]=2001:db8:f::2)
declare -Ar host_left=([4]=192.168.1.10 [6]=2001:db8:1::10)
declare -Ar host_right=([4]=192.168.3.10 [6]=2001:db8:3::10)
readonly left_nets=192.168.1.0/24,2001:db8:1::/64 right_nets=192.168.3.0/24,2001:db8:3::/64
# shellcheck disable=SC2034  # for who sources this
readonly inside_nets=(192.168.1.0/24 192.168.3.0/24 2001:db8:1::/64 2001:db8:3::/64)

answer=''

driver_start() {
  [ -x "$driver" ] || fail "no $driver: cmake --build --preset release --target xfrm_driver"
  mkfifo "$scratch/driver.in" "$scratch/driver.out"
  # Open for both ways, so that neither side waits for the other.
  exec {driver_in}<>"$scratch/driver.in" {driver_out}<>"$scratch/driver.out"
  "$driver" "-$$" <"$scratch/driver.in" >"$scratch/driver.out" 2>"$scratch/driver.log" \
    {narration}>&- {driver_in}>&- {driver_out}>&- &
  processes[driver]=$!
}

# Sets `answer` to the whole line.
ask_driver() {
  print_line "$1" "driver: ${*:2}"
  printf '%s\n' "$*" >&"$driver_in"
  IFS= read -r -t 30 -u "$driver_out" answer ||
    fail "the driver gave no answer within 30 s to: $*"
  case $answer in wrong*) fail "the driver cannot make sense of '$*': $answer" ;; esac
}

drive() {
  ask_driver "$@"
  case $answer in
    ok | "ok "*) answer=${answer#ok} answer=${answer# } ;;
    *) fail "the kernel refused '$*': ${answer#refused }" ;;
  esac
}

refused() {
  ask_driver "$@"
  case $answer in
    refused*) answer=${answer#refused } ;;
    *) fail "taken and should have been refused: $*" ;;
  esac
  printf 'ok refused: %s\n' "$answer" >&2
}

expect_answer() {
  local expected=$1
  shift
  drive "$@"
  expect_eq "$answer" "$expected" "answer to '$*'"
}

# expect_says TEXT...: each is part of the last answer.
expect_says() {
  local text
  for text in "$@"; do
    [[ $answer = *"$text"* ]] || fail "expected '$text' in: $answer"
  done
}

# define_child NAME FAMILY LEFT_SPI RIGHT_SPI KEY=VALUE...: the same child on both gateways, for all
# that is behind them, or for $everything. The left one receives on LEFT_SPI; the keys follow from
# the SPIs.
define_child() {
  drive gw-left child "$1" local="${left_outer[$2]}" remote="${right_outer[$2]}" in="$3" out="$4" \
    ours="${everything:-$left_nets}" theirs="${everything:-$right_nets}" "${@:5}"
  drive gw-right child "$1" local="${right_outer[$2]}" remote="${left_outer[$2]}" in="$4" out="$3" \
    ours="${everything:-$right_nets}" theirs="${everything:-$left_nets}" "${@:5}"
}

install_child() {
  drive gw-right install "$1"
  drive gw-left install "$1"
}

remove_child() {
  drive gw-left remove "$1"
  drive gw-right remove "$1"
}

# expect_crossing "THERE BACK" FAMILY COUNT BYTES [MS]: so many of COUNT datagrams arrive. Those that
# should not are waited for no longer than MS.
expect_crossing() {
  expect_answer "$1" host-left cross "${host_left[$2]}" host-right "${host_right[$2]}" \
    "$3" "$4" "${5:-5000}"
}

expect_blocked() { expect_crossing "0 0" "$1" 3 100 300; }

# expect_carried NAME PACKETS BYTES: exactly so much both ways, on both gateways, and nothing
# replayed, late or forged.
expect_carried() {
  local gateway direction
  for gateway in gw-left gw-right; do
    for direction in in out; do
      expect_answer "$2 $3 0 0 0" $gateway count "$1" $direction
    done
  done
}

# UDP sockets that take ESP, as a daemon would hold them; PORT defaults to 4500.
open_encapsulation() {
  local family
  for family in 4 6; do
    drive gw-left udp "natt$family-${1:-4500}" "${left_outer[$family]}" "${1:-4500}" encapsulated
    drive gw-right udp "natt$family-${1:-4500}" "${right_outer[$family]}" "${1:-4500}" encapsulated
  done
}

# expect_same ACTUAL EXPECTED WHAT: for texts of many lines.
expect_same() {
  [ "$1" = "$2" ] || fail "$3 differ:"$'\n'"$(diff <(echo "$2") <(echo "$1"))"
  printf 'ok %s are as before: %s\n' "$3" "$(grep -c . <<<"$1")" >&2
}

policies_of() { quietly_in_ns "$1" ip -oneline xfrm policy list nosock | sort; }
sas_of() { quietly_in_ns "$1" ip xfrm state list nokeys; }

drop_events() {
  drive "$1" event 0
  while [ "$answer" != none ]; do drive "$1" event 0; done
}

# wait_for_event NS EVENT: others before it are passed over.
wait_for_event() {
  local i
  for ((i = 0; i < 50; i++)); do
    drive "$1" event 5000
    [ "$answer" != "$2" ] || return 0
    [ "$answer" != none ] || break
  done
  fail "no event '$2' at $1, but '$answer'"
}

# What packets without an SA leave behind for half a minute; no SA of ours is among it.
forget_larval_sas() {
  expect_answer "0 0" "$1" held
  in_ns "$1" ip xfrm state flush
}

# Nothing of ours or anybody's is left, and the driver has nothing more to do.
driver_end() {
  stop driver
  expect_nothing_left gw-left gw-right
}

# --- modules of the kernel ---------------------------------------------------------------------

modprobe_before=$(</proc/sys/kernel/modprobe)

# take_away MODULE: it is gone, and nothing can load it. SAs that are gone keep their modules for a
# moment longer.
take_away() {
  echo /bin/false >/proc/sys/kernel/modprobe
  wait_until 10 "module $1 is gone" without_module "$1"
}

# Where a scenario before asked for offload, what serves it holds ESP.
without_module() {
  [ ! -e "/sys/module/$1_offload" ] || rmmod "$1_offload" || return 1
  rmmod "$1"
}

bring_modules_back() {
  echo "$modprobe_before" >/proc/sys/kernel/modprobe
  modprobe -a chacha20poly1305 ah4 esp4
}
