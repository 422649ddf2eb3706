#!/usr/bin/env python3
"""A report does not tell whether the store was compacted, nor that a batch was there and dropped;
and `run --compact` compacts when it is due, not before.

SPDX-License-Identifier: GPL-3.0-or-later"""
import fcntl
import json
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


def answer(folder, store, name, *options):
    """The bytes of report and risks."""
    out = [os.path.join(folder, f"{name}.{kind}") for kind in ("json", "csv.out")]
    listed = [name for name in sorted(os.listdir(folder)) if name.startswith("blacklist")]
    call("run", store, "--report", out[0], "--risks", out[1], *options,
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


def merged(store):
    """How many batches lie in another one's files."""
    return sum(batch["merged"] for batch in json.loads(call("batches", store, "--format", "json"))["batches"])


def data_files(store):
    return sorted(name for name in os.listdir(store) if name.startswith("b"))


def nightly(folder, store, whole):
    """run --compact: the same answer, one segment afterwards, and nothing to do the second time."""
    before = data_files(store)
    with open(os.path.join(store, "lock"), "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        locked = subprocess.run([COMMAND, "run", store, "--compact"], capture_output=True, text=True, check=False)
        if locked.returncode != 4 or "--compact: store" not in locked.stderr or "writes to it" not in locked.stderr:
            yield f"run --compact of a locked store: {locked}"
    if data_files(store) != before or os.path.exists(os.path.join(store, "runs")):
        yield "run --compact of a locked store left something"
    if answer(folder, store, "due", "--compact") != whole:
        yield "run --compact: another report"
    after = data_files(store)
    if merged(store) != NIGHTS - 1 or len(after) >= len(before) or set(after) & set(before):
        yield f"run --compact left {merged(store)} batches merged, and of files {after}"
    call("verify", store, "--deep")
    if answer(folder, store, "again", "--compact") != whole:
        yield "run --compact once more: another report"
    if data_files(store) != after:
        yield "run --compact compacted a store that was compacted"
    ingest(folder, store, 1)
    if data_files(store) != after:
        yield "a batch sent again after run --compact was taken for a new one"


class Nights:
    """A store whose batches have as many edges as they are asked to have."""

    def __init__(self, folder, name):
        self.store = os.path.join(folder, name)
        self.mapping, self.rows = (os.path.join(folder, f"{name}.{kind}") for kind in ("json", "csv"))
        self.count = 0
        with open(self.mapping, "w", encoding="utf-8") as file:
            file.write('{"sources": [{"match": "*", "format": "csv", "relations": [{"name": "uses", "kind": "shared",'
                       '"src": {"type": "account", "column": "a"}, "dst": {"type": "device", "column": "d"}}]}]}')

    def add(self, edges):
        self.count += 1
        with open(self.rows, "w", encoding="utf-8") as file:
            file.write("a,d\n" + "".join(f"a{self.count}-{row},d{row % 7}\n" for row in range(edges)))
        call("ingest", self.store, "--mapping", self.mapping, "--batch", f"n{self.count:03}", self.rows)

    def run(self):
        """What is merged after a run."""
        call("run", self.store, "--compact", "--threads", "1")
        return merged(self.store)


def due(folder):
    """Both limits, on either side."""
    share, number = Nights(folder, "share"), Nights(folder, "number")
    for edges, expected in ((30, 0), (5, 0), (5, 0), (1, 3), (13, 3), (1, 5)):
        share.add(edges)
        found = share.run()
        if found != expected:
            yield f"batch {share.count} of {edges} edges: {found} batches merged, expected {expected}"
    number.add(1000)
    for _ in range(30):
        number.add(1)
    found = [number.run()]
    number.add(1)
    found.append(number.run())
    if found != [0, 31]:
        yield f"30 and 31 batches beside the largest: {found} merged, expected 0 and 31"
    number.add(1)
    said = subprocess.run([COMMAND, "run", number.store, "--compact", "--progress", "none"], capture_output=True,
                          text=True, check=True).stdout
    if "compacted" in said or merged(number.store) != 31:
        yield f"a run that compacted nothing: {said}"
    number.add(1000)
    said = subprocess.run([COMMAND, "run", number.store, "--compact", "--progress", "none"], capture_output=True,
                          text=True, check=True).stdout
    if not said.startswith("compacted: 34 batches, "):
        yield f"a run that compacted: {said}"


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
        copy = os.path.join(folder, "nightly")
        shutil.copytree(store, copy, ignore=shutil.ignore_patterns("runs"))
        findings += nightly(folder, copy, whole)
        findings += due(folder)
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
