#!/usr/bin/env python3
"""What README.md and docs/*.md show is what the command does: each ```console block is run, line by
line that begins with "$ ", in one folder a file, and its output compared. A line "..." stands for any
number of lines. With a third argument --update, the outputs in the files are replaced instead.

SPDX-License-Identifier: GPL-3.0-or-later"""
import os
import re
import subprocess
import sys
import tempfile

import project

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def steps(block):
    """(command, expected output) of each line that begins with "$ "; a backslash continues a command."""
    found = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append([line[2:], ""])
        elif found and found[-1][0].endswith("\\\n"):
            found[-1][0] += line
        elif found:
            found[-1][1] += line
    return found


def matches(expected, got):
    pattern = "".join(".*\n" if line == "...\n" else re.escape(line)
                      for line in expected.splitlines(keepends=True))
    return re.fullmatch(pattern, got, re.S) is not None


def shape(line):
    return re.sub(r"[\d.]+", "0", line)


def abridge(expected, got):
    """`got`, cut where `expected` was: each part begins at the first line of the same shape."""
    lines, at, new = got.splitlines(keepends=True), 0, []
    for number, part in enumerate(re.split(r"^\.\.\.\n", expected, flags=re.M)):
        wanted = part.splitlines(keepends=True)
        if number > 0:
            new.append("...\n")
            while wanted and at < len(lines) and shape(lines[at]) != shape(wanted[0]):
                at += 1
        new += lines[at:at + len(wanted)]
        at += len(wanted)
    return "".join(new)


def execute(command, folder):
    path = os.path.dirname(project.COMMAND) + os.pathsep + os.environ["PATH"]
    done = subprocess.run(["bash", "-c", command], cwd=folder, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"})
    return done.stdout


def check(path, update):
    findings, count, text = [], 0, project.text(path)
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(project.SOURCE, "datasets"), os.path.join(folder, "datasets"))

        def replace(match):
            nonlocal count
            shown = ""
            for command, expected in steps(match.group(1)):
                count += 1
                got = execute(command, folder)
                if not matches(expected, got):
                    findings.append(f"{path}: $ {command}expected:\n{expected}found:\n{got}")
                shown += "$ " + command + (abridge(expected, got) if "...\n" in expected else got)
            return f"```console\n{shown}```"
        new = BLOCK.sub(replace, text)
    if update and new != text:
        with open(os.path.join(project.SOURCE, path), "w", encoding="utf-8") as file:
            file.write(new)
        findings = []
    return findings, count


def main():
    findings, checked = [], 0
    for path in ["README.md"] + project.files(".md", under="docs"):
        found, count = check(path, "--update" in sys.argv)
        findings += found
        checked += count
    project.finish(findings, checked, "command lines")


main()
