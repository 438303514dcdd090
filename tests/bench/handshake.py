#!/usr/bin/env python3
"""What a handshake costs the responder: ipsecd beside charon, under the same load in turns.

    tests/bench/handshake.py BUILD_DIRECTORY ROUNDS SECONDS MOST [child]

Prints one JSON line a figure, of configurations with MOST tunnels at the most. A handshake is
IKE_SA_INIT, IKE_AUTH and, in the end, the initiator's Delete. Without `child` SAs have none (RFC
6023), which needs no ESP of the kernel.
"""

import sys

import lab
import site_texts

BENCH = "handshake"
MODP, X25519 = site_texts.MODP, site_texts.X25519
# Suite, tunnels configured, whether each peer has its own address, what is aimed at (of charon's).
CHILDLESS = [
    (MODP, 1, False, 0.25),
    (X25519, 1, False, 0.25),
    (MODP, 500, False, 0.15),
    (X25519, 500, False, 0.08),
    (X25519, 5000, False, None),
    (X25519, 5000, True, None),
]
WITH_CHILD = [(MODP, 1, False, 0.5), (X25519, 1, False, 0.5), (X25519, 100, False, None)]
# Of our own at one configured tunnel.
MANY_TO_ONE = 1.3
WARM_UP_S = 0.3


class Side:
    """A responder, and the load that it is under."""

    def __init__(self, build, name, variant, child):
        suite, tunnels, own, _ = variant
        left, right = lab.pair(f"{name}{tunnels}{'o' if own else 's'}{suite[0]}")
        if name == "ours":
            self.daemon = lab.Ipsecd(build, right, site_texts.ours(tunnels, own, suite))
        else:
            text = site_texts.charons(tunnels, own, suite)
            self.daemon = lab.Charon(right, text, ["dos_protection = no"])
        self.load = lab.Load(build, left, suite, tunnels, own, child)
        self.costs_ms, self.rates, self.latencies_ms = [], [], []

    def turn(self, seconds, counts=True):
        before = self.daemon.cpu_s()
        tally = self.load.order("churn", seconds)
        spent_s = self.daemon.cpu_s() - before
        if tally["done"] == 0 or tally["failed_tries"] > 0:
            sys.exit(f"handshakes failed: {tally}")
        if not counts:
            return
        self.costs_ms.append(1e3 * spent_s / tally["done"])
        self.rates.append(tally["done"] / tally["wall_s"])
        self.latencies_ms.append(tally["p50_ms"])

    def stop(self):
        self.load.stop()
        self.daemon.stop()


def measure(build, variant, rounds, seconds, child):
    sides = [Side(build, name, variant, child) for name in ("ours", "peer")]
    for side in sides:
        side.turn(WARM_UP_S, counts=False)
    for _ in range(rounds):
        for side in sides:
            side.turn(seconds)
    for side in sides:
        side.stop()
    return sides


def describe(variant, child):
    suite, tunnels, own, _ = variant
    peers = "" if tunnels == 1 else ", each its own address" if own else ", one address"
    return f"{suite}, {tunnels} configured{peers}, {'with child' if child else 'childless'}"


def main():
    lab.apart()
    build, rounds, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    most, child = int(sys.argv[4]), sys.argv[5:] == ["child"]
    bare_ms = lab.bare_dh_ms(build, 1.0)
    at_one_ms = {}
    for variant in WITH_CHILD if child else CHILDLESS:
        suite, tunnels, _, target = variant
        if tunnels > most:
            continue
        what = describe(variant, child)
        ours, peer = measure(build, variant, rounds, seconds, child)
        cost_ms = lab.median(ours.costs_ms)
        lab.figure(BENCH, "responder CPU", what, "ms", cost_ms, lab.median(peer.costs_ms), target)
        lab.figure(BENCH, "handshakes", what, "1/s", lab.median(ours.rates), lab.median(peer.rates))
        lab.figure(BENCH, "latency", what, "ms",
                   lab.median(ours.latencies_ms), lab.median(peer.latencies_ms))
        if tunnels == 1:
            at_one_ms[suite] = cost_ms
            lab.figure(BENCH, "responder CPU to bare DH", what, "ms", cost_ms, bare_ms[suite])
        else:
            goal = MANY_TO_ONE if tunnels >= 5000 else None
            lab.figure(BENCH, "responder CPU to that at 1", what, "ms",
                       cost_ms, at_one_ms[suite], goal)


if __name__ == "__main__":
    main()
