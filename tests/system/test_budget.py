#!/usr/bin/env python3
"""run keeps the budget of --memory: its peak stays below it, and the bytes of its answer are the same
whatever the budget and the threads. What cannot be done is refused, with a budget that will do.

Two worlds: a generated one, whose payments are looked at in time, in one batch, in ten, and these compacted
(which keeps its budget, too); and one of nothing but payments without a time, whose network is larger than
everything else and goes to a file.

SPDX-License-Identifier: GPL-3.0-or-later"""
import hashlib
import json
import os
import random
import re
import shutil
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
        return None
    least, named = LEAST, set()
    for _ in range(8):  # each refusal names what would do, and may say by how little it was refused
        done = answer(store, least, 2, blacklist)
        status, said, peak, _ = done
        if status == 0:
            break
        would_do = re.search(r"--memory (\d+)M would do", said)
        more = re.search(r"(\d+) MB more than is left of the budget", said)
        if status != 2 or would_do is None:
            failures.append(f"{name}, {least}M: exit status {status}, {said}")
            return None
        named.add(int(would_do.group(1)))
        least = least + int(more.group(1)) + 1 if more else int(would_do.group(1))
    else:
        failures.append(f"{name}: {least}M will not do either")
        return None
    for size in sorted(named - {least}):
        status, said, peak, content = answer(store, size, 2, blacklist)
        print(f"{name}: {size}M was named, {least}M would have done")
        if status != 0 or content != whole[3] or peak > size:
            failures.append(f"{name}, {size}M, which was to do: exit status {status}, peak {peak:.0f} MiB, {said}")
    print(f"{name}: peak {whole[2]:.0f} MiB, at the least {least}M {done[2]:.0f} MiB")
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
    return whole[3]


def bytes_of(store):
    """The store's files but the lock, whose text is a process id."""
    found = {}
    for name in sorted(os.listdir(store)):
        if os.path.isfile(os.path.join(store, name)) and name != "lock":
            with open(os.path.join(store, name), "rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def generated(folder, accounts):
    """One night; and the same rows in ten, every tenth row in each."""
    world = os.path.join(folder, f"world{accounts}")
    run("generate", world, "--quiet", "--accounts", accounts, "--seed", 5)
    store = os.path.join(folder, f"store{accounts}")
    files = [os.path.join(world, name + ".csv") for name in ("logins", "instruments", "payments")]
    mapping, blacklist = (os.path.join(world, name) for name in ("mapping.json", "blacklist.csv"))
    run("ingest", store, "--quiet", "--mapping", mapping, *files)
    expected = check(f"{accounts} accounts", store, blacklist)
    for night in range(10):
        for path in files:
            with open(path, "rb") as rows, open(os.path.join(folder, os.path.basename(path)), "wb") as part:
                part.write(next(rows))
                part.writelines(row for number, row in enumerate(rows) if number % 10 == night)
        run("ingest", store + "-ten", "--quiet", "--memory", "64M", "--mapping", mapping, "--batch", f"night {night}",
            *(os.path.join(folder, os.path.basename(path)) for path in files))
    if check(f"{accounts} accounts, ten nights", store + "-ten", blacklist) != expected:
        failures.append("ten nights: other bytes than one")
    compacted(store + "-ten")
    if check(f"{accounts} accounts, ten nights compacted", store + "-ten", blacklist) != expected:
        failures.append("ten nights compacted: other bytes than one")


def compacted(store):
    """Within what a refusal names, and the same bytes as with plenty."""
    shutil.copytree(store, store + "-plenty")
    run("compact", store + "-plenty", "--quiet", "--memory", "4G")
    status, said, _ = run("compact", store, "--quiet", "--memory", "64M")
    would_do = re.search(r"; (\d+)M would do", said)
    if status != 2 or would_do is None:
        failures.append(f"compact --memory 64M: exit status {status}, {said}")
        return
    status, said, peak = run("compact", store, "--quiet", "--memory", would_do.group(1) + "M")
    print(f"compact: {would_do.group(1)}M was named, peak {peak:.0f} MiB")
    if status != 0 or peak > int(would_do.group(1)):
        failures.append(f"compact --memory {would_do.group(1)}M: exit status {status}, peak {peak:.0f} MiB, {said}")
    if bytes_of(store) != bytes_of(store + "-plenty"):
        failures.append("compact within little memory: other bytes")


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
