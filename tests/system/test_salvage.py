#!/usr/bin/env python3
"""salvage brings out of a damaged store all that is whole, names nothing that is lost, and says what is.

The answer is held against one that follows from the rows: with a block of ids damaged the relations
that are left are those between ids that are left.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
MAPPING = {"sources": [
    {"match": "uses*.csv", "relations": [
        {"name": "uses", "kind": "shared", "key": "event", "src": {"type": "account", "column": "account"},
         "dst": {"type": "device", "column": "device"}, "time": "ts"}]},
    {"match": "pays*.csv", "relations": [
        {"name": "pays", "kind": "payment", "src": {"type": "account", "column": "payer"},
         "dst": {"type": "account", "column": "payee"}, "time": "ts", "amount": "amount"}]},
    {"match": "nodes*.csv", "nodes": [{"type": "account", "column": "account", "attributes": ["age"]}]}]}


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == status, (words, status, done)
    return done.stdout


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def prepare(folder):
    store, mapping = os.path.join(folder, "store"), write(os.path.join(folder, "map.json"), [json.dumps(MAPPING)])
    for batch, (first, count) in {"one": (0, 9000), "two": (9000, 400)}.items():
        who = range(first, first + count)
        files = [write(os.path.join(folder, f"uses-{batch}.csv"), ["event,account,device,ts"] + [
                     f"e{i},a{i:06},d{i % 700:04},{1700000000 + i}" for i in who]),
                 write(os.path.join(folder, f"pays-{batch}.csv"), ["payer,payee,ts,amount"] + [
                     f"a{i:06},a{i * 7 % (first + count):06},{1700000000 + i},{i}.50" for i in who]),
                 write(os.path.join(folder, f"nodes-{batch}.csv"), ["account,age"] + [f"a{i:06},{i % 90}" for i in who])]
        call("ingest", store, "--mapping", mapping, "--batch", batch, "--keep-rows", *files)
        if batch == "one":
            call("backup", store, os.path.join(folder, "early"))
    call("run", store)
    return store, mapping, files


def copy_of(store, name):
    path = os.path.join(os.path.dirname(store), name)
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(store, path)
    return path


def salvage(store, status):
    to = store + "-new"
    shutil.rmtree(to, ignore_errors=True)
    result = json.loads(call("salvage", store, "--to", to, "--format", "json", status=status))
    call("verify", "--deep", to)
    return to, result


def lost(result, part):
    return {item["name"]: item["lost"] for item in result[part] if item["lost"]}


def stats(store):
    return json.loads(call("stats", store, "--format", "json"))


def file_of(store, kind, *parts):
    """The data file of a batch (by its number) of one kind that holds most."""
    names = [n for n in os.listdir(store) if n.endswith(kind) and all(p in n for p in parts)]
    return max((os.path.join(store, n) for n in names), key=os.path.getsize)


def blocks(path):
    """(offset, length) of each block of a block file, as docs/FORMAT.md says."""
    with open(path, "rb") as file:
        data = file.read()
    at = struct.unpack("<Q", data[-40:-32])[0]
    meta = struct.unpack("<I", data[at:at + 4])[0]
    count = struct.unpack("<Q", data[at + 4 + meta:at + 12 + meta])[0]
    at, offset, found = at + 12 + meta, 32, []
    for _ in range(count):
        length, _, note = struct.unpack("<IQH", data[at:at + 14])
        found.append((offset, length))
        offset, at = offset + length, at + 14 + note
    return found


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 4]))


def undamaged(store, mapping, files):
    to, result = salvage(copy_of(store, "whole"), 0)
    assert result["whole"] and result["violations"] == [] and result["runs"] == 1, result
    old, new = stats(store), stats(to)
    for part in ("edges", "nodes", "types", "relations", "attributes"):
        assert old.get(part) == new.get(part), (part, old.get(part), new.get(part))
    assert [(b["name"], b["rows"], b["edges"]) for b in old["batches"]] == \
        [(b["name"], b["rows"], b["edges"]) for b in new["batches"]]
    reports = [os.path.join(store + name) for name in ("-a.json", "-b.json")]
    for where, report in zip((store, to), reports):
        call("run", where, "--report", report)
    with open(reports[0], "rb") as one, open(reports[1], "rb") as other:
        assert one.read() == other.read()
    # events that were sent before are known by their keys
    before = stats(to)["edges"]
    call("ingest", to, "--mapping", mapping, "--batch", "again", files[0])
    assert stats(to)["edges"] == before


def lost_ids(store):
    victim = copy_of(store, "ids")
    path = next(p for p in sorted(os.path.join(victim, n) for n in os.listdir(victim) if n.endswith(".dict"))
                if len(blocks(p)) > 2 and b"a000000" in open(p, "rb").read())
    offset, length = blocks(path)[1]  # ids 4096 to 8191 of the first batch
    flip(path, offset + length // 2)
    to, result = salvage(victim, 5)
    gone = set(range(4096, 8192))
    pays = [(i, i * 7 % 9000) for i in range(9000)] + [(i, i * 7 % 9400) for i in range(9000, 9400)]
    expected = sum(a in gone or b in gone for a, b in pays)
    assert lost(result, "types") == {"account": 4096}, result["types"]
    assert lost(result, "relations") == {"uses(account,device)": 4096, "pays(account,account)": expected}, result
    assert lost(result, "attributes") == {"account.age": 4096}, result["attributes"]
    assert [v["id"] for v in result["violations"]] == ["S-04", "S-05"], result["violations"]
    assert all(v["file"] == os.path.basename(path) for v in result["violations"])
    assert call("neighbours", to, "account:a000001")
    call("neighbours", to, "account:a005000", status=3)
    assert stats(to)["edges"] == 2 * 9400 - 4096 - expected


def lost_edges(store):
    victim = copy_of(store, "edges")
    path = file_of(victim, ".edges", "b00000001")
    flip(path, blocks(path)[0][0] + 30)
    _, result = salvage(victim, 5)
    gone = lost(result, "relations")
    assert len(gone) == 1 and list(gone.values()) == [9000], gone
    assert lost(result, "batches") == {"one": 9000}, result["batches"]
    assert not lost(result, "types") and not lost(result, "attributes")


def lost_files(store):
    victim = copy_of(store, "files")
    os.unlink(file_of(victim, ".edges", "b00000002"))
    flip(file_of(victim, ".values", "b00000001"), 40)
    flip(file_of(victim, ".rows", "b00000001"), 50)
    with open(file_of(victim, ".values", "b00000002"), "r+b") as file:
        file.truncate(100)
    to, result = salvage(victim, 5)
    assert list(lost(result, "relations").values()) == [400], result["relations"]
    assert lost(result, "attributes") == {"account.age": 9400}, result["attributes"]
    assert result["rows_lost"] == 9000, result["rows_lost"]
    assert stats(to)["edges"] == 2 * 9400 - 400
    assert {"S-02", "S-05"} <= {v["id"] for v in result["violations"]}


def lost_runs(store):
    victim = copy_of(store, "runs")
    folder = os.path.join(victim, "runs", open(os.path.join(victim, "runs", "latest")).read().strip())
    flip(os.path.join(folder, "risks.csv"), 99)
    to, result = salvage(victim, 5)
    assert (result["runs"], result["runs_lost"]) == (0, 1) and not lost(result, "relations"), result
    call("run", to)


def erased_runs(store):
    """A run without what explains it, which an erasure took away, is whole all the same."""
    victim = copy_of(store, "erased")
    call("erase", victim, "account:a000005", "--reason", "x")
    _, result = salvage(victim, 0)
    assert result["whole"] and result["runs"] == 1, result


def lost_manifest(store):
    """One bit of the manifest, and nothing can be told; with that of a backup all that it names is there."""
    victim, early = copy_of(store, "headless"), os.path.join(os.path.dirname(store), "early")
    for at in (20, 60, os.path.getsize(os.path.join(victim, "MANIFEST")) - 9):
        flip(os.path.join(victim, "MANIFEST"), at)
        done = subprocess.run([COMMAND, "salvage", victim, "--to", victim + "-new"], check=False, capture_output=True,
                              text=True)
        assert done.returncode == 5 and "put that of a backup in its place" in done.stderr, done
        assert not os.path.exists(victim + "-new")
        flip(os.path.join(victim, "MANIFEST"), at)
    shutil.copy(os.path.join(early, "MANIFEST"), victim)
    to, result = salvage(victim, 0)
    assert result["whole"] and [b["name"] for b in result["batches"]] == ["one"], result
    assert stats(to)["edges"] == stats(early)["edges"] == 18000


def refusals(store):
    call("salvage", store, "--to", store + "-new", status=0)
    call("salvage", store, "--to", store + "-new", status=2)  # is a store now
    call("salvage", store, "--to", os.path.join(store, "x"), status=2)
    victim = copy_of(store, "blind")
    flip(os.path.join(victim, "MANIFEST"), 60)
    call("salvage", victim, "--to", victim + "-new", status=5)
    assert not os.path.exists(victim + "-new")


def main():
    with tempfile.TemporaryDirectory() as folder:
        store, mapping, files = prepare(folder)
        undamaged(store, mapping, files)
        lost_ids(store)
        lost_edges(store)
        lost_files(store)
        lost_runs(store)
        erased_runs(store)
        lost_manifest(store)
        call("compact", store)
        undamaged_after(store)
        refusals(store)


def undamaged_after(store):
    """What a compaction merged is one batch, and all of it is there."""
    to, result = salvage(copy_of(store, "compacted"), 0)
    assert result["whole"], result
    assert stats(to)["edges"] == stats(store)["edges"]


main()
