#!/usr/bin/env bash
# Goal: a daemon that dies is started again by its keeper, soon at first and later if it dies again;
# meanwhile the kernel takes ESP out of UDP, and nobody else gets the directory. Signals reach the
# daemon, an end leaves no process. An upgrade changes the program and neither process id nor sockets,
# and one that would not do is refused.
# Method: an SA with encapsulation set by hand, whose packets the kernel counts only while the socket
# is open; the program is a copy, which is replaced by others.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly hand_made=0x1001
program=$scratch/program/ipsecd

main() {
  topology_two_gateways
  an_sa_by_hand
  mkdir "$scratch/program"
  strip -o "$program" "$(command -v ipsecd)"
  a_first_start_that_fails_is_the_end
  keeper_starts
  it_comes_back
  packets_pass_while_it_is_dead
  it_backs_off
  a_signal_to_reload_is_handed_on
  an_upgrade_keeps_the_sockets
  what_would_not_do_is_refused
  an_end_leaves_no_process
  a_daemon_outlives_its_keeper
  alone_it_cannot_be_upgraded
}

# --- what they need ----------------------------------------------------------------------------

# From host-right to host-left, with the counters of gw-left; the answers come in clear.
an_sa_by_hand() {
  local sa="src 203.0.113.2 dst 203.0.113.1 proto esp"
  local ranges="src 192.168.3.0/24 dst 192.168.1.0/24"
  local template="tmpl $sa reqid 7 mode tunnel" namespace direction
  for namespace in gw-left gw-right; do
    ip_lines "$namespace" <<END
xfrm state add $sa spi $hand_made reqid 7 mode tunnel aead rfc4106(gcm(aes)) 0x$(printf '%040x' 7) 128 encap espinudp 4500 4500 0.0.0.0
END
  done
  ip_lines gw-right <<<"xfrm policy add $ranges dir out $template"
  for direction in in fwd; do
    ip_lines gw-left <<<"xfrm policy add $ranges dir $direction $template"
  done
}

# carried COUNT: so many of five pings come out of UDP at gw-left.
carried() {
  local before
  before=$(sa_packets gw-left $hand_made)
  quietly_in_ns host-right ping -q -c 5 -i 0.05 -W 1 192.168.1.10 >&2 || true
  expect_eq $(($(sa_packets gw-left $hand_made) - before)) "$1" "packets out of UDP"
}

keeper_starts() {
  local directories=$scratch/gw-left
  mkdir -p "$directories/conf.d"
  : >"$directories/ipsecd.toml"
  start gw-left ipsecd-gw-left "$program" --config "$directories/ipsecd.toml" \
    --run-dir "$directories/run" --state-dir "$directories/state" --conf-dir "$directories/conf.d" "$@"
  wait_until 20 "it is ready" log_says ipsecd-gw-left event=ready
  keeper=${processes[ipsecd-gw-left]}
}

# Address, port and inode of each.
udp_sockets() {
  quietly_in_ns gw-left cat /proc/net/udp /proc/net/udp6 |
    awk '$2 ~ /:(01F4|1194)$/ { print $2, $10 }' | sort
}

pid_in_file() { cat "$scratch/gw-left/run/ipsecd.pid"; }
has_another_daemon() {
  local now
  now=$(daemon_of ipsecd-gw-left)
  [ -n "$now" ] && [ "$now" != "$1" ] && ctl_quietly version
}
ctl_quietly() { quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" "$@"; }
says() { log_says ipsecd-gw-left "$1" || fail "the log does not say: $1"; }

killed() {
  local daemon
  daemon=$(daemon_of ipsecd-gw-left)
  kill -KILL "$daemon"
  wait_until 20 "another daemon answers" has_another_daemon "$daemon"
}

# fails STATUS WORDS COMMAND...: with one line that has the words.
fails() {
  local status=0 told expected=$1 wanted=$2
  shift 2
  told=$(quietly_in_ns gw-left "$@" 2>&1) || status=$?
  printf '   %s\n' "$told" >&2
  expect_eq "$status" "$expected" "status"
  [[ $told = *"$wanted"* ]] || fail "expected '$wanted'"
  expect_eq "$(wc -l <<<"$told")" 1 "lines"
}

# --- the scenario ------------------------------------------------------------------------------

a_first_start_that_fails_is_the_end() {
  say "a start that fails"
  fails 1 "/nowhere: cannot be read" "$program" --config /nowhere --run-dir "$scratch/run"
  expect_empty "processes" ip netns pids "gw-left-$$"
}

it_comes_back() {
  say "kill -9"
  local sockets
  sockets=$(udp_sockets)
  [ -n "$sockets" ] || fail "no sockets"
  expect_eq "$(pid_in_file)" "$keeper" "the process id for scripts"
  carried 5
  killed
  says "ipsecd died by SIGKILL; it is started again at once"
  wait_until 5 "the daemon tells what befell the one before" log_says ipsecd-gw-left \
    "the ipsecd before this one died by SIGKILL"
  expect_eq "$(udp_sockets)" "$sockets" "sockets"
  expect_eq "$(pid_in_file)" "$keeper" "the process id for scripts"
  ctl gw-left status >&2
  carried 5
}

packets_pass_while_it_is_dead() {
  say "a daemon that is dead"
  local daemon
  daemon=$(daemon_of ipsecd-gw-left)
  kill -STOP "$keeper"
  kill -KILL "$daemon"
  wait_until 5 "it is dead" has_ended "$daemon"
  carried 5
  fails 1 "another ipsecd, process $keeper, runs on it" ipsecd --run-dir "$scratch/gw-left/run" \
    --state-dir "$scratch/other"
  kill -CONT "$keeper"
  wait_until 20 "another daemon answers" has_another_daemon "$daemon"
  says "it is started again in 100 ms"
}

it_backs_off() {
  say "it dies again and again"
  local ms
  for ms in 200 400 800; do
    killed
    says "it is started again in $ms ms"
  done
}

a_signal_to_reload_is_handed_on() {
  say "SIGHUP"
  declare_site gw-left 1 9 1 2 'start = "respond"'
  kill -HUP "$keeper"
  wait_until 10 "the tunnel is there" has_tunnel
}
has_tunnel() { [[ $(ctl_quietly tunnel list) = *to-other* ]]; }

# --- upgrades ----------------------------------------------------------------------------------

# Another version in the same place, as a package puts it there.
put_program() { mv "$1" "$program"; }

an_upgrade_keeps_the_sockets() {
  say "an upgrade"
  local sockets daemon version newer
  version=$("$program" --version)
  version=${version#ipsecd } newer=${version%?}9
  sockets=$(udp_sockets) daemon=$(daemon_of ipsecd-gw-left)
  sed "s/${version//./\\.}/$newer/g" "$program" >"$scratch/newer"
  chmod +x "$scratch/newer"
  put_program "$scratch/newer"
  expect_eq "$(ctl gw-left upgrade)" "ipsecd $newer has taken the place of $version" "what is told"
  expect_eq "$(udp_sockets)" "$sockets" "sockets"
  expect_eq "$(pid_in_file) $(<"/proc/$keeper/comm")" "$keeper ipsecd-keeper" "the keeper"
  [ "/proc/$keeper/exe" -ef "$program" ] || fail "the keeper is the old program"
  [ "$(daemon_of ipsecd-gw-left)" != "$daemon" ] || fail "it is the same daemon"
  expect_eq "$(pgrep -c -P "$keeper")" 1 "children of the keeper"
  says "ipsecd $newer is ready with 1 tunnels"
  has_tunnel || fail "the tunnel is gone"
  carried 5
  killed
  expect_eq "$(udp_sockets)" "$sockets" "sockets after a death of the new one"
}

what_would_not_do_is_refused() {
  say "upgrades that are none"
  local daemon
  daemon=$(daemon_of ipsecd-gw-left)
  mv "$program" "$scratch/good"
  echo text >"$scratch/text"
  chmod +x "$scratch/text"
  put_program "$scratch/text"
  fails 1 "$program cannot be started: Exec format error" "${upgrade[@]}"
  cp "$(type -P false)" "$scratch/false"
  put_program "$scratch/false"
  fails 1 "$program --version ended with status 1" "${upgrade[@]}"
  rm "$program"
  fails 1 "$program cannot be started: No such file" "${upgrade[@]}"
  put_program "$scratch/good"
  echo 'colour = "green"' >"$scratch/gw-left/ipsecd.toml"
  fails 1 "$program --check-config ended with status 1: ipsecd: $scratch/gw-left/ipsecd.toml:1:1: " \
    "${upgrade[@]}"
  : >"$scratch/gw-left/ipsecd.toml"
  expect_eq "$(daemon_of ipsecd-gw-left)" "$daemon" "the daemon"
}
upgrade=(ipsecctl --run-dir "$scratch/gw-left/run" upgrade)

# --- ends --------------------------------------------------------------------------------------

an_end_leaves_no_process() {
  say "SIGTERM"
  local status=0
  kill -TERM "$keeper"
  wait "$keeper" || status=$?
  unset 'processes[ipsecd-gw-left]'
  expect_eq "$status" 0 "status"
  expect_empty "processes" ip netns pids "gw-left-$$"
  [ ! -e "$scratch/gw-left/run/ipsecd.pid" ] || fail "it left its process id"
  # So the sockets it was, and nothing else.
  carried 0
}

a_daemon_outlives_its_keeper() {
  say "a keeper that is killed"
  local daemon
  keeper_starts
  daemon=$(daemon_of ipsecd-gw-left)
  kill -KILL "$keeper"
  wait "$keeper" || true
  unset 'processes[ipsecd-gw-left]'
  wait_until 5 "scripts find the daemon" stands_for_itself "$daemon"
  says "the keeper has died"
  carried 5
  fails 1 "has no keeper" "${upgrade[@]}"
  kill -TERM "$daemon"
  wait_until 5 "it ends" has_ended "$daemon"
  expect_empty "processes" ip netns pids "gw-left-$$"
  [ ! -e "$scratch/gw-left/run/ipsecd.pid" ] || fail "it left its process id"
}
stands_for_itself() { [ "$(pid_in_file)" = "$1" ]; }

alone_it_cannot_be_upgraded() {
  say "--no-keeper"
  keeper_starts --no-keeper
  expect_eq "$(<"/proc/$keeper/comm")" ipsecd "what was started"
  expect_eq "$(pid_in_file)" "$keeper" "the process id for scripts"
  fails 1 "has no keeper" "${upgrade[@]}"
  stop ipsecd-gw-left
}

main "$@"
