#!/usr/bin/env python3
"""A member whom the whitelist clears is marked, in the report and where a person reads it; and a run
as of a time before all events is refused instead of finding nothing.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.abspath(sys.argv[2]), "tests", "golden"))
import check_report  # noqa: E402

MAPPING = {"sources": [{"match": "*.csv", "relations": [
    {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
     "dst": {"type": "device", "column": "device"}, "time": "at"}]}]}


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == status, (words, done)
    return done.stdout + done.stderr


def write(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def main():
    with tempfile.TemporaryDirectory() as folder:
        store, report = os.path.join(folder, "store"), os.path.join(folder, "report.json")
        mapping = write(folder, "map.json", [json.dumps(MAPPING)])
        rows = [f"a{i},own{i},2026-03-0{1 + i % 9}" for i in range(400)]
        rows += [f"a{i},d{k},2026-03-05" for i in range(6) for k in range(3)]
        call("ingest", store, "--mapping", mapping, write(folder, "rows.csv", ["account,device,at", *rows]))
        white = write(folder, "white.csv", ["type,id,reason", "account,a2,looked at", "account,a300,x"])
        call("run", store, "--whitelist", white, "--report", report)
        with open(report, encoding="utf-8") as file:
            ring = json.load(file)["clusters"][0]
        cleared = {m["id"] for m in ring["members"] if m.get("cleared")}
        assert {m["id"] for m in ring["members"]} == {f"a{i}" for i in range(6)} and cleared == {"a2"}, ring
        assert all("cleared" not in m for m in ring["members"] if m["id"] != "a2"), ring
        shown = call("show", store, ring["id"])
        assert "6 members, 0 known, 1 cleared" in shown, shown
        assert sum("cleared" in line for line in shown.splitlines() if " a2 " in line) == 1, shown
        for early in ("2026", "20260301", "2026-02-28"):
            assert "before the first event" in call("run", store, "--as-of", early, status=2)
        call("run", store, "--as-of", "2026-03-05")
        try:
            check_report.check(report)
        except ImportError:
            print("without python3-jsonschema: the schema is not checked")


main()
