#!/usr/bin/env python3
"""Route tables behind a REST API, for tests of a program that talks to one.

usage: rest_tables.py FOLDER [PORT]

Listens on 127.0.0.1 alone and writes its port to FOLDER/port. The tables are FOLDER/NAME.table, so
that they outlive the server and a test can look at them, or put another's route there. It ends
with its standard input, and after ten minutes in any case.

The file FOLDER/faults, if there is one, spoils what comes next: a line each, taken one by one:
  status N      answer with this status instead
  after N       do what was asked, then answer with this status
  slow S        answer after S seconds, or as soon as the file is gone
  garbage       answer with something that is no JSON
  huge          answer with 2 MiB
  hang up       close the connection without a word
  ok            nothing
"""
import functools
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.parse

TOKEN = "Bearer sesame"
LIFE_S = 600


class Route(dict):
    """Is put into words once, so that a table of many is written quickly."""

    @functools.cached_property
    def text(self):
        return json.dumps(self)


def read(text):
    return json.loads(text, object_hook=Route)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve()

    do_POST = do_PUT = do_DELETE = do_GET

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            with open(self.server.folder / "calls", "a", encoding="utf-8") as calls:
                calls.write(f"{self.command} {self.path}\n")
            fault = self.server.next_fault().split()
        word = fault[0] if fault else "ok"
        if word == "hang":
            self.close_connection = True
        elif word == "status":
            self.answer(int(fault[1]), {"error": "as the test has it"})
        elif word == "garbage":
            self.send(200, b"<html>")
        elif word == "huge":
            self.send(200, b"[" + b" " * (2 << 20) + b"]")
        else:
            if word == "slow":
                self.server.wait(float(fault[1]))
            with self.server.lock:
                status, told = self.dispatch(body)
            self.answer(int(fault[1]) if word == "after" else status, told)

    def answer(self, status, told):
        self.send(status, json.dumps(told).encode())

    def send(self, status, text):
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            self.close_connection = True

    def dispatch(self, body):
        if self.headers.get("Authorization") != TOKEN:
            return 401, {"error": "who are you"}
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")]
        if len(parts) != 4 or parts[1] != "tables" or parts[3] != "routes":
            return 404, {"error": "no such thing"}
        path = self.server.folder / (parts[2] + ".table")
        if "/" in parts[2] or not path.is_file():
            return 404, {"error": f"there is no table {parts[2]}"}
        routes = self.server.table(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        status, told = self.change(routes, query, read(body) if body else None)
        if self.command != "GET" and status < 300:
            self.server.keep(path, routes)
        return status, told

    def change(self, routes, query, route):
        if self.command == "GET":
            return 200, routes
        if self.command == "POST":
            if any(place(one) == place(route) for one in routes):
                return 409, {"error": "the place is taken"}
            routes.append(route)
            return 201, route
        asked = (query["destination"], int(query["metric"]))
        found = [one for one in routes if place(one) == asked]
        if not found:
            return 410, {"error": "there is no such route"}
        if found[0].get("owner") != query.get("owner"):
            return 409, {"error": "it is another's"}
        if self.command == "PUT":
            routes[routes.index(found[0])] = route
            return 200, route
        routes.remove(found[0])
        return 200, None


def place(route):
    return route["destination"], route.get("metric", 0)


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.folder, self.lock, self.known = folder, threading.Lock(), {}

    def handle_error(self, *_):
        """A client that is killed while it waits is what a test wants to see."""

    def next_fault(self):
        try:
            lines = (self.folder / "faults").read_text().splitlines()
        except FileNotFoundError:
            return ""
        if not lines:
            return ""
        (self.folder / "faults").write_text("".join(line + "\n" for line in lines[1:]))
        return lines[0]

    def table(self, path):
        """Read again only if a test has written it."""
        mark = path.stat().st_mtime_ns, path.stat().st_ino
        if self.known.get(path, (None,))[0] != mark:
            self.known[path] = mark, read(path.read_text())
        return self.known[path][1]

    def keep(self, path, routes):
        path.with_suffix(".new").write_text("[" + ",".join(one.text for one in routes) + "]")
        path.with_suffix(".new").rename(path)
        self.known[path] = (path.stat().st_mtime_ns, path.stat().st_ino), routes

    def wait(self, seconds):
        end = time.monotonic() + min(seconds, LIFE_S)
        while time.monotonic() < end and (self.folder / "faults").exists():
            time.sleep(0.01)


def main():
    if len(sys.argv) not in (2, 3):
        print("usage: rest_tables.py FOLDER [PORT]", file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1])
    server = Server(folder, int(sys.argv[2]) if len(sys.argv) == 3 else 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "port.new").write_text(f"{server.server_address[1]}\n")
    (folder / "port.new").rename(folder / "port")
    end_of_input = threading.Thread(target=sys.stdin.read, daemon=True)
    end_of_input.start()
    end_of_input.join(LIFE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
