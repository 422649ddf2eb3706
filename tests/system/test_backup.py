#!/usr/bin/env python3
"""A backup is the store as it was at one moment, whatever others do meanwhile.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

COMMAND = os.path.abspath(sys.argv[1])
MAPPING = {"sources": [{"match": "*", "format": "csv", "relations": [
    {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
     "dst": {"type": "device", "column": "device"}, "time": "ts"}]}]}


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == status, (words, status, done)
    return done.stdout + done.stderr


class World:
    def __init__(self, folder):
        self.folder, self.store, self.sent = folder, os.path.join(folder, "store"), 0
        self.mapping = os.path.join(folder, "map.json")
        with open(self.mapping, "w", encoding="utf-8") as file:
            json.dump(MAPPING, file)

    def path(self, name):
        return os.path.join(self.folder, name)

    def ingest(self, rows=200):
        path = self.path(f"rows{self.sent}.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("account,device,ts\n")
            file.writelines(f"a{self.sent}-{i},d{i % 9},{1700000000 + i}\n" for i in range(rows))
        call("ingest", self.store, "--mapping", self.mapping, "--batch", f"b{self.sent}", path)
        self.sent += 1


def names(folder):
    return {os.path.relpath(os.path.join(at, name), folder)
            for at, _, found in os.walk(folder) for name in found if name != "lock"}


def check_same(world, copy, linked):
    assert names(copy) == names(world.store), names(copy) ^ names(world.store)
    for name in names(copy):
        one, other = os.path.join(world.store, name), os.path.join(copy, name)
        with open(one, "rb") as first, open(other, "rb") as second:
            assert first.read() == second.read(), name
        if not linked or name == "MANIFEST":
            assert not os.path.samefile(one, other), name
    call("verify", "--deep", copy)
    assert call("show", copy) == call("show", world.store)
    assert call("stats", copy, "--format", "json").replace(copy, "") == \
        call("stats", world.store, "--format", "json").replace(world.store, "")


def plain(world):
    world.ingest()
    world.ingest()
    call("run", world.store)
    for words, linked in ((("--copy",), False), ((), True)):
        copy = world.path("copy" + str(linked))
        result = json.loads(call("backup", world.store, copy, "--format", "json", *words))
        assert result["runs"] == 1 and result["files"] > 4, result
        assert (result["copied_bytes"] == 0) == linked, result
        check_same(world, copy, linked)
    before = names(copy)
    world.ingest()
    call("compact", world.store)
    assert names(copy) == before
    call("verify", "--deep", copy)
    shutil.rmtree(world.path("copyFalse"))


def tree(folder):
    """Every file below a folder, and what it holds."""
    files = {}
    for place, _, found in os.walk(folder):
        for name in found:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, folder)] = file.read()
    return files


def refusals(world):
    copy = world.path("copyTrue")
    before = tree(copy)
    assert "not empty" in call("backup", world.store, copy, status=2)
    assert tree(copy) == before, "what stood there is left as it is, runs and all"
    foreign = world.path("foreign")
    os.makedirs(os.path.join(foreign, "runs"))
    with open(os.path.join(foreign, "runs", "notes.txt"), "w") as file:
        file.write("mine")
    assert "not empty" in call("backup", world.store, foreign, status=2)
    assert tree(foreign) == {"runs/notes.txt": b"mine"}
    assert "lies in the store" in call("backup", world.store, os.path.join(world.store, "x"), status=2)
    assert "no such directory" in call("backup", world.path("none"), world.path("y"), status=2)
    assert not os.path.exists(world.path("y"))
    os.mkdir(world.path("empty"))
    call("backup", world.store, world.path("empty"))
    call("verify", world.path("empty"))


def damaged(world):
    victim = world.path("victim")
    call("backup", world.store, victim, "--copy")
    name = sorted(n for n in names(victim) if n.endswith(".edges"))[0]
    with open(os.path.join(victim, name), "r+b") as file:
        file.seek(40)
        byte = file.read(1)
        file.seek(40)
        file.write(bytes([byte[0] ^ 1]))
    text = call("backup", victim, world.path("z"), status=5)
    assert name in text and "S-04" in text, text
    assert not os.path.exists(world.path("z"))


def while_others_write(world):
    """Batches come, runs are kept and the store is compacted while it is backed up."""
    stop, failed = threading.Event(), []

    def write():
        try:
            while not stop.is_set():
                world.ingest(50)
                call("run", world.store, "--quiet")
                if world.sent % 5 == 0:
                    call("compact", world.store)
        except AssertionError as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(12):
            copy = world.path(f"live{i}")
            result = json.loads(call("backup", world.store, copy, "--format", "json"))
            assert "OK" in call("verify", "--deep", copy), copy
            found = json.loads(call("stats", copy, "--format", "json"))
            assert [b["name"] for b in found["batches"]] == [f"b{k}" for k in range(len(found["batches"]))]
            assert result["runs"] >= 1
    finally:
        stop.set()
        writer.join()
    assert not failed, failed


def main():
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder)
        plain(world)
        refusals(world)
        damaged(world)
        while_others_write(world)


main()
