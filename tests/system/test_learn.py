#!/usr/bin/env python3
"""A model from the truth, and a run by it: held-out figures, the same bytes for any threads, contributions that sum to
the risk, monotone files refused when they are not of the store, and what is said where XGBoost is missing.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import json
import math
import os
import subprocess
import sys
import tempfile

COMMAND, SOURCE = map(os.path.abspath, sys.argv[1:3])
SMALL = os.path.join(SOURCE, "datasets", "small")


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == status, (words, status, done)
    return done


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def learn(out, *words, status=0):
    return call("learn", "night", "--truth", f"{SMALL}/truth.csv", "--out", out, "--folds", "3", *words, status=status)


def learns(text):
    """`text` is what learning one.json and table.csv by one thread printed."""
    line = next(line for line in text.splitlines() if line.startswith("by ring"))
    precision, auc = map(float, line.split()[4:6])
    assert precision > 0.3 and auc > 0.85, text  # 3 % are bad: .03 and .5 by chance
    learn("two.json", "--threads", "3", "--quiet")
    with open("one.json", "rb") as one, open("two.json", "rb") as two:
        assert one.read() == two.read()
    ring = {row["account"]: row["ring"] for row in rows(f"{SMALL}/truth.csv")}
    folds = {}
    for row in rows("table.csv"):
        assert (row["bad"] == "1") == bool(ring.get(row["id"]))
        if row["bad"] == "1":
            folds.setdefault(ring[row["id"]], set()).add(row["fold"])
    assert len(folds) == 7 and all(len(seen) == 1 for seen in folds.values())


def runs():
    """The risks are the model's, but for who is listed; the parts of each sum to it."""
    words = ("--quiet", "--blacklist", f"{SMALL}/blacklist.csv", "--report", "report.json", "--risks", "risks.csv")
    call("run", "night", *words)
    plain = {(row["type"], row["id"]): row for row in rows("risks.csv")}
    call("run", "night", *words, "--model", "one.json", "--contributions", "parts.csv")
    risks = {(row["type"], row["id"]): row for row in rows("risks.csv")}
    listed = {("account", row["id"]) for row in rows(f"{SMALL}/blacklist.csv")}
    parts = rows("parts.csv")
    start, sums = float(parts[0]["part"]), {}
    for row in parts[1:]:
        key = row["type"], row["id"]
        sums[key] = sums.get(key, start) + float(row["part"])
    assert len(sums) == 4000 - len(listed) and not listed & set(sums)
    for key, row in risks.items():
        if key in sums:
            assert abs(1 / (1 + math.exp(-sums[key])) - float(row["risk"])) < 2e-6, (key, row)
        else:
            assert row == plain[key], (row, plain[key])
    with open("report.json", encoding="utf-8") as file:
        report = json.load(file)
    assert len(report["run"]["model"]) == 32
    assert "run's model " + report["run"]["model"] in call("explain", "night", "account:uc045277e").stdout
    call("verify", "night")
    evaluated = call("evaluate", "report.json", f"{SMALL}/truth.csv", "--risks", "risks.csv", "--resamples", "0",
                     "--blacklist", f"{SMALL}/blacklist.csv", "--format", "json").stdout
    accounts = json.loads(evaluated)["accounts"]["excluding_known"]
    assert accounts["ece"] < 0.02 and accounts["brier"] < 0.03 and len(accounts["reliability"]) > 5


def keeps_to_its_type():
    """A model of accounts says nothing of devices that are subjects too; a name that has to be cut stays text."""
    with open(f"{SMALL}/mapping.json", encoding="utf-8") as file:
        mapping = json.load(file)
    mapping["subjects"] = ["account", "device"]
    mapping["sources"][2]["relations"][0]["name"] = "\u043f" * 60
    with open("two.json", "w", encoding="utf-8") as file:
        json.dump(mapping, file)
    call("ingest", "two", "--quiet", "--mapping", "two.json", f"{SMALL}/*.csv.gz")
    call("learn", "two", "--truth", f"{SMALL}/truth.csv", "--out", "accounts.json", "--folds", "2", "--quiet")
    call("run", "two", "--quiet", "--risks", "plain.csv")
    call("run", "two", "--quiet", "--risks", "risks.csv", "--model", "accounts.json", "--contributions", "parts.csv")
    plain, risks = rows("plain.csv"), rows("risks.csv")
    changed = {row["type"] for row, before in zip(risks, plain, strict=True) if row["risk"] != before["risk"]}
    assert changed == {"account"}, changed
    assert {row["type"] for row in rows("parts.csv")} == {"", "account"}
    device, account = (next(row["id"] for row in risks if row["type"] == name) for name in ("device", "account"))
    assert "run's model" not in call("explain", "two", f"device:{device}").stdout
    assert "run's model" in call("explain", "two", f"account:{account}").stdout
    error = call("learn", "two", "--truth", f"{SMALL}/truth.csv", "--out", "x.json", "--subject", "card", status=2).stderr
    assert "\"card\" is none of the store's subjects" in error and not os.path.exists("x.json"), error


def refuses():
    with open("one.json", encoding="utf-8") as file:
        text = file.read()
    with open("cut.json", "w", encoding="utf-8") as file:
        file.write(text[:-100])
    with open("other.json", "w", encoding="utf-8") as file:
        file.write(text.replace("\"has_card: distinct out\"", "\"has_cart: distinct out\"", 1))
    assert "cut.json:" in call("run", "night", "--model", "cut.json", status=3).stderr
    error = call("run", "night", "--model", "other.json", status=3).stderr
    assert "\"has_cart: distinct out\" in the model and \"has_card: distinct out\" in the store" in error, error
    assert "No such file" in call("run", "night", "--model", "nothing.json", status=2).stderr
    assert "is a directory, a file was expected" in call("run", "night", "--model", ".", status=2).stderr
    assert "is a directory, a file was expected" in call("run", "night", "--settings", ".", status=2).stderr
    error = call("learn", "night", "--truth", "nothing.csv", "--out", "x.json", status=2).stderr
    assert "nothing.csv: cannot open" in error, error
    assert "give --model too" in call("run", "night", "--contributions", "parts.csv", status=2).stderr
    assert "would overwrite" in call("run", "night", "--model", "one.json", "--contributions", "one.json",
                                     status=2).stderr
    bad = [row for row in rows(f"{SMALL}/truth.csv") if row["ring"]][:10]
    with open("few.csv", "w", encoding="utf-8") as file:
        file.write("account,ring\n" + "".join(f"{row['account']},{row['ring']}\n" for row in bad))
    error = call("learn", "night", "--truth", "few.csv", "--out", "few.json", status=3).stderr
    assert "at least 20 of each are needed" in error and not os.path.exists("few.json")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        call("ingest", "night", "--quiet", "--mapping", f"{SMALL}/mapping.json", f"{SMALL}/*.csv.gz")
        tried = subprocess.run([COMMAND, "learn", "night", "--truth", f"{SMALL}/truth.csv", "--out", "one.json",
                                "--table", "table.csv", "--threads", "1", "--folds", "3"], check=False, capture_output=True, text=True)
        if tried.returncode == 2 and "XGBoost" in tried.stderr:
            assert not os.path.exists("one.json")
            print(f"skipped: {tried.stderr.strip()}")
            os.chdir("/")
            sys.exit(77)
        assert tried.returncode == 0, tried
        learns(tried.stdout)
        runs()
        keeps_to_its_type()
        refuses()
        os.chdir("/")


main()
