#!/usr/bin/env python3
"""Who is listed as bad and as good at once stands in the report by name: the same account, and two
accounts of one verified identity.

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
    {"name": "is", "kind": "identity", "src": {"type": "account", "column": "account"},
     "dst": {"type": "document", "column": "document"}}]}]}


def call(*words):
    return subprocess.run([COMMAND, *words], check=True, capture_output=True, text=True).stdout


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def night(folder, accounts, black, white):
    """The lists of the report, and the summary, of a night in which account i has document i // 2."""
    store = os.path.join(folder, f"store{accounts}")
    mapping = write(os.path.join(folder, "map.json"), [json.dumps(MAPPING)])
    rows = write(os.path.join(folder, "rows.csv"),
                 ["account,document"] + [f"a{i},d{i // 2}" for i in range(accounts)])
    call("ingest", store, "--mapping", mapping, rows)
    lists = [write(os.path.join(folder, name), ["type,id,reason"] + [f"account,a{i},x" for i in who])
             for name, who in (("black.csv", black), ("white.csv", white))]
    report = os.path.join(folder, "report.json")
    text = call("run", store, "--blacklist", lists[0], "--whitelist", lists[1], "--report", report)
    try:
        check_report.check(report)
    except ImportError:
        print("without python3-jsonschema: the schema is not checked")
    with open(report, encoding="utf-8") as file:
        return json.load(file)["totals"]["lists"], text


def pairs(lists):
    return {(c["whitelisted"]["id"], c["blacklisted"]["id"]) for c in lists["conflict_list"]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        lists, text = night(folder, 40, (2, 5, 8, 30), (3, 5, 12, 30, 31))
        assert lists["conflicts"] == 4, lists
        assert pairs(lists) == {("a3", "a2"), ("a5", "a5"), ("a30", "a30"), ("a31", "a30")}, lists
        assert "listed both ways: 4\n" in text, text
        assert "  account a3: whitelisted, and the same person as blacklisted account a2\n" in text, text
        assert "  account a5: on both lists, taken as blacklisted\n" in text, text
        lists, text = night(folder, 300, range(0, 300, 2), range(1, 300, 2))
        assert lists["conflicts"] == 150 and len(lists["conflict_list"]) == 100, lists["conflicts"]
        assert len(pairs(lists)) == 100
        assert all(int(w[1:]) == int(b[1:]) + 1 for w, b in pairs(lists)), lists
        assert "listed both ways: 150\n" in text and "  and 140 more; the report names the first 100\n" in text
        lists, text = night(folder, 20, (2,), (4,))
        assert lists["conflicts"] == 0 and lists["conflict_list"] == [] and "both ways" not in text


main()
