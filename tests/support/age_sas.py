#!/usr/bin/env python3
"""Makes SAs look used: the kernel counts on from another number of bytes.

usage: age_sas.py BYTES

Reads SAs from standard input, "DESTINATION SPI" of ESP over IPv4 a line, SPI as `ip xfrm state` has
it, and gives each BYTES as what has gone through (XFRM_MSG_NEWAE, include/uapi/linux/xfrm.h). The
next packet of an SA then meets its limits by volume, as if so much had been sent.
"""
import socket
import struct
import sys
import time

NETLINK_XFRM = 6
NLMSG_ERROR = 2
XFRM_MSG_NEWAE = 0x1E
XFRMA_LTIME_VAL = 9
NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE = 1, 4, 0x100
ESP = socket.IPPROTO_ESP


def request(number, destination, spi, count_bytes):
    lifetime = struct.pack("=QQQQ", count_bytes, 1, int(time.time()), int(time.time()))
    attribute = struct.pack("=HH", 4 + len(lifetime), XFRMA_LTIME_VAL) + lifetime
    # xfrm_aevent_id: the SA's destination, SPI, family and protocol; source, flags and reqid.
    sa = struct.pack("=4s12x4sHBx", socket.inet_aton(destination), struct.pack("!I", spi),
                     socket.AF_INET, ESP)
    body = sa + struct.pack("=16xII", 0, 0) + attribute
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE
    return struct.pack("=IHHII", 16 + len(body), XFRM_MSG_NEWAE, flags, number, 0) + body


def main():
    if len(sys.argv) != 2:
        print("usage: age_sas.py BYTES", file=sys.stderr)
        return 2
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM) as kernel:
        kernel.bind((0, 0))
        for number, line in enumerate(sys.stdin, 1):
            destination, spi = line.split()
            kernel.send(request(number, destination, int(spi, 16), int(sys.argv[1])))
            answer = kernel.recv(65536)
            kind, = struct.unpack_from("=H", answer, 4)
            error, = struct.unpack_from("=i", answer, 16)
            if kind != NLMSG_ERROR or error != 0:
                print(f"{line.strip()}: the kernel says {error}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
