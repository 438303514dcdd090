#!/usr/bin/env bash
# Goal: bad surroundings and bad input. Each is told in one clear line with the right exit status, and
# nothing that was configured is lost: after every one the gateway has, to the last byte, what it had.
# Method: a gateway with a tunnel to a peer that answers. Its state lies on a small disk that is filled,
# made read-only and overwritten; ports are taken; files are broken.
#
#   gw (203.0.113.1) ===== peer (203.0.113.2)        other: another machine with an ipsecd of its own
#
# time limit: 300
#
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  make_namespace gw peer other
  link gw wan peer wan
  address gw 1
  address peer 2
  make_disk "$scratch/gw/state" 768
  a_site_is_declared
  a_second_daemon
  a_busy_port
  a_read_only_disk
  a_corrupt_store
  a_store_of_a_newer_form
  a_corrupt_journal
  a_journal_of_a_newer_form
  a_full_disk
  broken_files
  broken_settings
  unknown_words
  stop_gateway
}

address() {
  ip_lines "$1" <<END
address add 203.0.113.$2/24 dev wan
link set wan up
END
}

readonly no_room="database or disk is full; make room and try again"

# --- what all of them use ----------------------------------------------------------------------

gw_run=$scratch/gw/run gw_state=$scratch/gw/state

stop_gateway() { stop ipsecd-gw; }
ctl_q() { quietly_in_ns gw ipsecctl --run-dir "$gw_run" "$@"; }

a_site_is_declared() {
  say "a site"
  declare_site peer 3 1 2 1 'start = "respond"'
  gateway_start peer
  declare_site gw 1 3 1 2
  gateway_start gw
  rm "$scratch/gw/conf.d/site.toml"
  ctl_q dump --show-secrets >"$scratch/whole"
  grep -q 'psk = "a-key-for-tests-only"' "$scratch/whole" || fail "the dump: $(<"$scratch/whole")"
  policies >"$scratch/policies"
  expect_eq "$(wc -l <"$scratch/policies")" 3 "policies"
  wait_until 20 "the tunnel is up" log_says ipsecd-gw event=connected
}

# What is protected, be it by a child or by its trap.
policies() {
  quietly_in_ns gw ip xfrm policy list nosock |
    awk '$1 == "src" { pair = $2 " " $4 } $1 == "dir" { print pair, $2 }' | sort -u
}

# What the daemon has, and what the kernel has of it.
nothing_is_lost() {
  ctl_q dump --show-secrets >"$scratch/now"
  diff "$scratch/whole" "$scratch/now" >&2 || fail "what is configured changed"
  policies | diff "$scratch/policies" - >&2 || fail "the kernel's policies changed"
  printf 'ok nothing is lost\n' >&2
}

# refuses STATUS WORDS NS COMMAND...: it ends with the status and one line, or so many as `lines`
# says, that has the words.
refuses() {
  local expected=$1 wanted=$2 namespace=$3 status=0
  shift 3
  told=$(timeout 20 "${enter[@]}" "$namespace-$$" "$@" 2>&1 >"$scratch/stdout" </dev/null) ||
    status=$?
  printf '   %s\n' "$told" >&2
  [ "$status" = "$expected" ] || fail "status $status, not $expected, of: $*"
  [[ $told = *"$wanted"* ]] || fail "expected '$wanted'"
  [ "$(wc -l <<<"$told")" = "${lines:-1}" ] || fail "expected ${lines:-1} lines"
  [ ! -s "$scratch/stdout" ] || fail "on standard output: $(<"$scratch/stdout")"
}

# daemon_refuses NS WORDS [ARGUMENT...]: with the directories of the gateway where none are named.
daemon_refuses() {
  local namespace=$1 wanted=$2
  shift 2
  refuses 1 "$wanted" "$namespace" ipsecd --config "$scratch/gw/ipsecd.toml" \
    --conf-dir "$scratch/gw/conf.d" --run-dir "$gw_run" --state-dir "$gw_state" "$@"
}

# ctl_refuses STATUS WORDS ARGUMENT...
ctl_refuses() {
  local expected=$1 wanted=$2
  shift 2
  refuses "$expected" "$wanted" gw ipsecctl --run-dir "$gw_run" "$@"
}

# After a daemon that did not start.
leaves_no_traces() {
  local file
  for file in control.sock ipsecd.pid; do
    [ ! -e "$1/$file" ] || fail "it left $1/$file"
  done
}

overwrite() { # FILE OFFSET BYTES: a printf format
  # shellcheck disable=SC2059  # the bytes are written as escapes
  printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

garbage() { head -c "$1" /dev/zero | tr '\0' x; }

# --- the surroundings --------------------------------------------------------------------------

a_second_daemon() {
  say "a second daemon"
  local pid=${processes[ipsecd-gw]}
  daemon_refuses gw "another ipsecd, process $pid, runs on it; stop that one" \
    --state-dir "$scratch/other-state"
  expect_eq "$(<"$gw_run/ipsecd.pid")" "$pid" "the first one's process id"
  nothing_is_lost
  say "a second daemon on the same state"
  daemon_refuses other "$gw_state/ipsecd.db: cannot use it: database is locked; another daemon" \
    --run-dir "$scratch/other-run"
  leaves_no_traces "$scratch/other-run"
  nothing_is_lost
}

a_busy_port() {
  local port
  for port in 500 4500; do
    say "somebody listens on UDP port $port"
    start other "socket-$port" python3 -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', $port))
print('bound', flush=True)
time.sleep(600)"
    wait_until 10 "the port is taken" log_says "socket-$port" bound
    daemon_refuses other "UDP 0.0.0.0:$port: cannot listen there: Address already in use; another \
program has it: stop that one (ss -ulpn)" \
      --run-dir "$scratch/other-run" --state-dir "$scratch/other-state"
    leaves_no_traces "$scratch/other-run"
    stop "socket-$port"
  done
  nothing_is_lost
}

a_read_only_disk() {
  say "a read-only state directory"
  stop_gateway
  mount -o remount,ro "$gw_state"
  daemon_refuses gw "$gw_state/ipsecd.db: cannot open it: Read-only file system; the directory and \
the file must be writable by the daemon's user"
  leaves_no_traces "$gw_run"
  say "a read-only run directory"
  daemon_refuses gw "$gw_state/ipsecd.lock: cannot be opened: Read-only file system; name another directory with \
--run-dir" --run-dir "$gw_state"
  say "directories that cannot be made"
  daemon_refuses gw "cannot be made: Read-only file system; name another with --state-dir" \
    --state-dir "$gw_state/deeper"
  daemon_refuses gw "cannot be made: Read-only file system; name another with --run-dir" \
    --run-dir "$gw_state/deeper"
  mount -o remount,rw "$gw_state"
  gateway_start gw
  nothing_is_lost
}

# --- the store ---------------------------------------------------------------------------------

a_corrupt_store() {
  stop_gateway
  local db=$gw_state/ipsecd.db pages
  cp "$db" "$scratch/good.db"
  pages=$(($(stat -c %s "$db") / 4096))
  say "a store without its header"
  overwrite "$db" 0 "$(garbage 100)"
  store_is_refused "file is not a database; keep it for salvage, put back a copy, or move it away"
  say "a store with overwritten pages"
  garbage $(((pages - 2) * 4096)) | dd of="$db" bs=4096 seek=2 conv=notrunc status=none
  store_is_refused "database disk image is malformed; keep it for salvage"
  say "a store cut short"
  truncate -s 9000 "$db"
  store_is_refused "database disk image is malformed; keep it for salvage"
  say "a store with a value that none may have"
  python3 - "$db" <<'END'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    assert db.execute("UPDATE field SET value = '203.0.113.2x' WHERE name = 'address'").rowcount
END
  store_is_refused "mend it or put back a copy"
  gateway_start gw
  nothing_is_lost
}

# The daemon does not start and does not touch it; then it is put back.
store_is_refused() {
  local db=$gw_state/ipsecd.db
  cp "$db" "$scratch/bad.db"
  daemon_refuses gw "$1"
  [[ $told = "ipsecd: $db: "* ]] || fail "it does not name the file first"
  leaves_no_traces "$gw_run"
  cmp "$scratch/bad.db" "$db" >&2 || fail "it touched the file"
  rm -f "$db"*
  cp "$scratch/good.db" "$db"
}

a_store_of_a_newer_form() {
  say "a store of a newer form"
  stop_gateway
  overwrite "$gw_state/ipsecd.db" 60 '\0\0\0\7'
  store_is_refused "is newer than this daemon's 2; install the newer version, or use \
another --state-dir"
  gateway_start gw
  nothing_is_lost
}

# --- the log of connections --------------------------------------------------------------------

a_corrupt_journal() {
  say "a corrupt journal"
  wait_until 20 "there are events" has_events
  stop_gateway
  overwrite "$gw_state/journal.db" 0 "$(garbage 100)"
  cp "$gw_state/journal.db" "$scratch/broken"
  gateway_start gw
  log_says ipsecd-gw "warning: the log of connections $gw_state/journal.db was broken (file is not \
a database) and is begun anew; what was there is in $gw_state/journal.db.broken.1" ||
    fail "the log does not say so"
  cmp "$scratch/broken" "$gw_state/journal.db.broken.1" >&2
  nothing_is_lost
  wait_until 20 "there are events again" has_events
}

has_events() { [ "$(ctl_q -o csv events | wc -l)" -gt 1 ]; }

a_journal_of_a_newer_form() {
  say "a journal of a newer form"
  stop_gateway
  cp "$gw_state/journal.db" "$scratch/journal.db"
  overwrite "$gw_state/journal.db" 60 '\0\0\0\7'
  cp "$gw_state/journal.db" "$scratch/newer"
  gateway_start gw
  log_says ipsecd-gw "error: the log of connections is not kept until a restart: \
$gw_state/journal.db: its form 7 is newer than this daemon's 1; install the newer version" ||
    fail "the log does not say so"
  ctl_refuses 1 "$gw_state/journal.db: its form 7 is newer" events
  nothing_is_lost
  stop_gateway
  cmp "$scratch/newer" "$gw_state/journal.db" >&2 || fail "it touched the file"
  cp "$scratch/journal.db" "$gw_state/journal.db"
  gateway_start gw
  has_events || fail "the events of before are not there"
}

# --- a full disk -------------------------------------------------------------------------------

fill_disk() { expect_fails dd if=/dev/zero of="$gw_state/filler" bs=1k status=none 2>/dev/null; }
free_disk() { rm "$gw_state/filler"; }

a_full_disk() {
  say "a full disk"
  fill_disk
  ctl_refuses 1 "nothing was changed: $gw_state/ipsecd.db: cannot write it: $no_room" tunnel set to-other --remarks new
  ctl_refuses 1 "$no_room" tunnel set to-other --peer-cidrs 192.168.4.0/24
  ctl_refuses 1 "$no_room" peer create another --address 203.0.113.9
  # Besides, that it carries traffic.
  lines=4 ctl_refuses 1 "$no_room" tunnel delete to-other --yes
  nothing_is_lost
  say "events wait for the disk"
  local before after
  before=$(events)
  ctl_q tunnel reconnect to-other >&2
  wait_until 10 "the log says so" log_says ipsecd-gw "error: the log of connections cannot be \
written, which is tried again every 30 s: $gw_state/journal.db: cannot "
  nothing_is_lost
  say "a start on a full disk, after a kill"
  gateway_crash gw
  gateway_start gw
  nothing_is_lost
  ctl_refuses 1 "$no_room" tunnel set to-other --remarks new
  wait_until 20 "the log says so" log_says ipsecd-gw "the log of connections cannot be written"
  say "room again"
  free_disk
  ctl_q tunnel set to-other --remarks new
  ctl_q dump --show-secrets | diff "$scratch/whole" - >"$scratch/changes" &&
    fail "the change did not work"
  expect_eq "$(grep -c '^[<>]' "$scratch/changes")" 1 "changed lines"
  grep -q '^> remarks = "new"$' "$scratch/changes" || fail "it changed $(<"$scratch/changes")"
  ctl_q tunnel set to-other --remarks ''
  nothing_is_lost
  after=$(events)
  [ "$after" -gt "$before" ] || fail "the events that waited are not there"
  log_says ipsecd-gw "the log of connections is written again, and nothing was lost" ||
    fail "the log does not say that it is over"
  say "a full disk and no store yet"
  fill_disk
  daemon_refuses other "$gw_state/new/ipsecd.db: cannot " --run-dir "$scratch/other-run" \
    --state-dir "$gw_state/new"
  [[ $told = *"make room and try again" || $told = *"No space left on device;"* ]] ||
    fail "it does not say what to do"
  free_disk
}
events() { ctl_q -o csv events | wc -l; }

# --- bad input ---------------------------------------------------------------------------------

# broken_file LINES: what is to be applied besides all that is there.
broken_file() {
  { cat "$scratch/whole"; printf '%s\n' "$@"; } >"$scratch/broken.toml"
  line=$(($(wc -l <"$scratch/whole") + 1))
}

# apply_refuses COLUMN WORDS: in the first of the added lines, which it shows with a mark below.
apply_refuses() {
  local place=$scratch/broken.toml:$line:$1
  lines=3 ctl_refuses 1 "$place: $2" apply -f "$scratch/broken.toml"
  expect_eq "$(sed -n 2p <<<"$told")" "  $(sed -n "${line}p" "$scratch/broken.toml")" "the line"
  expect_eq "$(sed -n 3p <<<"$told")" "$(printf '%*s^' "$(($1 + 1))" '')" "the mark"
  nothing_is_lost
}

broken_files() {
  say "broken files by apply"
  broken_file 'remarks = ' '[[peer]]' 'name = "more"' 'address = "203.0.113.77"'
  apply_refuses 11 "Error while parsing key-value pair"
  broken_file '[[peer]]' 'name = "more"' 'address = "203.0.113.77"' 'vender = "cisco"'
  line=$((line + 3))
  apply_refuses 1 "peer 'more': no key 'vender'; is 'vendor' meant?"
  broken_file '[[peers]]' 'name = "more"'
  apply_refuses 3 "no kind of object 'peers'; is '[[peer]]' meant?"
  broken_file '[[peer]]' 'name = "more"' 'address = "203.0.113.777"'
  line=$((line + 2))
  apply_refuses 1 "peer 'more': address '203.0.113.777': no IPv4"
  say "a broken file at the start, and at a reload"
  stop_gateway
  cp "$scratch/broken.toml" "$scratch/gw/conf.d/broken.toml"
  gateway_start gw
  boot_file_is_told
  nothing_is_lost
  : >"$scratch/ipsecd-gw.log"
  kill -HUP "${processes[ipsecd-gw]}"
  wait_until 10 "the log says that nothing was applied" log_says ipsecd-gw "nothing of "
  boot_file_is_told
  nothing_is_lost
  rm "$scratch/gw/conf.d/broken.toml"
}

boot_file_is_told() {
  local file=$scratch/gw/conf.d/broken.toml
  log_says ipsecd-gw "error: $file:$line:1: peer 'more': address '203.0.113.777': no IPv4" ||
    fail "the log does not say where"
  log_says ipsecd-gw 'error:   address = "203.0.113.777"' || fail "the log does not show the line"
  log_says ipsecd-gw "error: nothing of $scratch/gw/conf.d was applied; what is stored stays in \
force" || fail "the log does not say that nothing was applied"
}

broken_settings() {
  say "broken settings"
  cat >"$scratch/bad.toml" <<'END'
[log]
levle = "debug"
END
  lines=3 refuses 1 "ipsecd: $scratch/bad.toml:2:1: no setting 'log.levle'; is 'log.level' meant?" \
    gw ipsecd --config "$scratch/bad.toml" --run-dir "$scratch/other-run"
  leaves_no_traces "$scratch/other-run"
  nothing_is_lost
}

unknown_words() {
  say "unknown words"
  ctl_refuses 2 "'--peer-cidrs' meant?" tunnel set to-other --peer-cidr 10.0.0.0/8
  ctl_refuses 2 "'tunnel' meant?" tunel list
  ctl_refuses 2 "'list' meant?" tunnel lst
  ctl_refuses 3 "to-othr" tunnel show to-othr
  told=$(quietly_in_ns gw ipsecd --state-dri /nowhere 2>&1) && fail "it started"
  [[ $told = "ipsecd: unknown argument '--state-dri'; is '--state-dir' meant?"* ]] ||
    fail "it says: $told"
  nothing_is_lost
}

main "$@"
