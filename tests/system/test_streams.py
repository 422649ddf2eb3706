#!/usr/bin/env python3
"""A command that is started with standard streams closed writes nothing into the store's files.

SPDX-License-Identifier: GPL-3.0-or-later"""
import itertools
import json
import os
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
MAPPING = {"sources": [{"match": "*", "format": "csv", "relations": [
    {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
     "dst": {"type": "device", "column": "device"}, "time": "ts"}]}]}


def call_without(streams, *words):
    def close():
        for stream in streams:
            os.close(stream)
    return subprocess.run([COMMAND, *words], check=False, preexec_fn=close,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


def sound(store):
    done = subprocess.run([COMMAND, "verify", "--deep", store], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done


def every_subset_closed(folder, mapping, rows):
    subsets = [s for n in (1, 2, 3) for s in itertools.combinations((0, 1, 2), n)]
    for number, streams in enumerate(subsets):
        store = os.path.join(folder, f"store{number}")
        steps = (("ingest", store, "--mapping", mapping, "--batch", "one", rows[0]),
                 ("run", store),
                 ("ingest", store, "--mapping", mapping, "--batch", "two", rows[1]),
                 ("compact", store),
                 ("run", store),
                 ("erase", store, "account:a1-3", "--reason", "asked"))
        for words in steps:
            status = call_without(streams, *words, "--progress", "json")
            # What a command has to say goes nowhere: that may be an error, the work may not be half.
            assert status == 0 or (status == 1 and 1 in streams), (streams, words, status)
            sound(store)
    print(len(subsets), "sets of closed streams,", len(steps), "commands each")


def nothing_to_read(folder, mapping):
    status = call_without((0,), "ingest", os.path.join(folder, "none"), "--mapping", mapping, "-")
    assert status in (1, 2, 3), status


def main():
    with tempfile.TemporaryDirectory() as folder:
        mapping = os.path.join(folder, "map.json")
        with open(mapping, "w", encoding="utf-8") as file:
            json.dump(MAPPING, file)
        rows = []
        for batch in range(2):
            rows.append(os.path.join(folder, f"rows{batch}.csv"))
            with open(rows[-1], "w", encoding="utf-8") as file:
                file.write("account,device,ts\n")
                file.writelines(f"a{batch}-{i},d{i % 9},{1700000000 + i}\n" for i in range(300))
        every_subset_closed(folder, mapping, rows)
        nothing_to_read(folder, mapping)


main()
