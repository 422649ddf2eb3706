#!/usr/bin/env python3
"""Every block of a small store swapped with every other: verify --deep finds it, and no command crashes
or answers anything else than it did before.

SPDX-License-Identifier: GPL-3.0-or-later"""
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from both import MAPPING  # noqa: E402 pylint: disable=wrong-import-position

COMMAND = os.path.abspath(sys.argv[1])
HEADER, FOOTER = 32, 40


def answers(words):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, timeout=900)
    return done.returncode, done.stdout, done.stderr


def call(*words):
    status, out, error = answers(words)
    assert status == 0, (words, out, error)


def write(path, head, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def prepare():
    draw = random.Random(4)
    with open("map.json", "w", encoding="utf-8") as file:
        json.dump(MAPPING, file)
    for night in range(2):
        uses = [(f"a{draw.randrange(40)}", f"d{draw.randrange(12)}", 1700000000 + draw.randrange(86400),
                 draw.randrange(90)) for _ in range(60)]
        pays = [(f"a{draw.randrange(40)}", f"a{draw.randrange(40)}", 1700000000 + draw.randrange(86400),
                 draw.randrange(999), f"{night}-{i}") for i in range(60)]
        call("ingest", "store", "--mapping", "map.json", "--keep-rows", "--batch", f"night {night}",
             write(f"use{night}.csv", "a,d,t,age", uses), write(f"pay{night}.csv", "a,b,t,m,k", pays))
    call("run", "store")


def blocks_of(name):
    """[(file, start, length)] of one file, as docs/FORMAT.md has it."""
    with open(os.path.join("store", name), "rb") as file:
        data = file.read()
    at, = struct.unpack_from("<Q", data, len(data) - FOOTER)
    meta, = struct.unpack_from("<I", data, at)
    count, = struct.unpack_from("<Q", data, at + 4 + meta)
    entry, start, found = at + 12 + meta, HEADER, []
    for _ in range(count):
        length, _, note = struct.unpack_from("<IQH", data, entry)
        found.append((name, start, length))
        entry, start = entry + 14 + note, start + length
    assert start == at, name
    return found


def swapped(files, one, other):
    """The files as they are with the two blocks exchanged."""
    changed = dict(files)
    parts = {block: files[block[0]][block[1]:block[1] + block[2]] for block in (one, other)}
    for block, by in sorted(((one, parts[other]), (other, parts[one])), key=lambda pair: -pair[0][1]):
        data = changed[block[0]]  # from behind, so that the place of the first stays what it was
        changed[block[0]] = data[:block[1]] + by + data[block[1] + block[2]:]
    return {name: data for name, data in changed.items() if data != files[name]}


def put(files):
    for name, data in files.items():
        with open(os.path.join("store", name), "wb") as file:
            file.write(data)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        names = sorted(name for name in os.listdir("store") if name.startswith("b0"))
        files = {}
        for name in names:
            with open(os.path.join("store", name), "rb") as file:
                files[name] = file.read()
        blocks = [block for name in names for block in blocks_of(name)]
        assert len({name.split(".")[1] for name in names}) >= 4 and len(blocks) > 12, names
        questions = [["run", "store", "--report", "-", "--no-network"], ["show", "store"], ["stats", "store"],
                     ["neighbours", "store", "account:a1"], ["explain", "store", "account:a1"]]
        before = [answers(words) for words in questions]
        assert all(status == 0 for status, _, _ in before), before
        pairs = list(itertools.combinations(blocks, 2))
        tried = 0
        for number, (one, other) in enumerate(pairs):
            damaged = swapped(files, one, other)
            if not damaged:
                continue  # equal bytes, such as of two empty columns
            put(damaged)
            found = answers(["verify", "store", "--deep"])
            assert found[0] == 5, (one, other, found)
            for words, good in list(zip(questions, before))[number % 2::2]:
                now = answers(words)
                assert now == good or (now[0] == 5 and now[2]), (words, one, other, now)
            put({name: files[name] for name in damaged})
            tried += 1
        assert tried > 60, tried
        call("verify", "store", "--deep")
        print(f"{tried} of {len(pairs)} pairs of {len(blocks)} blocks")


main()
