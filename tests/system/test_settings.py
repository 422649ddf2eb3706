#!/usr/bin/env python3
"""Settings from a file: they count, options are over them, a run keeps and is known by them, and the files that
explain one run are not taken for those of another.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

COMMAND, SOURCE = map(os.path.abspath, sys.argv[1:3])
SMALL = os.path.join(SOURCE, "datasets", "small")


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == status, (words, status, done)
    return done


def write(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def run(*words):
    """The report of a run, and the run's id."""
    call("run", "night", "--quiet", "--report", "report.json", *words)
    with open("report.json", encoding="utf-8") as file:
        report = json.load(file)
    with open("night/runs/latest", encoding="utf-8") as file:
        return report, file.read().strip()


def lists():
    text = call("settings").stdout.splitlines()
    values = json.loads(call("settings", "--format", "json").stdout)
    assert [line.split()[0] for line in text[1:]] == list(values), text
    assert values["damping"] == 0.85 and values["seed"] == 1
    write("mine.json", {"damping": 0.5})
    assert json.loads(call("settings", "mine.json", "--format", "json").stdout) == {**values, "damping": 0.5}
    return values


def refuses():
    write("wrong.json", {"min_scor": 0.5})
    for words in (("settings", "wrong.json"), ("run", "night", "--settings", "wrong.json")):
        error = call(*words, status=2).stderr
        assert "wrong.json:1:2: no setting \"min_scor\"; did you mean \"min_score\"?" in error, error
    write("wrong.json", {"damping": 1})
    assert "is not between 0.000001 and 0.999999" in call("run", "night", "--settings", "wrong.json", status=2).stderr
    assert "\"--min-score\": 2 is not between 0 and 1" in call("run", "night", "--min-score", "2", status=2).stderr
    error = call("run", "night", "--settings", "wrong.json", "--report", "wrong.json", status=2).stderr
    assert "would overwrite another file" in error, error
    assert not os.path.exists("night/runs/latest")


def counts(defaults):
    plain, plain_id = run()
    everything = write("all.json", defaults)
    same, same_id = run("--settings", everything)
    assert same == plain and same_id == plain_id
    with open(f"night/runs/{plain_id}/settings.json", encoding="utf-8") as file:
        assert json.load(file) == defaults
    strict = write("strict.json", {"min_score": 0.5, "facts_max": 1})
    few, few_id = run("--settings", strict)
    assert 0 < len(few["clusters"]) < len(plain["clusters"]) and few_id != plain_id
    assert all(len(reason["facts"]) == 1 for ring in few["clusters"] for reason in ring["reasons"])
    assert few["run"]["settings_digest"] != plain["run"]["settings_digest"]
    by_option, _ = run("--min-score", "0.5")
    assert [ring["id"] for ring in by_option["clusters"]] == [ring["id"] for ring in few["clusters"]]
    over, _ = run("--settings", strict, "--min-score", "0.01")
    assert len(over["clusters"]) == len(plain["clusters"])
    again, again_id = run("--settings", f"night/runs/{few_id}/settings.json")
    assert again == few and again_id == few_id


def keeps_apart():
    """The files that explain a run are bound to it: those of a run with other settings are refused, be they as long."""
    _, theirs = run("--settings", write("one.json", {"facts_max": 3}))
    _, ours = run("--settings", write("two.json", {"facts_max": 2}))
    call("explain", "night", "account:uc045277e")
    for name in ("network.bin", "counts.bin"):
        shutil.copy(f"night/runs/{ours}/{name}", "ours")
        assert os.path.getsize("ours") == os.path.getsize(f"night/runs/{theirs}/{name}")
        shutil.copy(f"night/runs/{theirs}/{name}", f"night/runs/{ours}/{name}")
        assert name in call("explain", "night", "account:uc045277e", status=5).stderr
        shutil.copy("ours", f"night/runs/{ours}/{name}")
    call("explain", "night", "account:uc045277e")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        call("ingest", "night", "--quiet", "--mapping", f"{SMALL}/mapping.json", f"{SMALL}/*.csv.gz")
        defaults = lists()
        refuses()
        counts(defaults)
        keeps_apart()
        os.chdir("/")


main()
