#!/usr/bin/env python3
"""ICMP echoes from many addresses in one process, since a process each takes longer than the answers.

  echoes.py SECONDS SOURCE,DESTINATION...

Sends one echo for each pair, waits that long after the last answer, and prints the pairs that were
not answered, a line each.
"""

import select
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo(sequence):
    def of(sum_):
        return struct.pack("!BBHHH", 8, 0, sum_, 0x4242, sequence) + b"of a tunnel, 48 bytes".ljust(48)

    return of(checksum(of(0)))


def main():
    patience = float(sys.argv[1])
    waiting = {}
    for sequence, pair in enumerate(sys.argv[2:]):
        source, destination = pair.split(",")
        one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        one.bind((source, 0))
        # Nothing else is heard there, the host's own echoes to others least of all.
        one.connect((destination, 0))
        one.send(echo(sequence))
        waiting[one] = (sequence, pair)
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], patience)
        if not ready:
            break
        for one in ready:
            try:
                packet = one.recv(2048)
            except OSError:  # somebody on the way says that it is not reached
                continue
            header = 4 * (packet[0] & 15)
            kind, _, _, name, sequence = struct.unpack("!BBHHH", packet[header : header + 8])
            if (kind, name, sequence) == (0, 0x4242, waiting[one][0]):
                del waiting[one]
    for _, pair in waiting.values():
        print(pair)


if __name__ == "__main__":
    main()
