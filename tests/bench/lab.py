"""What the benchmarks beside a real peer share: network namespaces, the two daemons, a load, and
how a figure is told.

Whatever runs here is in namespaces of its own (network, mount, process) and ends with them; daemons
have a /run that nobody else sees."""

import atexit
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import site_texts

CHARON = "/usr/lib/ipsec/charon"
PLUGINS = (
    "aesni aes sha2 sha1 md5 random nonce x509 pubkey pkcs1 pem openssl gmp hmac kdf gcm drbg "
    "curve25519 kernel-netlink socket-default updown vici"
)
READY_S = 120
ANSWER_S = 900
TICKS = os.sysconf("SC_CLK_TCK")


def apart():
    """Goes on in namespaces of its own, in which everything ends when this does."""
    if os.environ.get("IPSEC_BENCH_APART") == "yes":
        # A tmpfs, so that namespaces and process ids kept there are nobody else's.
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        pathlib.Path("/run/netns").mkdir()
        return
    if os.geteuid() != 0:
        sys.exit("charon needs root: run this as root")
    if not os.access(CHARON, os.X_OK):
        sys.exit(f"no {CHARON}: run scripts/setup")
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    environment = os.environ | {"IPSEC_BENCH_APART": "yes"}
    os.execvpe("unshare", [*command, sys.executable, *sys.argv], environment)


def run(*words, text=None):
    done = subprocess.run([str(w) for w in words], input=text, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


# --- figures -----------------------------------------------------------------------------------


def figure(bench, name, variant, unit, ours, peer=None, target=None, absolute=False, least=False):
    """`target` is at most (or, so said, at least), of the ratio where there is a peer, else (or
    with `absolute`) of ours."""
    ratio = ours / peer if peer and ours is not None else None
    compared = ours if absolute or peer is None else ratio
    met = None
    if target is not None:
        met = compared is not None and (compared >= target if least else compared <= target)

    def short(value):
        return None if value is None else round(value, 3)

    line = {"bench": bench, "figure": name, "variant": variant, "unit": unit}
    line |= {"ours": short(ours), "peer": short(peer), "ratio": short(ratio)}
    line |= {"target": target, "met": met}
    print(json.dumps(line, separators=(",", ":")), flush=True)


def note(*words):
    """What is seen on the way, for who watches."""
    print(*words, file=sys.stderr, flush=True)


median = statistics.median


# --- namespaces --------------------------------------------------------------------------------


class Namespace:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def batch(self, lines):
        return run("ip", "-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def command(self, *words):
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, *words):
        return run(*self.command(*words))


def join(left, right, device="v0"):
    """A cable between the side that begins and the responder's."""
    left.ip("link", "add", device, "type", "veth", "peer", "name", device, "netns", right.name)
    left.ip("address", "add", f"{site_texts.SHARED}/16", "dev", device)
    right.ip("address", "add", f"{site_texts.OURS}/16", "dev", device)
    for side in (left, right):
        side.ip("link", "set", device, "up")
    # All addresses of the range are the left side's own, and found without asking for each.
    left.ip("route", "add", "local", site_texts.OWN_RANGE, "dev", "lo")
    right.ip("route", "add", site_texts.OWN_RANGE, "via", site_texts.SHARED)


def pair(name):
    left, right = Namespace(f"{name}-l"), Namespace(f"{name}-r")
    join(left, right)
    return left, right


def scratch():
    """A directory that goes with us."""
    directory = tempfile.mkdtemp(prefix="ipsec-bench-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return pathlib.Path(directory)


# --- processes ---------------------------------------------------------------------------------


def stat_fields(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


class Process:
    """One that is measured: all pids that belong to it count."""

    process = None

    def pids(self):
        return [self.process.pid]

    def cpu_s(self):
        """User and system, of all threads, also those that have ended."""
        return sum(sum(map(int, stat_fields(pid)[11:13])) for pid in self.pids()) / TICKS

    def status_kb(self, key):
        total = 0
        for pid in self.pids():
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(key))
        return total

    def rss_kb(self):
        return self.status_kb("VmRSS:")

    def kill(self):
        """At once, and all of it."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(READY_S)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(READY_S)


def wait_for(what, condition, seconds=READY_S, pause_s=0.01):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(pause_s)


def ipsecd_command(build, directory):
    """All that it keeps is in that directory, where its settings are."""
    words = [f"{build}/ipsecd", "--config", directory / "ipsecd.toml"]
    words += ["--run-dir", directory / "run", "--state-dir", directory / "state"]
    return [*words, "--conf-dir", directory / "conf.d", "--log", directory / "log"]


class Ipsecd(Process):
    def __init__(self, build, namespace, text="", settings=None):
        self.build, self.namespace = build, namespace
        self.directory = scratch()
        (self.directory / "conf.d").mkdir()
        (self.directory / "ipsecd.toml").write_text(settings or site_texts.settings())
        (self.directory / "conf.d" / "all.toml").write_text(text)
        self.start()

    def start(self):
        log = self.directory / "log"
        log.unlink(missing_ok=True)
        began = time.monotonic()
        self.process = subprocess.Popen(
            self.namespace.command(*ipsecd_command(self.build, self.directory))
        )
        wait_for("ipsecd is ready", lambda: log.exists() and "event=ready" in log.read_text())
        self.start_s = time.monotonic() - began

    def pids(self):
        """The keeper, and the daemon proper."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_text().split())]

    def ask(self, *words, may_fail=False):
        arguments = [f"{self.build}/ipsecctl", "--run-dir", self.directory / "run", *words]
        done = subprocess.run(self.namespace.command(*arguments), text=True, capture_output=True)
        if done.returncode != 0 and not may_fail:
            sys.exit(f"{words}: status {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def states(self):
        lines = self.ask("-o", "csv", "status").splitlines()[1:]
        return [line.split(",")[3] for line in lines]


class Charon(Process):
    def __init__(self, namespace, text="", settings=()):
        self.namespace = namespace
        self.directory = scratch()
        self.socket = self.directory / "vici"
        self.environment = os.environ | {"STRONGSWAN_CONF": str(self.directory / "strongswan.conf")}
        (self.directory / "strongswan.conf").write_text(
            f"charon {{\nload = {PLUGINS}\nthreads = 32\ninstall_routes = no\n"
            f"filelog {{\nf {{\npath = {self.directory}/log\ndefault = 0\n}}\n}}\n"
            "syslog {\ndaemon {\ndefault = -1\n}\n}\n"
            f"plugins {{\nvici {{\nsocket = unix://{self.socket}\n}}\n}}\n"
            + "\n".join(settings) + "\n}\n"
        )
        self.start()
        if text:
            self.load(text)

    def start(self):
        self.socket.unlink(missing_ok=True)
        inner = f"mount -t tmpfs tmpfs /run && exec {CHARON}"
        self.process = subprocess.Popen(
            self.namespace.command("unshare", "-m", "bash", "-c", inner),
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        wait_for("charon is ready", self.socket.exists)

    def swan(self, *words, may_fail=False):
        done = subprocess.run(
            ["swanctl", *map(str, words), "--uri", f"unix://{self.socket}"],
            env=self.environment, text=True, capture_output=True,
        )
        if done.returncode != 0 and not may_fail:
            sys.exit(f"swanctl {words}: status {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def load(self, text):
        path = self.directory / "swanctl.conf"
        path.write_text(text)
        self.swan("--load-all", "--clear", "--file", path)


class Load(Process):
    """bench_load: orders go to it, and what came of them back."""

    def __init__(self, build, namespace, suite, tunnels, own, child, at_once=8, dpd_s=8):
        words = [f"{build}/tests/bench/bench_load", suite, tunnels, "own" if own else "one"]
        words += ["child" if child else "childless", at_once, dpd_s]
        self.process = subprocess.Popen(
            namespace.command(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("bench_load ended by itself")
        return json.loads(line)

    def order(self, *words):
        self.tell(*words)
        return self.hear()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(READY_S)


def bare_dh_ms(build, seconds):
    """Of one side's two operations, by suite."""
    lines = run(f"{build}/tests/bench/bench_load", "dh", seconds).splitlines()
    return {it["suite"]: it["us"] / 1e3 for it in map(json.loads, lines)}
