#!/usr/bin/env python3
"""A report does not tell whether the store was compacted, nor that a batch was there and dropped.

SPDX-License-Identifier: GPL-3.0-or-later"""
import os
import shutil
import subprocess
import sys
import tempfile

COMMAND = sys.argv[1]
NIGHTS = 3


def call(*words):
    done = subprocess.run([COMMAND, *words, "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


def deal(folder):
    """Split each table of a data set over the nights, row by row."""
    for name in os.listdir(folder):
        if not name.endswith(".csv") or name.startswith(("truth", "blacklist", "whitelist")):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            head, *rows = file.readlines()
        os.remove(path)
        for night in range(NIGHTS):
            with open(os.path.join(folder, f"{name[:-4]}-{night}.csv"), "w", encoding="utf-8") as file:
                file.writelines([head, *rows[night::NIGHTS]])


def ingest(folder, store, night):
    files = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(f"-{night}.csv"))
    call("ingest", store, "--mapping", os.path.join(folder, "mapping.json"), "--batch", f"night-{night}",
         *(["--keep-rows"] if night == 0 else []), *files)


def answer(folder, store, name):
    """The bytes of report and risks."""
    out = [os.path.join(folder, f"{name}.{kind}") for kind in ("json", "csv.out")]
    listed = [name for name in sorted(os.listdir(folder)) if name.startswith("blacklist")]
    call("run", store, "--report", out[0], "--risks", out[1],
         *(["--blacklist", os.path.join(folder, listed[0])] if listed else []))
    return b"".join(open(path, "rb").read() for path in out)


def window(folder):
    """One row of a far year does not forget the others; --as-of says what does."""
    store, mapping, rows = (os.path.join(folder, name) for name in ("window", "window.json", "rows.csv"))
    with open(mapping, "w", encoding="utf-8") as file:
        file.write('{"sources": [{"match": "*", "format": "csv", "relations": [{"name": "uses", "kind": "shared",'
                   '"src": {"type": "account", "column": "a"}, "dst": {"type": "device", "column": "d"},'
                   '"time": "t"}]}]}')
    with open(rows, "w", encoding="utf-8") as file:
        file.write("a,d,t\na1,d1,2026-01-01\na2,d1,2026-05-01\na3,d1,2026-05-02\na4,d1,5138-11-16\n")
    call("ingest", store, "--mapping", mapping, rows)
    before = sorted(os.listdir(store))
    refused = subprocess.run([COMMAND, "compact", store, "--window", "90d"], capture_output=True, text=True,
                             check=False)
    if refused.returncode != 2 or "5138" not in refused.stderr or "--as-of" not in refused.stderr:
        yield f"a row of a far year: {refused}"
    if sorted(os.listdir(store)) != before:
        yield "a refused compaction changed the store"
    said = call("compact", store, "--window", "90d", "--as-of", "2026-05-02")
    if "since 2026-02-0" not in said or "edges    3 (were 4)" not in said:
        yield f"a window counted from a day: {said}"


def main():
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        call("generate", folder, "--accounts", "1500", "--seed", "4")
        deal(folder)
        store, never = os.path.join(folder, "store"), os.path.join(folder, "never")
        for night in range(NIGHTS):
            ingest(folder, store, night)
            if night != 1:
                ingest(folder, never, night)
        whole, without = answer(folder, store, "whole"), answer(folder, never, "never")
        for options in ((), ("--renumber", "no"), ("--keep", "2"), ("--reverse", "no", "--memory", "96M")):
            copy = os.path.join(folder, "copy")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(store, copy)
            call("compact", copy, *options)
            call("verify", copy)
            if answer(folder, copy, "copy") != whole:
                findings.append(f"compact {' '.join(options)}: another report")
        call("drop-batch", store, "night-1")
        call("compact", store)
        call("verify", store)
        if answer(folder, store, "dropped") != without:
            findings.append("a dropped batch shows in the report")
        findings += window(folder)
    print("\n".join(findings) or f"{len(whole)} bytes of answers compared")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
