# shellcheck shell=bash
# Runs scenarios, all in one boot of a kernel that has ESP, or in as many as --guests says: each takes the
# next scenario that none has taken. Prints a line for each, the log of those that fail, and the sums as
# the last line. The `run` of a directory of scenarios sets `suite`, its name, and `here`, the
# directory; sources this file and calls `main "$@"`.
#
# A scenario has 120 s, or what its line `# time limit: SECONDS` says; status 77 is a skip. Those
# with a line `# kernel: NAME` run on that kernel, in a boot of their own where it is another one.
#
# Several guests, and other work beside them (--beside), may be more than a machine can bear: scenarios
# then miss times that they would keep alone. So a guest that finds itself starved waits before it takes
# another, all waits and the scenarios themselves have twice their time (IPSECD_PATIENCE), and up to six
# that failed are tried again, one at a time: the second try counts, and a line `again` says that it took
# two.
set -euo pipefail

# shellcheck disable=SC2154  # set by who sources this
readonly usage="usage: tests/$suite/run [-v] [--guests N] [--beside] [--kernel native|uml|qemu] [SCENARIO...]"
readonly here suite
scenarios_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly scenarios_root
readonly default_limit_s=120 boot_limit_s=60 skipped_status=77 most_again=6
# What the start of a program takes in user-mode Linux: 15 to 20 ms in a guest alone, 50 beside compilers.
readonly starved_us=80000
readonly closing='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

verbose=no kernel='' guests=1 beside=no scenarios=()
passed=0 failed=0 skipped=0

main() {
  parse_arguments "$@"
  if [ -z "${IPSEC_KERNEL:-}" ]; then
    run_in_kernels
    return
  fi
  log=$(mktemp "${TMPDIR:-/tmp}/scenario.XXXXXX")
  trap 'rm -f "$log"' EXIT
  take_lean_programs
  local name
  for name in "${scenarios[@]}"; do
    if is_taken "$name"; then continue; fi
    await_room "$name"
    if is_ours "$name"; then run_scenario "$name"; fi
  done
  report_sums
}

# What starts often, linked statically: in user-mode Linux that starts twice as fast.
take_lean_programs() {
  [ "$IPSEC_KERNEL" = uml ] || return 0
  local program lean=${TMPDIR:-/tmp}/lean busybox
  busybox=$(type -P busybox)
  mkdir -p "$lean"
  for program in awk cat cut grep head mkdir mv rm sort tail tr wc; do ln -sf "$busybox" "$lean/$program"; done
  export PATH=$lean:$PATH
}

# The directory is the machine's, so the guests share it, and only one of them can make an entry.
is_ours() { [ -z "${IPSECD_TAKEN:-}" ] || mkdir "$IPSECD_TAKEN/$1" 2>/dev/null; }

is_taken() { [ -n "${IPSECD_TAKEN:-}" ] && [ -d "$IPSECD_TAKEN/$1" ]; }

# await_room NAME: until there is, or another has taken that one. All but one may wait.
await_room() {
  local place
  if [ "${IPSECD_GUESTS:-1}" = 1 ]; then return; fi
  while is_starved && place=$(place_to_wait); do
    echo "before $1 this guest waits: it is starved"
    sleep 10
    rmdir "$place"
    if is_taken "$1"; then return; fi
  done
}

is_starved() {
  [ "$IPSEC_KERNEL" = uml ] || return 1
  local i start_us=${EPOCHREALTIME/./}
  for i in {1..10}; do /bin/true; done
  [ $(((${EPOCHREALTIME/./} - start_us) / 10)) -gt "$starved_us" ]
}

place_to_wait() {
  local i
  for ((i = 1; i < IPSECD_GUESTS; ++i)); do
    if mkdir "$IPSECD_TAKEN/.waits.$i" 2>/dev/null; then echo "$IPSECD_TAKEN/.waits.$i"; return; fi
  done
  return 1
}

report_sums() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ]
}

parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) echo "$usage"; exit 0 ;;
      -v) verbose=yes ;;
      --kernel) [ $# -ge 2 ] || refuse "--kernel needs a value"
        kernel=$2; shift ;;
      --guests) [[ ${2:-} =~ ^[1-9]$ ]] || refuse "--guests needs a number from 1 to 9"
        guests=$2 beside=yes; shift ;;
      --beside) beside=yes ;;
      -*) refuse "unknown option $1" ;;
      *) add_scenario "$1" ;;
    esac
    shift
  done
  [ ${#scenarios[@]} -gt 0 ] || mapfile -t scenarios < <(all_scenarios)
  if [ "$beside" = yes ]; then export IPSECD_PATIENCE=2; fi
}

refuse() { printf '%s: %s\n%s\n' "$suite" "$1" "$usage" >&2; exit 2; }

add_scenario() {
  local name=${1##*/}
  name=${name%_test.sh}
  if [ ! -f "$here/${name}_test.sh" ]; then
    printf '%s: no scenario %s; there are:\n' "$suite" "$1" >&2
    all_scenarios | sed 's/^/  /' >&2
    exit 2
  fi
  scenarios+=("$name")
}

all_scenarios() {
  local file
  for file in "$here"/*_test.sh; do
    file=${file##*/}
    echo "${file%_test.sh}"
  done
}

# One boot for each kernel that is wanted, and of the usual one as many as there are guests; the closing
# lines of all are added up.
run_in_kernels() {
  local name wanted others=() lane lanes=()
  local -A of_kernel=()
  [ -n "$kernel" ] || kernel=$("$scenarios_root/scripts/in-kernel" --which)
  for name in $(longest_first "${scenarios[@]}"); do
    wanted=$(kernel_of "$name")
    of_kernel[${wanted:-$kernel}]+=" $name"
  done
  for wanted in "${!of_kernel[@]}"; do
    if [ "$wanted" != "$kernel" ]; then others+=("$wanted"); fi
  done
  mkdir -p "$scenarios_root/build"
  work=$(mktemp -d "$scenarios_root/build/scenarios.XXXXXX")
  mkdir "$work/taken"
  trap end_lanes EXIT
  set -m
  for ((lane = 1; lane <= guests; ++lane)); do
    run_lane "$lane" "${others[@]}" "$kernel" &
    lanes+=($!)
    others=()
  done
  set +m
  wait "${lanes[@]}"
  for wanted in "$work"/sums.*; do add_up "$wanted"; done
  if [ "$beside" = yes ]; then try_again; fi
  report_sums
}

# Those that failed and said so: a guest that died is no matter of a scenario's times.
try_again() {
  local name names=() wanted p f s
  for name in $(longest_first "${scenarios[@]}"); do
    if [ -e "$work/taken/$name/failed" ]; then names+=("$name"); fi
  done
  if [ ${#names[@]} = 0 ] || [ ${#names[@]} -gt "$most_again" ]; then return; fi
  guests=1
  for name in "${names[@]}"; do
    rm -r "$work/taken/$name"
    wanted=$(kernel_of "$name")
    of_kernel[again]=$name
    in_kernel "${wanted:-$kernel}" again >"$work/output.again" 2>&1 || true
    grep -vE "$closing" "$work/output.again" || true
    read -r p _ f _ s _ < <(grep -E "$closing" "$work/output.again" || echo "0 passed, 1 failed, 0 skipped")
    passed=$((passed + p)) failed=$((failed + f - 1)) skipped=$((skipped + s))
    [ "$p" = 0 ] || echo "again $suite/$name: failed beside others, passed alone"
  done
}

end_lanes() {
  local lane
  for lane in $(jobs -p); do kill -- "-$lane" 2>/dev/null || true; done
  rm -rf "$work"
}

# run_lane NUMBER KERNEL...: one guest after the other. Of several lanes each says a guest's words once it
# has ended.
run_lane() {
  local lane=$1 wanted output=$work/output.$1 turn
  shift
  for wanted; do
    is_left "${of_kernel[$wanted]:-}" || continue
    # QEMU emulates two processors: two of it at once, of all suites, leave nothing to the others.
    if [ "$wanted" = qemu ]; then
      exec {turn}>"$scenarios_root/build/qemu.turn"
      flock "$turn"
    fi
    if [ "$guests" = 1 ]; then
      in_kernel "$wanted" "$wanted" 2>&1 | tee "$output" | grep -vE "$closing" || true
    else
      in_kernel "$wanted" "$wanted" >"$output" 2>&1 || true
      grep -vE "$closing" "$output" || true
    fi
    grep -E "$closing" "$output" >"$work/sums.$lane.$wanted" ||
      echo "FAIL the scenarios on kernel $wanted did not come to their end"
    if [ "$wanted" = qemu ]; then exec {turn}>&-; fi
  done
}

is_left() {
  local name
  for name in $1; do [ -d "$work/taken/$name" ] || return 0; done
  return 1
}

longest_first() {
  local name
  for name; do echo "$(limit_of "$name") $name"; done | sort -s -k1,1nr | cut -d ' ' -f 2
}

# in_kernel KERNEL KEY: the scenarios that of_kernel has for KEY.
in_kernel() {
  local options=() names name limit_s=$boot_limit_s
  [ "$verbose" = no ] || options=(-v)
  read -ra names <<<"${of_kernel[$2]}"
  for name in "${names[@]}"; do limit_s=$((limit_s + $(ended_after "$name") + 15)); done
  IPSECD_TAKEN=$work/taken IPSECD_GUESTS=$guests \
    "$scenarios_root/scripts/in-kernel" --kernel "$1" -t "$limit_s" \
    -e IPSECD_BUILD_DIR -e IPSECD_TAKEN -e IPSECD_GUESTS -e IPSECD_PATIENCE \
    "$here/run" ${options[@]+"${options[@]}"} "${names[@]}"
}

# A kernel that died before its closing line counts as one failure.
add_up() {
  local p=0 f=1 s=0 line
  line=$(tail -n 1 "$1")
  [ -z "$line" ] || read -r p _ f _ s _ <<<"$line"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

kernel_of() { sed -n 's/^# kernel: \([a-z]\+\)$/\1/p' "$here/$1_test.sh"; }

limit_of() {
  local limit_s
  limit_s=$(sed -n 's/^# time limit: \([0-9]\+\)$/\1/p' "$here/$1_test.sh")
  echo "${limit_s:-$default_limit_s}"
}

ended_after() { echo $(($(limit_of "$1") * ${IPSECD_PATIENCE:-1})); }

run_scenario() {
  local name=$1 status=0 start_us=${EPOCHREALTIME/./} namespaces_before seconds
  namespaces_before=$(ip netns list)
  scenario_output "$name" || status=$?
  seconds=$(awk -v us=$((${EPOCHREALTIME/./} - start_us)) 'BEGIN { printf "%.1f", us / 1e6 }')
  if [ "$status" = 0 ] && [ "$(ip netns list)" != "$namespaces_before" ]; then
    echo "left namespaces behind" >>"$log"
    status=1
  fi
  report "$name" "$status" "$seconds"
}

# The scenario gets a TERM first, so that it can say how things stood and clean up.
scenario_output() {
  local limited=(timeout --kill-after=10 "$(ended_after "$1")" bash "$here/$1_test.sh")
  if [ "$verbose" = yes ]; then
    "${limited[@]}" </dev/null 2>&1 | tee "$log"
  else
    "${limited[@]}" </dev/null >"$log" 2>&1
  fi
}

report() {
  case $2 in
    0) passed=$((passed + 1)); echo "ok $1 ($3 s)" ;;
    "$skipped_status") skipped=$((skipped + 1)); echo "skip $1: $(sed -n 's/^skip: //p' "$log")" ;;
    *) failed=$((failed + 1)); echo "FAIL $1 ($3 s)"
      [ -z "${IPSECD_TAKEN:-}" ] || : >"$IPSECD_TAKEN/$1/failed"
      [ "$2" != 124 ] || echo "time limit of $(ended_after "$1") s reached"
      [ "$verbose" = yes ] || sed 's/^/  /' "$log" ;;
  esac
}
