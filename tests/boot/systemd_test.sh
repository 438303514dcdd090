#!/usr/bin/env bash
# Goal: the unit starts the daemon with all that confines it, and what systemd is told is true:
# ready, reloading, alive; a stop leaves the kernel's state, a broken file costs no daemon that runs.
# Method: systemd itself as the first process of the machine, with the installed package.
#
# kernel: qemu
# time limit: 600
# shellcheck source-path=SCRIPTDIR source=machine.sh
. "$(dirname "$0")/machine.sh"

main() {
  make_machine
  boot_machine /lib/systemd/systemd --unit=basic.target
  wait_until 120 "systemd is up" systemd_is_up
  install_package
  it_runs_confined
  it_reloads
  it_reaches_other_namespaces
  it_is_upgraded
  it_is_brought_back
  a_stop_leaves_the_kernels_state
  it_goes_with_the_package
}

systemd_is_up() {
  case $(in_machine systemctl is-system-running) in
    running | degraded) ;;
    *) return 1 ;;
  esac
}

property() { in_machine systemctl show --value "${@/#/--property=}" ipsecd | xargs; }

# of_daemon LINE, of_keeper LINE: of /proc/PID/status.
of_daemon() { of_process "$1" "$(daemons)"; }
of_keeper() { of_process "$1" "$(property MainPID)"; }
of_process() { in_machine sed -n "s/^$1:[[:space:]]*//p" "/proc/$2/status"; }

it_runs_confined() {
  say "what it may do"
  expect_eq "$(property ActiveState SubState)" "active running" "the unit after the installation"
  expect_status 0 systemctl is-enabled ipsecd
  expect_status 0 systemd-analyze verify ipsecd.service
  expect_eq "$said" "" "what systemd finds wrong with the unit"
  # CAP_NET_BIND_SERVICE and CAP_NET_ADMIN.
  expect_eq "$(of_daemon CapEff)" 0000000000001400 "capabilities"
  expect_eq "$(of_daemon CapBnd)" 0000000000001400 "capabilities it could have ever"
  expect_eq "$(of_keeper Name) $(of_keeper CapEff)" "ipsecd-keeper 0000000000000000" \
    "the main process and its capabilities"
  expect_eq "$(of_daemon NoNewPrivs) $(of_daemon Seccomp)" "1 2" "new privileges off, filter on"
  # The larval drop is set through the unit's protection, and told with the log's own fields.
  expect_eq "$(in_machine cat /proc/sys/net/core/xfrm_larval_drop)" 0 "net.core.xfrm_larval_drop"
  wait_until 10 "the journal has its fields" journal_says EVENT=ready "is ready with 0 tunnels"
}

# The machine has no way to the peer: after three sends a try has failed.
journal_has_the_tunnels_fields() {
  [[ $(in_machine journalctl --no-pager -o cat -u ipsecd TUNNEL=to-other PHASE=1 \
    EVENT=try-failed) = *"try 1 failed"* ]]
}

journal_says() {
  [[ $(in_machine journalctl --no-pager -o cat -u ipsecd "$1") = *"$2"* ]]
}

it_reloads() {
  say "reloading it"
  local pid
  pid=$(property MainPID)
  declare_site 3
  expect_status 0 systemctl reload ipsecd
  wait_until 10 "the kernel has the tunnel's policies" policies_are_there 192.168.3.0/24
  wait_until 60 "the journal has the tunnel's fields" journal_has_the_tunnels_fields
  echo 'colour = "green"' >"$machine/etc/ipsecd/conf.d/z.toml"
  expect_status 1 systemctl reload ipsecd
  wait_until 10 "the journal has the line" journal_says _SYSTEMD_UNIT=ipsecd.service \
    "/etc/ipsecd/conf.d/z.toml:1:1: "
  rm "$machine/etc/ipsecd/conf.d/z.toml"
  expect_eq "$(property MainPID ActiveState)" "$pid active" "the daemon that reloaded"
}

# Through the process beside it, which alone may.
it_reaches_other_namespaces() {
  say "a route table in another network namespace"
  # As on a machine that systemd was begun on by the kernel: what is mounted later is seen by units.
  on_machine mount --bind /run /run
  on_machine mount --make-rshared /run
  expect_status 0 systemctl restart ipsecd
  on_machine ip netns add blue
  expect_status 0 ipsecctl vpc set vpc --cidrs 192.168.1.0/24,192.168.9.0/24
  expect_status 0 ipsecctl subnet create far --vpc vpc --cidr 192.168.9.0/24 \
    --route-table 101,netns=blue,rule
  wait_until 10 "the rule that leads to the table is there" blue_has_the_rule
  expect_status 0 ipsecctl subnet delete --yes far
  wait_until 10 "the rule is gone" blue_is_empty
  local its_caps
  its_caps=$(in_machine sed -n 's/^CapEff:[[:space:]]*//p' \
    "/proc/$(in_machine pgrep -x ipsecd-netns)/status")
  # CAP_SYS_ADMIN and CAP_NET_ADMIN.
  expect_eq "$its_caps" 0000000000201000 "capabilities of the process beside it"
}

blue_has_the_rule() { [[ $(in_machine ip -n blue rule) = *"from 192.168.9.0/24 lookup 101"* ]]; }
blue_is_empty() { [[ $(in_machine ip -n blue rule) != *"lookup 101"* ]]; }

it_is_upgraded() {
  say "an upgrade"
  local keeper before
  keeper=$(property MainPID) before=$(daemons)
  expect_status 0 ipsecctl upgrade
  expect_eq "$(property MainPID ActiveState)" "$keeper active" "the keeper"
  expect_eq "$(of_keeper Name)" ipsecd-keeper "its name"
  [ "$(daemons)" != "$before" ] || fail "it is the same daemon"
  expect_eq "$(of_daemon CapEff)" 0000000000001400 "capabilities of the new daemon"
  policies_are_there 192.168.3.0/24 || fail "the tunnel's policies are gone"
}

it_is_brought_back() {
  say "hung, and killed"
  mkdir -p "$machine/etc/systemd/system/ipsecd.service.d"
  printf '[Service]\nWatchdogSec=5\nTimeoutAbortSec=1\nRestartSec=0\n' \
    >"$machine/etc/systemd/system/ipsecd.service.d/test.conf"
  on_machine systemctl daemon-reload
  expect_status 0 systemctl restart ipsecd
  # Longer than the watchdog waits: an idle daemon says that it is alive. Under emulation a start takes
  # 2 s and more, and a daemon that begins says nothing until then.
  local pid
  pid=$(property MainPID)
  expect_fails poll 8 has_another_pid "$pid"
  on_machine kill -STOP "$(daemons)"
  wait_until 30 "the watchdog has begun another" has_another_pid "$pid"
  local daemon
  pid=$(property MainPID) daemon=$(daemons)
  on_machine kill -KILL "$daemon"
  wait_until 30 "the keeper has begun another daemon" has_another_daemon "$daemon"
  expect_eq "$(property MainPID ActiveState)" "$pid active" "the keeper"
  on_machine kill -KILL "$pid"
  wait_until 30 "both are begun anew for a keeper that was killed" has_another_pid "$pid"
  policies_are_there 192.168.3.0/24 || fail "the tunnel's policies are gone"
}

has_another_pid() {
  local now
  now=$(property MainPID ActiveState)
  [ "$now" != "$1 active" ] && [ "${now#* }" = active ]
}

has_another_daemon() {
  local now
  now=$(daemons)
  [ -n "$now" ] && [ "$now" != "$1" ]
}

a_stop_leaves_the_kernels_state() {
  say "stopping it"
  expect_status 0 systemctl stop ipsecd
  expect_eq "$(property Result ActiveState)" "success inactive" "the unit"
  policies_are_there 192.168.3.0/24 || fail "the stop took the policies away"
  expect_there /run/ipsecd
  expect_status 0 systemctl start ipsecd
}

it_goes_with_the_package() {
  on_machine dpkg --purge ipsecd >&2
  expect_eq "$(processes_of_ipsecd)" "" "processes after the purge"
  expect_eq "$(property LoadState)" not-found "the unit"
  expect_gone /var/lib/ipsecd /run/ipsecd /etc/systemd/system/multi-user.target.wants/ipsecd.service
}

main "$@"
