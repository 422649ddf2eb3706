#!/usr/bin/env python3
"""Nothing is lost: the command is killed before and after each call that changes a file, each call fails
once and from then on, and the power fails after each call by a model of what a disk may then hold. The
store is the one before or the one after, which is known from runs that nothing befell; verify --deep
finds it whole, and doing the same again completes it.

    test_crash.py COMMAND SOURCE                      a sample that fits a test run
    test_crash.py COMMAND SOURCE --all [OPERATION]    every call, 100 damages a point, a second kill in recovery
    test_crash.py COMMAND SOURCE --kills N            N kills at random moments of a larger store

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
import time

sys.dont_write_bytecode = True
from both import MAPPING  # noqa: E402 pylint: disable=wrong-import-position

COMMAND, WORDS = os.path.abspath(sys.argv[1]), sys.argv[3:]
BUILD = os.path.dirname(COMMAND)
SHIM = os.environ.get("RS_FAULT_SHIM", os.path.join(BUILD, "tests", "fault_shim.so"))
ALL = "--all" in WORDS
failures, counts = [], {}


def expect(name, holds, *shown):
    if not holds:
        failures.append(" ".join([name, *map(str, shown)])[:600])


def count(name):
    counts[name] = counts.get(name, 0) + 1


def run(words, shim=None):
    environment = dict(os.environ)
    if shim is not None:
        environment.update({"LD_PRELOAD": SHIM, **{f"RS_FAULT_{key}": str(value) for key, value in shim.items()}})
    return subprocess.run([COMMAND, *words], capture_output=True, check=False, stdin=subprocess.DEVNULL,
                          env=environment, timeout=900)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def copy(base, store):
    shutil.rmtree(store, ignore_errors=True)
    if os.path.isdir(base):
        shutil.copytree(base, store)


# ---- what is done to a store ------------------------------------------------------------------

def write_rows(folder, night, rows):
    draw = random.Random(night)
    paths = [os.path.join(folder, f"{name}{night}.csv") for name in ("use", "pay")]
    with open(paths[0], "w", encoding="utf-8") as file:
        file.write("a,d,t,age\n")
        for _ in range(rows):
            file.write(f"a{draw.randrange(rows)},d{draw.randrange(rows // 3)},{1700000000 + draw.randrange(86400)},"
                       f"{draw.randrange(99)}\n")
    with open(paths[1], "w", encoding="utf-8") as file:
        file.write("a,b,t,m,k\n")
        for i in range(rows):
            file.write(f"a{draw.randrange(rows)},a{draw.randrange(rows)},{1700000000 + draw.randrange(86400)},"
                       f"{draw.randrange(9999)}.50,{night}-{i}\n")
    return paths


class Operation:
    """A command, the store that it starts from, and the manifest and files that it has to leave."""

    MARK = "MANIFEST"  # the file that tells the store before from the one after

    def __init__(self, folder, name, base, words):
        self.folder, self.name, self.base, self.words = folder, name, base, words
        self.nexts = [words]  # what may be the first command after a loss of power
        self.store = os.path.join(folder, "trial-" + name)
        self.before = read(os.path.join(base, self.MARK))
        self.result = os.path.join(folder, "after-" + name)
        copy(base, self.result)
        done = run(self.line(self.result))
        if done.returncode != 0:
            raise AssertionError(f"{name}: {done.stderr.decode()}")
        self.after = read(os.path.join(self.result, self.MARK))
        self.listing = sorted(os.listdir(self.result))

    def line(self, store):
        return [self.words[0], store, *self.words[1:], "--quiet"]

    def then(self, words, is_after):
        """What these words make of the store before or after that nothing befell; None: they are refused."""
        store = os.path.join(self.folder, "then-" + self.name)
        copy(self.result if is_after else self.base, store)
        return read(os.path.join(store, self.MARK)) if run([words[0], store, *words[1:], "--quiet"]).returncode == 0 else None

    def reset(self):
        copy(self.base, self.store)

    def go(self, **shim):
        return run(self.line(self.store), shim or None)

    def state(self, what):
        """Before or after: nothing else may be; and it is sound."""
        mark = read(os.path.join(self.store, self.MARK))
        expect(f"{self.name}, {what}: neither the store before nor the one after", mark in (self.before, self.after))
        if os.path.exists(os.path.join(self.store, "MANIFEST")):
            done = run(["verify", self.store, "--deep"])
            expect(f"{self.name}, {what}: verify", done.returncode == 0, done.stdout.decode()[-300:])
        return mark == self.after

    def recover(self, what, shim=None):
        """The same again makes it complete, without what the first attempt left."""
        if self.state(what) and self.words[0] != "ingest":
            return
        done = run(self.line(self.store), shim)
        if shim is not None:
            return
        expect(f"{self.name}, {what}: the same again", done.returncode == 0, done.returncode, done.stderr.decode())
        expect(f"{self.name}, {what}: the same again is not done", self.state(what))
        left = set(os.listdir(self.store)) ^ set(self.listing)
        expect(f"{self.name}, {what}: files differ after the same again",
               not {one for one in left if not one.startswith("b0")} and
               not set(self.listing) - set(os.listdir(self.store)), sorted(left))

    def calls(self, **shim):
        self.reset()
        path = self.store + "-count"
        self.go(COUNT=path, **shim)
        return int(read(path).split()[0])


class Erasure(Operation):
    """Each call draws another stub and may find less to do; in the end nothing explains the person."""

    def recover(self, what, shim=None):
        done = run(self.line(self.store), shim)
        if shim is not None:
            return
        expect(f"{self.name}, {what}: the same again", done.returncode in (0, 3), done.returncode, done.stderr.decode())
        expect(f"{self.name}, {what}: the same again is not done", self.state(what))
        done = run(["explain", self.store, self.words[1]])
        expect(f"{self.name}, {what}: the person is back", done.returncode == 3, done.returncode, done.stdout.decode())
        left = [name for name in os.listdir(os.path.join(self.store, "runs")) if name.startswith(".")]
        expect(f"{self.name}, {what}: left in runs", not left, left)


class Run(Operation):
    """The run is kept, or not; what is kept is what a run keeps that nothing befell."""

    MARK = os.path.join("runs", "latest")

    def __init__(self, folder, name, base, words):
        super().__init__(folder, name, base, words)
        self.files = {**self.kept(base), **self.kept(self.result)}
        expect(f"{name}: no network", any(name.endswith("/network.bin") for name in self.files), list(self.files))

    @staticmethod
    def kept(store):
        """All files of all runs but those that have the time in them."""
        at = os.path.join(store, "runs")
        runs = [name for name in (os.listdir(at) if os.path.isdir(at) else []) if os.path.isdir(os.path.join(at, name))]
        return {f"{run}/{name}": read(os.path.join(at, run, name)) for run in runs if not run.startswith(".")
                for name in os.listdir(os.path.join(at, run)) if name != "run.json"}

    def state(self, what):
        is_after, kept = super().state(what), self.kept(self.store)
        differ = [name for name, content in kept.items() if content != self.files.get(name)]
        expect(f"{self.name}, {what}: other bytes", not differ, differ)
        expect(f"{self.name}, {what}: acknowledged, and not there", not is_after or set(self.kept(self.result)) <= set(kept))
        return is_after

    def recover(self, what, shim=None):
        done = run(self.line(self.store), shim)
        if shim is not None:
            return
        expect(f"{self.name}, {what}: the same again", done.returncode == 0, done.returncode, done.stderr.decode())
        expect(f"{self.name}, {what}: the same again is not done", self.state(what))
        left = set(os.listdir(os.path.join(self.store, "runs"))) ^ set(os.listdir(os.path.join(self.result, "runs")))
        expect(f"{self.name}, {what}: runs differ after the same again", not left, left)


class Backup(Operation):
    """The store that comes about is the copy: none, or all of it. What was killed is in the way of a second."""

    def __init__(self, folder, name, source, words):
        self.source = source
        super().__init__(folder, name, os.path.join(folder, "nothing"), words)
        self.nexts = []

    def line(self, store):
        return [self.words[0], self.source, store, *self.words[1:], "--quiet"]

    def recover(self, what, shim=None):
        if self.state(what):
            return
        if shim is None:
            shutil.rmtree(self.store, ignore_errors=True)
        done = run(self.line(self.store), shim)
        if shim is None:
            expect(f"{self.name}, {what}: the same again", done.returncode == 0, done.returncode, done.stderr.decode())
            expect(f"{self.name}, {what}: the same again is not done", self.state(what))


def with_run(folder, base):
    """A store that keeps a run."""
    kept = os.path.join(folder, "kept")
    copy(base, kept)
    done = run(["run", kept, "--quiet"])
    expect("run", done.returncode == 0, done.stderr.decode())
    return kept


def operations(folder, rows):
    mapping = os.path.join(folder, "map.json")
    with open(mapping, "w", encoding="utf-8") as file:
        json.dump(MAPPING, file)
    nights = [write_rows(folder, night, rows) for night in (1, 2, 3)]
    words = [["ingest", "--mapping", mapping, "--batch", f"night-{i + 1}", "--keep-rows", "--threads", "2", *night]
             for i, night in enumerate(nights)]
    first = Operation(folder, "first", os.path.join(folder, "nothing"), words[0])
    second = Operation(folder, "second", first.result, words[1])
    kept = with_run(folder, second.result)
    black = os.path.join(folder, "black.csv")
    with open(black, "w", encoding="utf-8") as file:
        file.write("type,id,reason\naccount,a3,found\ndevice,d1,found\n")
    todo = [first, second, Operation(folder, "drop", second.result, ["drop-batch", "night-1"]),
            Operation(folder, "compact", second.result, ["compact"]),
            Run(folder, "run", second.result, ["run", "--threads", "2", "--blacklist", black]),
            Run(folder, "run-next", kept, ["run", "--threads", "2", "--blacklist", black, "--keep-runs", "1"]),
            Erasure(folder, "erase", kept, ["erase", "account:a7", "--reason", "x"]),
            Backup(folder, "backup", kept, ["backup"]), Backup(folder, "backup-copy", kept, ["backup", "--copy"])]
    for operation in todo:
        expect(f"{operation.name} changes nothing", operation.after != operation.before)
        if type(operation) is Operation:
            operation.nexts += [words[2], ["compact"]]
    return todo


# ---- killed -----------------------------------------------------------------------------------


def killed(operation):
    total = operation.calls()
    expect(f"{operation.name}: few calls", total > 8, total)
    draw = random.Random(operation.name)
    for number in range(total):
        # After one call is before the next: a sample leaves it out.
        for action in ("before", "half", "after") if ALL or number == total - 1 else ("before", "half")[:1 + number % 2]:
            what = f"killed {action} call {number} of {total}"
            operation.reset()
            done = operation.go(AT=number, DO=action)
            expect(f"{operation.name}, {what}: it lives", done.returncode in (-signal.SIGKILL, 0), done.returncode)
            count("kills")
            again = range(total) if ALL and action == "before" else [draw.randrange(total)]
            for other in again if ALL or number % 8 == 0 else []:
                copied = operation.store + "-killed"
                copy(operation.store, copied)
                operation.recover(what, {"AT": other, "DO": "before"})
                operation.recover(f"{what}, and again before {other}")
                count("kills in recovery")
                copy(copied, operation.store)
            if ALL or number % 4 == 0:
                operation.recover(what)
            else:
                operation.state(what)


# ---- calls that fail --------------------------------------------------------------------------

FAULTS = {"write": (errno.ENOSPC, errno.EIO, errno.EINTR, "short"), "fsync": (errno.EIO,), "rename": (errno.EACCES,),
          "open": (errno.EMFILE, errno.EINTR), "read": (errno.EIO, errno.EINTR, "short"), "mmap": (errno.ENOMEM,),
          "close": (errno.EIO,), "unlink": (errno.EIO,), "mkdir": (errno.ENOSPC,), "truncate": (errno.EIO,),
          "malloc": (errno.ENOMEM,), "link": (errno.EXDEV, errno.EIO)}


def failing(operation):
    for name, kinds in FAULTS.items():
        total = operation.calls(ONLY=name)
        step = 1 if ALL and name != "malloc" else max(1, total // (200 if ALL else 2))
        for number in range(0, total, step):
            for kind in kinds:
                # To be interrupted for ever is to wait for ever.
                for action in [kind] if kind in ("short", errno.EINTR) else [kind, f"+{kind}"]:
                    what = f"{name} {number} of {total} gives {action}"
                    operation.reset()
                    done = operation.go(ONLY=name, AT=number, DO=action)
                    expect(f"{operation.name}, {what}: exit status", 0 <= done.returncode < 128, done.returncode,
                           done.stderr.decode()[-200:])
                    expect(f"{operation.name}, {what}: a failure without its reason",
                           done.returncode == 0 or done.stderr)
                    expect(f"{operation.name}, {what}: not completed", kind != "short" or done.returncode == 0,
                           done.stderr.decode())
                    count("failed calls")
                    is_after = operation.state(what)
                    expect(f"{operation.name}, {what}: said to be done, and is not", done.returncode or is_after)
                    expect(f"{operation.name}, {what}: done in spite of it", name != "fsync" or done.returncode != 0)
                    if ALL:
                        operation.recover(what)


# ---- power loss -------------------------------------------------------------------------------


def read_trace(path):
    data, at, events = read(path), 0, []
    while at < len(data):
        end = data.index(b"\n", at)
        name, one, other, offset, length = data[at:end].decode().split("\t")
        at = end + 1 + int(length)
        events.append((name, one, other, int(offset), data[end + 1:at]))
    return events


def patched(content, offset, data):
    content = content.ljust(offset, b"\0")
    return content[:offset] + data + content[offset + len(data):]


class Inode:
    def __init__(self, content=b""):
        self.synced, self.pending = content, []  # pending: (offset, bytes), or (length, None) for a truncation

    def after(self, changes, content=None):
        content = self.synced if content is None else content
        for offset, data in changes:
            content = content[:offset].ljust(offset, b"\0") if data is None else patched(content, offset, data)
        return content

    def damaged(self, model, draw):
        """What the disk may hold: what was not synced is dropped, kept, reordered and torn, or zeros."""
        whole = self.after(self.pending)
        if model == "kept":
            return whole
        if model == "dropped" or not self.pending:
            return self.synced
        if model == "zeroed":
            return self.synced[:len(whole)].ljust(len(whole), b"\0")
        sectors = []
        for offset, data in self.pending:
            if data is None:
                sectors.append((offset, data))
                continue
            cuts = [0, *range(512 - offset % 512, len(data), 512), len(data)]
            sectors += [(offset + a, data[a:b]) for a, b in zip(cuts, cuts[1:])]
        draw.shuffle(sectors)
        return self.after(sectors[:draw.randrange(len(sectors) + 1)])


class Disk:
    """Folders take effect in order, as journals have it; a synced file has its name (Linux's practice)."""

    def __init__(self, store, base):
        self.store = store
        self.live, self.durable, self.pending = {}, {}, []
        for folder, _, names in os.walk(base):
            for name in names:
                path = os.path.join(store, os.path.relpath(os.path.join(folder, name), base))
                self.live[path] = self.durable[path] = Inode(read(os.path.join(folder, name)))

    def change(self, name, one, other, inode):
        self.pending.append((name, one, other, inode))
        self.apply(self.live, (name, one, other, inode))

    @staticmethod
    def apply(entries, change):
        name, one, other, inode = change
        if name == "link":
            entries[one] = inode
        elif name == "rename" and inode:
            entries.pop(one, None)
            entries[other] = inode
        elif name in ("rename", "exchange"):  # of folders
            moved = {}
            for path in list(entries):
                for old, new in ((one, other), (other, one))[:1 + (name == "exchange")]:
                    if path.startswith(old + "/"):
                        moved[new + path[len(old):]] = entries.pop(path)
                        break
            entries.update(moved)
        else:
            entries.pop(one, None)

    def sync(self, path):
        """Of a folder its changes, of a file its name: and what was done to that name before."""
        inode = self.live.get(path)
        named = {change[1] for change in self.pending if inode and change[3] is inode and change[0] == "link"}
        mine = [change for change in self.pending if
                (change[1] in named if inode else os.path.dirname(change[1]) == path)]
        for change in mine:
            self.apply(self.durable, change)
            self.pending.remove(change)
        if inode:
            inode.synced, inode.pending = inode.after(inode.pending), []

    def take(self, event):
        name, one, other, offset, data = event
        if name == "hardlink" and other.startswith(self.store):
            self.change("link", other, "", Inode(read(one)))
        if not one.startswith(self.store):
            return
        if name in ("create", "empty") and one not in self.live:
            self.change("link", one, "", Inode())
        elif name == "empty":
            self.live[one].pending.append((0, None))
        elif name == "write" and one in self.live:
            self.live[one].pending.append((offset, data))
        elif name == "truncate" and one in self.live:
            self.live[one].pending.append((offset, None))
        elif name == "rename":
            self.change("rename", one, other, self.live.get(one))
        elif name == "exchange":
            self.change("exchange", one, other, None)
        elif name == "unlink" and one in self.live:
            self.change("unlink", one, "", self.live[one])
        elif name == "fsync":
            self.sync(one)

    def write(self, model, draw):
        entries = dict(self.durable)
        kept = {"kept": len(self.pending), "dropped": 0}.get(model, draw.randrange(len(self.pending) + 1))
        for change in self.pending[:kept]:
            self.apply(entries, change)
        shutil.rmtree(self.store, ignore_errors=True)
        for path, inode in entries.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(inode.damaged(model, draw))


def power_loss(operation, chance=None):
    """At each event; with a chance at some of them, which is for the command after a loss of power."""
    operation.reset()
    trace = operation.store + "-trace"
    operation.go(TRACE=trace)
    events, draw = read_trace(trace), random.Random(operation.name)
    order = [name for name, *_ in events]
    expect(f"{operation.name}: nothing traced", chance or ("rename" in order and "fsync" in order), order)
    disk = Disk(os.path.realpath(operation.store), operation.base)
    models = ["dropped", "kept", "zeroed"] + ["torn"] * (100 if ALL and not chance else 1)
    again = (80 if ALL else 4) / (len(models) * (len(events) + 1))
    for number in range(len(events) + 1):
        for model in models:
            if chance and draw.random() >= chance:
                continue
            disk.write(model, draw)
            what = f"power lost before event {number} of {len(events)} ({model})"
            count("losses of power in recovery" if chance else "losses of power")
            if draw.randrange(4) == 0 if chance else ALL and draw.randrange(10) == 0:
                operation.recover(what)
                continue
            is_after = operation.state(what)
            expect(f"{operation.name}, {what}: acknowledged, and lost", number < len(events) or is_after)
            if not chance and draw.random() < again:
                power_loss_in_recovery(operation, what, is_after)
        if number < len(events):
            disk.take(events[number])


def power_loss_in_recovery(operation, what, is_after):
    """The next command cleans up and does its work, and the power fails again: what it makes of the damaged
    store, and what is left of that, is what it makes of a store that nothing befell."""
    crashed = operation.store + "-crashed"
    copy(operation.store, crashed)
    for words in operation.nexts:
        wanted = operation.then(words, is_after)
        if wanted is None:  # dropped twice, compacted before there is a store
            continue
        following = type(operation)(operation.folder, f"{operation.name}, {what}; then {words[0]}".replace("/", "-"), crashed, words)
        expect(f"{following.name}: other than in a store that nothing befell", following.after == wanted)
        power_loss(following, .2 if ALL else .05)
        for store in (following.store, following.result):
            shutil.rmtree(store, ignore_errors=True)
        os.remove(following.store + "-trace")


# ---- random moments ---------------------------------------------------------------------------


def stage(operation):
    """How far it got, by what lies in the folder."""
    if operation.state("killed at random"):
        return "after"
    def files(store):
        return {os.path.join(at, name) for at, _, names in os.walk(store) for name in names if name != "lock"}
    began = {name.replace(operation.store, operation.base) for name in files(operation.store)} - files(operation.base)
    return "before, files begun" if began else "before, nothing written"


def random_kills(folder, wanted):
    """Moments are drawn from as long as the operation took lately, and a little more: how long that is
    changes with what else the machine does. One that ended by itself was not killed, and does not count."""
    todo = operations(folder, 3000)
    draw, started = random.Random(time.time_ns()), time.monotonic()
    spans = {operation.name: 0.1 for operation in todo}
    while counts.get("random kills", 0) < wanted and not failures:
        operation = draw.choice(todo)
        operation.reset()
        with subprocess.Popen([COMMAND, *operation.line(operation.store)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False) as child:
            moment, begun = draw.random() * spans[operation.name] * 1.2, time.monotonic()
            try:
                child.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                child.kill()
            ended = child.wait() == 0
        lived = time.monotonic() - begun
        span = spans[operation.name]
        spans[operation.name] = span + (lived - span) * .2 if ended or lived > span else span
        if ended:
            expect(f"{operation.name}: done, and is not", operation.state("undisturbed"))
            continue
        count("random kills")
        count(f"{operation.name}, {stage(operation)}")
        if counts["random kills"] % 10 == 0:
            operation.recover("killed at random")
            count("done again")
        if counts["random kills"] % 500 == 0:
            print(f"{counts['random kills']} kills, {time.monotonic() - started:.0f} s", flush=True)
    print(f"{time.monotonic() - started:.0f} s")


def main():
    cache = read(os.path.join(BUILD, "CMakeCache.txt")) or b""
    if not os.path.exists(SHIM) or re.search(rb"^RS_SANITIZE:\w+=.", cache, re.M):
        print("skipped: no shim, or a build with sanitizers, which do not go together")
        sys.exit(77)
    # In memory, where there is room: what a disk does is the model's part, and syncing takes time.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        if "--kills" in WORDS:
            random_kills(folder, int(WORDS[WORDS.index("--kills") + 1]))
        else:
            for operation in operations(folder, 60):
                if ALL and len(WORDS) > 1 and operation.name not in WORDS:
                    continue
                for part in (killed, failing, power_loss):
                    begun = time.monotonic()
                    part(operation)
                    print(f"{operation.name}, {part.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
    for failure in failures[:40]:
        print(failure)
    print(", ".join(f"{number} {name}" for name, number in counts.items()), f"; {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
