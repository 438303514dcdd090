#!/usr/bin/env bash
# Goal: the completion scripts are whole, and bash's completes commands, options, values and files.
# Method: its function is called as bash would call it, and what it offers is compared.
#
# usage: completion_test.sh IPSECCTL
set -euo pipefail

program=$(realpath "$1")
failures=0

check() {
  local what=$1 wanted=$2 found=$3
  [ "$wanted" = "$found" ] && return
  echo "not ok $what: wanted '$wanted', found '$found'"
  failures=$((failures + 1))
}

# offered WORD...: what bash would show for the line `ipsecctl WORD...`, the last being typed.
offered() {
  (
    cd "$scratch"
    # shellcheck source=/dev/null
    . "$scratch/completion.bash"
    COMP_WORDS=("$program" "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _ipsecctl 2>/dev/null
    echo "${COMPREPLY[*]}"
  )
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$program" completion bash >"$scratch/completion.bash"
bash -n "$scratch/completion.bash"
touch "$scratch/site.toml"

check "commands" "tunnel" "$(offered tu)"
check "several" "version vendors" "$(offered v | tr ' ' '\n' | grep -v vpc | sort -r | xargs)"
check "commands of a kind" "reconnect rekey rename routes" \
  "$(offered tunnel r | tr ' ' '\n' | sort | xargs)"
check "options" "--psk --psk-file --psk-stdin" "$(offered tunnel set hq --psk)"
check "values" "traffic" "$(offered tunnel set hq --start tr)"
check "formats" "json" "$(offered version -o j)"
check "files" "site.toml" "$(offered apply -f si)"
check "nothing" "" "$(offered tunnel nonsense x)"

# The other shells are rarely there to be asked.
for shell in zsh fish; do
  "$program" completion "$shell" >"$scratch/$shell"
  grep -q __complete "$scratch/$shell" || check "$shell" "asks ipsecctl" "does not"
  if command -v "$shell" >/dev/null; then "$shell" -n "$scratch/$shell"; fi
done

[ "$failures" = 0 ] && echo "ok"
exit "$((failures > 0))"
