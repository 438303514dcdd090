#!/usr/bin/env python3
"""Holds ipsecctl(8) against `ipsecctl --help-all`, both ways.

usage: manual.py IPSECCTL PAGE

Every command stands in the page with its arguments, and every option among those of its first word
(`set` and `create` of a kind share theirs), with the same placeholder; the page has none besides.
groff must find nothing to warn of.
"""
import re
import subprocess
import sys

EVERY = "every command"


def from_help(program):
    text = subprocess.run([program, "--help-all"], capture_output=True, text=True, check=True).stdout
    commands, options, group = set(), {}, None
    for line in text.splitlines():
        if line.startswith("ipsecctl "):
            usage = line.removeprefix("ipsecctl ").removesuffix(" [OPTION...]")
            commands.add(usage)
            group = usage.split()[0]
        elif line.startswith("Options of every command"):
            group = EVERY
        elif match := re.match(r" {2,6}(-\S.*?)(?: {2,}.*)?$", line):
            options.setdefault(group, set()).add(match[1])
    return commands, options


def plain(text):
    return text.replace("\\-", "-").replace("\\&", "")


def usage_of_command(rest):
    """`tunnel up Ar NAME...` or `status Op Ar NAME...`"""
    rest = re.sub(r"Op Ar (\S+)", r"[\1]", plain(rest))
    return re.sub(r"Ar (\S+)", r"\1", rest)


def usage_of_option(rest):
    """`y , Fl -yes` or `-run-dir Ar DIR`"""
    rest = re.sub(r" , Fl (\S+)", r", -\1", plain(rest))
    return "-" + re.sub(r" Ar (\S+)", r" \1", rest)


def from_page(path):
    commands, options, group = set(), {}, None
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if match := re.match(r"\.It Ic (.*)", line):
            usage = usage_of_command(match[1])
            commands.add(usage)
            group = usage.split()[0]
        elif line == ".Sh OPTIONS OF EVERY COMMAND":
            group = EVERY
        elif match := re.match(r"\.It Fl (.*)", line):
            options.setdefault(group, set()).add(usage_of_option(match[1]))
    return commands, options


def compare(what, real, told):
    return ([f"{what} '{it}' is not in the page" for it in sorted(real - told)] +
            [f"the page has {what} '{it}', and ipsecctl has not" for it in sorted(told - real)])


def main():
    program, page = sys.argv[1:]
    real_commands, real_options = from_help(program)
    told_commands, told_options = from_page(page)
    problems = compare("command", real_commands, told_commands)
    for group in sorted(real_options.keys() | told_options.keys()):
        problems += compare(f"option of {group}", real_options.get(group, set()),
                            told_options.get(group, set()))
    groff = subprocess.run(["groff", "-ww", "-mandoc", "-Tutf8", "-z", page], capture_output=True,
                           text=True, check=False)
    problems += groff.stderr.splitlines()
    if len(real_commands) < 40 or len(real_options) < 10:
        problems.append(f"only {len(real_commands)} commands in the help: this test reads it wrong")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
