#!/usr/bin/env python3
"""datasets/small is what its command makes, byte for byte, and every mapping in datasets/README.md is JSON.

So a generator that changes its output, or a compiler that makes it differ, shows here.

SPDX-License-Identifier: GPL-3.0-or-later"""
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

COMMAND, SOURCE = sys.argv[1:3]
FOLDER = os.path.join(SOURCE, "datasets", "small")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def kept(name):
    """The file as generate writes it; tables are kept as gzip."""
    path = os.path.join(FOLDER, name)
    if os.path.exists(path):
        return read(path)
    with gzip.open(path + ".gz") as file:
        return file.read()


def command():
    readme = read(os.path.join(SOURCE, "datasets", "README.md")).decode()
    return re.search(r"^    ringscope (generate small .*)$", readme, re.M).group(1).split(), readme


def main():
    findings = []
    words, readme = command()
    sums = dict(reversed(line.split("  ")) for line in
                read(os.path.join(FOLDER, "SHA256SUMS")).decode().splitlines())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([COMMAND, *words, "--quiet"], cwd=folder, check=True, stdout=subprocess.PIPE)
        made = sorted(os.listdir(os.path.join(folder, "small")))
        if made != sorted(sums):
            findings.append(f"generate writes {made}, SHA256SUMS has {sorted(sums)}")
        for name in made:
            data = read(os.path.join(folder, "small", name))
            if hashlib.sha256(data).hexdigest() != sums.get(name):
                findings.append(f"{name}: generate writes other bytes than SHA256SUMS says")
            if data != kept(name):
                findings.append(f"{name}: generate writes other bytes than datasets/small has")
    size = sum(entry.stat().st_size for entry in os.scandir(FOLDER))
    if size >= 2_000_000:
        findings.append(f"datasets/small has {size} bytes, over 2 MB")
    blocks = re.findall(r"(?:^    [ {].*\n)+", readme, re.M)
    mappings = [block for block in blocks if '"sources"' in block]
    for block in mappings:
        try:
            json.loads(block)
        except ValueError as error:
            findings.append(f"datasets/README.md: a mapping is no JSON: {error}: {block[:60]}")
    if len(mappings) < 7:
        findings.append(f"datasets/README.md: {len(mappings)} mappings found, expected 7")
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


main()
