"""project.py - what the tests of the source itself share: its files, and how to report findings.

SPDX-License-Identifier: GPL-3.0-or-later"""
import os
import re
import sys

SOURCE = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.getcwd()
COMMAND = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else None
LEFT_OUT = re.compile(r"^(\.git|build.*|out|__pycache__|corpus)$")


def files(*suffixes, under=""):
    """Paths below the source folder that end so, in order; nothing that a build made."""
    found = []
    for folder, folders, names in os.walk(os.path.join(SOURCE, under)):
        folders[:] = sorted(name for name in folders if not LEFT_OUT.match(name))
        found += [os.path.join(folder, name) for name in sorted(names)
                  if not suffixes or name.endswith(suffixes)]
    return [os.path.relpath(path, SOURCE) for path in found]


def text(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def code(path):
    """A C file with comments and strings blanked out, line numbers kept."""
    def blank(match):
        whole = match.group(0)
        kept = "" if whole.startswith("/") else '""'
        return kept + "\n" * whole.count("\n")
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text(path), flags=re.S)


def finish(findings, checked, what):
    """A test that looked at nothing has failed."""
    for finding in findings:
        print(finding)
    if checked == 0:
        print(f"nothing was checked: no {what}")
    print(f"{checked} {what} checked, {len(findings)} findings")
    sys.exit(1 if findings or checked == 0 else 0)
