# shellcheck shell=bash
# Runs scenarios, all in one boot of a kernel that has ESP. Prints a line for each, the log of those
# that fail, and the sums as the last line. The `run` of a directory of scenarios sets `suite`, its
# name, and `here`, the directory; sources this file and calls `main "$@"`.
#
# A scenario has 120 s, or what its line `# time limit: SECONDS` says; status 77 is a skip. Those
# with a line `# kernel: NAME` run on that kernel, in a boot of their own where it is another one.
set -euo pipefail

# shellcheck disable=SC2154  # set by who sources this
readonly usage="usage: tests/$suite/run [-v] [--kernel native|uml|qemu] [SCENARIO...]"
readonly here suite
scenarios_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly scenarios_root
readonly default_limit_s=120 boot_limit_s=60 skipped_status=77
readonly closing='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

verbose=no kernel='' scenarios=()
passed=0 failed=0 skipped=0

main() {
  parse_arguments "$@"
  if [ -z "${IPSEC_KERNEL:-}" ]; then
    run_in_kernels
    return
  fi
  log=$(mktemp "${TMPDIR:-/tmp}/scenario.XXXXXX")
  trap 'rm -f "$log"' EXIT
  local name
  for name in "${scenarios[@]}"; do run_scenario "$name"; done
  report_sums
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
      -*) refuse "unknown option $1" ;;
      *) add_scenario "$1" ;;
    esac
    shift
  done
  [ ${#scenarios[@]} -gt 0 ] || mapfile -t scenarios < <(all_scenarios)
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

# One boot for each kernel that is wanted; the closing lines of all are added up.
run_in_kernels() {
  local name wanted output
  local -A of_kernel=()
  [ -n "$kernel" ] || kernel=$("$scenarios_root/scripts/in-kernel" --which)
  for name in "${scenarios[@]}"; do
    wanted=$(kernel_of "$name")
    of_kernel[${wanted:-$kernel}]+=" $name"
  done
  output=$(mktemp "${TMPDIR:-/tmp}/scenarios.XXXXXX")
  # Where it is to be removed is known now and not when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -f '$output'" EXIT
  for wanted in "${!of_kernel[@]}"; do
    # shellcheck disable=SC2086  # names are words
    in_kernel "$wanted" ${of_kernel[$wanted]} 2>&1 | tee "$output" | grep -vE "$closing" || true
    add_up "$wanted" "$output"
  done
  report_sums
}

in_kernel() {
  local options=() name limit_s=$boot_limit_s which=$1
  shift
  [ "$verbose" = no ] || options=(-v)
  for name; do limit_s=$((limit_s + $(limit_of "$name") + 15)); done
  "$scenarios_root/scripts/in-kernel" --kernel "$which" -t "$limit_s" \
    -e IPSECD_BUILD_DIR "$here/run" ${options[@]+"${options[@]}"} "$@"
}

# A kernel that died before its closing line counts as one failure.
add_up() {
  local line p=0 f=1 s=0
  line=$(grep -E "$closing" "$2" | tail -n 1) || true
  if [ -n "$line" ]; then
    read -r p _ f _ s _ <<<"$line"
  else
    echo "FAIL the scenarios on kernel $1 did not come to their end"
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

kernel_of() { sed -n 's/^# kernel: \([a-z]\+\)$/\1/p' "$here/$1_test.sh"; }

limit_of() {
  local limit_s
  limit_s=$(sed -n 's/^# time limit: \([0-9]\+\)$/\1/p' "$here/$1_test.sh")
  echo "${limit_s:-$default_limit_s}"
}

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
  local limited=(timeout --kill-after=10 "$(limit_of "$1")" bash "$here/$1_test.sh")
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
      [ "$2" != 124 ] || echo "time limit of $(limit_of "$1") s reached"
      [ "$verbose" = yes ] || sed 's/^/  /' "$log" ;;
  esac
}
