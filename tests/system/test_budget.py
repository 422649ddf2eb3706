#!/usr/bin/env python3
"""run keeps the budget of --memory: its peak stays below it, and the bytes of its answer are the same
whatever the budget and the threads. What cannot be done is refused, with a budget that will do.

Two worlds: a generated one, whose payments are looked at in time, and one of nothing but payments
without a time, whose network is larger than everything else and goes to a file.

SPDX-License-Identifier: GPL-3.0-or-later"""
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
with open(COMMAND, "rb") as file:
    INSTRUMENTED = b"__asan" in file.read()
MIB = 1 << 20
LEAST = 64
failures = []


def run(*words):
    """Exit status, what it said, its peak in MiB: the command's own or that of a worker."""
    child = subprocess.Popen([COMMAND, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL, text=True)
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    return child.returncode, said, used.ru_maxrss / 1024


def answer(store, memory, threads, blacklist):
    """As run(), and what identifies the bytes of the report and of the risks. They are not held: a peak counts
    that of whoever starts the command, too."""
    paths = [store + ".report", store + ".risks"]
    done = run("run", store, "--quiet", "--memory", f"{memory}M", "--threads", threads, "--blacklist", blacklist,
               "--report", paths[0], "--risks", paths[1])
    if done[0] != 0:
        return (*done, [])
    content = []
    for path in paths:
        with open(path, "rb") as file:
            content.append(hashlib.file_digest(file, "sha256").hexdigest())
    return (*done, content)


def check(name, store, blacklist):
    whole = answer(store, 4096, 2, blacklist)
    if whole[0] != 0:
        failures.append(f"{name}: {whole[1]}")
        return
    least = LEAST
    for _ in range(8):  # each refusal says what would do, as far as is known by then
        done = answer(store, least, 2, blacklist)
        status, said, peak, _ = done
        if status == 0:
            break
        would_do = re.search(r"--memory (\d+)M would do", said)
        more = re.search(r"(\d+) MB more than is left of the budget", said)
        if status != 2 or (would_do is None and more is None):
            failures.append(f"{name}, {least}M: exit status {status}, {said}")
            return
        least = int(would_do.group(1)) if would_do else least + int(more.group(1)) + 1
    else:
        failures.append(f"{name}: {least}M will not do either")
        return
    print(f"{name}: peak {whole[2]:.0f} MiB, at the least {least}M {peak:.0f} MiB")
    for threads, (status, said, peak, content) in ((2, done), (1, answer(store, least, 1, blacklist))):
        if status != 0:
            failures.append(f"{name}, {least}M, {threads} threads: {said}")
        elif content != whole[3]:
            failures.append(f"{name}, {least}M, {threads} threads: other bytes")
        elif peak > least:
            failures.append(f"{name}, {least}M, {threads} threads: peak {peak:.0f} MiB")
    if os.listdir(os.path.join(store, "runs")).count("latest") != 1 or \
            any(entry.startswith(".tmp-") for entry in os.listdir(os.path.join(store, "runs"))):
        failures.append(f"{name}: left in runs/: {os.listdir(os.path.join(store, 'runs'))}")


def generated(folder, accounts):
    world = os.path.join(folder, f"world{accounts}")
    run("generate", world, "--quiet", "--accounts", accounts, "--seed", 5)
    store = os.path.join(folder, f"store{accounts}")
    files = [os.path.join(world, name + ".csv") for name in ("logins", "instruments", "payments")]
    run("ingest", store, "--quiet", "--mapping", os.path.join(world, "mapping.json"), *files)
    check(f"{accounts} accounts", store, os.path.join(world, "blacklist.csv"))


def payments(folder, rows):
    draw = random.Random(3)
    accounts = rows // 25
    path = os.path.join(folder, "pays.csv")
    with open(path, "w", encoding="ascii") as out:
        out.write("src,dst\n")
        for _ in range(rows):
            out.write(f"a{draw.randrange(accounts)},a{draw.randrange(accounts)}\n")
    mapping = {"sources": [{"match": "*.csv", "relations": [
        {"name": "pays", "kind": "payment", "src": {"type": "account", "column": "src"},
         "dst": {"type": "account", "column": "dst"}}]}]}
    with open(os.path.join(folder, "pays.json"), "w", encoding="ascii") as out:
        json.dump(mapping, out)
    with open(os.path.join(folder, "known.csv"), "w", encoding="ascii") as out:
        out.write("type,id,reason\naccount,a1,x\naccount,a77,x\n")
    store = os.path.join(folder, "pays")
    run("ingest", store, "--quiet", "--mapping", os.path.join(folder, "pays.json"), path)
    check(f"{rows} payments", store, os.path.join(folder, "known.csv"))


def main():
    if INSTRUMENTED:
        print("a sanitizer's own memory counts against the budget: skipped")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        generated(folder, 100000)
        payments(folder, 800000)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


sys.exit(main())
