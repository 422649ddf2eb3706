#!/usr/bin/env python3
"""A million payments to one account, and as many from another: looked at in time they cost no more than
others do, and a ring beside them is found. Called as: test_hub_in_time.py RINGSCOPE SOURCE

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import random
import subprocess
import sys
import tempfile

RINGSCOPE = sys.argv[1]
MAPPING = {"sources": [{"match": "payments.csv", "relations": [{
    "name": "pays", "kind": "payment", "src": {"type": "account", "column": "payer"},
    "dst": {"type": "account", "column": "payee"}, "time": "ts", "amount": "amount"}]}]}
DAY, MILLION = 86400, 1_000_000


def call(*words):
    done = subprocess.run([RINGSCOPE, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{words[0]}: exit status {done.returncode}: {done.stderr}")


def write_rows(path):
    draw = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        file.write("payer,payee,ts,amount\n")
        for i in range(MILLION):  # everybody pays the hub, which pays everybody, all the time
            at = 1_700_000_000 + i * 30 * DAY // MILLION
            who = draw.randrange(20000)
            file.write(f"u{who},hub,{at},{draw.randrange(100, 9999)}\n" if i % 2 else
                       f"hub,u{who},{at},{draw.randrange(100, 9999)}\n")
        for target in range(5):  # and six march in step
            for i in range(6):
                file.write(f"r{i},t{target},{1_700_000_000 + target * 3 * DAY + i * 50},20\n")


def main():
    with tempfile.TemporaryDirectory() as folder:
        rows, mapping, store, report = (os.path.join(folder, name)
                                        for name in ("payments.csv", "map.json", "store", "report.json"))
        write_rows(rows)
        with open(mapping, "w", encoding="utf-8") as file:
            json.dump(MAPPING, file)
        call("ingest", store, "--mapping", mapping, "--quiet", rows)
        start = os.times().children_user
        call("run", store, "--quiet", "--top", "0", "--threads", "2", "--report", report)
        seconds = os.times().children_user - start
        with open(report, encoding="utf-8") as file:
            clusters = json.load(file)["clusters"]
        members = {member["id"] for member in clusters[0]["members"]}
        assert members == {f"r{i}" for i in range(6)}, members
        assert [reason["kind"] for reason in clusters[0]["reasons"]] == ["lockstep"], clusters[0]
        assert all("hub" not in {m["id"] for m in cluster["members"]} for cluster in clusters)
        assert seconds < 60, f"{seconds} s of CPU for a million payments of one account"


main()
