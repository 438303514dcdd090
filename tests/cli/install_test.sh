#!/usr/bin/env bash
# Goal: `cmake --install` puts everything where docs/install.md says, below any prefix and any DESTDIR,
# and what names programs names them where they are.
# Method: it is installed into an empty directory, and the list of files is compared whole.
#
# usage: install_test.sh BUILD_DIRECTORY
set -euo pipefail

build=$1
failures=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

not_ok() {
  echo "not ok $1"
  failures=$((failures + 1))
}

# install_to PREFIX: below $scratch/PREFIX's own directory, which is the root of a machine.
install_to() {
  root=$scratch/root-${1//\//-}
  DESTDIR=$root cmake --install "$build" --prefix "$1" >"$scratch/log" 2>&1 || {
    cat "$scratch/log"
    not_ok "cmake --install to $1"
  }
}

# expect_files PREFIX ZSH: all that there is.
expect_files() {
  local prefix=${1#/}
  LC_ALL=C sort >"$scratch/wanted" <<END
./$prefix/sbin/ipsecd
./$prefix/sbin/ipsecctl
./$prefix/lib/ipsecd/load-modules
./$prefix/lib/ipsecd/route-exec-rest
./$prefix/lib/systemd/system/ipsecd.service
./$prefix/share/man/man5/ipsecd.toml.5
./$prefix/share/man/man8/ipsecd.8
./$prefix/share/man/man8/ipsecctl.8
./$prefix/share/doc/ipsecd/CHANGELOG.md
./$prefix/share/doc/ipsecd/bird-ipsecd.conf
./$prefix/share/doc/ipsecd/route-exec.md
./$prefix/share/doc/ipsecd/copyright
./$prefix/share/bash-completion/completions/ipsecctl
./$prefix/share/zsh/$2/_ipsecctl
./$prefix/share/fish/vendor_completions.d/ipsecctl.fish
./etc/ipsecd/ipsecd.toml
./etc/ipsecd/conf.d
./etc/default/ipsecd
./etc/init.d/ipsecd
./etc/logrotate.d/ipsecd
END
  (cd "$root" && { find . ! -type d; find . -type d -empty; }) | LC_ALL=C sort >"$scratch/found"
  diff "$scratch/wanted" "$scratch/found" || not_ok "the files below $1 are others"
}

expect_mode() { [ "$(stat -c %a "$root$2")" = "$1" ] || not_ok "$2 has mode $(stat -c %a "$root$2")"; }
expect_line() { grep -qF -- "$2" "$root$1" || not_ok "$1 does not say '$2'"; }

install_to /usr/local
expect_files /usr/local site-functions
expect_mode 700 /etc/ipsecd/conf.d
expect_mode 755 /etc/init.d/ipsecd
expect_mode 755 /usr/local/lib/ipsecd/load-modules
expect_mode 644 /etc/ipsecd/ipsecd.toml
expect_line /usr/local/lib/systemd/system/ipsecd.service "ExecStart=/usr/local/sbin/ipsecd"
expect_line /usr/local/lib/systemd/system/ipsecd.service /usr/local/lib/ipsecd/load-modules
expect_line /etc/init.d/ipsecd /usr/local/sbin/ipsecd
! grep -q '@' <<<"$(grep -vF '"$@"' "$root/etc/init.d/ipsecd")" ||
  not_ok "a placeholder is left in the init script"
"$root/usr/local/sbin/ipsecctl" --version >/dev/null || not_ok "the installed ipsecctl does not run"
"$root/usr/local/sbin/ipsecd" --version >/dev/null || not_ok "the installed ipsecd does not run"
bash -n "$root/usr/local/share/bash-completion/completions/ipsecctl" || not_ok "bash cannot read it"
cmp -s <("$root/usr/local/sbin/ipsecctl" completion bash) \
  "$root/usr/local/share/bash-completion/completions/ipsecctl" ||
  not_ok "the installed completion is another one than ipsecctl prints"
expect_line /usr/local/share/zsh/site-functions/_ipsecctl "#compdef ipsecctl"
expect_line /usr/local/share/fish/vendor_completions.d/ipsecctl.fish "complete"

# Another prefix on the next day leaves no trace of the one before; zsh of Debian looks elsewhere.
install_to /usr
expect_files /usr vendor-completions
expect_line /usr/lib/systemd/system/ipsecd.service "ExecStart=/usr/sbin/ipsecd"
! grep -rqE "/usr/local/(sbin/ipsec|lib/)" "$root/usr/lib/systemd" "$root/etc/init.d" || not_ok "the first prefix is left"

[ "$failures" = 0 ] && echo "ok"
exit "$((failures > 0))"
