#!/usr/bin/env python3
"""An Excel list is opened again, and its cells are what the daemon said; no cell is a formula.

usage: xlsx_test.py IPSECCTL

The daemon is a thread that answers one request with a list of two peers.
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from xml.etree import ElementTree

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def peer(name, remarks):
    return {"kind": "peer", "id": "peer-1", "name": name, "created": "2026-11-23T10:00:00Z",
            "fields": {"address": "203.0.113.9", "remarks": remarks}, "derived": {"tunnels": "3"}}


OBJECTS = [peer("hq", "Zürich 北京"), peer("=1+1", "a\tb\x01")]


def answer(listener):
    connection, _ = listener.accept()
    with connection:
        request = json.loads(connection.makefile().readline())
        result = {"type": "objects", "kind": "peer", "objects": OBJECTS}
        reply = {"v": 1, "id": request["id"], "ok": True, "result": result}
        connection.sendall((json.dumps(reply) + "\n").encode())


def list_peers(program, form, output, **options):
    """What ipsecctl did, with a daemon that answers."""
    with tempfile.TemporaryDirectory() as folder:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{folder}/control.sock")
        listener.listen(1)
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        done = subprocess.run([program, "--run-dir", folder, "peer", "list", "-o", form, "--output",
                               output], capture_output=True, text=True, timeout=20, **options)
        thread.join(20)
    return done


def rows_of(book):
    """Texts of the first sheet, and how many formulas there are."""
    with zipfile.ZipFile(book) as archive:
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
        shared = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
    texts = ["".join(item.itertext()) for item in shared.iter(f"{SPACE}si")]
    rows = []
    for row in sheet.iter(f"{SPACE}row"):
        cells = {}
        for cell in row.iter(f"{SPACE}c"):
            value = cell.findtext(f"{SPACE}v")
            cells[re.sub(r"\d", "", cell.get("r"))] = (
                texts[int(value)] if cell.get("t") == "s" else value)
        rows.append(cells)
    return rows, len(list(sheet.iter(f"{SPACE}f")))


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        book = pathlib.Path(folder) / "peers.xlsx"
        done = list_peers(program, "xlsx", book)
        assert done.returncode == 0, done
        rows, formulas = rows_of(book)
    head = ["name", "id", "address", "vendor", "region", "tunnels", "created", "remarks"]
    assert list(rows[0].values()) == head, rows[0]
    assert rows[1]["A"] == "hq" and rows[1]["C"] == "203.0.113.9", rows[1]
    assert rows[1]["F"] == "3" and rows[1]["H"] == "Zürich 北京", rows[1]
    assert rows[1]["G"] == "2026-11-23T10:00:00Z", rows[1]
    assert rows[2]["A"] == "=1+1" and rows[2]["H"] == "a\\x09b\\x01", rows[2]
    assert formulas == 0
    assert len(rows) == 3
    without_library(program)


def without_library(program):
    """It is loaded only for a sheet, and what cannot be loaded is told of in a line."""
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(program).read_bytes()
        name = re.search(rb"libxlsxwriter\.so[.0-9]*", text).group().decode()
        (pathlib.Path(folder) / name).write_bytes(b"no library")
        environment = os.environ | {"LD_LIBRARY_PATH": folder}
        for form, status in ("json", 0), ("xlsx", 2):
            done = list_peers(program, form, "/dev/null", env=environment)
            assert done.returncode == status, (form, done)
        assert "cannot be loaded" in done.stderr and "csv" in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


if __name__ == "__main__":
    main()
