#!/usr/bin/env bash
# Goal: the Debian package installs, starts its daemon, is upgraded, removed and purged without a
# word from dpkg, and leaves what it should leave at each step and nothing more.
# Method: dpkg itself, with its dependencies checked, on a machine that has no systemd at work, so
# that invoke-rc.d runs the init script.
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=machine.sh
. "$(dirname "$0")/machine.sh"

main() {
  make_machine
  boot_machine
  what_is_installed
  an_upgrade_keeps_what_was_changed
  a_removal_leaves_configuration_and_store
  a_purge_leaves_nothing
}

what_is_installed() {
  install_package
  expect_there /usr/sbin/ipsecd /usr/sbin/ipsecctl /usr/lib/systemd/system/ipsecd.service \
    /etc/init.d/ipsecd /etc/ipsecd/ipsecd.toml /etc/ipsecd/conf.d /etc/default/ipsecd \
    /var/lib/ipsecd /usr/lib/ipsecd/route-exec-rest
  expect_eq "$(stat -c %a "$machine"/{etc/ipsecd/conf.d,var/lib/ipsecd} | xargs)" "700 700" \
    "modes of the directories that hold keys"
  on_machine getent group ipsecd >&2
  expect_eq "$(on_machine dpkg --verify ipsecd)" "" "files that differ from the package's"
  expect_eq "$(on_machine dpkg --audit)" "" "what dpkg complains of"
  expect_status 0 ipsecd --version
  expect_eq "$(daemons | wc -l)" 1 "daemons after the installation"
  expect_status 0 ls /etc/rc2.d
  expect_said ipsecd
  the_pages_are_found
  the_shells_know_it
}

the_shells_know_it() {
  expect_there /usr/share/bash-completion/completions/ipsecctl \
    /usr/share/zsh/vendor-completions/_ipsecctl /usr/share/fish/vendor_completions.d/ipsecctl.fish
  # shellcheck disable=SC2016  # for the bash over there
  expect_status 0 bash -c '. /usr/share/bash-completion/completions/ipsecctl
    COMP_WORDS=(ipsecctl tunnel recon) COMP_CWORD=2
    _ipsecctl
    echo "${COMPREPLY[*]}"'
  expect_eq "$said" reconnect "what bash offers for 'ipsecctl tunnel recon'"
  # The daemon runs, and is asked for names.
  expect_status 0 ipsecctl status
}

the_pages_are_found() {
  local page
  for page in 8/ipsecd 8/ipsecctl 5/ipsecd.toml; do
    expect_status 0 man -w "${page%/*}" "${page#*/}"
  done
}

an_upgrade_keeps_what_was_changed() {
  local before keeper
  before=$(daemons)
  keeper=$(keepers)
  echo "wide_lifetimes = true" >"$machine/etc/ipsecd/ipsecd.toml"
  echo "# a site's own" >"$machine/etc/ipsecd/conf.d/site.toml"
  install_package --force-confold
  expect_eq "$(<"$machine/etc/ipsecd/ipsecd.toml")" "wide_lifetimes = true" "the settings"
  expect_eq "$(daemons | wc -l)" 1 "daemons after an upgrade"
  [ "$(daemons)" != "$before" ] || fail "the daemon of the version before still runs"
  expect_eq "$(keepers) $(pid_in_file)" "$keeper $keeper" "the keeper, which went on as the new program"
}

a_removal_leaves_configuration_and_store() {
  on_machine dpkg --remove ipsecd >&2
  expect_eq "$(processes_of_ipsecd)" "" "processes after the removal"
  expect_gone /usr/sbin/ipsecd /run/ipsecd /usr/lib/systemd/system/ipsecd.service
  expect_there /etc/ipsecd/ipsecd.toml /etc/init.d/ipsecd /var/lib/ipsecd/ipsecd.db
  # It stays until the purge, and says what is the matter.
  expect_status 5 /etc/init.d/ipsecd start
  expect_said "/usr/sbin/ipsecd is not installed"
  expect_status 3 /etc/init.d/ipsecd status
}

a_purge_leaves_nothing() {
  on_machine dpkg --purge ipsecd >&2
  expect_gone /etc/init.d/ipsecd /etc/ipsecd/ipsecd.toml /etc/default/ipsecd \
    /etc/logrotate.d/ipsecd /var/lib/ipsecd /var/log/ipsecd /usr/lib/ipsecd
  # Never the package's.
  expect_there /etc/ipsecd/conf.d/site.toml
  expect_status 1 dpkg --status ipsecd
  expect_eq "$(find "$machine"/etc/rc?.d "$machine"/etc/systemd -name '*ipsecd*')" "" \
    "links of the boot system"
}

main "$@"
