#!/usr/bin/env python3
"""The include check must fail on what it is there to find: plants each kind of wrong arrow."""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).with_name("includes.py")
TABLE = (CHECK.parents[2] / "cmake/rooms.txt").read_text()
CASES = [
    ("ike/base/a.cpp", '#include "ike/wire/header.h"', "room 'base' may not include"),
    ("ike/v1/a.cpp", '#include "ike/v2/b.h"', "room 'v1' may not include"),
    ("ike/v2/a.cpp", '#include "ike/v1/b.h"', "room 'v2' may not include"),
    ("ike/core/a.h", '#include "ike/core/engine/engine.h"', "room 'core' may not include"),
    ("ike/core/a.cpp", "#include <openssl/evp.h>", "library openssl"),
    ("ike/core/a.cpp", "#  include <thread>", "(thread)"),
    ("xfrm/model.h", '#include "xfrm/socket.h"', "room 'xfrm_model' may not include"),
    ("cli/main.cpp", '#include "ike/gateway/store.h"', "room 'cli' may not include"),
    ("ike/attic/a.cpp", "", "in no room"),
]
GOOD = [
    ("ike/base/a.cpp", '#include "ike/base/bytes.h"\n#include <fmt/format.h>'),
    ("ike/core/engine/a.cpp", '#include "ike/v1/b.h"\n#include "ike/v2/b.h"'),
    ("ike/daemon/a.cpp", '#include "xfrm/socket.h"\n#include <thread>'),
    ("xfrm/socket.cpp", '#include "xfrm/model.h"\n#include <libmnl/libmnl.h>'),
]


def run_check(files, table=TABLE):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "cmake").mkdir()
        (root / "cmake/rooms.txt").write_text(table)
        for path, text in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text + "\n")
        done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)
        return done.returncode, done.stdout


def main():
    failures = []
    for path, text, expected in CASES:
        status, output = run_check([(path, text)])
        if status != 1 or expected not in output:
            failures.append(f"not found: {path}: {text!r}: {status}: {output}")
    status, output = run_check(GOOD)
    if status != 0:
        failures.append(f"refused though right: {output}")
    cycle = "a/x | x | y | \na/y | y | x | \n"
    status, output = run_check(GOOD[:1], TABLE + cycle)
    if status != 1 or "cycle" not in output:
        failures.append(f"cycle in the table not found: {output}")
    print("\n".join(failures) if failures else f"{len(CASES) + 1} wrong arrows found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
