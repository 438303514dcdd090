#!/usr/bin/env python3
"""The daemon and the command line with thousands of tunnels: run by scripts/bench.

    unshare --net tests/bench/tunnels.py apply|list|idle BUILD_DIRECTORY ROUNDS [TUNNELS]

In a network namespace of its own: configuring needs XFRM policies and no ESP, so the machine's own
kernel will do. Prints one JSON line a figure.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import lab

READY_S = 120
ANSWER_S = 120
LOCAL = "198.51.100.1"

SETTINGS = """[limits]
tunnels_per_gateway = 100000
peers_per_region = 100000
"""

SITE = f"""[[vpc]]
name = "vpc"
cidrs = ["10.0.0.0/12"]

[[subnet]]
name = "lan"
vpc = "vpc"
cidr = "10.0.0.0/16"

[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "lan"
public_address = "{LOCAL}"
"""


def configuration(tunnels, start):
    """As many peers as tunnels, and one, two or three ranges behind each in turn."""
    parts = [SITE]
    ranges = 0
    for i in range(tunnels):
        cidrs = []
        for _ in range(1 + i % 3):
            cidrs.append(f'"{20 + (ranges >> 16)}.{ranges >> 8 & 255}.{ranges & 255}.0/24"')
            ranges += 1
        address = f"100.{64 + (i >> 14)}.{i >> 7 & 127}.{1 + (i & 127)}"
        parts.append(f'\n[[peer]]\nname = "peer-{i:05}"\naddress = "{address}"\n')
        parts.append(
            f'\n[[tunnel]]\nname = "tunnel-{i:05}"\ngateway = "gw"\npeer = "peer-{i:05}"\n'
            f'local_cidrs = ["10.0.0.0/16"]\npeer_cidrs = [{", ".join(cidrs)}]\n'
            f'psk = "a-key-for-tests-{i:05}"\nstart = "{start}"\n'
        )
    return "".join(parts)


def figure(bench, name, variant, unit, ours, target=None):
    met = None if target is None else ours <= target
    line = {"bench": bench, "figure": name, "variant": variant, "unit": unit}
    line |= {"ours": round(ours, 3), "peer": None, "ratio": None, "target": target, "met": met}
    print(json.dumps(line, separators=(",", ":")), flush=True)


class Daemon:
    """An ipsecd with directories of its own; CPU time is that of all its threads."""

    def __init__(self, build, boot_text=None):
        self.build = build
        self.stack = contextlib.ExitStack()
        directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="ipsec-bench-"))
        self.directory = pathlib.Path(directory)
        (self.directory / "conf.d").mkdir()
        (self.directory / "ipsecd.toml").write_text(SETTINGS)
        if boot_text is not None:
            (self.directory / "conf.d" / "all.toml").write_text(boot_text)
        self.process = None
        self.start()

    def start(self):
        began = time.monotonic()
        log = self.directory / "log"
        log.unlink(missing_ok=True)
        self.process = subprocess.Popen(lab.ipsecd_command(self.build, self.directory))
        while not (log.exists() and "event=ready" in log.read_text()):
            if self.process.poll() is not None or time.monotonic() - began > READY_S:
                text = log.read_text() if log.exists() else "no log"
                sys.exit(f"ipsecd is not ready:\n{text[-2000:]}")
            time.sleep(0.01)
        self.start_s = time.monotonic() - began
        # The process is the keeper; its one child is the daemon, whose figures are wanted.
        children = subprocess.check_output(["pgrep", "-P", str(self.process.pid)], text=True)
        self.daemon_pid = int(children.split()[0])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(READY_S)

    def close(self):
        self.stop()
        self.stack.close()

    def cpu_s(self):
        total_ns = 0
        for task in pathlib.Path(f"/proc/{self.daemon_pid}/task").iterdir():
            total_ns += int((task / "schedstat").read_text().split()[0])
        return total_ns / 1e9

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.daemon_pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def ask(self, *words, may_fail=False):
        """Runs ipsecctl: seconds of wall time, and of CPU time of both."""
        arguments = [f"{self.build}/ipsecctl", "--run-dir", self.directory / "run", *words]
        own_before, daemon_before = os.times(), self.cpu_s()
        began = time.monotonic()
        # Nobody reads it: that would be our time.
        done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wall_s = time.monotonic() - began
        daemon_s = self.cpu_s() - daemon_before
        own = os.times()
        if done.returncode != 0 and not may_fail:
            sys.exit(f"{words}: status {done.returncode}: {done.stderr.decode()[-2000:]}")
        command_s = own.children_user - own_before.children_user
        command_s += own.children_system - own_before.children_system
        return wall_s, command_s + daemon_s


class Probe:
    """Asks for the version again and again: how long the longest answer took, the daemon was busy."""

    PAUSE_S = 0.001

    def __init__(self, daemon):
        self.path = str(daemon.directory / "run" / "control.sock")
        self.longest_s = 0.0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def run(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_S)
            client.connect(self.path)
            while not self.ending.is_set():
                began = time.monotonic()
                client.sendall(b'{"v":1,"id":1,"op":"version"}\n')
                answer = b""
                while not answer.endswith(b"\n"):
                    answer += client.recv(65536)
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                time.sleep(self.PAUSE_S)


def bench_apply(build, rounds, tunnels):
    text = configuration(tunnels, "traffic")
    variant = f"{tunnels} tunnels"
    runs = {"apply -f": [], "conf.d at the start": [], "started again": []}
    stretches = []
    for _ in range(rounds):
        daemon = Daemon(build)
        file = daemon.directory / "all.toml"
        file.write_text(text)
        wall_s, cpu_s = daemon.ask("apply", "-f", file)
        runs["apply -f"].append((cpu_s, wall_s, daemon.peak_mb()))
        # All of it again, unchanged: what an operator does who keeps everything in one file.
        with Probe(daemon) as probe:
            daemon.ask("apply", "-f", file)
        stretches.append(probe.longest_s)
        daemon.stop()
        daemon.start()
        runs["started again"].append((daemon.cpu_s(), daemon.start_s, daemon.peak_mb()))
        daemon.close()
        # What the one before left in the kernel, as a fresh machine has nothing.
        subprocess.run(["ip", "xfrm", "policy", "flush"], check=True)
        daemon = Daemon(build, text)
        runs["conf.d at the start"].append((daemon.cpu_s(), daemon.start_s, daemon.peak_mb()))
        daemon.close()
        subprocess.run(["ip", "xfrm", "policy", "flush"], check=True)
    for name, results in runs.items():
        cpu_s, wall_s, peak_mb = (statistics.median(column) for column in zip(*results))
        figure("apply", f"{name}: CPU", variant, "s", cpu_s, 3.0)
        figure("apply", f"{name}: wall", variant, "s", wall_s)
        figure("apply", f"{name}: peak memory", variant, "MB", peak_mb, 200.0)
    figure("apply", "the same again: longest stretch", variant, "ms", 1e3 * min(stretches))


# What is asked, and the target of its wall time in ms.
ORDERS = [
    (("tunnel", "list", "-o", "json"), 300.0),
    (("tunnel", "list"), None),
    (("status", "-o", "json"), None),
    (("status",), None),
    (("tunnel", "list", "--search", "00042"), None),
    (("diag", "tunnel-00500"), None),
    (("tunnel", "show", "tunnel-00500"), None),
    (("tunnel", "set", "tunnel-00500", "--remarks", "{round}"), None),
    (("dump",), None),
    (("events",), None),
    (("audit",), None),
]
LONGEST_STRETCH_MS = 50.0


def bench_list(build, rounds, tunnels):
    daemon = Daemon(build, configuration(tunnels, "traffic"))
    variant = f"{tunnels} tunnels"
    for words, target_ms in ORDERS:
        walls, cpus, stretches = [], [], []
        # diag says by its status that the tunnel is not up.
        may_fail = words[0] == "diag"
        for i in range(rounds):
            wall_s, cpu_s = daemon.ask(*(w.format(round=f"a{i}") for w in words), may_fail=may_fail)
            walls.append(wall_s)
            cpus.append(cpu_s)
            with Probe(daemon) as probe:
                daemon.ask(*(w.format(round=f"b{i}") for w in words), may_fail=may_fail)
            stretches.append(probe.longest_s)
        name = " ".join(words).replace(" {round}", " ...")
        figure("list", f"{name}: wall", variant, "ms", 1e3 * statistics.median(walls), target_ms)
        figure("list", f"{name}: CPU", variant, "ms", 1e3 * statistics.median(cpus))
        # The least of the rounds: a neighbour on the processor is no work of the daemon's.
        stretch_ms = 1e3 * min(stretches)
        figure("list", f"{name}: longest stretch", variant, "ms", stretch_ms, LONGEST_STRETCH_MS)
    figure("list", "peak memory", variant, "MB", daemon.peak_mb(), 200.0)
    daemon.close()


def bench_idle(build, seconds, tunnels):
    for start in ("traffic", "respond", "auto"):
        daemon = Daemon(build, configuration(tunnels, start))
        time.sleep(2)  # what the start itself leaves to be done
        before = daemon.cpu_s()
        if start == "auto":
            with Probe(daemon) as probe:
                time.sleep(seconds)
        else:
            time.sleep(seconds)
        used_ms = 1e3 * (daemon.cpu_s() - before) / seconds
        what = f"{tunnels} tunnels, start = {start}"
        # A clock tick of 10 ms in 10 s is what ps could show.
        silent = start == "auto"
        name = "CPU a second, all peers silent" if silent else "CPU a second"
        figure("idle", name, what, "ms", used_ms, None if silent else 1.0)
        if silent:
            figure("idle", "longest stretch", what, "ms", 1e3 * probe.longest_s)
        daemon.close()
        subprocess.run(["ip", "xfrm", "policy", "flush"], check=True)


def prepare_network():
    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    ip("link", "set", "lo", "up")
    ip("address", "add", f"{LOCAL}/32", "dev", "lo")
    # What is sent to a peer leads nowhere, and nobody says so.
    ip("route", "add", "default", "dev", "lo")


def main():
    what, build, effort = sys.argv[1:4]
    tunnels = int(sys.argv[4]) if len(sys.argv) > 4 else 10_000
    # A fresh one has no device that is up.
    if subprocess.run(["ip", "-oneline", "link", "show", "up"], capture_output=True).stdout:
        sys.exit("run this in a network namespace of its own: unshare --net")
    prepare_network()
    benches = {"apply": bench_apply, "list": bench_list, "idle": bench_idle}
    benches[what](build, int(effort), tunnels)


if __name__ == "__main__":
    main()
