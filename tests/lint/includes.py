#!/usr/bin/env python3
"""Holds every #include of the sources against cmake/rooms.txt.

usage: includes.py [ROOT]

A room is the longest path prefix of the table that fits a file. Reported are: an include of a room
that the table does not allow (a back edge), a library header outside the one room that may use it,
a source file in no room, and a cycle in the table itself. Exit status 1 if there is any.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
SOURCE_FOLDERS = ("ike", "xfrm", "route", "cli")
LIBRARY_HEADERS = {
    "openssl": re.compile(r"^openssl/"),
    "libmnl": re.compile(r"^libmnl/"),
    "libnl": re.compile(r"^(netlink/|libnl)"),
    "cli11": re.compile(r"^CLI/"),
    "fmt": re.compile(r"^fmt/"),
    "nlohmann": re.compile(r"^nlohmann/"),
    "tomlplusplus": re.compile(r"^toml\+\+"),
    "sqlite": re.compile(r"^sqlite3"),
    "xlsxwriter": re.compile(r"^xlsxwriter"),
    "libcap-ng": re.compile(r"^cap-ng"),
    "catch2": re.compile(r"^catch2/"),
}
# Below `daemon` there are no sockets, threads, clocks, environment or logging. xfrm and route hold
# their netlink sockets, the control server its own; base knows the clock's arithmetic only.
SYSTEM_HEADERS = {
    "socket": re.compile(r"^(sys/socket|netinet/|sys/epoll|sys/un)"),
    "thread": re.compile(r"^(thread|mutex|shared_mutex|condition_variable|future|pthread)"),
    "random device": re.compile(r"^random$"),
    "input and output": re.compile(r"^(iostream|fstream)$"),
}
MAY_USE_SYSTEM = {"daemon", "system", "xfrm", "route", "route_kernel", "control", "store", "cli"}


class Room:
    def __init__(self, line):
        fields = [field.strip() for field in line.split("|")]
        self.prefix, self.name = fields[0], fields[1]
        self.uses, self.libraries = set(fields[2].split()), set(fields[3].split())


def read_rooms(root):
    lines = (root / "cmake/rooms.txt").read_text().splitlines()
    return [Room(line) for line in lines if "|" in line and not line.startswith("#")]


def room_of(rooms, path):
    fitting = [room for room in rooms
               if path == room.prefix or path.startswith((room.prefix + "/", room.prefix + "."))]
    return max(fitting, key=lambda room: len(room.prefix), default=None)


def table_cycles(rooms):
    uses = {room.name: room.uses - {"*"} for room in rooms}
    settled, problems = set(), []

    def visit(name, path):
        if name in path:
            problems.append("cmake/rooms.txt: cycle " + " -> ".join(path + [name]))
        elif name not in settled:
            for used in sorted(uses.get(name, ())):
                visit(used, path + [name])
            settled.add(name)

    for name in uses:
        visit(name, [])
    return problems


def check_local(rooms, room, included):
    target = room_of(rooms, included)
    if target is None:
        return f"'{included}' is in no room of cmake/rooms.txt"
    if target is room or target.name in room.uses or "*" in room.uses:
        return None
    return f"room '{room.name}' may not include '{included}' (room '{target.name}')"


def check_system(room, included):
    for library, pattern in LIBRARY_HEADERS.items():
        if pattern.match(included) and library not in room.libraries:
            return f"room '{room.name}' may not include <{included}> (library {library})"
    for what, pattern in SYSTEM_HEADERS.items():
        if pattern.match(included) and room.name not in MAY_USE_SYSTEM:
            return f"room '{room.name}' may not include <{included}> ({what})"
    return None


def check_file(rooms, root, path):
    relative = path.relative_to(root).as_posix()
    room = room_of(rooms, relative)
    if room is None:
        return [f"{relative}: in no room of cmake/rooms.txt"]
    problems = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        local = match[1] == '"'
        problem = check_local(rooms, room, match[2]) if local else check_system(room, match[2])
        if problem:
            problems.append(f"{relative}:{number}: {problem}")
    return problems


def main():
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1].startswith("-")):
        print("usage: includes.py [ROOT]", file=sys.stderr)
        return 2
    default = pathlib.Path(__file__).resolve().parents[2]
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else default
    rooms = read_rooms(root)
    problems = table_cycles(rooms)
    count = 0
    for folder in SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                count += 1
                problems += check_file(rooms, root, path)
    if count == 0:
        problems.append(f"{root}: no source files found")
    print("\n".join(problems) if problems else f"{count} files keep to cmake/rooms.txt")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
