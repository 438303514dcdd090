# shellcheck shell=bash
# Runs scenarios, all in one boot of a kernel that has ESP. Prints a line for each, the log of those
# that fail, and the sums as the last line. The `run` of a directory of scenarios sets `suite`, its
# name, and `here`, the directory; sources this file and calls `main "$@"`.
#
# A scenario has 120 s, or what its line `# time limit: SECONDS` says; status 77 is a skip.
set -euo pipefail

# shellcheck disable=SC2154  # set by who sources this
readonly usage="usage: tests/$suite/run [-v] [--kernel native|uml|qemu] [SCENARIO...]"
readonly here suite
scenarios_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly scenarios_root
readonly default_limit_s=120 boot_limit_s=60 skipped_status=77

verbose=no kernel=() scenarios=()
passed=0 failed=0 skipped=0

main() {
  parse_arguments "$@"
  if [ -z "${IPSEC_KERNEL:-}" ]; then
    exec_in_kernel
  fi
  log=$(mktemp "${TMPDIR:-/tmp}/scenario.XXXXXX")
  trap 'rm -f "$log"' EXIT
  local name
  for name in "${scenarios[@]}"; do run_scenario "$name"; done
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ]
}

parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) echo "$usage"; exit 0 ;;
      -v) verbose=yes ;;
      --kernel) [ $# -ge 2 ] || refuse "--kernel needs a value"
        kernel=(--kernel "$2"); shift ;;
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

exec_in_kernel() {
  local options=() name limit_s=$boot_limit_s
  [ "$verbose" = no ] || options=(-v)
  for name in "${scenarios[@]}"; do limit_s=$((limit_s + $(limit_of "$name") + 15)); done
  exec "$scenarios_root/scripts/in-kernel" ${kernel[@]+"${kernel[@]}"} -t "$limit_s" \
    -e IPSECD_BUILD_DIR "$here/run" ${options[@]+"${options[@]}"} "${scenarios[@]}"
}

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
