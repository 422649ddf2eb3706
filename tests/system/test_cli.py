#!/usr/bin/env python3
"""The command as a process: usage errors, exit statuses, closed pipes, full disks, signals.

What subcommands compute is tested elsewhere; this is the frame around them.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import moments  # noqa: E402 pylint: disable=wrong-import-position

COMMAND = os.path.abspath(sys.argv[1])
failures = []


def run(*words, **options):
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, **options)


def expect(name, done, status, out="", err=""):
    """`out` and `err` are patterns that must be found; "" asks for an empty stream."""
    for stream, pattern, got in (("output", out, done.stdout), ("errors", err, done.stderr)):
        if (pattern == "") != (got == "") or not re.search(pattern, got):
            failures.append(f"{name}: {stream} are {got!r}, expected {pattern!r}")
    if done.returncode != status:
        failures.append(f"{name}: exit status {done.returncode}, expected {status}")


def usage():
    expect("no command", run(), 2, err="^usage: ringscope COMMAND")
    expect("--help", run("--help"), 0, out=r"(?s)^usage:.*\n  ingest .*\n  verify .*exit status:")
    expect("help CMD", run("help", "stats"), 0, out="^usage: ringscope stats STORE")
    expect("help nothing", run("help", "nothing"), 2, err='no command "nothing"')
    expect("--version", run("--version"), 0, out=r"^ringscope \d+\.\d+\.\d+\n$")
    expect("typing error", run("ingets"), 2, err='did you mean "ingest"')
    expect("unknown option", run("stats", "x", "--formt", "json"), 2, err='did you mean "--format"')
    expect("missing word", run("verify"), 2, err="usage: ringscope verify STORE")
    expect("too many words", run("verify", "a", "b"), 2, err='"b" is one word too many')
    expect("escape sequence", run("\x1b[31mx"), 2, err=r"\\x1B\[31mx")
    expect("no mapping", run("ingest", "s", "f.csv"), 2, err='"--mapping MAP.json" is missing')


def missing_stores(folder):
    for words in (("stats",), ("verify",)):
        expect(words[0] + " without a store", run(*words, os.path.join(folder, "none")), 2, err="none")


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    return path


MAPPING = {"sources": [{"match": "*", "format": "csv", "relations": [
    {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
     "dst": {"type": "device", "column": "device"}, "time": "ts"}]}]}


def ingest(folder):
    mapping = write(os.path.join(folder, "map.json"), json.dumps(MAPPING))
    good = write(os.path.join(folder, "good.csv"),
                 "account,device,ts\n" + "".join(f"a{i},d{i % 7},{1700000000 + i}\n" for i in range(100)))
    bad = write(os.path.join(folder, "bad.csv"), "account,device,ts\na1,d1,1700000000\na2,d2,soon\n")
    store = os.path.join(folder, "store")
    expect("bad row", run("ingest", store, "--mapping", mapping, bad), 3, err=r"bad\.csv:3:\d+: ")
    if os.path.exists(store):
        failures.append("bad row: a store was left behind")
    expect("dry run", run("ingest", "--mapping", mapping, "--dry-run", good), 0, out=r"\b100\b")
    for form in ("text", "json"):
        expect("dry run of a bad row", run("ingest", "--mapping", mapping, "--dry-run", "--format", form, bad), 6, out="soon")
    for words in (("--rejects", "x"), ("--batch", "x"), ("--keep-rows",)):
        expect("dry run of what it does not do", run("ingest", "--mapping", mapping, "--dry-run", *words, good), 2,
               err=words[0] + " is in vain")
    done = run("ingest", "--mapping", mapping, "--dry-run", "--format", "json", good)
    json.loads(done.stdout)
    if os.path.exists(store):
        failures.append("dry run: a store was made")
    expect("ingest", run("ingest", store, "--mapping", mapping, good), 0, out=r"rows +100\nedges +100\n")
    expect("again", run("ingest", store, "--mapping", mapping, good), 0, out="nothing changed")
    other = write(os.path.join(folder, "other.csv"), "account,device,ts\na1,d1,1700000500\n")
    done = run("ingest", store, "--mapping", mapping, "--batch", "b", "--format", "json", "--rejects",
               os.path.join(folder, "rejects"), bad)
    expect("rejects", done, 6, out=".")
    result = json.loads(done.stdout)
    if (result["batch"], result["rows"], result["edges"], result["rejected"]) != ("b", 2, 1, 1):
        failures.append(f"rejects: {result}")
    expect("the name again", run("ingest", store, "--mapping", mapping, "--batch", "b", other), 3,
           err='batch "b" is in the store with other content')
    expect("verify", run("verify", store), 0, out="^OK .*store\n$")
    expect("stats", run("stats", store), 0, out=r"(?s)uses +shared +account +device +101 .*bytes per edge")
    stats = json.loads(run("stats", store, "--format", "json").stdout)
    if stats["edges"] != 101 or [b["name"] for b in stats["batches"]][1:] != ["b"]:
        failures.append(f"stats: {stats}")
    expect("no such file", run("ingest", store, "--mapping", mapping, "none.csv"), 2, err=r"none\.csv")
    return store, mapping


def broken_output(store):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([COMMAND, "stats", store], stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False)
    if done.returncode != 1 or "standard output: No space left" not in done.stderr:
        failures.append(f"full disk: {done.returncode} {done.stderr!r}")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([COMMAND, "stats", store], stdout=writing, stderr=subprocess.PIPE, text=True,
                          check=False)
    os.close(writing)
    if done.returncode != 1 or "standard output: Broken pipe" not in done.stderr:
        failures.append(f"closed pipe: {done.returncode} {done.stderr!r}")


def listing(folder):
    """All that a store holds, but for its lock, which names who wrote last."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            if name == "lock":
                continue
            path = os.path.join(at, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


class Feeder:
    """Writes rows into a child as fast as it takes them, without end."""

    def __init__(self, pipe):
        self.pipe, self.written = pipe.fileno(), 0
        self.rows = b"account,device,ts\n" + b"".join(b"z%d,y%d,1700000000\n" % (i, i) for i in range(20000))
        os.set_blocking(self.pipe, False)

    def write(self):
        """False where nobody reads any more."""
        try:
            count = os.write(self.pipe, self.rows)
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        self.rows, self.written = self.rows[count:] or b"z,y,1700000000\n" * 10000, self.written + count
        return True


def interrupted(store, mapping, number):
    """A signal in the middle of rows that come in without end: the store is as it was."""
    before = listing(store)
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen([COMMAND, "ingest", store, "--mapping", mapping, "--progress", "json", "-"],
                              stdin=subprocess.PIPE, stdout=said, stderr=said) as child:
            feeder = Feeder(child.stdin)
            # A pipe holds 64 KiB: the rest is with the child.
            moments.until(lambda: not feeder.write() or
                          (feeder.written > 4 << 20 and moments.catches(child.pid, number)))
            child.send_signal(number)
            if not moments.until(lambda: not feeder.write() or child.poll() is not None):
                child.kill()
            try:
                child.stdin.close()
            except BrokenPipeError:
                pass
            status = child.wait()
        said.seek(0)
        errors = said.read().decode()
    if status != 128 + number:
        failures.append(f"signal {number}: exit status {status}, {errors[-300:]!r}")
    if listing(store) != before:
        failures.append(f"signal {number}: the store has changed")


def interrupted_in_silence(store, mapping, rows):
    """A signal while standard input stays silent is heard, too, whichever thread waits for it."""
    with subprocess.Popen([COMMAND, "ingest", store, "--mapping", mapping, "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        child.stdin.write(b"account,device,ts\n" + b"z,y,1700000000\n" * rows)
        child.stdin.flush()
        waits = moments.until(lambda: moments.catches(child.pid, signal.SIGTERM) and
                              moments.unread(child.stdin.fileno()) == 0 and moments.sleeps(child.pid))
        child.terminate()
        try:
            status = child.wait(timeout=moments.LIMIT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            status = "none: it went on waiting"
    if status != 143 or not waits:
        failures.append(f"signal in silence: exit status {status}, {waits}")


def main():
    usage()
    with tempfile.TemporaryDirectory() as folder:
        missing_stores(folder)
        store, mapping = ingest(folder)
        broken_output(store)
        for number in (signal.SIGINT, signal.SIGTERM):
            interrupted(store, mapping, number)
        for rows in (1, 500000):
            interrupted_in_silence(store, mapping, rows)
        expect("verify at the end", run("verify", store), 0, out="^OK ")
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


main()
