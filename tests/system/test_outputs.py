#!/usr/bin/env python3
"""Where a command writes, and where it refuses to: devices, links, folders, standard output, itself;
and how many runs stay.

SPDX-License-Identifier: GPL-3.0-or-later"""
import fcntl
import json
import os
import stat
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
MAPPING = {"sources": [{"match": "*.csv", "relations": [
    {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
     "dst": {"type": "device", "column": "device"}, "time": "ts"}]}]}


def call(*words, status=0, **more):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True, **more)
    assert done.returncode == status, (words, status, done)
    return done


def refused(*words, why):
    before = sorted(os.walk("."))
    error = call(*words, status=2).stderr
    assert why in error, error
    assert sorted(os.walk(".")) == before


def rejects():
    ingest = ("ingest", "night", "--mapping", "map.json", "good.csv", "bad.csv", "--rejects")
    refused(*ingest, "night", why="lies in the store")
    refused(*ingest, "./night/", why="lies in the store")
    refused(*ingest, "night/bad", why="there is no such folder")
    refused(*ingest, "folder", why="is a folder")
    refused(*ingest, "-", why="cannot be standard output")
    refused(*ingest, "nowhere/bad", why="there is no such folder")
    refused(*ingest, "./bad.csv", why="would overwrite another file")
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE) as reader:
        call("ingest", "piped", *ingest[2:], "pipe", status=6)
        assert reader.communicate()[0].count(b"\n") == 2
    assert stat.S_ISFIFO(os.lstat("pipe").st_mode)
    os.symlink("folder/rows", "link")  # to a file that is still to come
    call(*ingest, "link", status=6, umask=0o077)
    assert os.path.islink("link") and os.lstat("folder/rows").st_mode & 0o777 == 0o600
    with open("folder/rows", encoding="utf-8") as file:
        assert len(file.readlines()) == 2


def results():
    refused("run", "night", "--report", "r1", "--risks", "./r1", why="would overwrite another file")
    refused("run", "night", "--report", "r1", "--risks", "folder/../r1", why="would overwrite another file")
    refused("run", "night", "--report", "-", "--risks", "-", why="cannot both be standard output")
    refused("run", "night", "--report", "folder", why="is a folder")
    assert json.loads(call("run", "night", "--report", "-").stdout)["run"]
    assert call("run", "night", "--risks", "-").stdout.startswith("type,id,risk,")
    assert not os.path.exists("-")
    call("run", "night", "--report", "r1", "--risks", "r2")
    assert sorted(os.listdir("."))[-2:] == ["r1.run.json", "r2"] or os.path.exists("r2")


def ids():
    return {name for name in os.listdir("night/runs") if name != "latest"}


def latest():
    with open("night/runs/latest", encoding="utf-8") as file:
        return file.read().strip()


def kept_runs():
    made = []
    for day in (18, 15, 16, 17):
        call("run", "night", "--as-of", f"2023-11-{day}")
        made.append(latest())
    before = ids()
    assert before >= set(made)
    call("run", "night", "--as-of", "2023-11-16", "--min-score", "0.2", "--keep-runs", "3")
    # Those that look furthest stay, and this one, which is the latest.
    assert ids() == {latest(), made[0], made[3]}, (ids(), made)
    call("verify", "--deep", "night")
    call("run", "night", "--as-of", "2023-11-17", "--keep-runs", "1")
    # The one that looks furthest tells the next night its rings: it stays in any case.
    assert ids() == {made[0], made[3]} and latest() == made[3], (ids(), made)
    call("show", "night")
    call("run", "night", "--keep-runs", "0", status=2)


def damaged_runs():
    """What a run lacks is damage, not a wrong name."""
    call("run", "night")
    os.remove(f"night/runs/{latest()}/report.json")
    assert "report.json" in call("show", "night", status=5).stderr
    call("run", "night")
    os.remove("night/runs/latest")
    assert "is missing, while there are 3 runs" in call("show", "night", status=5).stderr
    assert "R-01" in call("verify", "night", status=5).stdout
    call("run", "night", "--keep-runs", "1", "--as-of", "2023-11-18")
    os.remove("night/runs/latest")  # alone it is the latest: the first one may be killed before it is named
    call("show", "night")
    call("verify", "night")


def makers():
    """What is left in the making is known by its lock: process ids are others' in another container."""
    for name in (".tmp-1", ".tmp-1.network", ".tmp-77"):
        os.mkdir(f"night/runs/{name}")
        with open(f"night/runs/{name}/report.json", "w", encoding="utf-8"):
            pass
    with open("night/runs/.latest.77.tmp", "w", encoding="utf-8"):
        pass
    held = os.open("night/runs/.tmp-77", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    call("run", "night")
    assert {name for name in os.listdir("night/runs") if name.startswith(".")} == {".tmp-77"}
    os.close(held)
    call("run", "night")
    assert not {name for name in os.listdir("night/runs") if name.startswith(".")}


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.mkdir("folder")
        with open("map.json", "w", encoding="utf-8") as file:
            json.dump(MAPPING, file)
        with open("good.csv", "w", encoding="utf-8") as file:
            file.write("account,device,ts\n" + "".join(f"a{i},d{i // 4},{1700000000 + i}\n" for i in range(200)))
        with open("bad.csv", "w", encoding="utf-8") as file:
            file.write("account,device,ts\na,b,never\n")
        rejects()
        results()
        kept_runs()
        damaged_runs()
        makers()


main()
