#!/usr/bin/env python3
"""docs/acceptance.md lists M1 to M159 once each, and every test it names exists.

A test is named as `suite/name`: `netns/plain_xfrm`, `interop/psk`, `boot/init` (scripts of
those suites), or
`unit/case name`, `sim/case name` (the text of a TEST_CASE under tests/unit or tests/sim).
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = 159
ROW = re.compile(r"^\| M(\d+) \| (.*) \| (.*?) \|$")
CASE = re.compile(r'TEST_CASE\(\s*"((?:[^"\\]|\\.)*)"')


def test_cases(suite):
    names = set()
    for path in (ROOT / "tests" / suite).rglob("*.cpp"):
        names.update(CASE.findall(path.read_text()))
    return names


def exists(name):
    suite, _, case = name.partition("/")
    if suite in ("unit", "sim"):
        return case in test_cases(suite)
    if suite in ("netns", "interop", "boot"):
        return (ROOT / "tests" / suite / f"{case}_test.sh").is_file()
    return False


def main():
    problems, seen = [], []
    for line in (ROOT / "docs/acceptance.md").read_text().splitlines():
        match = ROW.match(line)
        if match:
            seen.append(int(match[1]))
            for name in re.findall(r"`([^`]+)`", match[3]):
                if not exists(name):
                    problems.append(f"M{match[1]} names a test that is not there: {name}")
    if seen != list(range(1, ROWS + 1)):
        missing = sorted(set(range(1, ROWS + 1)) - set(seen))
        problems.append(f"rows must be M1 to M{ROWS} in order; missing: {missing}")
    print("\n".join(problems) if problems else f"{len(seen)} rows are in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
