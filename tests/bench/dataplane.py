#!/usr/bin/env python3
"""What goes through a tunnel of ours, beside the same SAs by `ip xfrm` and beside the bare link.

    tests/bench/dataplane.py BUILD_DIRECTORY ROUNDS SECONDS SUITES

Needs a kernel with ESP. Prints one JSON line a figure. In turns: the bare link, bare SAs, ours; the
best turn of each counts, since a neighbour on the processor takes from each what he likes.
"""

import re
import subprocess
import sys

import ends
import lab
import site_texts

BENCH = "dataplane"
SUITES = (site_texts.MODP, site_texts.X25519, "x25519-aes256gcm16", "x25519-aes128-sha1")
# One way: protocol, size of a write or a datagram, what is told.
WAYS = (("tcp", 65536, "throughput", "Mbit/s"), ("udp", 64, "packets of 64 bytes", "1/s"))
ALGORITHM = re.compile(r"^\s*((?:aead|enc|auth-trunc) \S+ 0x\S+(?: \d+)?)\s*$", re.M)
# Of what bare SAs carry: noise between runs is some percent.
LEAST = 0.95


def carried(build, left_ns, right_ns, from_, to, way, seconds):
    protocol, size, _, unit = way
    program = f"{build}/tests/bench/bench_traffic"
    receiver = subprocess.Popen(
        right_ns.command(program, "receive", protocol, to), stdout=subprocess.PIPE, text=True
    )
    if receiver.stdout.readline() != "ready\n":
        sys.exit("bench_traffic is not ready")
    left_ns.run(program, "send", protocol, from_, to, seconds, size)
    octets, packets, took_s = receiver.communicate()[0].split()
    amount = 8e-6 * int(octets) if unit == "Mbit/s" else int(packets)
    return amount / float(took_s)


def copy_sas(it, bare):
    """Each side's SAs and policies, as the daemon has set them, with the same keys."""
    for ours, other in ((it.left_ns, bare.left_ns), (it.right_ns, bare.right_ns)):
        lines = []
        for text in ours.ip("xfrm", "state", "list").split("\nsrc "):
            ends_ = re.search(r"(\S+) dst (\S+)\n\s*proto esp spi (\S+) reqid (\d+)", text)
            algorithms = ALGORITHM.findall(text)
            source, destination, spi, reqid = ends_.groups()
            lines.append(f"xfrm state add src {source.removeprefix('src ')} dst {destination} "
                         f"proto esp spi {spi} reqid {reqid} mode tunnel flag af-unspec "
                         f"replay-window 1024 {' '.join(algorithms)}")
        near, far = site_texts.behind(0), site_texts.NEAR
        own, peer = site_texts.SHARED, site_texts.OURS
        if ours is it.right_ns:
            near, far, own, peer = far, near, peer, own
        tail = f"proto esp reqid {reqid} mode tunnel"
        lines.append(f"xfrm policy add src {near} dst {far} dir out "
                     f"tmpl src {own} dst {peer} {tail}")
        for direction in ("in", "fwd"):
            lines.append(f"xfrm policy add src {far} dst {near} dir {direction} "
                         f"tmpl src {peer} dst {own} {tail}")
        other.batch(lines)


def measure(build, suite, rounds, seconds):
    it = ends.OurEnds(build, f"o{SUITES.index(suite)}", suite=suite)
    bare = ends.Ends(f"b{SUITES.index(suite)}")
    copy_sas(it, bare)
    courses = {
        "link": (bare, site_texts.SHARED, site_texts.OURS),
        "bare": (bare, ends.LEFT, ends.RIGHT),
        "ours": (it, ends.LEFT, ends.RIGHT),
    }
    for way in WAYS:
        seen = {name: [] for name in courses}
        for _ in range(rounds):
            for name, (pair, from_, to) in courses.items():
                seen[name].append(
                    carried(build, pair.left_ns, pair.right_ns, from_, to, way, seconds)
                )
        ours, bare_, link = (max(seen[name]) for name in ("ours", "bare", "link"))
        _, _, name, unit = way
        what = suite.partition("-")[2]
        lab.figure(BENCH, f"{name}, to the same SAs by ip xfrm", what, unit, ours, bare_, LEAST,
                   least=True)
        lab.figure(BENCH, f"{name}, to the bare link", what, unit, ours, link)
    it.close()


def main():
    lab.apart()
    build, rounds, seconds, suites = sys.argv[1], *map(int, sys.argv[2:5])
    for suite in SUITES[:suites]:
        measure(build, suite, rounds, seconds)


if __name__ == "__main__":
    main()
