#!/usr/bin/env python3
"""What a report tells of every ring of datasets/small is what the files say: an independent count of the rows
behind each fact, of who takes part, and of what `show` lists; and sums that need more than 64 bits.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import datetime
import decimal
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
SOURCE = os.path.abspath(sys.argv[2])
SMALL = os.path.join(SOURCE, "datasets", "small")
WINDOW, PASS_WINDOW = 900, 3 * 86400
decimal.getcontext().prec = 60


def call(*words):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, (words, done)
    return done.stdout


class Rows:
    """All rows of the data set, by relation: (user, thing, time, amount in cents)."""

    def __init__(self):
        self.of = {"pays": []}
        for path in glob.glob(os.path.join(SMALL, "*.csv.gz")):
            with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    self.add(row)
        self.between = {name: {} for name in self.of}
        for name, rows in self.of.items():
            for row in rows:
                self.between[name].setdefault(row[:2], []).append(row)

    def add(self, row):
        time = int(row["ts"])
        if "payer" in row:
            self.of["pays"].append((row["payer"], row["payee"], time, int(decimal.Decimal(row["amount"]) * 100)))
        for column, name in (("device", "uses_device"), ("ip", "uses_address"), ("card", "has_card"),
                             ("phone", "has_phone")):
            if row.get(column):
                self.of.setdefault(name, []).append((row["account"], row[column], time, None))

    def pick(self, relation, users, targets):
        return [row for a in users for b in targets if a != b for row in self.between[relation].get((a, b), [])]


def together(rows):
    return [r for r in rows if any(o[0] != r[0] and abs(o[2] - r[2]) <= WINDOW for o in rows)]


def passes(rows, to=None):
    """Rows that are passed on, or pass on: to somebody else, later, nine tenths of it and more."""
    kept = set()
    for i, came in enumerate(rows):
        for k, went in enumerate(rows):
            if (went[0] == came[1] and went[1] != came[0] and 0 < went[2] - came[2] <= PASS_WINDOW
                    and came[3] * 9 <= went[3] * 10 and went[3] <= came[3] and to in (None, went[1])):
                kept |= {i, k}
    return [rows[i] for i in sorted(kept)]


def expected(rows, kind, fact):
    users, thing = fact["users"], fact["thing"]["id"]
    used = rows.pick(fact["relation"], users, [thing])
    if kind == "lockstep" or kind.startswith("same_time_"):
        return together(used)
    if kind in ("relay", "cycle"):
        among = rows.pick(fact["relation"], users, {*users, thing})
        return passes(among, thing if kind == "relay" else None)
    return used


def iso(time):
    return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_fact(kind, fact, rows):
    """Everybody named takes part, and the numbers are those of the rows."""
    taking_part = {row[0] for row in rows} | ({row[1] for row in rows} if kind in ("relay", "cycle") else set())
    assert set(fact["users"]) <= taking_part and len(fact["users"]) >= 2, (kind, fact, rows)
    if kind in ("lockstep", "relay", "cycle"):
        assert (fact["first"], fact["last"]) == (iso(min(r[2] for r in rows)), iso(max(r[2] for r in rows))), fact
        amount = sum(r[3] for r in rows if r[1] == fact["thing"]["id"])
        assert int(decimal.Decimal(fact["amount"]) * 100) == amount > 0, (kind, fact, amount)
    if not kind.startswith("same_time_"):
        assert fact["events"] == len(rows), (kind, fact, rows)


def check_shown(ring, text, counts):
    """`show` lists as many rows as the fact counts, with the first five by name."""
    shown = []
    for line in text.splitlines():
        if line.startswith("      rows "):
            more = re.search(r" and (\d+) more$", line)
            shown.append(len(line.split(",")) + (int(more.group(1)) if more else 0))
    assert shown == counts, (ring["id"], shown, counts, text)
    assert "born" not in text and ring["since"] not in text.split("\n", 3)[1], text


def check_ring(rows, store, ring):
    kinds = set()
    counts = []
    for reason in ring["reasons"]:
        kind, facts = reason["kind"], [f for f in reason["facts"] if f["thing"] is not None]
        kinds.add(kind)
        for fact in facts:
            assert "more" not in fact
            found = expected(rows, kind, fact)
            check_fact(kind, fact, found)
            counts.append(len(found))
        if facts and len(facts) < 12:  # not cut
            users = {user for fact in facts for user in fact["users"]}
            assert reason["members"] == len(users), reason
            assert reason["things"] == len({f["thing"]["id"] for f in facts}), reason
        if kind == "known_things":
            assert all(t["known"] for t in ring["things"] if t["id"] in {f["thing"]["id"] for f in facts}), ring
    check_shown(ring, call("show", store, ring["id"], "--limit", "0"), counts)
    return kinds


def small(folder):
    rows = Rows()
    store, report = os.path.join(folder, "small"), os.path.join(folder, "report.json")
    call("ingest", store, "--mapping", os.path.join(SMALL, "mapping.json"), "--keep-rows",
         *sorted(glob.glob(os.path.join(SMALL, "*.csv.gz"))))
    black = os.path.join(folder, "black.csv")
    with open(black, "w", encoding="utf-8") as out, \
            open(os.path.join(SMALL, "blacklist.csv"), encoding="utf-8") as known:
        shared = next(thing for (_, thing), used in rows.between["uses_device"].items()
                      if len({r[0] for r in rows.of["uses_device"] if r[1] == thing}) > 4 and used)
        out.write(known.read() + f"device,{shared},seen before,1,\n")
    call("run", store, "--blacklist", black, "--report", report)
    with open(report, encoding="utf-8") as file:
        clusters = json.load(file)["clusters"]
    kinds = set()
    for ring in clusters[:60]:
        kinds |= check_ring(rows, store, ring)
    assert {"lockstep", "relay", "cycle", "shared_device", "shared_address", "same_time_address",
            "known_members"} <= kinds, kinds
    cut(store, black, [ring["id"] for ring in clusters[:10]])
    thing(store)


def cut(store, black, rings):
    """Where users are left out of a fact, the rows that are listed are not all that it counts: it is said."""
    settings = store + ".settings.json"
    with open(settings, "w", encoding="utf-8") as file:
        file.write('{"users_max": 2}')
    call("run", store, "--blacklist", black, "--settings", settings)
    said = set()
    for ring in rings:
        lines = call("show", store, ring, "--limit", "0").splitlines()
        for users, rows in zip(lines, lines[1:]):
            if rows.startswith("      rows "):
                some = re.search(r" and \d+ more$", users) is not None
                assert some == rows.startswith("      rows of those named "), (users, rows)
                said.add(some)
    assert said == {True, False}, said


def thing(store):
    """What links bring a thing, or what its users pass on: the larger counts, and it is said."""
    with open(store + ".black.csv", "w", encoding="utf-8") as file:
        file.write("type,id,reason\ncard,card_9xp02saw1szyw,y\n")
    call("run", store, "--blacklist", file.name)
    seen = set()
    for name in ("address:213.250.95.83", "card:card_9xp02saw1szyw"):
        why = json.loads(call("explain", store, name, "--format", "json"))
        spread, text = why["spread_from"], call("explain", store, name)
        seen.add(spread["counts"])
        assert spread["seed_count"] == 1 and spread["counts"] == (why["spread"] <= min(1, spread["risk"]) + 1e-4), why
        assert (f"its users pass on {why['spread']:.4f}, which is more" in text) == (not spread["counts"]), text
    assert seen == {True, False}


def ether(folder):
    """Twelve payments of five ethers and more each, in units of 10^-18: beyond 2^63 of them."""
    mapping = os.path.join(folder, "eth.json")
    with open(mapping, "w", encoding="utf-8") as file:
        json.dump({"sources": [{"match": "*.csv", "relations": [
            {"name": "sends", "kind": "payment", "src": {"type": "account", "column": "a"},
             "dst": {"type": "account", "column": "b"}, "time": "t", "amount": "v", "decimals": 18,
             "currency": "ETH"}]}]}, file)
    rows = [(f"x{i}", f"y{i}", 1700000000 + 7919 * i, "0.01") for i in range(400)]
    sums = {}
    for k in range(4):
        for i in range(3):
            amount = decimal.Decimal("5.000000000000000001") + i * decimal.Decimal("0.04")
            rows.append((f"r{i}", f"shop{k}", 1700000000 + 86400 * k + 30 * i, str(amount)))
            sums[f"shop{k}"] = sums.get(f"shop{k}", 0) + amount
    path = os.path.join(folder, "eth.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write("a,b,t,v\n")
        file.writelines(",".join(map(str, row)) + "\n" for row in rows)
    store, report = os.path.join(folder, "eth"), os.path.join(folder, "eth.report.json")
    call("ingest", store, "--mapping", mapping, path)
    call("run", store, "--report", report)
    with open(report, encoding="utf-8") as file:
        facts = [f for ring in json.load(file)["clusters"] for r in ring["reasons"] for f in r["facts"]
                 if r["kind"] == "lockstep"]
    assert len(facts) == 4 and all(f["currency"] == "ETH" and f["events"] == 3 for f in facts), facts
    assert {f["thing"]["id"]: decimal.Decimal(f["amount"]) for f in facts} == sums, (facts, sums)
    told = {odd["count"]: odd for odd in json.loads(
        call("explain", store, "account:r1", "--format", "json"), parse_float=decimal.Decimal)["odd"]}
    mean = decimal.Decimal("5.040000000000000001")
    assert told["sends ETH: mean amount out"]["value"] == mean, told
    assert told["sends ETH: amount out"]["at_least"] is True, told
    assert "at_least" not in told["sends ETH: mean amount out"], told
    assert "sends ETH: amount out: at least 9.223372036854775807," in call("explain", store, "account:r1")


def main():
    with tempfile.TemporaryDirectory() as folder:
        ether(folder)
        small(folder)


main()
