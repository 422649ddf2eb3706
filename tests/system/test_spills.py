#!/usr/bin/env python3
"""What does not fit into the budget of --memory goes to files without a name. Each call on these fails, once
and from then on, the command is killed at it, there is no thread to be had, or no memory once there is such
a file: ingest, compact and run end with a reason, or do what they were asked to; the store is the one before
or the one after, nothing lies about, and the same again completes it.

    test_spills.py COMMAND SOURCE          one of each, kinds of failure in turn
    test_spills.py COMMAND SOURCE --all    every call and kind but of memory, hours

SPDX-License-Identifier: GPL-3.0-or-later"""
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

COMMAND, ALL = os.path.abspath(sys.argv[1]), "--all" in sys.argv
BUILD = os.path.dirname(COMMAND)
SHIM = os.environ.get("RS_FAULT_SHIM", os.path.join(BUILD, "tests", "fault_shim.so"))
ROWS = 560000
FAULTS = {"open": (errno.EMFILE,), "unlink": (errno.EIO,), "write": (errno.ENOSPC, errno.EINTR, "short"),
          "read": (errno.EIO, errno.EINTR, "short"), "close": (errno.EIO,), "thread": (errno.EAGAIN,), "malloc": (errno.ENOMEM,)}
KILLS = [("open", "after"), ("unlink", "before"), ("write", "half"), ("read", "before")]
# What compaction spills has no name from the start and is written by one thread; how much a run spills depends on
# what the process holds by then.
NONE = [("compact", "unlink"), ("compact", "thread"), *(("run", name) for name in FAULTS)]
failures, counts = [], {}


def expect(name, holds, *shown):
    if not holds:
        failures.append(" ".join([name, *map(str, shown)])[:600])


def content(folder):
    """All that a store holds, but what differs from one time to the next."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            if name not in ("lock", "run.json"):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = hash(file.read())
    return found


class Operation:
    def __init__(self, name, base, words):
        self.name, self.base, self.words, self.store = name, base, words, base + "-" + name
        done = self.again()
        if done.returncode != 0:
            raise AssertionError(f"{name}: {done.stderr}")
        self.result = self.store + "-after"
        os.rename(self.store, self.result)
        self.before, self.after = content(base), content(self.result)

    def go(self, **shim):
        environment = dict(os.environ)
        if shim:
            environment.update({"LD_PRELOAD": SHIM, "RS_FAULT_SPILLS": "1"}, **{f"RS_FAULT_{key}": str(value) for key, value in shim.items()})
        return subprocess.run([COMMAND, self.words[0], self.store, *self.words[1:], "--quiet", "--threads", "2"],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment)

    def again(self, **shim):
        shutil.rmtree(self.store, ignore_errors=True)
        if os.path.isdir(self.base):
            shutil.copytree(self.base, self.store)
        return self.go(**shim)

    def check(self, what, done, name, kind):
        expect(f"{what}: exit status", 0 <= done.returncode < 128, done.returncode, done.stderr)
        expect(f"{what}: a failure without its reason", done.returncode == 0 or done.stderr)
        found = {path: what for path, what in content(self.store).items() if name != "unlink" or "tmp-" not in path}
        is_after = found == self.after
        expect(f"{what}: said to be done, and is not", done.returncode != 0 or is_after)
        expect(f"{what}: not completed", done.returncode == 0 or kind not in ("short", errno.EINTR), done.stderr)
        expect(f"{what}: the store has changed", is_after or found == self.before,
               sorted(set(found) ^ set(self.before)))

    def fails(self, name, number, total, kind, for_ever):
        what = f"{self.name}, {name} {number} of {total} gives {kind}{', from then on' if for_ever else ''}"
        done = self.again(ONLY=name, AT=number, DO=f"{'+' if for_ever else ''}{kind}")
        counts["failed calls"] = counts.get("failed calls", 0) + 1
        self.check(what, done, name, kind)
        if name == "unlink":  # who cannot take a name away leaves it to the next
            expect(f"{what}: the same again", self.go().returncode == 0)
            expect(f"{what}: the same again is something else", content(self.store) == self.after)

    def killed(self, name, number, total, action):
        what = f"{self.name}, killed {action} {name} {number} of {total}"
        done = self.again(ONLY=name, AT=number, DO=action)
        counts["kills"] = counts.get("kills", 0) + 1
        expect(f"{what}: it lives", done.returncode in (-signal.SIGKILL, 0), done.returncode)
        if os.path.exists(os.path.join(self.store, "MANIFEST")):
            done = subprocess.run([COMMAND, "verify", self.store], capture_output=True, text=True, check=False)
            expect(f"{what}: verify", done.returncode == 0, done.stdout, done.stderr)
        done = self.go()
        expect(f"{what}: the same again", done.returncode == 0, done.stderr)
        expect(f"{what}: the same again is something else", content(self.store) == self.after,
               set(content(self.store)) ^ set(self.after))

    def all(self, draw):
        path = self.store + "-count"
        expect(f"{self.name}: undisturbed", self.again(COUNT=path).returncode == 0)
        with open(path, encoding="ascii") as file:
            totals = {name: int(number) for name, number in (line.split() for line in file.readlines()[1:])}
        print(self.name, totals, flush=True)
        for turn, (name, kinds) in enumerate(FAULTS.items()):
            total = totals[name]
            kinds = kinds if ALL else [kinds[(turn + len(self.name)) % len(kinds)]]
            expect(f"{self.name}: no {name}", total > 0 or (self.name, name) in NONE, totals)
            for kind in kinds if total > 0 else ():
                # To be interrupted for ever is to wait for ever.
                ways = (False,) if kind in ("short", errno.EINTR) else (False, True) if ALL else (draw.random() < .5,)
                for number in range(total) if ALL and total < 5000 else [draw.randrange(total)]:
                    for for_ever in ways:
                        self.fails(name, number, total, kind, for_ever)
        for name, action in KILLS if ALL else draw.sample(KILLS, 1):
            if totals[name] > 0:
                self.killed(name, draw.randrange(totals[name]), totals[name], action)


def make_rows(folder):
    draw = random.Random(3)
    files = []
    for night in range(2):
        files.append(os.path.join(folder, f"pays{night}.csv"))
        with open(files[-1], "w", encoding="ascii") as out:
            out.write("src,dst\n")
            out.writelines(f"a{draw.randrange(ROWS // 25)},a{draw.randrange(ROWS // 25)}\n" for _ in range(ROWS // 2))
    mapping = {"sources": [{"match": "*.csv", "relations": [
        {"name": "pays", "kind": "payment", "src": {"type": "account", "column": "src"}, "dst": {"type": "account", "column": "dst"}}]}]}
    with open(os.path.join(folder, "map.json"), "w", encoding="ascii") as out:
        json.dump(mapping, out)
    with open(os.path.join(folder, "known.csv"), "w", encoding="ascii") as out:
        out.write("type,id,reason\naccount,a1,x\naccount,a77,x\n")
    return files


def main():
    with open(os.path.join(BUILD, "CMakeCache.txt"), "rb") as cache:
        if not os.path.exists(SHIM) or re.search(rb"^RS_SANITIZE:\w+=.", cache.read(), re.M):
            print("skipped: no shim, or a build with sanitizers, which do not go together")
            sys.exit(77)
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        files, draw = make_rows(folder), random.Random(9)
        ingest = Operation("ingest", os.path.join(folder, "none"), ["ingest", "--memory", "64M", "--mapping", os.path.join(folder, "map.json"), *files])
        todo = [ingest, Operation("compact", ingest.result, ["compact", "--memory", "81M"]),
                Operation("run", ingest.result, ["run", "--memory", "64M", "--blacklist", os.path.join(folder, "known.csv")])]
        for operation in todo:
            operation.all(draw)
    for failure in failures[:40]:
        print(failure)
    print(", ".join(f"{number} {name}" for name, number in counts.items()), f"; {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
