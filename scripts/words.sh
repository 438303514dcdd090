# shellcheck shell=bash
# is_one_of WORD WORDS...: for names on a command line. No pipe into grep -q, which leaves before the
# last word is written; under pipefail the writer's end then counts as a failure.
is_one_of() {
  local word=$1 one
  shift
  for one; do [ "$one" != "$word" ] || return 0; done
  return 1
}
