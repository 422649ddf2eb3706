#!/usr/bin/env python3
"""explain and show as a person and a program read them: each step of a path says what ties its two
ends, relations of one name are told apart, a thing is explained by its users, and a report of an
older state of the store says so.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import random
import re
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
MAPPING = {"sources": [
    {"match": "uses*.csv", "relations": [
        {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
         "dst": {"type": "device", "column": "device"}}]},
    {"match": "pays*.csv", "relations": [
        {"name": "pays", "kind": "payment", "src": {"type": "account", "column": "from"},
         "dst": {"type": "account", "column": "to"}, "amount": "amount", "currency_column": "currency",
         "time": "ts"}]}]}


def call(*words):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, (words, done)
    return done.stdout


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def prepare(folder):
    store, mapping = os.path.join(folder, "store"), write(os.path.join(folder, "map.json"), [json.dumps(MAPPING)])
    uses = [f"r{i},shared{i % 2}" for i in range(6)] + [f"r{i},common" for i in range(6)]
    uses += [f"u{i},own{i}" for i in range(400)] + [f"u{i},hub" for i in range(300)] + ["r0,hub"]
    pays = [f"r0,u1,5.00,{c},{1700000000 + i}" for i, c in enumerate(("EUR", "USD", "EUR"))]
    files = [write(os.path.join(folder, "uses.csv"), ["account,device", *uses]),
             write(os.path.join(folder, "pays.csv"), ["from,to,amount,currency,ts", *pays])]
    call("ingest", store, "--mapping", mapping, *files)
    black = write(os.path.join(folder, "black.csv"), ["type,id,reason", "account,r0,x", "account,r3,y"])
    call("run", store, "--blacklist", black)
    return store, mapping


def check_paths(store):
    why = json.loads(call("explain", store, "account:r2", "--format", "json"))
    paths = why["spread_from"]["paths"]
    assert paths
    steps = [step for path in paths for step in path["via"]]
    for path in paths:
        assert len(path["via"]) == len(path["nodes"]) - 1, path
    assert any(s["kind"] == "shared" and s["relation"] == "uses" and s["thing"]["type"] == "device"
               for s in steps), steps
    assert {s["kind"] for s in steps} <= {"shared", "place", "window", "relation", "identity"}, steps
    why = json.loads(call("explain", store, "account:u1", "--format", "json"))
    steps = [step for path in why["spread_from"]["paths"] for step in path["via"]]
    assert {"kind": "relation", "relation": "pays", "thing": None} in steps, why["spread_from"]["paths"]


def check_names(store):
    text = call("explain", store, "account:r0")
    names = re.findall(r"^  (pays\S*) +-> account", text, re.MULTILINE)
    assert names == ["pays(account,account,EUR)", "pays(account,account,USD)"], text
    found = json.loads(call("explain", store, "account:r0", "--format", "json"))["relations"]
    counts = {r["relation"]: r["edges"] for r in found if r["side"] == "src"}
    assert counts == {"pays(account,account,EUR)": 2, "pays(account,account,USD)": 1, "uses": 3}, counts


def check_things(store):
    for thing in ("device:common", "device:hub", "device:own9", "device:own11"):
        text = call("explain", store, thing)
        assert "a thing has no other risk" in text and "oddity" not in text and "in no ring" not in text, text
        users = json.loads(call("explain", store, thing, "--format", "json"))["users"]
        assert bool(users) == ("own" not in thing), (thing, users)  # of a thing without a risk none are kept
        assert "none of its users has a risk to pass on" in text or users, text
        assert all(0 <= user["spread"] <= 1 for user in users), users
    assert "its users pass it on" in call("explain", store, "device:hub")
    assert "none of its users has a risk to pass on" in call("explain", store, "device:own399")


def check_show(store, folder, mapping):
    ring = call("show", store).splitlines()[1].split()[0]
    text = call("show", store, ring)
    assert "has changed" not in text
    assert call("show", store, ring.upper()) == call("show", store, ring.lower()) == text
    members = re.search(r"\nmembers\n[^\n]*\n((?:  account .*\n)+)", text).group(1)
    risks = [float(line.split()[2]) for line in members.splitlines()]
    assert len(risks) >= 3 and risks == sorted(risks, reverse=True), text
    call("ingest", store, "--mapping", mapping, write(os.path.join(folder, "uses2.csv"), ["account,device", "new,own1"]))
    for words in (("show", store), ("show", store, ring)):
        assert call(*words).startswith("the store has changed since this run"), words
    assert json.loads(call("show", store, ring, "--format", "json"))["id"] == ring
    assert "the store has changed since the run" in call("explain", store, "account:r0")


def check_ring_part(store, folder):
    """What the part of its ring comes from where the report has no such ring, or it says more than the ring does."""
    call("run", store, "--blacklist", os.path.join(folder, "black.csv"), "--min-score", "0.999")
    assert "in no ring; by a group below the least score of one, or whom it meets\n" in call("explain", store, "account:r2")
    mapping = {"subjects": ["user"], "sources": [{"match": "acts.csv", "relations": [
        {"name": "posts", "kind": "action", "src": {"type": "user", "column": "user"},
         "dst": {"type": "item", "column": "item"}}]}]}
    draw = random.Random(5)
    acts = [f"u{u},t{t}" for u in range(1000) for t in draw.sample(range(1500), 6)]
    acts += [f"ring{m},r{t}" for m in range(12) for t in draw.sample(range(16), 12)]
    other = os.path.join(folder, "other")
    call("ingest", other, "--mapping", write(os.path.join(folder, "acts.json"), [json.dumps(mapping)]),
         write(os.path.join(folder, "acts.csv"), ["user,item", *acts]))
    call("run", other)
    why = json.loads(call("explain", other, "user:ring3", "--format", "json"))
    assert why["ring"]["score"] < why["ring_score"] <= 0.4, why
    assert "; more by whom it meets\n" in call("explain", other, "user:ring3")
    assert "by whom it meets" not in call("explain", store, "account:r2")


def main():
    with tempfile.TemporaryDirectory() as folder:
        store, mapping = prepare(folder)
        check_paths(store)
        check_names(store)
        check_things(store)
        check_show(store, folder, mapping)
        check_ring_part(store, folder)


main()
