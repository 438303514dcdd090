#!/usr/bin/env bash
# Goal: the init script does what the LSB says, with its exit status, in every situation; a stop
# leaves what carries traffic in the kernel, and a broken file costs no daemon that runs.
# Method: the installed script and daemon on a machine without systemd, with a real SA and policies
# in its kernel.
#
# time limit: 360
# shellcheck source-path=SCRIPTDIR source=machine.sh
. "$(dirname "$0")/machine.sh"

script=/etc/init.d/ipsecd
settings=etc/ipsecd/ipsecd.toml

main() {
  make_machine
  boot_machine
  install_package
  on_machine $script stop >&2
  while_it_does_not_run
  it_starts_once
  it_reloads
  a_stop_leaves_the_kernels_state
  broken_settings_stop_a_start
  broken_objects_do_not
  it_is_found_dead
  wrong_words
  it_is_not_for_everybody
}

while_it_does_not_run() {
  say "while it does not run"
  expect_status 3 $script status
  expect_status 0 $script stop
  expect_status 7 $script reload
  expect_status 7 $script force-reload
  expect_status 0 $script try-restart
  expect_eq "$(processes_of_ipsecd)" "" "processes"
}

it_starts_once() {
  say "starting it twice"
  declare_site 3
  expect_status 0 $script start
  # Ready means ready: nothing is waited for here.
  [ -n "$(quietly_in_ns machine ss -Hlnu sport = 500)" ] || fail "nobody listens on port 500"
  expect_status 0 $script status
  expect_said "runs, as process $(pid_in_file)"
  local first
  first=$(processes_of_ipsecd)
  expect_eq "$(keepers)" "$(pid_in_file)" "the keeper"
  expect_eq "$(daemons | wc -l)" 1 "daemons"
  expect_status 0 $script start
  expect_eq "$(processes_of_ipsecd)" "$first" "keeper and daemon after a second start"
}

it_reloads() {
  say "reloading it"
  local pid
  pid=$(processes_of_ipsecd)
  expect_eq "$(policies_to 192.168.4.0/24)" 0 "policies before the change"
  declare_site 4
  expect_status 0 $script reload
  wait_until 10 "the kernel has what was changed" policies_are_there 192.168.4.0/24
  declare_site 3
  expect_status 0 $script force-reload
  wait_until 10 "and what was changed back" policies_are_there 192.168.3.0/24
  expect_eq "$(processes_of_ipsecd)" "$pid" "keeper and daemon that reloaded"
}

a_stop_leaves_the_kernels_state() {
  say "stopping it"
  local policies
  policies=$(policies_to 192.168.3.0/24)
  expect_status 0 $script stop
  expect_eq "$(processes_of_ipsecd)" "" "processes"
  expect_eq "$(policies_to 192.168.3.0/24)" "$policies" "policies that stay"
  [ "$policies" != 0 ] || fail "there was nothing that could stay"
  expect_status 3 $script status
  expect_status 0 $script restart
  local pid
  pid=$(pid_in_file)
  expect_status 0 $script restart
  [ "$(pid_in_file)" != "$pid" ] || fail "a restart restarted nothing"
}

broken_settings_stop_a_start() {
  say "settings that do not read"
  local pid
  pid=$(processes_of_ipsecd)
  cp "$machine/$settings" "$scratch/settings"
  printf '[limits]\ntunnels_per_gatway = 100\n' >"$machine/$settings"
  for action in restart reload force-reload try-restart; do
    expect_status 6 $script $action
    expect_said "/$settings:2:1: "
  done
  expect_eq "$(processes_of_ipsecd)" "$pid" "what ran before"
  expect_status 0 $script stop
  expect_status 6 $script start
  expect_said "/$settings:2:1: no setting 'limits.tunnels_per_gatway'"
  expect_said "  tunnels_per_gatway = 100"
  expect_eq "$(processes_of_ipsecd)" "" "processes"
  expect_status 3 $script status
  cp "$scratch/settings" "$machine/$settings"
}

# What is stored is a whole configuration: a machine that boots is better off with it than without.
broken_objects_do_not() {
  say "objects that do not read"
  echo 'colour = "green"' >"$machine/etc/ipsecd/conf.d/z.toml"
  expect_status 0 $script start
  expect_said "/etc/ipsecd/conf.d/z.toml:1:1: "
  expect_said "what was configured before"
  policies_are_there 192.168.3.0/24 || fail "what was stored is not at work"
  expect_status 6 $script reload
  expect_said "/etc/ipsecd/conf.d/z.toml:1:1: "
  rm "$machine/etc/ipsecd/conf.d/z.toml"
}

it_is_found_dead() {
  say "killed"
  local keeper before
  keeper=$(keepers) before=$(daemons)
  on_machine kill -KILL "$before"
  wait_until 10 "the keeper has begun another" has_another_daemon "$before"
  expect_eq "$(keepers) $(pid_in_file)" "$keeper $keeper" "the keeper"
  expect_status 0 $script status
  say "the keeper killed"
  on_machine kill -KILL "$keeper"
  wait_until 5 "the daemon stands for itself" stands_for_itself
  expect_status 0 $script status
  expect_status 0 $script start
  expect_said "runs already, as process $(daemons)"
  expect_status 0 $script restart
  expect_eq "$(keepers)" "$(pid_in_file)" "the keeper"
  say "both killed"
  # shellcheck disable=SC2046  # they are two
  on_machine kill -KILL $(processes_of_ipsecd)
  wait_until 5 "it is gone" has_no_process
  expect_status 1 $script status
  expect_status 0 $script start
  expect_status 0 $script status
  expect_status 0 $script stop
}
has_no_process() { [ -z "$(processes_of_ipsecd)" ]; }
stands_for_itself() { [ "$(pid_in_file)" = "$(daemons)" ]; }
has_another_daemon() {
  local now
  now=$(daemons)
  [ -n "$now" ] && [ "$now" != "$1" ]
}

wrong_words() {
  say "wrong usage"
  expect_status 2 $script
  expect_said "usage: "
  expect_status 2 $script start now
  expect_status 3 $script flush
}

it_is_not_for_everybody() {
  say "as nobody"
  expect_status 4 setpriv --reuid nobody --clear-groups $script start
  expect_said "only root may start it"
  expect_eq "$(stat -c %a "$machine/run/ipsecd")" 755 "mode of the run directory"
}

main "$@"
