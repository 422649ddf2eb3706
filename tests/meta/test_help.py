#!/usr/bin/env python3
"""Every option that --help prints stands in the command's man page, and the other way round.

Options that every command takes are described once, in ringscope.1.

SPDX-License-Identifier: GPL-3.0-or-later"""
import re
import subprocess

import project


def output(*words):
    done = subprocess.run([project.COMMAND, *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else f"exit status {done.returncode}"


def options(section):
    return set(re.findall(r"^  --([a-z][a-z0-9-]*)", section, re.M))


def man_options(path):
    """Names in lines that define an option: .BI \\-\\-name ..., .B \\-\\-name."""
    try:
        page = project.text(path).replace("\\-", "-")
    except FileNotFoundError:
        return None
    return set(re.findall(r"^\.BI? --([a-z][a-z0-9-]*)", page, re.M))


def compare(page, said, findings):
    described = man_options(page)
    if described is None:
        findings.append(f"{page} is missing")
        return
    findings += [f"{page}: --{name} is not described" for name in sorted(said - described)]
    findings += [f"{page}: --{name} does not exist" for name in sorted(described - said)]


def main():
    findings = []
    overview = output("--help")
    commands = re.findall(r"^  ([\w-]+)  +\S", overview, re.M)
    common = set()
    for name in commands:
        text = output("help", name)
        if text != output(name, "--help"):
            findings.append(f"\"help {name}\" and \"{name} --help\" differ")
        own, _, shared = text.partition("\noptions of every command:\n")
        common |= options(shared)
        compare(f"docs/man/ringscope-{name}.1", options(own), findings)
        summary = re.search(rf"^  {name} +(.*)$", overview, re.M).group(1)
        if f"ringscope-{name}" not in project.text("docs/man/ringscope.1").replace("\\-", "-"):
            findings.append(f"docs/man/ringscope.1: does not name ringscope-{name}(1)")
        if not summary or summary != summary.strip().rstrip("."):
            findings.append(f"summary of {name} ends with a full stop or is empty")
    compare("docs/man/ringscope.1", common | {"version"}, findings)
    pages = {f"docs/man/ringscope-{name}.1" for name in commands} | {"docs/man/ringscope.1"}
    findings += [f"{path}: no such command" for path in project.files(".1", under="docs/man")
                 if path not in pages]
    project.finish(findings, len(commands), "commands")


main()
