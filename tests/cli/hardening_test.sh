#!/usr/bin/env bash
# Goal: what is shipped is built as hard as it is meant to be: loaded anywhere, nothing to write where
# something is called from, no stack to run, the compiler's checks of the stack and of copies in it.
# Method: readelf, of each program. A flag that one room has lost shows in what a program imports only
# where it was the last one, so the compile commands are looked at as well.
#
# usage: hardening_test.sh COMPILE_COMMANDS PROGRAM...
set -euo pipefail

commands=$1
shift
failures=0
check() {
  local what=$1
  shift
  "$@" >/dev/null && return
  echo "not ok $what"
  failures=$((failures + 1))
}
# shows FILE OPTION PATTERN
# shellcheck disable=SC2317  # by check
shows() { readelf -W "$2" "$1" 2>/dev/null | grep -E -- "$3"; }
# shellcheck disable=SC2317
shows_not() { ! shows "$@"; }

for program; do
  name=${program##*/}
  check "$name is position independent" shows "$program" --file-header 'Type: +DYN .Position-Ind'
  check "$name binds all it imports at its start" shows "$program" --dynamic 'FLAGS_1.*\bNOW\b'
  check "$name is a PIE by name" shows "$program" --dynamic 'FLAGS_1.*\bPIE\b'
  check "$name has what is relocated read-only" shows "$program" --program-headers GNU_RELRO
  check "$name says what its stack may be" shows "$program" --program-headers GNU_STACK
  check "$name has a stack that does not run" \
    shows_not "$program" --program-headers 'GNU_STACK.*RWE'
  check "$name has nothing to write and to run" shows_not "$program" --program-headers 'LOAD.*RWE'
  check "$name checks its stack" shows "$program" --dyn-syms '__stack_chk_fail'
  check "$name checks copies" shows "$program" --dyn-syms '__(memcpy|snprintf|read|recv)_chk'
  check "$name has no path of its own to libraries" shows_not "$program" --dynamic 'R(UN)?PATH'
done

python3 - "$commands" <<'PY' || failures=$((failures + 1))
import json
import sys

WANTED = ("-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=2",
          "-D_GLIBCXX_ASSERTIONS", "-fPIE")
entries = [entry for entry in json.load(open(sys.argv[1]))
           if any(f"/{room}/" in entry["file"] for room in ("ike", "xfrm", "route", "cli"))
           and "/tests/" not in entry["file"]]
bad = [f"not ok {entry['file']}: compiled without {flag}" for entry in entries for flag in WANTED
       if flag not in entry["command"].split() and not (
           flag == "-fPIE" and "-fPIC" in entry["command"].split())]
print("\n".join(bad[:20]) or f"{len(entries)} sources are compiled as they shall be")
sys.exit(bool(bad) or not entries)
PY

[ "$failures" = 0 ] && echo "ok"
exit "$((failures > 0))"
