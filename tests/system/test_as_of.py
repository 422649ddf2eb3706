#!/usr/bin/env python3
"""A run as of a day finds what a run finds in a store that holds nothing later: whoever only later
rows name is not there yet. A day is meant with all of its hours.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import json
import os
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
DAY, CUT = "2026-03-20", 1774051199  # the last second of that day
failures = []


def call(*words):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        failures.append(f"{words}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


def cut(folder, names):
    """The same files without rows later than CUT; how many rows went."""
    gone = 0
    os.mkdir(os.path.join(folder, "cut"))
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        kept = [row for row in rows if int(row[head.index("ts")]) <= CUT]
        gone += len(rows) - len(kept)
        with open(os.path.join(folder, "cut", name), "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *kept])
    return gone


def run(store, folder, day):
    report, risks = os.path.join(folder, "report.json"), os.path.join(folder, "risks.csv")
    call("run", store, "--blacklist", os.path.join(folder, "blacklist.csv"), "--whitelist",
         os.path.join(folder, "whitelist.csv"), "--as-of", day, "--report", report, "--risks", risks)
    with open(report, encoding="utf-8") as first, open(risks, encoding="utf-8") as second:
        return first.read(), second.read()


def main():
    names = ("logins.csv", "instruments.csv", "payments.csv")
    with tempfile.TemporaryDirectory() as folder:
        call("generate", folder, "--accounts", "3000", "--seed", "5", "--ring-share", "0.03", "--known-share", "0.2")
        with open(os.path.join(folder, "logins.csv"), "a", encoding="utf-8") as file:
            file.write(f"eve,d-eve,10.9.9.9,{CUT}\nlate,d-late,10.9.9.8,{CUT + 1}\nlater,d-eve,10.9.9.8,{CUT + 9}\n")
        gone = cut(folder, names)
        mapping = os.path.join(folder, "mapping.json")
        for store, place in (("all", folder), ("early", os.path.join(folder, "cut"))):
            call("ingest", os.path.join(folder, store), "--mapping", mapping,
                 *(os.path.join(place, name) for name in names))
        stores = [os.path.join(folder, store) for store in ("all", "early")]
        reports = [run(store, folder, DAY) for store in stores]
        if gone < 1000 or reports[0] != reports[1]:
            failures.append(f"{gone} later rows change what the day's run finds")
        head = json.loads(reports[0][0])
        if head["run"]["as_of"] != "2026-03-20T23:59:59Z" or head["totals"]["clusters"] == 0:
            failures.append(f"as of {head['run']}, {head['totals']['clusters']} rings")
        risks = reports[0][1]
        if "account,eve," not in risks or "account,late," in risks or "account,later," in risks:
            failures.append("not everybody who was there by the end of the day is in the risks, or somebody else is")
        if run(stores[0], folder, str(CUT)) != reports[0]:
            failures.append("the day and its last second are not the same")
        if '"late"' in call("explain", stores[0], "account:eve", "--format", "json"):
            failures.append("explain names who is not there yet")
        done = subprocess.run([COMMAND, "explain", stores[0], "account:late"], check=False, capture_output=True)
        if done.returncode != 3:
            failures.append(f"explain of who is not there yet: exit status {done.returncode}")
    for text in failures:
        print(text)
    sys.exit(1 if failures else 0)


main()
