#!/usr/bin/env python3
"""Writes xfrm_requests.txt and xfrm_kernel.txt: what iproute2 sends to the kernel, and what the
kernel tells, read from strace's hex dumps. So they owe nothing to the codecs they check.

    scripts/in-kernel --kernel uml tests/vectors/make_xfrm_messages.py

Sequence numbers, ports and times differ from run to run: the tests do not look at them.
"""

import pathlib
import re
import struct
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
DUMP_LINE = re.compile(r"^ \| [0-9a-f]+  ((?:[0-9a-f]{2} +){1,16})", re.MULTILINE)
REQID = "0x49500001"
ENDS = "src 192.0.2.1 dst 192.0.2.2"
SIX = "src 2001:db8::1 dst 2001:db8::2"
BACK = "src 192.0.2.2 dst 192.0.2.1"
GCM = "aead rfc4106(gcm(aes)) {key20} 128"

# The registry's name of each algorithm, and iproute2's words for it.
AEADS = {
    "aes128gcm16": ("rfc4106(gcm(aes))", 20),
    "aes192gcm16": ("rfc4106(gcm(aes))", 28),
    "aes256gcm16": ("rfc4106(gcm(aes))", 36),
    "chacha20poly1305": ("rfc7539esp(chacha20,poly1305)", 36),
}
CIPHERS = {
    "aes128": ("cbc(aes)", 16), "aes192": ("cbc(aes)", 24), "aes256": ("cbc(aes)", 32),
    "aes128ctr": ("rfc3686(ctr(aes))", 20), "aes192ctr": ("rfc3686(ctr(aes))", 28),
    "aes256ctr": ("rfc3686(ctr(aes))", 36),
    "3des": ("cbc(des3_ede)", 24), "des": ("cbc(des)", 8), "null": ("ecb(cipher_null)", 0),
}
HASHES = {
    "sha256": ("hmac(sha256)", 32, 128), "sha384": ("hmac(sha384)", 48, 192),
    "sha512": ("hmac(sha512)", 64, 256), "sha1": ("hmac(sha1)", 20, 96),
    "md5": ("hmac(md5)", 16, 96),
}


def key(size):
    return "0x" + bytes(range(size)).hex() if size else ""


def hash_words(name):
    kernel, size, bits = HASHES[name]
    return ["auth-trunc", kernel, key(size), str(bits)]


def sa(rest, ends=ENDS, proto="esp", verb="add", algorithm=None):
    words = f"xfrm state {verb} {ends} proto {proto} spi 0x12345678".split()
    words += f"reqid {REQID} mode tunnel flag af-unspec".split()
    return words + (algorithm or GCM.format(key20=key(20)).split()) + rest.split()


def algorithm_requests():
    for name, (kernel, size) in AEADS.items():
        yield f"esp {name}", sa("", algorithm=["aead", kernel, key(size), "128"])
    for name, (kernel, size) in CIPHERS.items():
        words = ["enc", kernel, key(size)] + hash_words("sha256")
        yield f"esp {name} sha256", sa("", algorithm=words)
    for name in HASHES:
        words = ["enc", "cbc(aes)", key(16)] + hash_words(name)
        yield f"esp aes128 {name}", sa("", algorithm=words)
        yield f"ah {name}", sa("flag align4", proto="ah", algorithm=hash_words(name))
        yield f"ah {name} v6", sa("", ends=SIX, proto="ah", algorithm=hash_words(name))


def sa_requests():
    yield "v6", sa("", ends=SIX)
    yield "update", sa("", verb="update")
    yield "in window", sa("replay-window 1024 limit packet-soft 1", ends=BACK)
    yield "in seen", sa("replay-window 1024 limit packet-soft 18446744073709551614", ends=BACK)
    yield "in esn", sa("replay-window 128 flag esn limit packet-soft 1", ends=BACK)
    yield "in continued", sa("replay-window 64 flag esn limit packet-soft 1 replay-seq 9 "
                             "replay-seq-hi 3", ends=BACK)
    yield "out esn", sa("replay-window 32 flag esn")
    yield "out continued", sa("replay-oseq 77")
    yield "out esn continued", sa("replay-window 32 flag esn replay-oseq 77 replay-oseq-hi 2")
    yield "encapsulated", sa("encap espinudp 4500 61234 0.0.0.0")
    yield "limits", sa("limit byte-soft 4000000000 limit byte-hard 5000000000 limit time-hard 86400")
    yield "no ecn", sa("flag noecn")
    yield "no dscp", sa("extra-flag dont-encap-dscp")
    yield "mark", sa("mark 0x7 mask 0xff")
    yield "interface", sa("if_id 0x42")
    yield "output mark", sa("output-mark 0x9 mask 0xf")
    yield "offload in", sa("replay-window 1024 limit packet-soft 1 offload dev lo dir in", ends=BACK)
    name = f"{ENDS} proto esp spi 0x12345678"
    yield "delete", f"xfrm state delete {name} mark 0x7 mask 0xff".split()
    yield "get", f"xfrm state get {name} mark 0x7 mask 0xff".split()
    yield "delete ah v6", f"xfrm state delete {SIX} proto ah spi 0x12345678".split()
    yield "allocate", (f"xfrm state allocspi {ENDS} proto esp mode tunnel "
                       "min 0x10000000 max 0xffffffff").split()


def policy_requests():
    out = "src 10.0.1.0/24 dst 10.0.2.0/25 dir out"
    yield "policy out", (f"xfrm policy update {out} priority 70000 tmpl {ENDS} proto esp "
                         f"spi 0x12345678 reqid {REQID} mode tunnel").split()
    yield "policy in", ("xfrm policy update src 10.0.2.0/25 dst 10.0.1.0/24 proto tcp sport 80 "
                        "dport 443 dir in priority 70001 if_id 0x42 mark 0x7 mask 0xff tmpl "
                        f"src 0.0.0.0 dst 192.0.2.1 proto esp reqid {REQID} mode tunnel").split()
    yield "policy icmp", ("xfrm policy update src 10.0.2.0/25 dst 10.0.1.0/24 proto icmp type 8 "
                          "code 0 dir fwd priority 70002 tmpl "
                          f"src 0.0.0.0 dst 192.0.2.1 proto ah reqid {REQID} mode tunnel").split()
    yield "policy v6 block", ("xfrm policy update src 2001:db8:1::/64 dst 2001:db8:2::/48 dir out "
                              f"action block priority 70003 tmpl {ENDS} proto esp reqid {REQID} "
                              "mode tunnel").split()
    yield "hash thresholds", "xfrm policy set hthresh4 24 20 hthresh6 64 56".split()
    yield "policy delete", f"xfrm policy delete {out} mark 0x7 mask 0xff if_id 0x42".split()


def traced(call, arguments, run, folder):
    """Runs `ip` under strace; the bytes of each message that went (sendmsg) or came (recvmsg)."""
    direction = "write" if call == "sendmsg" else "read"
    out = pathlib.Path(folder, "trace")
    strace = ["strace", "-o", str(out), "-s", "1", "-e", f"trace={call}", "-e", f"{direction}=all"]
    run(strace + ["ip"] + arguments)
    return out


def messages(trace):
    """Each call's buffer, cut into netlink messages; a buffer that was peeked at comes once."""
    found = []
    for dump in re.split(r"^(?! \|)", trace.read_text(), flags=re.MULTILINE):
        data = bytes.fromhex("".join(DUMP_LINE.findall(dump)))
        while len(data) >= 16:
            length = struct.unpack_from("=I", data)[0]
            if length < 16:
                break
            if data[:length] not in found:
                found.append(data[:length])
            data = data[(length + 3) & ~3:]
    return found


def message_type(message):
    return struct.unpack_from("=H", message, 4)[0]


def in_namespace(words):
    subprocess.run(["ip", "netns", "exec", "a"] + words, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)


def capture_requests(folder):
    for name, words in [*algorithm_requests(), *sa_requests(), *policy_requests()]:
        in_namespace(["ip", "xfrm", "state", "flush"])
        in_namespace(["ip", "xfrm", "policy", "flush"])
        trace = traced("sendmsg", words, in_namespace, folder)
        sent = [m for m in messages(trace) if 0x10 <= message_type(m) < 0x30]
        if not sent:
            raise SystemExit(f"iproute2 does not send '{name}': {' '.join(words)}")
        yield name, " ".join(words), sent[-1]


def prepare():
    for line in """
        modprobe -a esp4 esp6 ah4 ah6 xfrm_user authenc gcm cbc ctr hmac sha256_generic
        modprobe -a echainiv seqiv veth chacha20poly1305 des_generic md5 sha512_generic sha1_generic
        ip netns add a
        ip netns add b
        ip link add va netns a type veth peer name vb netns b
        ip -n a address add 192.0.2.1/24 dev va
        ip -n a address add 10.0.1.1/32 dev lo
        ip -n a link set va up
        ip -n a link set lo up
        ip -n b address add 192.0.2.2/24 dev vb
        ip -n b link set vb up
        ip -n a route add 10.0.2.0/24 via 192.0.2.2""".strip().splitlines():
        subprocess.run(line.split(), check=False, stderr=subprocess.DEVNULL)


def set_the_table():
    cbc = ["enc", "cbc(aes)", key(16)] + hash_words("sha256")
    short = f"xfrm state add {ENDS} proto ah spi 0x44444444 reqid {REQID} mode tunnel".split()
    foreign = f"xfrm state add {ENDS} proto ah spi 0x33333333 reqid 7 mode transport".split()
    for words in [
            sa("replay-window 1024 limit packet-soft 1 if_id 0x42 mark 0x7 mask 0xff output-mark "
               "0x9 mask 0xf limit byte-hard 1000000 limit time-hard 3600", ends=BACK),
            sa("flag esn replay-window 32 encap espinudp 4500 4501 0.0.0.0 extra-flag "
               "dont-encap-dscp", algorithm=cbc),
            foreign + hash_words("sha1"),
            short + hash_words("sha1") + "limit time-hard 2".split(),
            ("xfrm policy update src 10.0.1.0/24 dst 10.0.2.0/24 proto icmp dir out priority 70000 "
             f"tmpl {ENDS} proto esp spi 0 reqid {REQID} mode tunnel").split(),
            ("xfrm policy update src 10.0.2.0/24 dst 10.0.1.0/24 proto tcp sport 80 dir in "
             "priority 70001 if_id 0x42 mark 0x7 mask 0xff tmpl src 0.0.0.0 dst 192.0.2.1 "
             f"proto esp reqid {REQID} mode tunnel").split(),
            ("xfrm policy update src 10.0.3.0/24 dst 10.0.1.0/24 dir fwd priority 70002 action "
             f"block tmpl src 0.0.0.0 dst 192.0.2.1 proto esp reqid {REQID} mode tunnel").split(),
            "xfrm policy update src 10.0.9.0/24 dst 10.0.1.0/24 dir in priority 9".split(),
            (f"xfrm state allocspi {BACK} proto esp mode tunnel reqid {REQID} min 0x55555555 "
             "max 0x55555555").split()]:
        in_namespace(["ip"] + words)


def capture_kernel(folder):
    in_namespace(["ip", "xfrm", "state", "flush"])
    in_namespace(["ip", "xfrm", "policy", "flush"])
    log = pathlib.Path(folder, "monitor")
    monitor = subprocess.Popen(
        ["ip", "netns", "exec", "a", "strace", "-I1", "-o", str(log), "-s", "1", "-e", "trace=recvmsg",
         "-e", "read=all", "ip", "xfrm", "monitor", "all"], stdout=subprocess.DEVNULL)
    time.sleep(2)
    set_the_table()
    for name in "state", "policy":
        trace = traced("recvmsg", ["xfrm", name, "list"], in_namespace, folder)
        rows = [m for m in messages(trace) if message_type(m) >= 0x10]
        for number, row in enumerate(rows):
            yield f"dump {name} {number}", row
    in_namespace("ping -c1 -W1 -I 10.0.1.1 10.0.2.5".split())
    in_namespace(f"ip xfrm state delete {ENDS} proto esp spi 0x12345678".split())
    in_namespace("ip xfrm policy delete src 10.0.1.0/24 dst 10.0.2.0/24 proto icmp dir out".split())
    time.sleep(3)
    in_namespace("ip xfrm state flush".split())
    in_namespace("ip xfrm policy flush".split())
    time.sleep(1)
    monitor.terminate()
    monitor.wait()
    for number, message in enumerate(m for m in messages(log) if message_type(m) >= 0x10):
        yield f"event {number}", message


def main():
    prepare()
    kernel = pathlib.Path("/proc/sys/kernel/osrelease").read_text().strip()
    with tempfile.TemporaryDirectory() as folder:
        text = "# Source: written by make_xfrm_messages.py: what iproute2 6.1 sends.\n"
        for name, words, message in capture_requests(folder):
            text += f"\nname = {name}\nwords = {words}\nmessage = {message.hex()}\n"
        pathlib.Path(HERE, "xfrm_requests.txt").write_text(text)
        text = f"# Source: written by make_xfrm_messages.py: what Linux {kernel} tells.\n"
        for name, message in capture_kernel(folder):
            text += f"\nname = {name}\ntype = {message_type(message):#x}\nmessage = {message.hex()}\n"
        pathlib.Path(HERE, "xfrm_kernel.txt").write_text(text)


main()
