"""Two gateways of one kind with a tunnel between them, and counted datagrams through it: for what
becomes of packets when something happens."""

import contextlib
import ctypes
import pathlib
import select
import shutil
import socket
import struct
import threading
import time

import lab
import site_texts

SUITE = "x25519-aes128gcm16"
LEFT, RIGHT = "10.128.0.1", "10.2.0.1"
PORT = 4000
# Enough for what one side sends while the other is not looked at.
ROOM_BYTES = 4 << 20
CLONE_NEWNET = 0x40000000
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33


def socket_in(namespace, address):
    """A socket stays in the namespace that it was made in; its thread comes back."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace.name}") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if libc.setns(home.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM_BYTES)
    made.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, ROOM_BYTES)
    made.bind((address, PORT))
    return made


class Stream(threading.Thread):
    """Numbered datagrams both ways, one every so often, until it is told to stop. With `echoes` right
    says nothing by itself."""

    SILENCE_S = 1.0

    def __init__(self, left, right, interval_s, size, echoes=False):
        super().__init__(daemon=True)
        self.echoes = echoes
        self.sockets = [socket_in(left, LEFT), socket_in(right, RIGHT)]
        self.targets = [(RIGHT, PORT), (LEFT, PORT)]
        self.interval_s, self.rest = interval_s, bytes(size - 4)
        self.sent = 0
        # By direction: when each number came.
        self.came = [{}, {}]
        self.ending = threading.Event()
        self.start()

    def run(self):
        due = time.monotonic()
        while not self.ending.is_set():
            for side in (0,) if self.echoes else (0, 1):
                self.send(side, self.sent)
            self.sent += 1
            due = max(due + self.interval_s, time.monotonic())
            self.receive_until(due)
        self.receive_until(time.monotonic() + self.SILENCE_S)

    def send(self, side, number):
        # What cannot be sent is lost, and that is counted.
        with contextlib.suppress(OSError):
            self.sockets[side].sendto(struct.pack("!I", number) + self.rest, self.targets[side])

    def receive_until(self, end):
        while (left_s := end - time.monotonic()) > 0:
            ready, _, _ = select.select(self.sockets, [], [], left_s)
            for it in ready:
                number = struct.unpack("!I", it.recv(65536)[:4])[0]
                side = self.sockets.index(it)
                self.came[1 - side].setdefault(number, time.monotonic())
                if self.echoes and side == 1:
                    self.send(side, number)

    def stop(self):
        self.ending.set()
        self.join()
        for it in self.sockets:
            it.close()

    def lost(self):
        return sum(self.sent - len(came) for came in self.came)

    def outage_s(self):
        """The longest time in which nothing came, of the direction where it was longest."""
        longest = 0.0
        for came in self.came:
            times = sorted(came.values())
            longest = max([longest, *(b - a for a, b in zip(times, times[1:]))])
        return longest

    def flows_since(self, then):
        """When both directions had come again after that; None while they have not."""
        firsts = [min((t for t in list(came.values()) if t > then), default=None)
                  for came in self.came]
        return None if None in firsts else max(firsts)


class Ends:
    """Left begins, right only answers."""

    def __init__(self, name):
        self.left_ns, self.right_ns = lab.pair(name)
        for namespace, own, other, via in (
            (self.left_ns, LEFT, site_texts.NEAR, site_texts.OURS),
            (self.right_ns, RIGHT, site_texts.behind(0), site_texts.SHARED),
        ):
            namespace.ip("address", "add", f"{own}/32", "dev", "lo")
            namespace.ip("route", "add", other, "via", via, "src", own)

    def cut(self):
        for namespace in (self.left_ns, self.right_ns):
            namespace.ip("link", "set", "v0", "up")
            lab.run("tc", "-n", namespace.name, "qdisc", "add", "dev", "v0", "root", "netem",
                    "loss", "100%")

    def mend(self):
        for namespace in (self.left_ns, self.right_ns):
            lab.run("tc", "-n", namespace.name, "qdisc", "delete", "dev", "v0", "root")

    def forget_kernel(self):
        """As a reboot does."""
        self.right_ns.ip("xfrm", "state", "flush")
        self.right_ns.ip("xfrm", "policy", "flush")

    def outbound_spis(self):
        """Of the SAs that left has towards right; SPIs that are only held have no keys."""
        text = self.left_ns.ip("xfrm", "state", "list", "dst", site_texts.OURS)
        return {part.split()[part.split().index("spi") + 1]
                for part in text.split("src ") if "enc " in part or "aead " in part}

    def close(self):
        for daemon in (self.left, self.right):
            daemon.kill()


class OurEnds(Ends):
    """`volume_kb`: left makes the children anew after so much; `lifetime_s`: and the IKE SA."""

    def __init__(self, build, name, volume_kb=None, lifetime_s=None, suite=SUITE):
        super().__init__(name)
        settings = "wide_lifetimes = true\n" + site_texts.settings()
        self.right = lab.Ipsecd(build, self.right_ns, site_texts.ours(1, False, suite), settings)
        text = site_texts.ours_beginning(
            1, suite,
            ike_more=f", lifetime_s = {lifetime_s}" if lifetime_s else "",
            ipsec_more=f", lifetime_kb = {volume_kb}" if volume_kb else "",
        )
        self.left = lab.Ipsecd(build, self.left_ns, text, settings)
        lab.wait_for("the tunnel is up", lambda: self.left_says("event=connected"), pause_s=0.1)

    def left_says(self, words):
        return words in (self.left.directory / "log").read_text()

    def is_lost(self):
        return self.left_says("event=disconnected")

    def rekeys(self):
        log = (self.left.directory / "log").read_text()
        return log.count("event=child-rekeyed"), log.count("event=ike-rekeyed")

    def ask_for_rekey(self):
        """By volume, without being asked."""

    def reboot(self):
        self.right.kill()
        self.forget_kernel()
        shutil.rmtree(self.right.directory / "run", ignore_errors=True)

    def start_right(self):
        self.right.start()


class PeerEnds(Ends):
    def __init__(self, name):
        super().__init__(name)
        self.right = lab.Charon(self.right_ns, site_texts.charons(1, False, SUITE))
        self.left = lab.Charon(self.left_ns, site_texts.charon_beginning(SUITE))
        self.left.swan("--initiate", "--child", "c0")

    def is_lost(self):
        return "ESTABLISHED" not in self.left.swan("--list-sas", may_fail=True)

    def rekey(self, what, daemon):
        daemon.swan("--rekey", f"--{what}", "c0", may_fail=True)

    def ask_for_rekey(self):
        self.rekey("child", self.left)

    def reboot(self):
        self.right.kill()
        self.forget_kernel()

    def start_right(self):
        self.right.start()
        self.right.load(pathlib.Path(self.right.directory / "swanctl.conf").read_text())
