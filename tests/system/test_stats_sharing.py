#!/usr/bin/env python3
"""stats --sharing counts what a slow, obvious count of the rows gives.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import random
import subprocess
import sys
import tempfile

COMMAND = sys.argv[1]
MAPPING = {"sources": [{"match": "rows.csv", "relations": [
    {"name_column": "rel", "kinds": {"uses": "shared", "at": "shared", "pays": "payment"},
     "as": {"at": "place"},
     "types": {"uses": ["account", "device"], "at": ["account", "address"], "pays": ["account", "account"]},
     "src": {"column": "src"}, "dst": {"column": "dst"}}]}]}


def expected(rows):
    """The two lists of the JSON, from the rows themselves."""
    users, shared, ties = {}, [], []
    for rel, src, dst in rows:
        users.setdefault(rel, {}).setdefault(dst, set()).add(src)
    things = {rel: users[rel] for rel in ("at", "uses")}
    for rel, by_thing in things.items():
        several = [who for who in by_thing.values() if len(who) > 1]
        shared.append((rel, len(by_thing), len(several), len(set().union(*several))))
    pairs = {(src, dst) for rel, src, dst in rows if rel == "pays" and src != dst}
    for rel, by_thing in things.items():
        common = sum(any(a in who and b in who for who in by_thing.values()) for a, b in pairs)
        ties.append(("pays", rel, len(pairs), common))
    return shared, ties


def main():
    draw = random.Random(5)
    rows = [("uses", f"a{draw.randrange(40)}", f"d{draw.randrange(60)}") for _ in range(80)]
    rows += [("at", f"a{draw.randrange(40)}", f"p{draw.randrange(9)}") for _ in range(30)]
    rows += [("pays", f"a{draw.randrange(45)}", f"a{draw.randrange(45)}") for _ in range(300)]
    with tempfile.TemporaryDirectory() as folder:
        table, mapping = os.path.join(folder, "rows.csv"), os.path.join(folder, "mapping.json")
        store = os.path.join(folder, "store")
        with open(table, "w", encoding="utf-8") as file:
            file.write("rel,src,dst\n" + "".join(",".join(row) + "\n" for row in rows))
        with open(mapping, "w", encoding="utf-8") as file:
            json.dump(MAPPING, file)
        subprocess.run([COMMAND, "ingest", store, "--mapping", mapping, "--quiet", table], check=True,
                       stdout=subprocess.DEVNULL)
        words = [COMMAND, "stats", store, "--sharing"]
        answer = json.loads(subprocess.run([*words, "--format", "json"], check=True, capture_output=True).stdout)
        text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found = ([tuple(row.values()) for row in answer["shared"]], [tuple(row.values()) for row in answer["ties"]])
    if tuple(map(sorted, found)) != tuple(map(sorted, expected(rows))):
        print(f"found {found}\nexpected {expected(rows)}")
        return 1
    if "shared by two and more" not in text or "with a thing in common" not in text:
        print(text)
        return 1
    return 0


sys.exit(main())
