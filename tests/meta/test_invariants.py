#!/usr/bin/env python3
"""The invariants that verify checks are those of docs/FORMAT.md, word for word.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import re
import subprocess
import sys

with open(os.path.join(sys.argv[2], "docs", "FORMAT.md"), encoding="utf-8") as document:
    told = [(i, text.replace("`", "")) for i, text in re.findall(r"^\| ([SRL]-\d\d) \| (.*) \|$", document.read(), re.M)]
done = subprocess.run([sys.argv[1], "verify", "--list", "--format", "json"], check=True, capture_output=True, text=True)
checked = [(row["id"], row["text"]) for row in json.loads(done.stdout)]
lines = subprocess.run([sys.argv[1], "verify", "--list"], check=True, capture_output=True, text=True).stdout
assert lines == "".join(f"{i}  {text}\n" for i, text in checked), lines
for row in sorted(set(told) ^ set(checked)):
    print("only in docs/FORMAT.md:" if row in told else "only in verify --list:", *row)
sys.exit(told != checked or len(told) < 18)
