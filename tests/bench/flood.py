#!/usr/bin/env python3
"""A flood of IKE_SA_INIT requests from addresses that are not the sender's: what becomes of peers
that mean it, and what a spoofed packet costs. ipsecd beside charon, the same load in peace first.

    tests/bench/flood.py BUILD_DIRECTORY ROUNDS SECONDS A_SECOND

Prints one JSON line a figure. Legitimate peers open an SA every half second (childless, RFC 6023:
any kernel will do) and end it again.
"""

import subprocess
import sys

import lab
import site_texts

BENCH = "flood"
SUITE = "modp2048-aes128-sha256"
EVERY_MS = 500
SOURCES = "198.18.0.0/15"
MOST_US = 10.0
# At the responder until it asks for cookies.
TUNNELS = 20


class Side:
    def __init__(self, build, name):
        self.build = build
        self.left, right = lab.pair(name)
        # Answers go to a hole.
        right.ip("route", "add", SOURCES, "via", site_texts.SHARED)
        self.left.ip("route", "add", "blackhole", SOURCES)
        right.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.v0.rp_filter=0")
        if name == "ours":
            text = site_texts.ours(TUNNELS, False, SUITE) + site_texts.ours_from_anywhere()
            self.daemon = lab.Ipsecd(build, right, text)
        else:
            text = site_texts.charons(TUNNELS, False, SUITE) + site_texts.charons_from_anywhere()
            self.daemon = lab.Charon(right, text)
        self.load = lab.Load(build, self.left, SUITE, TUNNELS, False, False)
        self.right = right
        self.legitimate, self.came, self.latencies_ms, self.longest_ms = 0, 0, [], 0.0
        self.in_peace_ms, self.packet_us, self.lost = [], [], 0
        self.a_second = []

    def phase(self, seconds):
        """What became of those that mean it, and what all of it cost."""
        before_s = self.daemon.cpu_s()
        tally = self.load.order("pace", seconds, EVERY_MS)
        return tally, self.daemon.cpu_s() - before_s

    def socket_drops(self):
        lines = self.right.run("cat", "/proc/net/snmp").splitlines()
        return int([line for line in lines if line.startswith("Udp: ")][1].split()[5])

    def turn(self, seconds, a_second):
        peace, peace_s = self.phase(seconds)
        self.in_peace_ms.append(peace["p50_ms"])
        drops = self.socket_drops()
        program = f"{self.build}/tests/interop/spoof_flood"
        words = [program, a_second, seconds, SOURCES, site_texts.OURS]
        flood = subprocess.Popen(self.left.command(*words), stdout=subprocess.PIPE, text=True)
        tally, flooded_s = self.phase(seconds)
        sent = int(flood.communicate()[0].partition("=")[2])
        self.lost += self.socket_drops() - drops
        self.a_second.append(sent / seconds)
        # What the legitimate ones cost is known from the peace before.
        self.packet_us.append(1e6 * max(flooded_s - peace_s, 0) / sent)
        self.legitimate += seconds * 1000 // EVERY_MS
        self.came += tally["done"]
        self.latencies_ms.append(tally["p50_ms"])
        self.longest_ms = max(self.longest_ms, tally["max_ms"])

    def stop(self):
        self.load.stop()
        self.daemon.stop()


def main():
    lab.apart()
    build, rounds, seconds, a_second = sys.argv[1], *map(int, sys.argv[2:5])
    ours, peer = (Side(build, name) for name in ("ours", "peer"))
    for _ in range(rounds):
        for side in (ours, peer):
            side.turn(seconds, a_second)
    what = f"{a_second} a second, {SUITE}"

    def tell(name, unit, of, target=None, absolute=False):
        lab.figure(BENCH, name, what, unit, of(ours), of(peer), target, absolute)

    tell("legitimate openings that failed", "count", lambda it: it.legitimate - it.came, 0, True)
    tell("latency of those, in peace", "ms", lambda it: lab.median(it.in_peace_ms))
    tell("latency of those, in the flood", "ms", lambda it: lab.median(it.latencies_ms))
    tell("longest of those", "ms", lambda it: it.longest_ms)
    tell("responder CPU a spoofed packet", "us", lambda it: lab.median(it.packet_us), MOST_US, True)
    tell("packets a second that were sent", "1/s", lambda it: lab.median(it.a_second))
    tell("packets that found no room in the socket", "count", lambda it: it.lost)
    tell("resident memory afterwards", "MB", lambda it: it.daemon.rss_kb() / 1024)
    for side in (ours, peer):
        side.stop()


if __name__ == "__main__":
    main()
