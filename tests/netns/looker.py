#!/usr/bin/env python3
"""Looks at gateways, and gives them orders, for a scenario that does so often: in user-mode Linux
each start of a program takes as long as all else about a look.

A question is a line, SOCKET TAB EXPRESSION in Python, in which `t` is the tunnels' status by name,
and told(ORDER, NAME...) gives an order and is True. The answer: in how many lines, and these, of
what the expression comes to; -1 and one line if it could not be had.
"""
import json
import socket
import sys

LIMIT_S = 5


class Gateway(dict):
    """The names that an expression may use."""

    def __init__(self, path):
        super().__init__(told=self.told)
        self.path = path

    def __missing__(self, name):
        if name != "t":
            raise KeyError(name)
        self["t"] = {it["name"]: it for it in self.ask(op="status")["tunnels"]}
        return self["t"]

    def ask(self, **request):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT_S)
            client.connect(self.path)
            client.sendall(json.dumps({"v": 1, **request}).encode() + b"\n")
            reply = json.loads(client.makefile().readline())
        if not reply["ok"]:
            raise ValueError(reply["error"]["message"])
        return reply["result"]

    def told(self, order, *names):
        self.ask(op="command", order=order, tunnels=names)
        return True


for question in sys.stdin:
    path, expression = question.rstrip("\n").split("\t")
    try:
        lines = str(eval(expression, Gateway(path))).split("\n")
        count = len(lines)
    except Exception as error:  # whatever is wrong with it, it is the asker's
        count, lines = -1, [repr(error).replace("\n", " ")]
    print(count, *lines, sep="\n", flush=True)
