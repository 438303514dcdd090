# shellcheck shell=bash
# For scenarios that drive the room `route/kernel` itself: sourced instead of lib.sh;
# `driver_start NS` once that namespace is there, in which it runs.
#
#   drive COMMAND...            obeyed, or the scenario fails; the rest of the answer is in `answer`
#   expect_answer TEXT COMMAND...
#   expect_refused KIND TEXT COMMAND...    what is said contains TEXT
#   want TABLE ROUTES; pass TABLE ADDED REPLACED REMOVED [MORE]; as_wanted TABLE...
#   expect_routes NS FAMILY TABLE LINE...  what `ip route show proto 113` says, in its order
#
# The commands are listed in route_driver/main.cpp.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly driver=${IPSECD_BUILD_DIR:-$repository/build/release}/tests/netns/route_driver/route_driver

answer=''

driver_start() {
  [ -x "$driver" ] || fail "no $driver: cmake --build --preset release --target route_driver"
  mkfifo "$scratch/driver.in" "$scratch/driver.out"
  # Open for both ways, so that neither side waits for the other.
  exec {driver_in}<>"$scratch/driver.in" {driver_out}<>"$scratch/driver.out"
  "${enter[@]}" "$1-$$" "$driver" <"$scratch/driver.in" >"$scratch/driver.out" \
    2>"$scratch/driver.log" {narration}>&- {driver_in}>&- {driver_out}>&- &
  processes[driver]=$!
}

# Sets `answer` to the whole line.
ask_driver() {
  local line="${*//$'\n'/ }"
  printf 'driver: %s\n' "$line" >&2
  printf '%s\n' "$line" >&"$driver_in"
  IFS= read -r -t 60 -u "$driver_out" answer ||
    fail "the driver gave no answer within 60 s to: $*"
  case $answer in wrong*) fail "the driver cannot make sense of '$*': $answer" ;; esac
}

drive() {
  ask_driver "$@"
  case $answer in
    ok | "ok "*) answer=${answer#ok} answer=${answer# } ;;
    *) fail "refused '$*': ${answer#refused }" ;;
  esac
}

expect_answer() {
  local expected=$1
  shift
  drive "$@"
  expect_eq "$answer" "$expected" "answer to '$*'"
}

expect_refused() {
  local kind=$1 text=$2
  shift 2
  ask_driver "$@"
  [[ $answer = "refused $kind: "*"$text"* ]] ||
    fail "'$*': expected to be refused as $kind with '$text', found: $answer"
  printf 'ok %s\n' "$answer" >&2
}

want() { drive want "$@"; }

pass() {
  expect_answer "added=$2 replaced=$3 removed=$4${5:+ $5}" pass "$1"
}

as_wanted() {
  local table
  for table in "$@"; do pass "$table" 0 0 0; done
}

# The kernel ends some of its lines with a space.
expect_routes() {
  local namespace=$1 family=$2 table=$3 expected found
  shift 3
  expected=$(printf '%s\n' "$@")
  found=$(quietly_in_ns "$namespace" ip "-$family" route show table "$table" \
    proto "$ROUTE_PROTO" 2>/dev/null | sed 's/[[:space:]]*$//; s/^\t*//') || true
  [ "$found" = "$expected" ] || fail "routes in table $table at $namespace differ:"$'\n'"$(
    diff <(echo "$expected") <(echo "$found"))"
  printf 'ok table %s at %s: %s lines\n' "$table" "$namespace" $# >&2
}

drop_events() { drive events 250; }

# Nothing of ours is left in the named namespaces, and no message made no sense.
driver_end() {
  expect_answer 0 ignored
  stop driver
  expect_nothing_left "$@"
}
