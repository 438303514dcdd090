#!/usr/bin/env python3
"""One host's half of counted flows: datagrams to many addresses, so many a second, and what comes back.

  flow.py GO SECONDS SIZE RATE SOURCE,DESTINATION...

Says `ready` once all sockets are bound, and begins when the file GO is there. Each datagram bears its
number. Stops sending after SECONDS, or once the file GO is gone. Ends when nothing has come for 3 s
after the last was sent, and prints for each pair how many it sent, how many different ones it received, and
the first numbers that are missing among those. Where the machine is too slow it sends fewer, never several at once. No echoes: of those the kernel itself drops answers when many come together.
"""

import itertools
import pathlib
import select
import socket
import struct
import sys
import time

# <asm-generic/socket.h>; Python has no names for them.
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
PORT = 4000
LOOKS_AFTER_S = 0.01
SILENCE_S = 3.0
LOOKS_EVERY = 5
ROOM_BYTES = 4 << 20


class Pair:
    def __init__(self, text, size):
        self.text = text
        source, destination = text.split(",")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM_BYTES)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, ROOM_BYTES)
        self.socket.bind((source, PORT))
        self.socket.connect((destination, PORT))
        self.rest = bytes(size - 4)
        self.sent = 0
        self.received = set()

    def send(self):
        self.socket.send(struct.pack("!I", self.sent) + self.rest)
        self.sent += 1

    def receive(self):
        self.received.add(struct.unpack("!I", self.socket.recv(65536)[:4])[0])

    # The last ones cannot be known here.
    def missing(self):
        numbers = [n for n in range(max(self.received, default=0)) if n not in self.received]
        return ",".join(map(str, numbers[:8])) or "-"


# What has come, and whether anything has; one wakes for all that comes between two sends: in user-mode
# Linux each system call costs half of what a datagram's whole way does.
def receive(poll, pairs, wait_s=0.0):
    came = ready = poll.poll(wait_s)
    while ready:
        for number, _ in ready:
            pairs[number].receive()
        ready = poll.poll(0)
    return bool(came)


def main():
    go, seconds, size, rate, *texts = sys.argv[1:]
    between_s = 1 / float(rate)
    pairs = {}
    poll = select.epoll()
    for text in texts:
        pair = Pair(text, int(size))
        pairs[pair.socket.fileno()] = pair
        poll.register(pair.socket.fileno(), select.EPOLLIN)
    print("ready", flush=True)
    go = pathlib.Path(go)
    while not go.exists():
        time.sleep(LOOKS_AFTER_S)
    due = time.monotonic()
    end = due + float(seconds)
    for tick in itertools.count():
        now = time.monotonic()
        if now >= end or (tick % LOOKS_EVERY == 0 and not go.exists()):
            break
        for pair in pairs.values():
            pair.send()
        receive(poll, pairs)
        # Half of the time at least is left to the kernel, whose queues are short, and to others.
        done = time.monotonic()
        due = max(due + between_s, done + (done - now))
        time.sleep(due - done)
    while receive(poll, pairs, SILENCE_S):
        pass
    for pair in pairs.values():
        print(pair.text, pair.sent, len(pair.received), pair.missing())


if __name__ == "__main__":
    main()
