# shellcheck shell=bash
# What the scenarios of this directory share: a machine to install on. Its root directory is this
# machine's own under an overlay in memory, so dpkg finds a whole Debian with all that the package
# depends on, and every change is thrown away. Sourced in place of lib.sh.
#
#   make_machine             the root directory and a network namespace to run in
#   boot_machine CMD...      its first process; without one it only waits
#   on_machine CMD...        CMD there, as root
#   install_package          dpkg installs the package that was built
#   declare_site N           a tunnel to 192.168.N.0/24
#   expect_status N CMD...   CMD there ends with N; what it said is in $said
#
# shellcheck source-path=SCRIPTDIR source=../netns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"

build_dir=${IPSECD_BUILD_DIR:-$repository/build/release}
machine=$scratch/machine/root
said=

trap 'leave_machine $?' EXIT

make_machine() {
  say "a machine that nothing is installed on, with this one's Debian"
  mkdir -p "$scratch/machine"
  mount -t tmpfs -o mode=755 tmpfs "$scratch/machine"
  mkdir "$scratch"/machine/{upper,work,root}
  mount -t overlay overlay "$machine" \
    -o "lowerdir=/,upperdir=$scratch/machine/upper,workdir=$scratch/machine/work"
  mount -t sysfs sysfs "$machine/sys"
  mount --bind /dev "$machine/dev"
  local directory
  for directory in run tmp; do mount -t tmpfs -o mode=755 tmpfs "$machine/$directory"; done
  # It may forbid to start what was installed, as container images do.
  rm -f "$machine/usr/sbin/policy-rc.d"
  # Who asks for the runlevel asks a process number 1 that is no init here.
  rm -f "$machine/usr/sbin/runlevel"
  printf '#!/bin/sh\necho "N 2"\n' >"$machine/usr/sbin/runlevel"
  chmod 755 "$machine/usr/sbin/runlevel"
  rm -rf "$machine"/{etc,var/lib,var/log}/ipsecd "$machine"/etc/{init.d,default}/ipsecd
  make_namespace machine
  package=$(find "$build_dir" -maxdepth 1 -name 'ipsecd_*.deb' | sort | tail -n 1)
  [ -n "$package" ] || fail "no package in $build_dir: run cpack there"
}

# In process and mount namespaces of its own: Debian's tools see that they are in no mere chroot,
# where they would start nothing. Bash reaps whom nobody else does.
boot_machine() {
  [ $# -gt 0 ] || set -- /bin/bash -c 'sleep infinity & wait'
  print_command machine "$@"
  ip netns exec "machine-$$" unshare --mount --pid --uts --ipc --cgroup --fork --kill-child \
    chroot "$machine" /usr/bin/env -i "PATH=$debian_path" container=test \
    /bin/sh -c 'mount -t proc proc /proc && exec "$@"' boot "$@" \
    </dev/null >"$scratch/console.log" 2>&1 {narration}>&- &
  processes[machine]=$!
  wait_until 10 "the machine has its first process" has_first_process
}

has_first_process() {
  first_process=$(<"/proc/${processes[machine]}/task/${processes[machine]}/children") &&
    first_process=${first_process%% *} && [ -n "$first_process" ] &&
    [ "$(readlink "/proc/$first_process/root")" = "$machine" ] &&
    nsenter -t "$first_process" -m -p -r -- mountpoint -q /proc
}

on_machine() {
  print_command machine "$@"
  in_machine "$@"
}

in_machine() {
  nsenter -t "$first_process" -m -p -n -u -i -C -r -w -- \
    /usr/bin/env -i "PATH=$debian_path" LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    "MODPROBE_OPTIONS=${MODPROBE_OPTIONS:-}" "$@" </dev/null
}
readonly debian_path=/usr/sbin:/usr/bin:/sbin:/bin
first_process=

# install_package [OPTION OF DPKG...]
# shellcheck disable=SC2120  # mostly there is none
install_package() {
  say "dpkg installs ${package##*/}"
  cp "$package" "$machine/tmp/ipsecd.deb"
  on_machine dpkg --install "$@" /tmp/ipsecd.deb >&2
}

expect_status() {
  local expected=$1 status=0
  shift
  print_command machine "$@"
  said=$(in_machine "$@" 2>&1) || status=$?
  printf '%s\n' "$said" >&2
  expect_eq "$status" "$expected" "status of $*"
}

expect_said() {
  [[ $said = *"$1"* ]] || fail "expected to be said: '$1', found:"$'\n'"$said"
  printf 'ok said: %s\n' "$1" >&2
}

expect_there() {
  local path
  for path; do [ -e "$machine$path" ] || fail "$path is not there"; done
  printf 'ok there: %s\n' "$*" >&2
}

expect_gone() {
  local path
  for path; do [ ! -e "$machine$path" ] || fail "$path is still there"; done
  printf 'ok gone: %s\n' "$*" >&2
}

# A keeper and its daemon are two.
processes_of_ipsecd() { in_machine pgrep -x 'ipsecd(-keeper)?' || true; }
keepers() { in_machine pgrep -x ipsecd-keeper || true; }
daemons() { in_machine pgrep -x ipsecd || true; }

pid_in_file() { cat "$machine/run/ipsecd/ipsecd.pid"; }

# declare_site N: a tunnel to 192.168.N.0/24, as a file of conf.d. Its policies are there without a
# peer.
declare_site() {
  cat >"$machine/etc/ipsecd/conf.d/site.toml" <<END
[[vpc]]
name = "vpc"
cidrs = ["192.168.1.0/24"]
[[subnet]]
name = "lan"
vpc = "vpc"
cidr = "192.168.1.0/24"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "lan"
public_address = "203.0.113.1"
[[peer]]
name = "other"
address = "203.0.113.2"
[[tunnel]]
name = "to-other"
gateway = "gw"
peer = "other"
local_cidrs = ["192.168.1.0/24"]
peer_cidrs = ["192.168.$1.0/24"]
psk = "a-key-for-tests-only"
END
}

policies_to() { quietly_in_ns machine ip xfrm policy list dst "$1" | grep -c '^src' || true; }
policies_are_there() { [ "$(policies_to "$1")" != 0 ]; }

leave_machine() {
  local pid
  trap - ERR
  set +e
  for pid in $(ip netns pids "machine-$$" 2>/dev/null); do kill -KILL "$pid"; done
  if [ "$1" != 0 ]; then
    printf -- '\n--- the log of ipsecd, its end\n' >&2
    tail -n 40 "$machine/var/log/ipsecd/ipsecd.log" >&2
  fi
  umount -R "$scratch/machine" 2>/dev/null || umount -R -l "$scratch/machine" 2>/dev/null
  on_exit "$1"
}
