#!/usr/bin/env python3
"""A ring keeps its id from night to night, whatever happens to it, to other runs and to the store.

Each night is a batch of its own in place of the one before (drop-batch), so that rings can lose members, fall apart
and die; a ring is the accounts that share two devices.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
MAPPING = {"sources": [{"match": "*.csv", "relations": [
    {"name": "uses_device", "kind": "shared", "src": {"type": "account", "column": "account"},
     "dst": {"type": "device", "column": "device"}, "time": "ts"}]}]}
FIRST = 1767225600  # 2026-01-01
DAY = 86400
failures = []


def expect(what, fine, seen=""):
    if not fine:
        failures.append(f"{what}: {seen}")


def call(*words, status=0):
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    expect(" ".join(map(str, words)), done.returncode == status, f"exit status {done.returncode}, expected {status}: {done.stderr[-500:]}")
    return done.stdout, done.stderr


class Nights:
    def __init__(self, folder, name, cumulative=False):
        self.folder, self.store, self.cumulative = folder, os.path.join(folder, name), cumulative
        self.last = None

    def ingest(self, day, rings, backwards=False):
        """`rings`: a letter for each account, rings apart by spaces."""
        rows = [(f"own{i}", f"dev-{i}", FIRST + DAY * day + i) for i in range(200)]
        for ring in rings.split():
            for place, account in enumerate(ring):
                for device in (0, 1):
                    rows.append((account, f"shared-{ring[0]}-{device}", FIRST + DAY * day + 3600 * place + device))
        rows.append(("own0", "dev-0", FIRST + DAY * day + DAY - 1))
        if backwards:
            rows.reverse()
        path = os.path.join(self.folder, f"day-{day}.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("account,device,ts\n" + "".join(f"{a},{d},{t}\n" for a, d, t in rows))
        if self.last is not None and not self.cumulative:
            call("drop-batch", self.store, self.last)
        self.last = f"day-{day}"
        call("ingest", self.store, "--mapping", os.path.join(self.folder, "mapping.json"), "--batch", self.last, path)

    def run(self, *options):
        call("run", self.store, "--report", os.path.join(self.folder, "report.json"), *options)
        with open(os.path.join(self.folder, "report.json"), "rb") as file:
            self.bytes = file.read()
        self.report = json.loads(self.bytes)
        return self

    def night(self, day, rings, *options):
        self.ingest(day, rings)
        return self.run(*options)

    def ring(self, account):
        """The ring with the account; an empty one where there is none."""
        for ring in self.report["clusters"]:
            if account in [member["id"] for member in ring["members"]]:
                return ring
        return {"id": None, "lineage": {"event": None, "from": []}, "since": None}

    def id(self, account):
        return self.ring(account)["id"]

    def expect(self, account, event, ring, *others):
        seen = self.ring(account)
        expect(f"{account} {event}", seen["lineage"]["event"] == event and seen["id"] == ring, seen["lineage"])
        for other in others:
            expect(f"{account} {event} from {other}", other in seen["lineage"]["from"], seen["lineage"])

    def run_folder(self):
        with open(os.path.join(self.store, "runs", "latest"), encoding="ascii") as file:
            return os.path.join(self.store, "runs", file.read().strip())


def life(folder):
    """Every event, one after the other."""
    n = Nights(folder, "life")
    n.night(0, "ABCDEF GHIJ KLMNO")
    a, g, k = n.id("A"), n.id("G"), n.id("K")
    expect("the first night", None not in (a, g, k) and all(c["lineage"] == {"event": "born", "from": []} for c in n.report["clusters"]))
    n.night(1, "ABCDEF GHIJ KLMNO")
    for account, ring in (("A", a), ("G", g), ("K", k)):
        n.expect(account, "continued", ring, ring)
    n.night(2, "ABCDEFPQ GHIJ KLMN")
    n.expect("A", "grew", a)
    n.expect("K", "shrank", k)
    expect("since", n.ring("A")["since"] == "2026-01-01", n.ring("A")["since"])
    n.night(3, "ABCDEFPQGHIJ KLMN")
    n.expect("A", "merged", a, a, g)
    expect("where it went", n.report["gone"][0]["id"] == g and n.report["gone"][0]["into"] == a, n.report["gone"])
    n.night(4, "ABCDEFPQ GHIJ KLMN")
    n.expect("G", "returned", g, g)
    n.night(5, "ABCDE FPQ GHIJ KLMN")
    n.expect("A", "split", a, a)
    f = n.ring("F")
    expect("the part", f["lineage"] == {"event": "split", "from": [a]} and f["id"] not in (a, g, k), f)
    n.night(6, "ABCDE FPQ GHIJ")
    expect("one died", [(r["id"], r["into"]) for r in n.report["gone"]] == [(k, None)], n.report["gone"])
    output, _ = call("history", n.store, k, "--format", "json")
    nights = json.loads(output)["nights"] if output else []
    expect("K's life", [night["event"] for night in nights] == ["born", "continued", "shrank", "continued", "continued", "continued", "died"], nights)
    expect("who joined and left", [m["id"] for m in nights[0]["joined"]] == list("KLMNO") and nights[2]["left"] == [{"type": "account", "id": "O"}]
           and not nights[3]["left"], nights)
    output, _ = call("history", n.store, g.lower(), "--format", "json")
    nights = json.loads(output)["nights"] if output else []
    expect("G's life", [(night["event"], night["into"]) for night in nights[3:5]] == [("merged", a), ("returned", None)], nights)
    output, _ = call("history", n.store, a)
    expect("A's life", "joined  account:P, account:Q" in output and f"from    {g}" in output and "split" in output, output)
    call("history", n.store, "R-0000000000000", status=3)
    call("history", n.store, "nothing", status=2)
    n.night(20, "ABCDE FPQ KLMN")
    n.expect("K", "returned", k, k)
    n.night(60, "ABCDE FPQ KLMN GHIJ")
    expect("G died too long ago", n.ring("G")["lineage"]["event"] == "born" and n.id("G") != g, n.ring("G"))
    expect("the totals", n.report["totals"]["events"]["continued"] == 3, n.report["totals"])


def repeated(folder):
    """The same inputs give the same bytes, whatever other runs are kept; and an experiment renames nothing."""
    n = Nights(folder, "repeated")
    n.night(0, "ABCD EFGH")
    a = n.id("A")
    once = n.night(1, "ABCDI EFGH", "--keep-runs", 1).bytes
    expect("one run is kept", len(os.listdir(os.path.join(n.store, "runs"))) == 2, os.listdir(os.path.join(n.store, "runs")))
    expect("repeated, without the night before", n.run().bytes == once)
    expect("again", n.run("--threads", 1).bytes == once and n.id("A") == a)
    n.run("--resolution", 0.2)
    other = n.id("E")
    expect("other settings have the same past", other is not None)
    n.night(2, "ABCDI EFGH", "--keep-runs", 1)
    n.expect("A", "continued", a, a)
    n.night(3, "ABCDI EFGH", "--keep-runs", 1)
    n.expect("A", "continued", a, a)


def replayed(folder):
    """A past night again, from a store that holds later ones: as it was. And rows in another order."""
    n, twin = Nights(folder, "replayed", True), Nights(folder, "twin", True)
    nights = ["ABCD EFGH", "ABCDI EFGH", "ABCDIJK EFGH LMNO"]
    reports = [n.night(day, rings).bytes for day, rings in enumerate(nights)]
    expect("ids through the nights", n.ring("A")["lineage"]["from"] == [n.id("A")], n.ring("A")["lineage"])
    for day in (1, 2, 0):
        expect(f"night {day} as it was", n.run("--as-of", f"2026-01-0{day + 1}").bytes == reports[day])
    for day, rings in enumerate(nights):
        twin.ingest(day, rings, backwards=True)
        expect(f"night {day} of other rows' order", twin.run().bytes == reports[day])
    n.run("--as-of", "2026-01-01", "--keep-runs", 1)
    expect("a replay leaves what tomorrow needs", n.night(3, "ABCDIJK EFGH LMNO").report["totals"]["events"]["continued"] == 3,
           n.report["totals"]["events"])


def erased(folder):
    n = Nights(folder, "erased")
    n.night(0, "ABCDE FGHI")
    a, f = n.id("A"), n.id("F")
    n.night(1, "ABCDE FGHI")
    call("erase", n.store, "account:B", "--reason", "asked for it")
    call("verify", n.store)
    for name in ("rings.bin", "history.bin"):
        expect(f"{name} is there", os.path.exists(os.path.join(n.run_folder(), name)))
    n.night(2, "ACDE FGHI")
    n.expect("A", "continued", a, a)  # of five who were four then, for one is forgotten
    n.expect("F", "continued", f, f)


def damaged(folder):
    n = Nights(folder, "damaged")
    n.night(0, "ABCD EFGH")
    path = os.path.join(n.run_folder(), "rings.bin")
    with open(path, "rb") as file:
        good = file.read()
    n.ingest(1, "ABCD EFGH")
    for at in (3, 20, 70, len(good) - 1):
        with open(path, "wb") as file:
            file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        _, error = call("run", n.store, status=5)
        expect("the file is named", "rings.bin" in error, error)
    output, _ = call("verify", n.store, status=5)
    expect("verify finds it", "R-03" in output, output)
    with open(path, "wb") as file:
        file.write(good)
    expect("whole again", n.run().report["totals"]["events"]["continued"] == 2)


def main():
    folder = tempfile.mkdtemp(prefix="nights-")
    with open(os.path.join(folder, "mapping.json"), "w", encoding="utf-8") as file:
        json.dump(MAPPING, file)
    try:
        for part in (life, repeated, replayed, erased, damaged):
            part(folder)
    finally:
        shutil.rmtree(folder)
    for failure in failures:
        print("FAILED:", failure)
    sys.exit(1 if failures else 0)


main()
