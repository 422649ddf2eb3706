#!/usr/bin/env python3
"""Verdicts, feeding back, the outbox and the audit trail, in a SQLite file and on a PostgreSQL server alike.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import moments  # noqa: E402 pylint: disable=wrong-import-position
import server  # noqa: E402 pylint: disable=wrong-import-position

COMMAND = os.path.abspath(sys.argv[1])
SMALL = os.path.join(sys.argv[2], "datasets", "small")
failures = []
checks = 0


def expect(name, holds, *shown):
    global checks
    checks += 1
    if not holds:
        failures.append(" ".join([name, *map(str, shown)])[:1500])


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def run(*words, status=0, say=""):
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False, env=environment(),
                          stdin=subprocess.DEVNULL, timeout=3 * moments.LIMIT_S)
    if status is None:
        return done.stderr
    expect(" ".join(map(str, words[:4])), done.returncode == status and say in done.stderr and
           done.stderr.count("\n") <= 1, "exits with", done.returncode, done.stderr)
    return done.stdout


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Place:
    def __init__(self, folder, base, address):
        self.store, self.outbox = os.path.join(folder, "store"), os.path.join(folder, "outbox")
        self.more = ["--db", address] if address else []
        shutil.copytree(base, self.store)
        self.rings = [ring for ring in self.shown() if ring["score"] >= .5]
        expect("suspects to speak on", len(self.rings) >= 4)
        with open(os.path.join(self.store, "runs", "latest"), encoding="utf-8") as file:
            self.run = file.read().strip()

    def shown(self):
        return lines(run("show", self.store, "--format", "json", "--top", "1000"))

    def verdict(self, subject, *words, **how):
        return run("verdict", self.store, subject, *words, *self.more, **how)

    def feedback(self, *words, **how):
        return run("feedback", self.store, *words, *self.more, **how)

    def listed(self):
        return lines(run("blacklist", "export", self.store, "--format", "json", *self.more))

    def states(self):
        return {line["subject"]: line["state"] for line in lines(run("verdict", self.store, "--format", "json", *self.more))}

    def audit(self, *words, **how):
        return run("audit", *words[:1], self.store, *words[1:], *self.more, **how)

    def told(self):
        if not os.path.exists(self.outbox):
            return []
        with open(self.outbox, encoding="utf-8") as file:
            return lines(file.read())


def members(ring):
    return {member["id"] for member in ring["members"]}


def suspects(place):
    count = len(place.rings)
    expect("a dry run", f"newly suspected: {count}" in place.feedback("--dry-run") and (place.more or not place.states()))
    place.feedback("--outbox", place.outbox)
    expect("suspected", place.states() == {ring["id"]: "suspected" for ring in place.rings}, place.states())
    expect("nobody is listed", place.listed() == [])
    expect("told", [line["event"] for line in place.told()] == ["suspected"] * count, place.told())
    before = place.audit("list")
    place.feedback("--outbox", place.outbox)
    expect("twice is once", place.audit("list") == before and len(place.told()) == count)


def four_eyes(place):
    ring, other = place.rings[0]["id"], place.rings[1]["id"]
    before = place.audit("list")
    place.verdict("R-0000000000000", "confirm", "--by", "anna", status=3, say="is not in report")
    place.verdict("account:nobody", "confirm", "--by", "anna", status=3, say="the store has no account \"nobody\"")
    place.verdict("animal:cat", "confirm", "--by", "anna", status=3, say="no type \"animal\"")
    place.verdict(ring, "confirm", status=2, say="--by WHO")
    place.verdict(ring, "hang", "--by", "anna", status=2, say="no verdict \"hang\"")
    place.verdict(ring, "suspect", "--by", "anna", status=2)
    expect("refused and changed", place.audit("list") == before)
    place.verdict(ring.upper().replace("0", "o"), "confirm", "--by", "Anna", "--note", "saw \"it\"")
    for who in ("Anna", "anna", " ANNA\t"):
        place.verdict(ring, "confirm", "--by", who, status=3, say="another person has to")
    expect("once", place.states()[ring] == "confirmed once")
    place.feedback()
    expect("one pair of eyes lists nobody", place.listed() == [])
    place.verdict(ring, "confirm", "--by", "bob")
    place.verdict(ring, "confirm", "--by", "carla", status=3, say="is confirmed already")
    place.verdict(ring, "escalate", "--by", "carla", status=3, say="is confirmed: \"escalate\" is not possible")
    place.verdict(other, "escalate", "--by", "carla")
    place.verdict(other, "escalate", "--by", "dora", status=3, say="is escalated")
    history = lines(place.verdict(ring, "--format", "json"))
    expect("history", [line["state"] for line in history] == ["suspected", "confirmed once", "confirmed"] and
           history[1]["note"] == "saw \"it\"" and history[1]["by"] == "Anna" and history[2]["run"] == place.run, history)
    with open(os.path.join(place.store, "runs", place.run, "report.json"), "rb") as file:
        line = next(line for line in file if line.startswith(b'{"id":"' + ring.encode())).rstrip(b",\n")
    digest = subprocess.run(["b2sum", "-l", "256"], input=line, capture_output=True, check=True).stdout.split()[0].decode()
    expect("the evidence's hash is that of the line", history[2]["evidence_hash"] == digest, digest)


def fed_back(place):
    ring = place.rings[0]
    spared, good = sorted(members(ring))[:2]
    place.verdict(f"account:{spared}", "clear", "--by", "anna")
    run("whitelist", "add", place.store, f"account:{good}", "--by", "anna", *place.more)
    text = place.feedback("--outbox", place.outbox)
    listed = place.listed()
    expect("members", {entry["id"] for entry in listed} == members(ring) - {spared, good}, len(listed), text)
    expect("entries", all(entry["source"] == f"ring:{ring['id']}" and ring["id"] in entry["reason"] for entry in listed))
    told = [line for line in place.told() if line["event"] == "add"]
    expect("told of members", {line["id"] for line in told} == members(ring) - {spared, good} and
           len({line["key"] for line in place.told()}) == len(place.told()) and
           all(line["run"] == place.run and len(line["evidence"]) == 64 for line in told))
    before = place.audit("list")
    place.feedback("--outbox", place.outbox)
    expect("twice is once", place.audit("list") == before and place.listed() == listed)
    run("run", place.store, "--quiet", *place.more)
    expect("they are seeds", {member["id"] for shown in place.shown() for member in shown["members"] if member["known"]} >=
           {entry["id"] for entry in listed})
    place.feedback("--undo", place.run)
    expect("undone", place.listed() == [] and
           [line["event"] for line in place.told()].count("remove") == 0)
    place.feedback("--undo", place.run, status=3, say="nothing was fed back")
    expect("suspicions that were answered stay", place.states()[ring["id"]] == "confirmed")
    expect("those that were not are withdrawn", place.states()[place.rings[2]["id"]] == "none", place.states())
    place.feedback(place.run, "--outbox", place.outbox)
    expect("fed back again", {entry["id"] for entry in place.listed()} == members(ring) - {spared, good})
    events = [line["event"] for line in place.told()]
    expect("all is told in order", events.count("remove") == len(listed) and events.count("add") == 2 * len(listed), events)
    place.verdict(ring["id"], "clear", "--by", "dora")
    expect("cleared", place.listed() == [])
    place.feedback()
    expect("and stays off", place.listed() == [] and place.states()[ring["id"]] == "cleared")


def quiet(place):
    ring = place.rings[3]["id"]
    place.verdict(ring, "clear", "--by", "anna")
    text = run("show", place.store, *place.more)
    expect("show says so", f"{ring}  cleared, quiet up to" in text or ring not in text, text)
    place.feedback(place.run)
    expect("quiet", place.states()[ring] == "cleared")
    run("verdict", place.store, "--quiet-growth", "0", "--by", "anna", *place.more)
    place.feedback(place.run)
    expect("not grown at all", place.states()[ring] == "cleared")
    run("verdict", place.store, "--quiet-growth", "9999999", "--by", "anna", *place.more, status=2)


def one_pair(place):
    run("verdict", place.store, "--four-eyes", "off", "--by", "boss", *place.more)
    account = sorted(members(place.rings[1]))[0]
    place.verdict(f"account:{account}", "confirm", "--by", "anna")
    expect("at once", [(entry["id"], entry["source"]) for entry in place.listed()] == [(account, "verdict")])
    place.verdict(f"account:{account}", "clear", "--by", "bob")
    expect("and off again", place.listed() == [])
    run("verdict", place.store, "--four-eyes", "on", "--by", "boss", *place.more)
    place.verdict(f"account:{account}", "confirm", "--by", "anna")
    expect("two again", place.listed() == [])
    expect("settings are on record", place.audit("list").count("four_eyes was") == 2)


def kills(place):
    """Feedback that is killed at some moment: before or after, and what is told is told."""
    ring = place.rings[1]["id"]
    for who in ("anna", "bob"):
        place.verdict(ring, "confirm", "--by", who)
    whole = len(members(place.rings[1]))
    words = [COMMAND, "feedback", place.store, place.run, "--outbox", place.outbox, "--quiet", *place.more]
    for number in range(12):
        child = subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL)
        time.sleep(number * .004)
        child.kill()
        child.wait()
        count = len([entry for entry in place.listed() if entry["source"] == f"ring:{ring}"])
        expect("between", count in (0, whole), count)
    place.feedback(place.run, "--outbox", place.outbox)
    keys = [line["key"] for line in place.told() if line.get("ring") == ring and line["event"] == "add"]
    expect("everything is told at last", len(set(keys)) == whole, len(set(keys)))
    with open(place.outbox, "ab") as file:
        file.write(b'{"key":"half')
    place.verdict(ring, "clear", "--by", "dora")
    place.feedback(place.run, "--outbox", place.outbox)
    expect("half a line goes", sum(line["event"] == "remove" and line.get("ring") == ring for line in place.told()) == whole)


def erased(place):
    who = sorted(members(place.rings[0]))[3]
    run("blacklist", "add", place.store, f"account:{who}", "--by", "anna", "--note", f"about {who}", *place.more)
    run("erase", place.store, f"account:{who}", "--reason", "asked for", *place.more)
    place.audit("verify")
    expect("the trail forgets", who not in place.audit("list") and "(erased)" in place.audit("list"))
    expect("verdicts and lists forget", who not in json.dumps(place.listed()) and f"account:{who}" not in place.states())
    if not place.more:
        with open(os.path.join(place.store, "lists.sqlite"), "rb") as file:
            expect("no byte is left", who.encode() not in file.read())


def tampered(place):
    """A file's trail, changed in every way: each is found."""
    head = place.audit("verify").rpartition("head: ")[2].strip()
    count = int(head.split(":")[0])
    run("run", place.store, "--quiet")
    run("verify", place.store)
    copy = place.store + ".copy"
    run("backup", place.store, copy)
    run("audit", "verify", copy)
    expect("a backup is the same", run("audit", "list", copy) == place.audit("list"))
    path = os.path.join(copy, "lists.sqlite")
    with open(path, "rb") as file:
        whole = file.read()
    for name, statement, said in (
            ("who", "UPDATE rs_audit SET who = 'eve' WHERE revision = 3", "revision 3 was changed"),
            ("when", "UPDATE rs_audit SET when_unix_s = when_unix_s + 1 WHERE revision = 4", "revision 4 was changed"),
            ("whom", "UPDATE rs_audit SET object = 'R-0' WHERE revision = 3", "revision 3: whom or why"),
            ("why", "UPDATE rs_audit SET why = 'no' WHERE revision = 2", "revision 2: whom or why"),
            ("secret", "UPDATE rs_audit SET secret = NULL WHERE revision = 2", "revision 2: whom or why"),
            ("missing", "DELETE FROM rs_audit WHERE revision = 5", "revisions 5 to 5 are missing"),
            ("the first", "DELETE FROM rs_audit WHERE revision = 1", "revisions 1 to 1 are missing"),
            ("the last", f"DELETE FROM rs_audit WHERE revision = {count}", f"lines after revision {count - 1} are missing"),
            ("two in each other's place",
             "UPDATE rs_audit SET revision = -1 WHERE revision = 3; UPDATE rs_audit SET revision = 3 WHERE revision = 4; "
             "UPDATE rs_audit SET revision = 4 WHERE revision = -1", "revision 3 was changed"),
            ("all of it", "DELETE FROM rs_audit; DELETE FROM rs_entry; DELETE FROM rs_verdict; DELETE FROM rs_setting",
             "lines after revision 0 are missing")):
        with sqlite3.connect(path) as link:
            link.executescript(statement)
        link.close()
        run("audit", "verify", copy, status=5, say=said)
        run("verify", copy, status=5, say="L-02")
        with open(path, "wb") as file:
            file.write(whole)
        run("audit", "verify", copy, "--head", head)
    wrong = head[:-1] + ("0" if head[-1] != "0" else "1")
    run("audit", "verify", copy, "--head", wrong, status=5, say="is not the line that was seen before")
    run("audit", "verify", copy, "--head", "7", status=2, say="expected REVISION:HASH")
    os.unlink(path)
    run("audit", "verify", copy, status=5, say="the database is missing")
    run("verify", copy, status=5, say="L-01")
    with open(path, "wb") as file:
        file.write(whole[:4096] + b"\xff" * 4096 + whole[8192:])
    run("verify", copy, status=5, say="lists.sqlite")


def every(place):
    suspects(place)
    four_eyes(place)
    fed_back(place)
    quiet(place)
    one_pair(place)
    kills(place)
    erased(place)
    place.audit("verify")


def main():
    folder = tempfile.mkdtemp(prefix="ringscope-verdicts-")
    server_folder = tempfile.mkdtemp(prefix="ringscope-pg-")
    postgres = None
    try:
        base = os.path.join(folder, "base")
        run("ingest", base, "--mapping", os.path.join(SMALL, "mapping.json"), "--quiet",
            *(os.path.join(SMALL, name) for name in sorted(os.listdir(SMALL)) if name.endswith(".csv.gz")))
        run("run", base, "--blacklist", os.path.join(SMALL, "blacklist.csv"), "--quiet")
        os.mkdir(os.path.join(folder, "one"))
        place = Place(os.path.join(folder, "one"), base, None)
        every(place)
        tampered(place)
        try:
            if "made without libpq" in run("blacklist", "list", base, "--db", "postgresql://x:1/z", status=None):
                server.skip("this build has no libpq")
            postgres = server.Server(server_folder)
            postgres.start()
            os.mkdir(os.path.join(folder, "two"))
            every(Place(os.path.join(folder, "two"), base, postgres.address))
        except server.Absent:
            print("the file alone was tested")
    finally:
        if postgres is not None:
            postgres.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(server_folder, ignore_errors=True)
    for failure in failures:
        print(failure)
    print(f"{checks} checks, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
