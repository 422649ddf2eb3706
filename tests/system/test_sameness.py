#!/usr/bin/env python3
"""The same rows give the same bytes: whatever the threads, the order of rows and files, the batches,
the format, the optimisation of the build. A night without rings has no suspect. A run or an ingest
that is stopped leaves the store as it was.

RS_OTHER_COMMAND names the command of another build (say -O0 with sanitizers): its bytes must be
equal, too.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import moments  # noqa: E402 pylint: disable=wrong-import-position

COMMAND = os.path.abspath(sys.argv[1])
OTHER = os.environ.get("RS_OTHER_COMMAND", "")
SOURCES = ("logins", "instruments", "payments")
INTEGERS = ("ts",)
with open(COMMAND, "rb") as binary: # a sanitizer's own memory counts against the budget of a run
    LITTLE = "512M" if b"__asan" in binary.read() else "64M"
failures = []


def run(*words, command=COMMAND, status=0):
    done = subprocess.run([command, *map(str, words)], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != status:
        raise AssertionError(f"{os.path.basename(command)} {' '.join(map(str, words))}: exit status "
                             f"{done.returncode}, expected {status}: {done.stderr[-500:]}")
    return done


def generate(folder, command=COMMAND, **options):
    words = [word for name, value in options.items()
             for word in ("--" + name.replace("_", "-"), value)]
    run("generate", folder, "--quiet", *words, command=command)
    return folder


def files_of(world, ending="csv"):
    return [os.path.join(world, f"{source}.{ending}") for source in SOURCES]


def ingest(store, world, *files, command=COMMAND, options=()):
    run("ingest", store, "--mapping", os.path.join(world, "mapping.json"), "--quiet", *options, *files,
        command=command)


def answer(store, world, *options, command=COMMAND, blacklist="blacklist.csv"):
    """The bytes of the report and of the risks."""
    paths = [store + ".report", store + ".risks"]
    run("run", store, "--quiet", "--blacklist", os.path.join(world, blacklist), "--whitelist",
        os.path.join(world, "whitelist.csv"), "--report", paths[0], "--risks", paths[1], *options,
        command=command)
    content = []
    for path in paths:
        with open(path, "rb") as file:
            content.append(file.read())
    return content


def first_difference(expected, got):
    for one, other in zip(expected, got):
        for number, (left, right) in enumerate(zip(one.split(b"\n"), other.split(b"\n")), 1):
            if left != right:
                at = next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), 0)
                return f"line {number}: {left[max(0, at - 60):at + 60]!r}, {right[max(0, at - 60):at + 60]!r}"
    return "one ends early"


def expect_same(name, expected, got):
    if got != expected:
        failures.append(f"{name}: the bytes differ, {first_difference(expected, got)}")


# ---- the same world, sent in many ways --------------------------------------------------------


def rows_of(path):
    """The header, and the other lines; no generated field holds a line's end."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    return lines[0], lines[1:]


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def copy_lists(world, other):
    os.makedirs(other)
    for name in ("blacklist.csv", "whitelist.csv", "mapping.json"):
        shutil.copy(os.path.join(world, name), other)


def shuffled(world, other):
    draw = random.Random(7)
    copy_lists(world, other)
    for name in ("blacklist", "whitelist", *SOURCES):
        header, lines = rows_of(os.path.join(world, name + ".csv"))
        draw.shuffle(lines)
        write_lines(os.path.join(other, name + ".csv"), [header, *lines])
    return other


def in_batches(world, other, store, count):
    """Every tenth row of each file, ten times: not the order of time either."""
    copy_lists(world, other)
    for part in range(count):
        files = []
        for source in SOURCES:
            header, lines = rows_of(os.path.join(world, source + ".csv"))
            files.append(write_lines(os.path.join(other, f"{source}-{part}.csv"),
                                     [header, *lines[part::count]]))
        ingest(store, other, *files, options=("--batch", f"part {part}"))
    return other


def as_json_lines(world, other):
    copy_lists(world, other)
    with open(os.path.join(world, "mapping.json"), encoding="utf-8") as file:
        mapping = file.read().replace(".csv*", ".jsonl*")
    write_lines(os.path.join(other, "mapping.json"), [mapping])
    for source in SOURCES:
        with open(os.path.join(world, source + ".csv"), encoding="utf-8", newline="") as file:
            lines = [json.dumps({key: int(value) if key in INTEGERS else value
                                 for key, value in row.items() if value != ""})
                     for row in csv.DictReader(file)]
        write_lines(os.path.join(other, source + ".jsonl"), lines)
    return other


def sameness(folder):
    world = generate(os.path.join(folder, "world"), accounts=3000, ring_share=.03, seed=4)
    store = os.path.join(folder, "store")
    ingest(store, world, *files_of(world), options=("--threads", 1))
    expected = answer(store, world, "--threads", 1)
    rings = json.loads(expected[0])["clusters"]
    if len(rings) < 20 or not any(member.get("known") for ring in rings for member in ring["members"]):
        failures.append(f"the world has {len(rings)} rings, nobody of them known: little is compared")
    expect_same("the same store again", expected, answer(store, world, "--threads", 1))
    expect_same("two threads", expected, answer(store, world, "--threads", 2))
    expect_same("five threads and little memory", expected,
                answer(store, world, "--threads", 5, "--memory", LITTLE))

    ingest(store + "-2", world, *files_of(world), options=("--threads", 2))
    expect_same("ingest by two threads", expected, answer(store + "-2", world))
    ingest(store + "-reversed", world, *reversed(files_of(world)))
    expect_same("files in another order", expected, answer(store + "-reversed", world))
    ingest(store + "-named", world, *files_of(world), options=("--batch", "x"))
    expect_same("a batch of another name", expected, answer(store + "-named", world))
    other = shuffled(world, world + "-shuffled")
    ingest(store + "-shuffled", other, *files_of(other))
    expect_same("rows shuffled", expected, answer(store + "-shuffled", other))
    other = in_batches(world, world + "-batches", store + "-batches", 10)
    expect_same("ten batches", expected, answer(store + "-batches", other))
    other = as_json_lines(world, world + "-lines")
    ingest(store + "-lines", other, *files_of(other, "jsonl"))
    expect_same("JSON Lines", expected, answer(store + "-lines", other))
    if OTHER:
        again = generate(world + "-again", command=OTHER, accounts=3000, ring_share=.03, seed=4)
        for name in os.listdir(world):
            with open(os.path.join(world, name), "rb") as one, open(os.path.join(again, name), "rb") as two:
                if one.read() != two.read():
                    failures.append(f"the other build generates another {name}")
        expect_same("the other build reads this store", expected, answer(store, world, command=OTHER))
        ingest(store + "-other", world, *files_of(world), command=OTHER)
        expect_same("the other build", expected, answer(store + "-other", world, command=OTHER))
    return world, store


# ---- memory -----------------------------------------------------------------------------------


def data_of(store):
    """The store's files but the lock, whose text is a process id."""
    content = {}
    for name in sorted(os.listdir(store)):
        if name not in ("lock", "runs"):
            with open(os.path.join(store, name), "rb") as file:
                content[name] = file.read()
    return content


def budgets(folder):
    """So many rows that 64M must do with runs on disk: the store has the same bytes."""
    world = generate(os.path.join(folder, "many"), accounts=60000, seed=9)
    stores = []
    for name, options in (("all", ("--memory", "4G")), ("runs", ("--memory", "64M", "--threads", 2)),
                          ("alone", ("--memory", "64M", "--threads", 1, "--keep-rows"))):
        stores.append(os.path.join(folder, "many-" + name))
        ingest(stores[-1], world, *files_of(world), options=options)
    rows = os.path.join(folder, "many-rows")
    ingest(rows, world, *files_of(world), options=("--memory", "4G", "--keep-rows"))
    if data_of(stores[0]) != data_of(stores[1]):
        failures.append("64M of memory: the store has other bytes")
    if data_of(rows) != data_of(stores[2]):
        failures.append("64M of memory, rows kept: the store has other bytes")
    done = run("ingest", os.path.join(folder, "none"), "--mapping", os.path.join(world, "mapping.json"),
               "--memory", "64M", "--threads", 64, *files_of(world), status=2)
    if "would do" not in done.stderr or os.path.exists(os.path.join(folder, "none")):
        failures.append(f"a budget that cannot do: {done.stderr}")


# ---- nights without rings ---------------------------------------------------------------------


def suspects(store, world, blacklist):
    report = json.loads(answer(store, world, blacklist=blacklist)[0])
    return [(ring["id"], ring["score"], len(ring["members"])) for ring in report["clusters"] if ring["score"] >= .5]


def honest_nights(folder):
    for world_kind in (1, 2):
        for seed in range(1, 5):
            world = generate(os.path.join(folder, f"honest-{world_kind}-{seed}"), accounts=3000,
                             ring_share=0, seed=seed, world=world_kind)
            store = world + "-store"
            ingest(store, world, *files_of(world))
            header, accounts = rows_of(os.path.join(world, "truth.csv"))
            assert header.startswith("account,")
            listed = [line.split(",")[0] for line in random.Random(seed).sample(accounts, 3)]
            write_lines(os.path.join(world, "honest.csv"),
                        ["type,id,reason"] + [f"account,{account},mistaken" for account in listed])
            for blacklist in ("blacklist.csv", "honest.csv"):
                found = suspects(store, world, blacklist)
                if found:
                    failures.append(f"a night without rings (world {world_kind}, seed {seed}, {blacklist}): "
                                    f"{found}")


# ---- stopped ----------------------------------------------------------------------------------


def listing(folder):
    """All that a store holds, but for its lock, which names who wrote last."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            if name != "lock":
                path = os.path.join(at, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def stop(words, number, delay):
    """Start, wait until it listens and a while longer, send the signal; the exit status, what it
    said, how long it ran from when it listened."""
    with subprocess.Popen([COMMAND, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as child:
        moments.until(lambda: child.poll() is not None or moments.catches(child.pid, number), pause_s=.001)
        start = time.monotonic()
        try:
            child.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            child.send_signal(number)
        errors = child.stderr.read()
        return child.wait(), errors.decode(), time.monotonic() - start


def stopped(name, store, words):
    """Stop a command at moments all over its life: what does not finish leaves nothing behind. How
    long a life is changes with what else the machine does: one that ended early tells how long."""
    whole = store + "-whole"
    shutil.copytree(store, whole)
    status, errors, duration = stop([words[0], whole, *words[1:]], signal.SIGINT, 600)
    if status != 0:
        failures.append(f"{name}: exit status {status}, {errors}")
    before, interrupted, step = listing(store), 0, 0
    while interrupted < 6 and step < 40:
        number = (signal.SIGINT, signal.SIGTERM)[step % 2]
        trial = f"{store}-trial-{step}"
        shutil.copytree(store, trial)
        status, errors, lived = stop([words[0], trial, *words[1:]], number, duration * (step % 8 + .5) / 8)
        if status == 0:
            duration = min(duration, lived)
        elif status != 128 + number:
            failures.append(f"{name}, stopped by {number.name}: exit status {status}, {errors[-300:]}")
        else:
            interrupted += 1
            if listing(trial) != before:
                changed = [path for path, content in listing(trial).items() if before.get(path) != content]
                failures.append(f"{name}, stopped by {number.name}: the store has changed: {changed}")
        run("verify", trial)
        shutil.rmtree(trial)
        step += 1
    shutil.rmtree(whole)
    if interrupted < 6:
        failures.append(f"{name}: only {interrupted} of {step} were stopped in time")


def interruption(folder, world, store):
    shutil.rmtree(os.path.join(store, "runs"), ignore_errors=True)
    larger = generate(os.path.join(folder, "larger"), accounts=20000, seed=2)
    stopped("ingest", store, ["ingest", "--mapping", os.path.join(larger, "mapping.json"), *files_of(larger)])
    ingest(store, larger, *files_of(larger))
    stopped("run", store, ["run", "--blacklist", os.path.join(world, "blacklist.csv")])


def main():
    with tempfile.TemporaryDirectory() as folder:
        world, store = sameness(folder)
        budgets(folder)
        honest_nights(folder)
        interruption(folder, world, store)
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


main()
