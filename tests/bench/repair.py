#!/usr/bin/env python3
"""What becomes of a tunnel's packets when something happens: two ipsecd, and beside them two charon
with equal settings (dead peers are asked after 8 s), all at the same time.

    tests/bench/repair.py BUILD_DIRECTORY SECONDS

Needs a kernel with ESP. SECONDS is how long each is waited for. Prints one JSON line a figure: null
is what has not come by then.
"""

import sys
import threading
import time

import ends
import lab

BENCH = "repair"
INTERVAL_S = 0.05
SIZE = 200
# Datagrams of five fragments, so that the least volume there is lasts some seconds.
LARGE, OFTEN_S, VOLUME_KB = 7000, 0.02, 2560
LEAST_LIFETIME_S = 60
BEFORE_S = 3.0
# charon gives a silent peer up after 165 s: where so long is not waited, it need not begin.
CHARON_PATIENCE_S = 170
AWAY_S = 1.0
RESTING_S = 5.0


def until(condition, seconds, pause_s=0.2):
    """How long it took; None where it never came."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return time.monotonic() - began
        time.sleep(pause_s)
    return None


def cut(it, patience_s):
    """The link is cut until the peer is found dead, and some seconds more."""
    stream = ends.Stream(it.left_ns, it.right_ns, INTERVAL_S, SIZE)
    time.sleep(BEFORE_S)
    it.cut()
    out = {"link cut, until it is found": until(it.is_lost, patience_s, 0.5)}
    time.sleep(RESTING_S)
    it.mend()
    mended = time.monotonic()
    came = until(lambda: stream.flows_since(mended), patience_s)
    out["link back, until traffic flows"] = stream.flows_since(mended) - mended if came else None
    stream.stop()
    return out


def reboot(it, patience_s):
    """The peer is away for a second and has forgotten all, its kernel too; it only answers.
    What a host behind it would send in clear charon takes for a sign of life: so hosts only answer."""
    stream = ends.Stream(it.left_ns, it.right_ns, INTERVAL_S, SIZE, echoes=True)
    time.sleep(BEFORE_S)
    it.reboot()
    gone = time.monotonic()
    time.sleep(AWAY_S)
    it.start_right()
    came = until(lambda: stream.flows_since(gone + AWAY_S), patience_s)
    stream.stop()
    return {"peer rebooted and passive: outage": stream.outage_s() if came else None}


def kill(it, _):
    """The daemon at right dies at once and is back a second later; then left makes a child anew."""
    stream = ends.Stream(it.left_ns, it.right_ns, OFTEN_S, LARGE)
    time.sleep(BEFORE_S)
    it.right.kill()
    time.sleep(AWAY_S)
    it.start_right()
    time.sleep(BEFORE_S)
    before = it.outbound_spis()
    it.ask_for_rekey()
    took_s = until(lambda: it.outbound_spis() - before, 2 * RESTING_S + BEFORE_S)
    stream.stop()
    return {
        "kill -9 and restart: datagrams lost": stream.lost(),
        "kill -9 and restart: datagrams sent": 2 * stream.sent,
        "kill -9 and restart: rekeys after it that failed": 0 if took_s is not None else 1,
    }


def rekey_by_itself(it, seconds):
    stream = ends.Stream(it.left_ns, it.right_ns, OFTEN_S, LARGE)
    time.sleep(seconds)
    stream.stop()
    return rekey_figures(stream, *it.rekeys())


def rekey_by_order(it, seconds):
    """Children and IKE SAs, from either side in turn."""
    stream = ends.Stream(it.left_ns, it.right_ns, OFTEN_S, LARGE)
    end = time.monotonic() + seconds
    children = ikes = 0
    while time.monotonic() < end:
        for daemon in (it.left, it.right):
            time.sleep(2)
            it.rekey("child", daemon)
            children += 1
            if seconds > LEAST_LIFETIME_S and ikes < 2:
                it.rekey("ike", daemon)
                ikes += 1
    stream.stop()
    return rekey_figures(stream, children, ikes)


def rekey_figures(stream, children, ikes):
    return {
        "rekeys: datagrams lost": stream.lost(),
        "rekeys: datagrams sent": 2 * stream.sent,
        "rekeys of children": children,
        "rekeys of IKE SAs": ikes,
    }


TARGETS = {
    "link cut, until it is found": 21.0,
    "peer rebooted and passive: outage": 25.0,
    "rekeys: datagrams lost": 0,
    "kill -9 and restart: datagrams lost": 0,
    "kill -9 and restart: rekeys after it that failed": 0,
}


def main():
    lab.apart()
    build, patience_s = sys.argv[1], float(sys.argv[2])
    rekeying_s = min(patience_s, LEAST_LIFETIME_S + 10)
    lifetime_s = LEAST_LIFETIME_S if rekeying_s > LEAST_LIFETIME_S else None
    plans = [
        ("ours", cut, lambda: ends.OurEnds(build, "cut-o"), patience_s),
        ("peer", cut, lambda: ends.PeerEnds("cut-p"), patience_s),
        ("ours", reboot, lambda: ends.OurEnds(build, "reboot-o"), patience_s),
        ("peer", reboot, lambda: ends.PeerEnds("reboot-p"), patience_s),
        ("ours", kill, lambda: ends.OurEnds(build, "kill-o", VOLUME_KB), patience_s),
        ("peer", kill, lambda: ends.PeerEnds("kill-p"), patience_s),
        ("ours", rekey_by_itself,
         lambda: ends.OurEnds(build, "rekey-o", VOLUME_KB, lifetime_s), rekeying_s),
        ("peer", rekey_by_order, lambda: ends.PeerEnds("rekey-p"), rekeying_s),
    ]
    if patience_s < CHARON_PATIENCE_S:
        plans = [it for it in plans if it[0] == "ours" or it[1] not in (cut, reboot)]
    results = {"ours": {}, "peer": {}}

    def course(side, scenario, make, seconds):
        it = make()
        results[side] |= scenario(it, seconds)
        it.close()

    courses = [threading.Thread(target=course, args=plan) for plan in plans]
    for it in courses:
        it.start()
    for it in courses:
        it.join()
    for name, ours in results["ours"].items():
        unit = "count" if "datagrams" in name or "rekeys" in name else "s"
        lab.figure(BENCH, name, "one tunnel", unit, ours, results["peer"].get(name),
                   TARGETS.get(name), absolute=True)


if __name__ == "__main__":
    main()
