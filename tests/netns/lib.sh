# shellcheck shell=bash
# What the scenarios in this directory share. A scenario sources this file first; from then on it
# is on a kernel with ESP, any command that fails ends it, and what it made is removed at its end.
#
#   in_ns NS CMD...            run CMD in a namespace, printing it first
#   start NS NAME CMD...       the same in the background; NAME.log is its output; stop NAME
#   daemon_of NAME             the daemon proper, where NAME is an ipsecd: that is its keeper
#   wait_until S WHAT CMD...   poll until CMD succeeds, fail after S seconds, twice as many beside other
#                              scenarios. Never wait by sleeping
#   wait_out MS                so long, where nothing may happen
#   make_disk DIRECTORY KIB    a disk of its own there, to be filled or made read-only
#   expect_*, fail, skip       checks; a failed one prints where and the state of all namespaces
#   capture_start, _stop       packets on a link, complete and without loss
#   topology_two_gateways      the four namespaces that most scenarios use
#
# Namespaces are called by short names here and carry the process id outside, so that scenarios
# can run side by side: gw-left is gw-left-$$ for `ip netns`.
#
# Starting a program costs 50 to 100 ms in user-mode Linux. What runs often here does without.
# A scenario with daemons and the driver sources it twice.
[ -z "${ROUTE_PROTO:-}" ] || return 0
set -euEo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${IPSEC_KERNEL:-}" ]; then
  read -ra kernel < <(sed -n 's/^# kernel: /--kernel /p' "$0") || true
  exec "$repository/scripts/in-kernel" ${kernel[@]+"${kernel[@]}"} "$0" "$@"
fi

# ipsecd and ipsecctl, once they are built.
PATH=${IPSECD_BUILD_DIR:-$repository/build/release}:$PATH

# enter NAMESPACE CMD..., the namespace by its full name, for what does not look at /sys. Where the tests are
# not built, the demonstration and plain scenarios do with what is there.
enter=(ip netns exec)
if [ -x "${PATH%%:*}/tests/support/in_netns" ]; then enter=("${PATH%%:*}/tests/support/in_netns"); fi

# The protocol number our routes carry, see `ip route ... proto`.
readonly ROUTE_PROTO=113
readonly SKIPPED=77
# Between two looks at something: at first that, then a tenth of the time that has passed, at most this;
# but always twice as long as a look takes.
readonly poll_at_first_us=50000 poll_at_most_us=200000

# How much longer than alone things may take, see scenarios.sh. What must be fast is measured.
readonly patience_times=${IPSECD_PATIENCE:-1}

# Where failures are told, whatever a check has done to its own standard error.
exec {narration}>&2
# Nothing is ever written to it, so that one can wait on it.
exec {silence}<> <(:)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/netns.XXXXXX")
namespaces=() disks=()
declare -A processes=()
trap 'on_exit $?' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'report_error $? "$BASH_COMMAND"' ERR

# --- saying what happens -----------------------------------------------------------------------

# Everything that narrates goes to stderr: stdout belongs to the commands.
say() { printf '== %s\n' "$*" >&2; }

print_command() {
  local namespace=$1 word words=()
  shift
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+()-]+$ ]] || word=${word@Q}
    words+=("$word")
  done
  print_line "$namespace" "${words[*]}"
}

# Keys stay out of logs, even those that only a test uses.
print_line() {
  local line=$2
  while [[ $line =~ 0x[0-9a-fA-F]{17,} ]]; do line=${line/"${BASH_REMATCH[0]}"/<key>}; done
  printf '[%s] %s\n' "$1" "$line" >&2
}

# --- namespaces --------------------------------------------------------------------------------

make_namespace() {
  local name
  for name in "$@"; do
    ip netns add "$name-$$"
    namespaces+=("$name")
    # Without this a new IPv6 address, even a link-local one, is held back for a second.
    "${enter[@]}" "$name-$$" sysctl -qw net.ipv6.conf.default.accept_dad=0 \
      net.ipv6.conf.default.dad_transmits=0
    ip -n "$name-$$" link set lo up
  done
}

in_ns() {
  local namespace=$1
  shift
  print_command "$namespace" "$@"
  quietly_in_ns "$namespace" "$@"
}

# What saves starting a second program: `ip` can enter a namespace by itself, and ipsecctl finds its
# daemon by a path, which is the same in all of them.
quietly_in_ns() {
  local namespace=$1-$$
  shift
  case $1 in
    ip) shift; ip -n "$namespace" "$@" ;;
    ipsecctl) "$@" ;;
    *) "${enter[@]}" "$namespace" "$@" ;;
  esac
}

# ip_lines NS: many `ip` commands, one a line on standard input, in one process.
ip_lines() {
  local line lines
  mapfile -t lines
  for line in "${lines[@]}"; do print_line "$1" "ip $line"; done
  printf '%s\n' "${lines[@]}" | ip -n "$1-$$" -batch -
}

# link NS DEVICE NS DEVICE: two namespaces joined by a virtual cable.
link() {
  ip link add "$2" netns "$1-$$" type veth peer name "$4" netns "$3-$$"
}

# --- disks -------------------------------------------------------------------------------------

make_disk() {
  mkdir -p "$1"
  mount -t tmpfs -o "mode=700,size=$2k" tmpfs "$1"
  disks+=("$1")
}

# --- processes ---------------------------------------------------------------------------------

start() {
  local namespace=$1 name=$2
  shift 2
  print_command "$namespace" "$@"
  : >"$scratch/$name.log"
  # A daemon looks at the devices in /sys, which `ip netns exec` mounts for it.
  ip netns exec "$namespace-$$" "$@" </dev/null >"$scratch/$name.log" 2>&1 {narration}>&- {silence}>&- &
  processes[$name]=$!
}

# The keeper's child, the oldest: a trial of a program may be another.
daemon_of() { pgrep -o -P "${processes[$1]}"; }

is_running() { kill -0 "${processes[$1]}" 2>/dev/null; }

# stop NAME [SIGNAL]: waits for the end, and gives up waiting after 10 s.
stop() {
  local name=$1 signal=${2:-TERM} pid=${processes[$1]}
  kill -s "$signal" "$pid" 2>/dev/null || true
  if ! poll 10 has_ended "$pid"; then
    kill -KILL "$pid" 2>/dev/null || true
    unset "processes[$name]"
    fail "$name did not end within 10 s of SIG$signal"
  fi
  wait "$pid" 2>/dev/null || true
  unset "processes[$name]"
}

# A zombie has ended: only we can reap it.
has_ended() {
  local key value
  while read -r key value; do
    [ "$key" != State: ] || { [[ $value = Z* ]]; return; }
  done 2>/dev/null <"/proc/$1/status"
  return 0
}

log_says() { [[ $(<"$scratch/$1.log") = *"$2"* ]]; }

# --- waiting -----------------------------------------------------------------------------------

wait_until() {
  local limit_s=$1 description=$2
  shift 2
  printf '.. until %s\n' "$description" >&2
  poll "$limit_s" "$@" ||
    fail "not within $((limit_s * patience_times)) s: $description (last: $(<"$scratch/poll"))"
}

# wait_out MS: for what must not happen, or not sooner.
wait_out() {
  printf '.. until %s ms are over\n' "$1" >&2
  pause_us $(($1 * 1000))
}

poll() {
  local begun_us=${EPOCHREALTIME/./} limit_us=$(($1 * patience_times * 1000000))
  local look_us passed_us next_us
  shift
  while true; do
    look_us=${EPOCHREALTIME/./}
    if "$@" >"$scratch/poll" 2>&1; then return 0; fi
    passed_us=$((${EPOCHREALTIME/./} - begun_us)) look_us=$((${EPOCHREALTIME/./} - look_us))
    [ "$passed_us" -lt "$limit_us" ] || return 1
    next_us=$((passed_us / 10))
    ((next_us > poll_at_first_us)) || next_us=$poll_at_first_us
    ((next_us < poll_at_most_us)) || next_us=$poll_at_most_us
    # Looking takes the processor from what is waited for, and from other guests: a third at most.
    ((next_us > 2 * look_us)) || next_us=$((2 * look_us))
    pause_us "$next_us"
  done
}

# Without a program, of which each takes as long to start as a short pause lasts.
pause_us() {
  local s
  printf -v s '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000))
  read -rt "$s" -u "$silence" || true
}

# --- checks ------------------------------------------------------------------------------------

fail() {
  printf '\nFAIL %s: %s\n' "$(caller_outside_library)" "$*" >&"$narration"
  failed=reported
  exit 1
}

skip() {
  printf 'skip: %s\n' "$*" >&2
  exit "$SKIPPED"
}

expect_eq() {
  local actual=$1 expected=$2 what=$3
  [ "$actual" = "$expected" ] || fail "$what: expected '$expected', found '$actual'"
  printf 'ok %s = %s\n' "$what" "$actual" >&2
}

# expect_empty WHAT CMD...: CMD succeeds and has nothing to say.
expect_empty() {
  local what=$1 output
  shift
  output=$("$@")
  [ -z "$output" ] || fail "there are $what:"$'\n'"$output"
  printf 'ok no %s\n' "$what" >&2
}

expect_fails() {
  local status=0
  "$@" || status=$?
  [ "$status" != 0 ] || fail "succeeded and should not have: $*"
}

caller_outside_library() {
  local i
  for i in "${!BASH_SOURCE[@]}"; do
    case ${BASH_SOURCE[$i]##*/} in lib.sh | driver.sh | route_driver.sh) continue ;; esac
    echo "${BASH_SOURCE[$i]##*/}:${BASH_LINENO[$((i - 1))]}"
    return
  done
  echo "lib.sh"
}

# A command that fails outside any check: say which and where, the trap at the end does the rest.
report_error() {
  [ -z "${failed:-}" ] || return 0
  [ "$BASH_SUBSHELL" = 0 ] || return 0
  failed=reported
  printf '\nFAIL %s: status %s from: %s\n' "$(caller_outside_library)" "$1" "$2" >&"$narration"
}

# --- security associations ---------------------------------------------------------------------

# expect_sa NS SPI PACKETS BYTES: what the SA has carried, exactly.
expect_sa() { expect_eq "$(sa_counters "$1" "$2")" "$3 $4" "packets and bytes of SA $2 at $1"; }

# sa_counters NS SPI: "PACKETS BYTES" that the SA has carried. Exactly one SA must have the SPI.
sa_counters() {
  local spi
  printf -v spi '0x%08x(' "$2"
  quietly_in_ns "$1" ip -s xfrm state list nokeys | awk -v spi="$spi" '
    $1 == "proto"       { ours = index($4, spi) == 1; found += ours }
    /lifetime current:/ { current = ours; next }
    current             { split($1, bytes, "("); split($2, packets, "("); current = 0
                          result = packets[1] " " bytes[1] }
    END { if (found != 1) { print found + 0 " SAs with SPI " spi >"/dev/stderr"; exit 1 }
          print result }'
}

sa_packets() { local counters; counters=$(sa_counters "$@"); echo "${counters% *}"; }
sa_bytes() { local counters; counters=$(sa_counters "$@"); echo "${counters#* }"; }

# Stop what you started there first: a process that still runs in the namespace counts as left.
expect_nothing_left() {
  local namespace
  for namespace in "$@"; do
    expect_empty "SAs in $namespace" quietly_in_ns "$namespace" ip xfrm state list nokeys
    expect_empty "policies in $namespace" quietly_in_ns "$namespace" ip xfrm policy list nosock
    expect_empty "our routes in $namespace" \
      quietly_in_ns "$namespace" ip route show table all proto "$ROUTE_PROTO"
    expect_empty "our IPv6 routes in $namespace" \
      quietly_in_ns "$namespace" ip -6 route show table all proto "$ROUTE_PROTO"
    expect_empty "processes in $namespace" ip netns pids "$namespace-$$"
  done
}

# --- captures ----------------------------------------------------------------------------------

# KiB of the kernel's ring. Without --immediate-mode a packet takes there what it is long; with it,
# on a link that offloads, 256 KiB, so that eight fill the usual ring while tcpdump waits for its
# turn on a busy machine.
readonly capture_ring_kib=16384

# capture_start NS DEVICE [NAME [FILTER]]: returns when packets are really being taken.
capture_start() {
  local name=${3:-capture} filter=${4:-}
  start "$1" "$name" tcpdump -i "$2" -n -U -B "$capture_ring_kib" -Z root \
    -w "$scratch/$name.pcap" ${filter:+"$filter"}
  wait_until 10 "$name is live" log_says "$name" 'listening on'
  capture_counts_apart "$name" "$filter"
}

# Between its binding and its filter a socket takes whatever passes. That counts as received too,
# and none of it that the filter refuses is ever written.
declare -A never_written=()
capture_counts_apart() {
  local asked captured received dropped
  never_written[$1]=0
  [ -n "$2" ] || return 0
  local least=''
  # What is on its way to the file when it is asked is written a moment later: the least counts.
  for _ in 1 2 3; do
    wait_until 10 "$1 tells its statistics" tells_statistics "$1"
    if [ -z "$least" ] || [ $((received - captured)) -lt "$least" ]; then
      least=$((received - captured))
    fi
  done
  never_written[$1]=$least
}

# What tcpdump has received but not written would be missing, so it is asked until both agree.
# Packets for which there was no room count as received and are never written: that is told at once.
capture_stop() {
  local name=${1:-capture}
  wait_until 10 "$name has written all" capture_is_complete "$name"
  stop "$name" INT
  log_says "$name" $'\n0 packets dropped by kernel' ||
    fail "the kernel dropped packets of $name at the very end"
}

capture_is_complete() {
  local captured received dropped asked
  tells_statistics "$1" || return 1
  [ "$dropped" = 0 ] || fail "the kernel dropped $dropped packets of $1, for which its ring of" \
    "$capture_ring_kib KiB had no room"
  received=$((received - never_written[$1]))
  echo "$captured of $received packets"
  [ "$captured" = "$received" ]
}

# Asks tcpdump, and sets what `read_statistics` does.
tells_statistics() {
  local asked_before
  read_statistics "$1"
  asked_before=$asked
  kill -USR1 "${processes[$1]}"
  poll 2 has_answered "$1" "$asked_before"
}

has_answered() {
  read_statistics "$1"
  [ "$asked" -gt "$2" ]
}

# Sets `asked`, how often tcpdump has told its statistics, and the newest `captured`, `received` and
# `dropped`.
read_statistics() {
  local line some='([0-9]+) packets?'
  local pattern="$some captured, $some received by filter, $some dropped by kernel"
  asked=0
  while read -r line; do
    [[ $line =~ $pattern ]] || continue
    asked=$((asked + 1))
    captured=${BASH_REMATCH[1]} received=${BASH_REMATCH[2]} dropped=${BASH_REMATCH[3]}
  done <"$scratch/$1.log"
}

# packets CAPTURE FILTER...: how many match.
packets() {
  local capture=$1
  shift
  tcpdump -n -r "$scratch/$capture.pcap" "$@" 2>/dev/null | wc -l
}

# What may be on the wire between two gateways: ESP and AH, IKE with ESP in UDP, and what finds
# neighbours. (MLD comes behind a hop-by-hop header, protocol 0.)
readonly wire_traffic='esp or ah or udp port 500 or udp port 4500 or arp
  or (icmp6 and ip6[40] >= 133 and ip6[40] <= 137) or ip6 proto 0'

# expect_no_clear_text CAPTURE ADDRESS...: none of the inside addresses or networks is seen, and
# nothing is on the wire that is neither protected nor there to find neighbours.
expect_no_clear_text() {
  local capture=$1 address filter="not ($wire_traffic)" clear
  shift
  for address in "$@"; do
    case $address in
      */*) filter+=" or net $address" ;;
      *) filter+=" or host $address" ;;
    esac
  done
  clear=$(tcpdump -n -r "$scratch/$capture.pcap" -c 10 "$filter" 2>/dev/null)
  [ -z "$clear" ] || fail "in clear in $capture:"$'\n'"$clear"
  printf 'ok nothing in clear in %s: no %s\n' "$capture" "$*" >&2
}

# Bare or in UDP, where four zero bytes would be IKE's (RFC 3948 2.2); udp[] is IPv4's only.
readonly esp_traffic='esp or (udp port 4500 and (udp[8:4] != 0 or (ip6 and ip6[48:4] != 0)))'

# expect_esp CAPTURE COUNT: exactly so many ESP packets were seen.
expect_esp() {
  expect_eq "$(packets "$1" "$esp_traffic")" "$2" \
    "ESP packets in $1"
}

expect_esp_at_least() {
  local seen
  seen=$(packets "$1" "$esp_traffic")
  [ "$seen" -ge "$2" ] || fail "ESP packets in $1: expected at least $2, found $seen"
  printf 'ok ESP packets in %s: %s, at least %s\n' "$1" "$seen" "$2" >&2
}

# --- the usual topology ------------------------------------------------------------------------

#   host-left         gw-left              wire             gw-right        host-right
#   eth0 ------------ lan  wan ----- left (bridge) right ----- wan  lan ----------- eth0
#   192.168.1.10      .1.1  203.0.113.1           203.0.113.2  .3.1         192.168.3.10
#   2001:db8:1::10    1::1  2001:db8:f::1       2001:db8:f::2  3::1       2001:db8:3::10
#
# The gateways route everything else to each other: without protection the hosts reach each other
# in clear, which is what makes a capture without clear text worth something.
#
# Capture in `wire`, never in a gateway: after taking a packet out of a tunnel the kernel receives
# it once more from the same device, so that a capture there shows clear text no wire ever saw.
# It is also the place for delay, loss and cut cables.
topology_two_gateways() {
  say "topology: host-left - gw-left - wire - gw-right - host-right"
  make_namespace host-left gw-left wire gw-right host-right
  link host-left eth0 gw-left lan
  link gw-left wan wire left
  link wire right gw-right wan
  link gw-right lan host-right eth0
  make_wire
  make_host host-left 1
  make_host host-right 3
  make_gateway gw-left 1 1 2
  make_gateway gw-right 3 2 1
}

# A bridge without a spanning tree and without addresses: it says nothing itself.
make_wire() {
  "${enter[@]}" "wire-$$" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  ip_lines wire <<END
link add bridge type bridge stp_state 0 mcast_snooping 0
link set left master bridge
link set right master bridge
link set left up
link set right up
link set bridge up
END
}

# make_host NS SUBNET
make_host() {
  ip_lines "$1" <<END
address add 192.168.$2.10/24 dev eth0
address add 2001:db8:$2::10/64 dev eth0 nodad
link set eth0 up
route add default via 192.168.$2.1
route add default via 2001:db8:$2::1
END
}

# make_gateway NS SUBNET OWN PEER: the last two are the ends of the outside addresses.
make_gateway() {
  "${enter[@]}" "$1-$$" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  ip_lines "$1" <<END
address add 192.168.$2.1/24 dev lan
address add 2001:db8:$2::1/64 dev lan nodad
address add 203.0.113.$3/24 dev wan
address add 2001:db8:f::$3/64 dev wan nodad
link set lan up
link set wan up
route add default via 203.0.113.$4
route add default via 2001:db8:f::$4
END
}

# --- the end -----------------------------------------------------------------------------------

on_exit() {
  local status=$1
  trap - ERR
  trap '' TERM INT
  set +e
  exec 2>&"$narration"
  if [ "$status" != 0 ] && [ "$status" != "$SKIPPED" ]; then
    dump_everything
    keep_logs
  fi
  remove_everything
  exit "$status"
}

dump_everything() {
  local namespace name
  for namespace in "${namespaces[@]}"; do
    printf '\n--- %s: addresses, SAs, policies, routes\n' "$namespace" >&2
    quietly_in_ns "$namespace" ip -brief address >&2
    quietly_in_ns "$namespace" ip -s xfrm state list nokeys >&2
    quietly_in_ns "$namespace" ip xfrm policy list nosock >&2
    quietly_in_ns "$namespace" ip route show table all type unicast >&2
  done
  for name in "$scratch"/*.log; do
    [ ! -s "$name" ] || { printf '\n--- %s, its end\n' "${name##*/}" && tail -n 40 "$name"; } >&2
  done
  for name in "${!processes[@]}"; do
    printf '\n--- %s, where its threads are\n' "$name" >&2
    # One may end meanwhile.
    describe_threads "${processes[$name]}" >&2 2>/dev/null
    [[ $name != ipsecd-* ]] || describe_threads "$(daemon_of "$name")" >&2 2>/dev/null
  done
  printf '\n--- %s up, load %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$(</proc/loadavg)" >&2
}

# Whole; what is dumped is their end.
keep_logs() {
  local kept=${0%_test.sh} suite=${0%/*}
  kept=$repository/build/test-logs/${suite##*/}/${kept##*/}
  rm -rf "$kept"
  mkdir -p "$kept" && cp "$scratch"/*.log "$kept" && printf '\n--- all logs: %s\n' "$kept" >&2
}

# What each waits for in the kernel, and the ticks it has run.
describe_threads() {
  local thread
  for thread in "/proc/$1/task"/*; do
    printf '%s %s in %s, ' "$(<"$thread/comm")" "$(awk '$1 == "State:" { print $2, $3 }' \
      "$thread/status")" "$(<"$thread/wchan")"
    awk '{ print "user", $(NF - 38), "system", $(NF - 37) }' "$thread/stat"
    cat "$thread/stack"
  done
}

remove_everything() {
  local pid namespace disk
  for pid in "${processes[@]}"; do kill -KILL "$pid" 2>/dev/null; done
  for pid in "${processes[@]}"; do wait "$pid" 2>/dev/null; done
  for namespace in "${namespaces[@]}"; do
    # A daemon goes on without its keeper.
    for pid in $(ip netns pids "$namespace-$$"); do kill -KILL "$pid" 2>/dev/null; done
    ip netns delete "$namespace-$$"
  done
  for disk in "${disks[@]}"; do umount "$disk" || umount -l "$disk"; done
  rm -rf "$scratch"
}
