#!/usr/bin/env python3
"""A responder with many tunnels, ipsecd beside charon: what each costs in memory and time, and how
that grows.

    tests/bench/scale.py BUILD_DIRECTORY idle_seconds COUNT...
    tests/bench/scale.py BUILD_DIRECTORY child idle_seconds COUNT...
    tests/bench/scale.py BUILD_DIRECTORY cold COUNT

Prints one JSON line a figure. Childless SAs (RFC 6023) need no ESP of the kernel; the other two do.
`cold` is for two ipsecd that bring all up between them.
"""

import subprocess
import sys
import time

import lab
import site_texts

BENCH = "scale"
X25519 = site_texts.X25519
# More than these charon is not asked for: each of its handshakes takes as long as it has tunnels.
CHARON_MOST = 5000
# In user-mode Linux these take as long with 5,000 as all else together.
CHARON_MOST_CHILDREN = 1000
AT_ONCE = 16
# The load does not ask whether we are there: the responder has to.
NEVER_S = 1_000_000
TIMES = 3
# At 5,000 tunnels, on a kernel that is no process of another one.
TARGETS = {"configure": 500.0, "status as JSON": 50.0, "CPU a second, idle": 10.0}
# With a child: from 1,000 on what the daemon itself has grown by is little of it.
MEMORY_KB, MEMORY_FROM = 6.0, 1000


def timed(action, *words):
    began = time.monotonic()
    action(*words)
    return 1e3 * (time.monotonic() - began)


class Ours:
    def __init__(self, build, namespace):
        self.daemon = lab.Ipsecd(build, namespace)

    def configure(self, count):
        path = self.daemon.directory / "apply.toml"
        path.write_text(site_texts.ours(count, True, X25519))
        return timed(self.daemon.ask, "apply", "-f", path)

    def status(self):
        # Nobody reads it: that would be our time.
        arguments = [f"{self.daemon.build}/ipsecctl", "--run-dir", self.daemon.directory / "run"]
        command = self.daemon.namespace.command(*arguments, "-o", "json", "status")
        return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


class Peer:
    def __init__(self, _, namespace):
        self.daemon = lab.Charon(namespace, settings=["dos_protection = no"])

    def configure(self, count):
        return timed(self.daemon.load, site_texts.charons(count, True, X25519))

    def status(self):
        command = ["swanctl", "--list-sas", "--raw", "--uri", f"unix://{self.daemon.socket}"]
        return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                                            env=self.daemon.environment))


def measure(build, kind, count, idle_s, child):
    """What one side has to say of so many tunnels, by figure: a number and its unit."""
    left, right = lab.pair(f"{kind.__name__.lower()}{count}")
    side = kind(build, right)
    out = {"configure": (side.configure(count), "ms")}
    configured_kb = side.daemon.rss_kb()
    load = lab.Load(build, left, X25519, count, True, child, AT_ONCE, NEVER_S)
    cpu_s = side.daemon.cpu_s()
    tally = load.order("up", count)
    if tally["up"] != count:
        sys.exit(f"{kind.__name__}: not all of {count} came up: {tally}")
    out["up from cold"] = (1e3 * tally["wall_s"], "ms")
    out["up from cold: CPU a tunnel"] = (1e3 * (side.daemon.cpu_s() - cpu_s) / count, "ms")
    settle_s = min(3, idle_s / 2)
    time.sleep(settle_s)
    out["memory a tunnel"] = ((side.daemon.rss_kb() - configured_kb) / count, "kB")
    out["status as JSON"] = (lab.median([side.status() for _ in range(TIMES)]), "ms")
    # From now on each is asked for its life every 8 s.
    time.sleep(settle_s)
    cpu_s = side.daemon.cpu_s()
    time.sleep(idle_s)
    out["CPU a second, idle"] = (1e3 * (side.daemon.cpu_s() - cpu_s) / idle_s, "ms")
    cpu_s = side.daemon.cpu_s()
    tally = load.order("rekey-ike")
    if tally["done"] != count:
        lab.note(f"{kind.__name__}: of {count} rekeys came {tally}")
    out["rekey all"] = (1e3 * tally["wall_s"], "ms")
    out["rekey: CPU a tunnel"] = (1e3 * (side.daemon.cpu_s() - cpu_s) / count, "ms")
    load.stop()
    side.daemon.kill()
    return out


def compare(build, idle_s, counts, child):
    for count in counts:
        ours = measure(build, Ours, count, idle_s, child)
        asked = count <= (CHARON_MOST_CHILDREN if child else CHARON_MOST)
        peer = measure(build, Peer, count, idle_s, child) if asked else {}
        what = f"{count} tunnels, {'with child' if child else 'childless'}"
        for name, (value, unit) in ours.items():
            peer_value = peer.get(name, (None,))[0]
            # These are aimed at as such, and the peer's stands beside them.
            target = TARGETS.get(name) if count == 5000 and not child else None
            if name == "memory a tunnel" and child and count >= MEMORY_FROM:
                target = MEMORY_KB
            lab.figure(BENCH, name, what, unit, value, peer_value, target, absolute=True)


def all_up_between_two(build, count, suite):
    """Wall time until every tunnel is up, and CPU of both ends."""
    left, right = lab.pair(f"cold{suite[0]}")
    responder = lab.Ipsecd(build, right, site_texts.ours(count, False, suite))
    before_s = responder.cpu_s()
    began = time.monotonic()
    beginner = lab.Ipsecd(build, left, site_texts.ours_beginning(count, suite))
    # What its configuration costs is another figure.
    configured_s, ready_s = beginner.cpu_s(), time.monotonic() - began
    # Asking the daemon would be work for it.
    log = beginner.directory / "log"
    lab.wait_for("all are up", lambda: log.read_text().count("event=connected") >= count, 300, 0.1)
    wall_s = time.monotonic() - began
    cpu_s = beginner.cpu_s() + responder.cpu_s() - before_s
    lab.note(f"cold {suite}: ready after {ready_s:.2f} s and {configured_s:.2f} s CPU, "
             f"all up after {wall_s:.2f} s and {cpu_s:.2f} s CPU")
    for daemon in (beginner, responder):
        daemon.kill()
    return wall_s - ready_s, cpu_s - configured_s


def cold(build, count):
    for suite, bare_ms in lab.bare_dh_ms(build, 2.0).items():
        wall_s, cpu_s = all_up_between_two(build, count, suite)
        what = f"{count} tunnels, {suite}, both ends ours"
        bare_s = 2 * count * bare_ms / 1e3
        lab.figure(BENCH, "up from cold, to bare DH", what, "s", wall_s, bare_s, 1.5)
        lab.figure(BENCH, "up from cold: CPU of both, to bare DH", what, "s", cpu_s, bare_s)


def main():
    lab.apart()
    build, *words = sys.argv[1:]
    if words[0] == "cold":
        return cold(build, int(words[1]))
    child = words[0] == "child"
    idle_s, *counts = map(int, words[1:] if child else words)
    compare(build, idle_s, counts, child)


if __name__ == "__main__":
    main()
