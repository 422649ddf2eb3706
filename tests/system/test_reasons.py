#!/usr/bin/env python3
"""What a report says of a ring is true: a thing that two relations give is one thing, a listed thing is a
reason, a household is no suspect by a listed relative, and who is the same person as a blacklisted account
holds no risk back.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import json
import os
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.abspath(sys.argv[2]), "tests", "golden"))
import check_report  # noqa: E402


def relation(name, column, kind="shared", **more):
    return {"name": name, "kind": kind, "src": {"type": "account", "column": "account"},
            "dst": {"type": more.pop("type", column), "column": column}, **more}


MAPPING = {"sources": [{"match": "*.csv", "relations": [
    relation("uses", "device"), relation("registered", "first", type="device"),
    relation("at", "address", **{"as": "place"}), relation("is", "document", "identity")]}]}
HEAD = "account,device,first,address,document"


def call(*words):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, (words, done)
    return done.stdout


class Night:
    def __init__(self, folder, rows):
        self.folder = folder
        self.store = os.path.join(folder, "store")
        mapping = self.write("map.json", [json.dumps(MAPPING)])
        call("ingest", self.store, "--mapping", mapping, self.write("rows.csv", [HEAD, *rows]))

    def write(self, name, lines):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        return path

    def run(self, black=(), white=()):
        """The clusters of the report, and the lines of the risks by id."""
        lists = [self.write(name, ["type,id,reason,strength"] + [f"{entry},x,1" for entry in entries])
                 for name, entries in (("black.csv", black), ("white.csv", white))]
        report, risks = os.path.join(self.folder, "report.json"), os.path.join(self.folder, "risks.csv")
        call("run", self.store, "--blacklist", lists[0], "--whitelist", lists[1], "--report", report,
             "--risks", risks)
        try:
            check_report.check(report)
        except ImportError:
            print("without python3-jsonschema: the schema is not checked")
        with open(report, encoding="utf-8") as file:
            clusters = json.load(file)["clusters"]
        with open(risks, encoding="utf-8", newline="") as file:
            return clusters, {line["id"]: line for line in csv.DictReader(file)}


def alone(count):
    return [f"a{i},own{i},own{i},home{i}," for i in range(count)]


def household(folder):
    """44 accounts, four of which are a family; one and three of them are listed."""
    night = Night(folder, alone(44) + [f"a{i},shared,,place," for i in range(4)])
    for known in (1, 3):
        clusters, risks = night.run([f"account,a{i}" for i in range(known)])
        assert len(clusters) == 1 and clusters[0]["score"] < 0.3, clusters
        assert all(float(risks[f"a{i}"]["ring_score"]) < 0.3 for i in range(4)), risks


def things(folder):
    """X by six of them through one relation and by four through another, Y by five."""
    rows = [f"a{i},X,," for i in range(6)] + [f"a{i + 1},Y,," for i in range(5)] + [f"a{i},,X," for i in range(4)]
    night = Night(folder, alone(400) + [row + "," for row in rows])
    ring, = night.run()[0]
    assert {(t["id"], t["shared_by"]) for t in ring["things"]} == {("X", 6), ("Y", 5)}, ring
    reason, = ring["reasons"]
    assert reason["things"] == 2 and reason["text"] == "all 6 accounts share 2 devices", reason
    assert [(f["relation"], f["thing"]["id"], len(f["users"])) for f in reason["facts"]] == [
        ("uses", "X", 6), ("uses", "Y", 5), ("registered", "X", 4)], reason
    ring, = night.run(["device,Y"])[0]
    known, = (r for r in ring["reasons"] if r["kind"] == "known_things")
    assert known["text"] == "5 of 6 accounts use 1 device that is on the blacklist", known
    assert [f["thing"]["id"] for f in known["facts"]] == ["Y"] and known["facts"][0]["events"] == 5, known


def cleared(folder):
    """Five accounts of one document: one blacklisted, one whitelisted."""
    night = Night(folder, alone(60) + [f"a{i},,,,passport" for i in range(5)])
    clusters, before = night.run(["account,a0"])
    assert len(clusters) == 1
    clusters, risks = night.run(["account,a0"], ["account,a1"])
    ring, = clusters
    marks = {m["id"]: (m["known"], m.get("cleared"), m.get("disputed")) for m in ring["members"]}
    assert marks["a0"] == (True, None, None) and marks["a1"] == (False, None, True), marks
    assert all(marks[f"a{i}"] == (False, None, None) for i in (2, 3, 4)), marks
    assert risks == before, "a whitelisted account of a blacklisted person held risk back"
    assert "disputed" in call("show", night.store, ring["id"])
    clusters, risks = night.run(["account,a50"], ["account,a1"])
    marks = {m["id"]: m.get("cleared") for m in clusters[0]["members"]}
    assert marks == {"a0": None, "a1": True, "a2": None, "a3": None, "a4": None}, marks
    assert float(risks["a1"]["ring_score"]) == 0


def main():
    for part in (household, things, cleared):
        with tempfile.TemporaryDirectory() as folder:
            part(folder)


main()
