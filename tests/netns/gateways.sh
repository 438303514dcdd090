# shellcheck shell=bash
# Two gateways of ours with the usual topology: sourced in place of lib.sh.
#
#   gateway_start NS [ARGUMENT...]   ipsecd there, its directories under $scratch/NS
#   declare_site NS [TOML]           the file that is applied at its start: the usual site, and what
#                                    is given goes into its tunnel
#   gateway_end NS...                each takes its tunnels down and has ended, within end_limit_s
#   gateway_crash NS                 daemon and keeper have no time to say anything, and stay away
#   ctl NS ARGUMENT...               ipsecctl of that daemon
#   looked NS EXPRESSION             of the status `t` of its tunnels, by name, as Python sees it
#   of_one NS TUNNEL EXPRESSION      of one of them, `it`, and its `ike` or {}
#   of_each NS EXPRESSION [WHERE]    of each, `it`, for which that holds, by name, a line each
#   watch NS, moved NS, unwatch NS   what moves in the route tables there in between
#   flow_between NAME SECONDS SIZE PAIR..., flow_ends NAME, none_lost NAME LEAST
#                                    datagrams between host-left and host-right, counted
#
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

gateway_start() {
  local namespace=$1
  shift
  looker_starts
  mkdir -p "$scratch/$namespace/conf.d"
  : >>"$scratch/$namespace/ipsecd.toml"
  start "$namespace" "ipsecd-$namespace" ipsecd --config "$scratch/$namespace/ipsecd.toml" \
    --run-dir "$scratch/$namespace/run" --state-dir "$scratch/$namespace/state" \
    --conf-dir "$scratch/$namespace/conf.d" "$@"
  wait_until 60 "ipsecd in $namespace is ready" log_says "ipsecd-$namespace" event=ready
}

gateway_end() {
  local namespace
  for namespace; do
    ctl "$namespace" stop --flush --yes >&2
    wait_until "${end_limit_s:-10}" "the daemon of $namespace has ended" \
      has_ended "${processes[ipsecd-$namespace]}"
    stop "ipsecd-$namespace"
  done
}

gateway_crash() {
  local daemon
  daemon=$(daemon_of "ipsecd-$1")
  kill -KILL "${processes[ipsecd-$1]}" "$daemon"
  wait "${processes[ipsecd-$1]}" 2>/dev/null || true
  wait_until 10 "the daemon of $1 is gone" has_ended "$daemon"
}

# declare_site NS OWN_SUBNET PEER_SUBNET OWN_END PEER_END [LINES OF THE TUNNEL]
declare_site() {
  local namespace=$1
  mkdir -p "$scratch/$namespace/conf.d"
  cat >"$scratch/$namespace/conf.d/site.toml" <<END
[[vpc]]
name = "vpc"
cidrs = ["192.168.$2.0/24"]

[[subnet]]
name = "lan"
vpc = "vpc"
cidr = "192.168.$2.0/24"

[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "lan"
public_address = "203.0.113.$4"

[[peer]]
name = "other"
address = "203.0.113.$5"

[[tunnel]]
name = "to-other"
gateway = "gw"
peer = "other"
local_cidrs = ["192.168.$2.0/24"]
peer_cidrs = ["192.168.$3.0/24"]
psk = "a-key-for-tests-only"
${6:-}
END
}

declare_both() {
  declare_site gw-left 1 3 1 2 "${1:-}"
  declare_site gw-right 3 1 2 1 "${1:-}"
}

ctl() {
  local namespace=$1
  shift
  in_ns "$namespace" ipsecctl --run-dir "$scratch/$namespace/run" "$@"
}

# --- looks -------------------------------------------------------------------------------------

# One process answers all: in user-mode Linux the start of ipsecctl and of what reads its JSON takes
# 0.3 s, and who waits for something looks often. Under other numbers than the coprocess', which
# subshells do not have.
looker_starts() {
  if [ -n "${looker_asked:-}" ]; then return; fi
  coproc looker { exec python3 "$repository/tests/netns/looker.py" {narration}>&- {silence}>&-; }
  # shellcheck disable=SC2154  # coproc sets it
  processes[looker]=$looker_PID
  exec {looker_asked}>&"${looker[1]}" {looker_says}<&"${looker[0]}"
}

looked() {
  local count line
  printf '%s\t%s\n' "$scratch/$1/run/control.sock" "${2//$'\n'/ }" >&"$looker_asked"
  read -r count <&"$looker_says" || return 1
  if [ "$count" = -1 ]; then
    read -r line <&"$looker_says"
    echo "$line" >&2
    return 1
  fi
  for ((; count > 0; count--)); do
    IFS= read -r line <&"$looker_says"
    printf '%s\n' "$line"
  done
}

# Several values with commas are told as print() does.
of_one() {
  looked "$1" "' '.join(map(str, (lambda it, ike: ($3,))(t['$2'], t['$2'].get('ike') or {})))"
}
of_each() {
  looked "$1" "'\n'.join(' '.join(map(str, ($2,))) for it in (t[n] for n in sorted(t)) if ${3:-True})"
}

# Longer than routes wait for their tunnel.
routes_settle() { wait_out 2500; }

# --- what moves in route tables ----------------------------------------------------------------

# watch NS, unwatch NS: moved NS has the lines of `ip monitor route` in between. The monitor is
# known to listen, and to have told all, by a change that it tells of.
watch() {
  start "$1" "monitor-$1" stdbuf -oL ip monitor route
  wait_until 10 "the monitor of $1 listens" monitor_sees "$1" 198.51.100.0
}
unwatch() {
  wait_until 10 "the monitor of $1 has told all" monitor_sees "$1" 198.51.101.0
  stop "monitor-$1"
}
monitor_sees() {
  quietly_in_ns "$1" ip route add "$2/24" dev lo 2>/dev/null || true
  quietly_in_ns "$1" ip route del "$2/24" dev lo 2>/dev/null || true
  log_says "monitor-$1" "$2"
}
moved() { grep -vE '198\.51\.10[01]\.0/24' "$scratch/monitor-$1.log" || true; }

# --- counted flows -----------------------------------------------------------------------------

readonly flow_program=$repository/tests/netns/flow.py

# flow_between NAME SECONDS SIZE PAIR...: $flow_rate datagrams a second between the addresses of each
# pair, "LEFT,RIGHT", from either side. They are most of what a guest has to do.
flow_rate=50
flow_between() {
  local name=$1 seconds=$2 size=$3 pair side reversed=()
  shift 3
  for pair; do reversed+=("${pair#*,},${pair%,*}"); done
  # Of an earlier one of this name: who is first would send before the other listens.
  rm -f "$scratch/$name.go"
  local flow=(python3 "$flow_program" "$scratch/$name.go" "$seconds" "$size" "$flow_rate")
  start host-left "$name-left" "${flow[@]}" "$@"
  start host-right "$name-right" "${flow[@]}" "${reversed[@]}"
  for side in left right; do
    wait_until 20 "$name-$side is ready" log_says "$name-$side" ready
  done
  : >"$scratch/$name.go"
}

# flow_ends NAME: sooner than it would, which is for what may take long.
flow_ends() {
  is_running "$1-left" || fail "$1 has ended by itself already"
  rm "$scratch/$1.go"
}

# What each kernel says of packets that came to nothing.
where_packets_went() {
  local namespace
  for namespace in host-left gw-left gw-right host-right; do
    printf -- '--- %s: ' "$namespace" >&2
    quietly_in_ns "$namespace" cat /proc/net/xfrm_stat /proc/net/netstat /proc/net/snmp 2>/dev/null |
      awk '$1 ~ /^Xfrm/ { if ($2 > 0) printf "%s %s, ", $1, $2; next }
        $1 != head { head = $1; split($0, names); next }
        { for (i = 2; i <= NF; i++) if (names[i] ~ /(Errors|Discards|Drop|Fails|NoPorts|NoRoutes)$/ && $i > 0)
            printf "%s%s %s, ", $1, names[i], $i }' >&2
    quietly_in_ns "$namespace" cat /proc/net/dev |
      awk 'NR > 2 && ($5 > 0 || $13 > 0) { printf "%s dropped %s in, %s out", $1, $5, $13 }' >&2
    echo >&2
  done
}

# none_lost NAME LEAST: of each pair so many at least were sent, and all of them came; some at least, of
# those with the address $may_lose.
none_lost() {
  local side pair sent received missing total=0 lost=()
  local -A came=() gaps=()
  for side in left right; do
    wait_until 120 "$1-$side ends" has_ended "${processes[$1-$side]}"
    unset "processes[$1-$side]"
  done
  while read -r pair sent received missing; do
    came[${pair#*,},${pair%,*}]=$received gaps[${pair#*,},${pair%,*}]=$missing
  done < <(grep -h , "$scratch/$1-left.log" "$scratch/$1-right.log")
  while read -r pair sent received missing; do
    [ "$sent" -ge "$2" ] || fail "$1: only $sent datagrams of $pair were sent"
    if [[ ,$pair, = *",${may_lose:-none},"* ]]; then
      [ "${came[$pair]:-0}" -gt 0 ] || fail "$1: of $sent datagrams of $pair none came"
      printf 'ok %s: %s of %s datagrams of %s came\n' "$1" "${came[$pair]}" "$sent" "$pair" >&2
      continue
    fi
    [ "$sent" = "${came[$pair]:-}" ] ||
      lost+=("of $sent datagrams of $pair came ${came[$pair]:-}, not ${gaps[$pair]:-}")
    total=$((total + sent))
  done < <(grep -h , "$scratch/$1-left.log" "$scratch/$1-right.log")
  if [ "${#lost[@]}" -gt 0 ]; then
    where_packets_went
    printf '   %s\n' "${lost[@]}" >&2
    fail "$1: ${lost[0]}"
  fi
  [ "$total" -gt 0 ] || fail "$1 sent nothing: $(<"$scratch/$1-left.log")"
  printf 'ok %s: %s datagrams, none lost\n' "$1" "$total" >&2
}
