#!/usr/bin/env python3
"""A night goes from the inbox to the summary; a feed that is not as usual stops it before anything is read;
and a night that is killed, at whatever moment, and begun again ends in the same bytes.

    test_nightly.py COMMAND SOURCE              a dozen kills, each at a call that changes files, and a dozen more
                                                while the night is fed back and its outputs are written
    test_nightly.py COMMAND SOURCE --kills N    N kills at random moments of time

SPDX-License-Identifier: GPL-3.0-or-later"""
import fcntl
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
COMMAND, SOURCE, WORDS = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
SHIM = os.environ.get("RS_FAULT_SHIM", os.path.join(os.path.dirname(COMMAND), "tests", "fault_shim.so"))
KILLS = int(WORDS[1]) if WORDS[:1] == ["--kills"] else 12
NIGHTS = [f"2026-03-0{day}" for day in range(1, 8)]
failures = []


def expect(name, holds, *shown):
    if not holds:
        failures.append(" ".join([name, *map(str, shown)])[:800])


def read(path):
    with open(path, "rb") as file:
        return file.read()


def ledger(path):
    """All that the database has, but for moments, secrets and what hangs on them."""
    with sqlite3.connect(path) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {name: sorted(map(repr, db.execute(f"SELECT * FROM {name}"))) for name in tables if name != "rs_audit"}
        found["rs_audit"] = db.execute("SELECT revision, who, what, object, why, detail FROM rs_audit ORDER BY 1").fetchall()
    db.close()
    return found


class House:
    """A store, an inbox, an out folder, and the files of seven nights."""

    def __init__(self, folder, name, data):
        self.path, self.data = os.path.join(folder, name), data
        self.store, self.inbox, self.out = (os.path.join(self.path, one) for one in ("store", "in", "out"))
        if not os.path.isdir(self.path):
            os.makedirs(self.inbox)

    def copy_to(self, name):
        other = House(os.path.dirname(self.path), name, self.data)
        shutil.rmtree(other.path)
        shutil.copytree(self.path, other.path, symlinks=True)
        return other

    def line(self, night, *words):
        return [COMMAND, "nightly", self.store, "--inbox", self.inbox, "--out", self.out, "--mapping",
                os.path.join(self.data, "mapping.json"), "--blacklist", os.path.join(self.data, "blacklist.csv"),
                "--date", night, "--threads", "2", *words]

    def deliver(self, night, *but):
        for name in os.listdir(os.path.join(self.data, f"night-{night}")):
            if name not in but:
                shutil.copy(os.path.join(self.data, f"night-{night}", name), self.inbox)

    def run(self, night, *words, **environment):
        return subprocess.run(self.line(night, *words), capture_output=True, text=True, check=False, timeout=900,
                              stdin=subprocess.DEVNULL, env={**os.environ, **environment})

    def night(self, night, *words, status=0):
        done = self.run(night, *words)
        expect(f"night of {night} {words}: exit status {done.returncode}, not {status}:", done.returncode == status,
               done.stderr)
        return done

    def call(self, *words):
        done = subprocess.run([COMMAND, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        expect(" ".join(words), done.returncode == 0, done.returncode, done.stderr)
        return done.stdout

    def verdict(self, ring, action, *people):
        for who in people:
            self.call("verdict", self.store, ring, action, "--by", who)

    def listed(self):
        return [json.loads(line) for line in self.call("blacklist", "export", self.store, "--format", "json").splitlines()]

    def told(self):
        path = os.path.join(self.out, "outbox.jsonl")
        return [json.loads(line) for line in read(path).splitlines()] if os.path.exists(path) else []

    def rings(self, night):
        with open(os.path.join(self.out, night, "report.json"), encoding="utf-8") as file:
            return json.load(file)["clusters"]

    def summary(self, night):
        return json.loads(read(os.path.join(self.out, night, "summary.json")))

    def metrics(self):
        return dict(line.rsplit(" ", 1) for line in read(os.path.join(self.out, "metrics.prom")).decode().splitlines()
                    if line[0] != "#")

    def state(self):
        """All that is there, but what has the time in it and what locks."""
        found = {}
        for at, folders, names in os.walk(self.path):
            for name in names + folders:
                path = os.path.join(at, name)
                key = os.path.relpath(path, self.path)
                if os.path.islink(path):
                    found[key] = os.readlink(path)
                elif os.path.isdir(path):
                    found[key] = "folder"
                elif name == "metrics.prom":
                    found[key] = re.sub(rb"(?m)^ringscope_attempt_.*$", b"", read(path))
                elif name == "lists.sqlite":
                    found[key] = ledger(path)
                elif name == "outbox.jsonl":  # a line may be told twice, by the same key
                    found[key] = list(dict.fromkeys(read(path).splitlines()))
                elif name not in ("lock", "run.json", "report.run.json"):
                    found[key] = read(path)
        return found


def differences(one, other):
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


# ---- nights that nothing befalls --------------------------------------------------------------

def check_feeds(house):
    """The fourth night is the first of which three say what is usual."""
    night = NIGHTS[3]
    house.deliver(night, "payments.csv")
    before = house.state()
    done = house.night(night, status=7)
    expect("a missing feed is not named", 'feed "payments*.csv*" is missing' in done.stderr, done.stderr)
    summary = house.summary(night)
    expect("summary of a stopped night", summary["status"] == "stopped" and
           [feed["verdict"] for feed in summary["feeds"]] == ["fine", "fine", "missing"], summary)
    metrics = house.metrics()
    expect("metrics of a stopped night", metrics["ringscope_night_success"] == "0" and
           metrics["ringscope_night_stopped"] == "1" and "ringscope_rings" not in metrics and
           metrics['ringscope_feed_fine{feed="payments*.csv*"}'] == "0", metrics)
    shutil.rmtree(os.path.join(house.out, night))
    expect("a stopped night changed something", differences(before, house.state()) == ["out/metrics.prom"],
           differences(before, house.state()))
    with open(os.path.join(house.inbox, "payments.csv"), "w", encoding="utf-8") as file:
        file.write("payer,payee,ts,amount\n")
    expect("an empty feed", 'is empty' in house.night(night, status=7).stderr)
    house.deliver(night)
    path = os.path.join(house.inbox, "logins.csv")
    lines = read(path).splitlines(keepends=True)
    with open(path, "wb") as file:
        file.writelines(lines[:len(lines) // 3])
    done = house.night(night, status=7)
    expect("a small feed", re.search(r'"logins\*\.csv\*" is small: \d+ rows, usually \d+', done.stderr), done.stderr)
    expect("a dry run does not say so", "would stop" in house.night(night, "--dry-run", status=7).stdout)
    expect("a share that is allowed", house.night(night, "--feed-least", "20", "--dry-run").returncode == 0)
    house.night(night, "--accept-feeds")
    expect("accepted, and not told", [feed["verdict"] for feed in house.summary(night)["feeds"]] ==
           ["small", "fine", "fine"], house.summary(night)["feeds"])


# ---- feeding back -----------------------------------------------------------------------------

def speak(house, night):
    """One ring that two people confirm, one that waits for the second, one that nobody speaks on, the rest cleared."""
    rings = house.rings(night)
    expect("rings to speak on", len(rings) >= 5, len(rings))
    house.verdict(rings[0]["id"], "confirm", "anna", "bob")
    house.verdict(rings[1]["id"], "confirm", "anna")
    for ring in rings[3:]:
        house.verdict(ring["id"], "clear", "anna")
    return rings


def check_fed(house, night, spoken):
    """`spoken`: rings of the night before, as `speak` left them."""
    summary, rings = house.summary(night), house.rings(night)
    with open(os.path.join(house.out, night, "summary.md"), encoding="utf-8") as file:
        page = file.read()
    members = {member["id"] for member in spoken[0]["members"]}
    silent = {ring["id"] for ring in spoken[:2] + spoken[3:]}
    suspects = {ring["id"] for ring in rings if ring["score"] >= .5} - silent
    events = house.told()
    expect("nobody is suspected", suspects, [ring["score"] for ring in rings])
    expect("the blacklist", {entry["id"] for entry in house.listed()} == members, house.listed())
    expect("told", {line["id"] for line in events if line["event"] == "add"} == members and
           {line["ring"] for line in events if line["event"] == "suspected"} == suspects, events)
    expect("counts", summary["feedback"] == {"suspected": len(suspects), "added": len(members), "confirmed": 1, "cleared": 0,
                                             "quiet": 0} and summary["awaiting"] == 1, summary["feedback"])
    expect("who waits", summary["awaiting_rings"] == [spoken[1]["id"]], summary["awaiting_rings"])
    expect("the page", f"put on the blacklist: {len(members)} members (confirmed rings: 1)" in page and
           f"## Awaiting a second person (1)\n\n- {spoken[1]['id']}" in page, page)
    cleared = [ring for ring in summary["changes"] if ring["verdict"] == "cleared"]
    expect("cleared rings are marked", cleared and all("quiet" in ring for ring in cleared) and
           page.count(", cleared") == len(cleared), cleared, page)
    metrics = house.metrics()
    expect("metrics of feeding back", metrics["ringscope_awaiting_rings"] == "1" and
           metrics["ringscope_blacklisted_members"] == str(len(members)), metrics)
    before = house.state()
    expect("fed back by hand, too", "newly suspected: 0" in house.call("feedback", house.store) and before == house.state())


def check_elsewhere(base, night):
    """To the database that is named; not where it is not wanted."""
    place = os.path.join(base.path, "elsewhere.sqlite")
    trial = base.copy_to("trial")
    before = trial.state()["store/lists.sqlite"]
    trial.call("blacklist", "add", trial.store, "account:nobody", "--db", place, "--by", "anna")
    trial.night(night, "--db", place)
    expect("another database", trial.state()["store/lists.sqlite"] == before and ledger(place)["rs_feedback"], ledger(place))
    os.remove(place)
    trial = base.copy_to("trial")
    trial.night(night, "--no-feedback")
    expect("--no-feedback", trial.state()["store/lists.sqlite"] == before and not trial.told() and
           trial.summary(night)["feedback"] is None and trial.summary(night)["awaiting"] == 1, trial.summary(night))


def clear_suspects(house, night):
    """Cleared for good; and two of each on the list by hand, so that the next night suspects them still."""
    house.call("verdict", house.store, "--quiet-growth", "1000000", "--by", "anna")
    for ring in house.rings(night):
        if ring["score"] >= .5:
            house.verdict(ring["id"], "clear", "anna")
            for member in ring["members"][:2]:
                house.call("blacklist", "add", house.store, f"account:{member['id']}", "--by", "anna")


def check_quiet(house, night):
    """A suspect that is cleared and found again is quiet, and not noted again."""
    verdicts = [json.loads(line) for line in house.call("verdict", house.store, "--format", "json").splitlines()]
    states = {line["subject"]: line["state"] for line in verdicts}
    quiet = [ring["id"] for ring in house.rings(night) if ring["score"] >= .5 and states.get(ring["id"]) == "cleared"]
    fed, summary = house.summary(night)["feedback"], house.summary(night)
    expect("quiet suspects", quiet and fed["quiet"] == len(quiet), fed, quiet)
    expect("their marks", all(ring["quiet"] for ring in summary["changes"] if ring["ring"] in quiet), summary["changes"])
    with open(os.path.join(house.out, night, "report.run.json"), encoding="utf-8") as file:
        run = json.load(file)["run"]
    expect("noted all the same", not [line for line in house.told() if line["event"] == "suspected" and
                                      line["ring"] in quiet and line["run"] == run])


def at_feedback(base, night):
    """A night killed as it begins to feed back: somebody else writes to the database, so it waits there."""
    trial = base.copy_to("dusk")
    state = os.path.join(trial.store, "nightly", "state.json")
    with sqlite3.connect(os.path.join(trial.store, "lists.sqlite"), isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        with subprocess.Popen(trial.line(night), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as child:
            while child.poll() is None and json.loads(read(state))["stage"] != "feedback":
                time.sleep(.01)
            child.kill()
        db.execute("ROLLBACK")
    db.close()
    expect("not killed there", json.loads(read(state))["stage"] == "feedback")
    return trial


def check_optional(house):
    night = NIGHTS[4]
    house.deliver(night, "instruments.csv")
    expect("optional, unknown", "no source" in house.night(night, "--optional", "nodes*", status=2).stderr)
    house.night(night, "--optional", "instruments*.csv*")
    expect("files of the night", sorted(os.listdir(os.path.join(house.inbox, "nights", night))) ==
           ["logins.csv", "payments.csv"])


def check_bad_rows(house):
    """The first stops the night; put right where it lies, the night goes on."""
    night = NIGHTS[5]
    house.deliver(night)
    path = os.path.join(house.inbox, "payments.csv")
    good = read(path)
    with open(path, "ab") as file:
        file.write(b"u1,u2,not a time,1.00\n")
    done = house.night(night, status=3)
    taken = os.path.join(house.inbox, "nights", night, "payments.csv")
    expect("the place of the bad row", f"{taken}:{good.count(bytes([10])) + 1}:" in done.stderr, done.stderr)
    summary = house.summary(night)
    expect("summary of a night that failed", summary["status"] == "failed" and taken in summary["why"], summary)
    expect("metrics of it", house.metrics()["ringscope_night_success"] == "0")
    expect("rejects in a copy of it", house.copy_to("rejects").night(night, "--rejects", status=6).returncode == 6)
    with open(taken, "wb") as file:
        file.write(good)
    house.deliver(NIGHTS[6])  # what comes meanwhile is of the next night
    done = house.night(NIGHTS[6], "--keep-runs", "2", "--keep-outputs", "3")
    expect("goes on", f'going on with the night of {night} at its stage "ingest"' in done.stdout and
           f"night of {NIGHTS[6]}" in done.stdout, done.stdout)
    expect("a night in between", house.summary(night)["status"] == "done")


def check_done(house):
    last = NIGHTS[-1]
    before = house.state()
    done = house.night(last)
    expect("the same again", "is done" in done.stdout and before == house.state(), done.stdout)
    house.night(NIGHTS[0], status=2)
    expect("an older night changed something", before == house.state())
    expect("the last night", os.readlink(os.path.join(house.out, "latest")) == last)
    expect("the nights that are kept", sorted(name for name in os.listdir(house.out) if name[:2] == "20") == NIGHTS[-3:],
           os.listdir(house.out))
    runs = [name for name in os.listdir(os.path.join(house.store, "runs")) if len(name) == 32]
    expect("the runs that are kept", len(runs) == 2, runs)
    checked = subprocess.run([COMMAND, "verify", house.store], check=False, capture_output=True)
    expect("verify", checked.returncode == 0, checked.stdout, checked.stderr)


def check_backup(house):
    """The next night of a copy is the next night."""
    copied = house.copy_to("backup")
    shutil.rmtree(copied.store)
    subprocess.run([COMMAND, "backup", house.store, copied.store, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    done = copied.night(NIGHTS[-1])
    expect("a night that is done, in a copy", "is done" in done.stdout, done.stdout)


def check_examples():
    """What systemd says of the unit files, where it is there: but that no such command is installed."""
    if shutil.which("systemd-analyze") is None:
        return
    names = [os.path.join(SOURCE, "docs", "examples", f"ringscope-nightly.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "ringscope-nightly" in line and "is not executable" not in line]
    expect("units", not said, said)


def check_lock(house):
    path = os.path.join(house.store, "nightly", "lock")
    before = house.state()
    with open(path, "r+", encoding="utf-8") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = house.night("2026-03-09", status=4)
    expect("the lock", "another night is under way" in done.stderr and before == house.state(), done.stderr)


def check_state_file(house):
    """What is not of the form is refused, and nothing is done."""
    house = house.copy_to("state")
    path = os.path.join(house.store, "nightly", "state.json")
    good = read(path).decode()
    for old, new in (("ringscope/1", "ringscope/9"), ('"stage":"done"', '"stage":"dawn"'), ('"files":["', '"files":["../'),
                     ('"rows":', '"rows":-'), ("{", "["), ('"before":[', '"before":["'), ('"match":"', '"match":7,"')):
        with open(path, "w", encoding="utf-8") as file:
            file.write(good.replace(old, new, 1))
        done = house.night("2026-03-09", status=5)
        expect(f"{new}: no place", "state.json" in done.stderr, done.stderr)


def check_usage(house, folder):
    house = house.copy_to("usage")
    foreign = os.path.join(folder, "foreign")
    os.makedirs(foreign)
    with open(os.path.join(foreign, "thesis.txt"), "w", encoding="utf-8") as file:
        file.write("x")
    good, house.store = house.store, foreign
    house.night(NIGHTS[0], status=2)
    expect("a foreign folder", os.listdir(foreign) == ["thesis.txt"], os.listdir(foreign))
    house.store = good
    house.night("2026-3-9", status=2)
    house.night("2026-02-30", status=2)
    house.out = os.path.join(house.store, "out")
    house.night("2026-03-09", status=2)


# ---- kills ------------------------------------------------------------------------------------

def go_on(trial, night, wanted, what):
    done = trial.run(night)
    expect(f"{what}: the same again: exit status", done.returncode == 0, done.returncode, done.stderr)
    differ = differences(trial.state(), wanted)
    expect(f"{what}: other than a night that nothing befell:", not differ, differ)


def shim_works():
    """A build with sanitizers and the shim do not go together."""
    cache = read(os.path.join(os.path.dirname(COMMAND), "CMakeCache.txt"))
    return os.path.exists(SHIM) and not re.search(rb"^RS_SANITIZE:\w+=.", cache, re.M)


def kill_at_calls(base, night, wanted, stages_least):
    count = base.path + "-count"
    base.copy_to("counted").run(night, LD_PRELOAD=SHIM, RS_FAULT_COUNT=count)
    total = int(read(count).split()[0])
    expect("no calls counted", total > 20, total)
    draw = random.Random(1)
    stages = set()
    for number in sorted(draw.sample(range(total), KILLS)):
        trial = base.copy_to("trial")
        action = draw.choice(["before", "half"])
        done = trial.run(night, LD_PRELOAD=SHIM, RS_FAULT_AT=str(number), RS_FAULT_DO=action)
        what = f"killed {action} call {number} of {total}"
        expect(f"{what}: it lives", done.returncode in (0, -signal.SIGKILL), done.returncode)
        state = os.path.join(trial.store, "nightly", "state.json")
        stages.add(json.loads(read(state))["stage"] if os.path.exists(state) else "none")
        go_on(trial, night, wanted, what)
    expect("kills at few stages", len(stages) >= stages_least, stages)


def kill_at_moments(base, night, wanted):
    """One that ended by itself was not killed, and does not count."""
    draw, killed, span, stages = random.Random(time.time_ns()), 0, .2, {}
    while killed < KILLS and not failures:
        trial = base.copy_to("trial")
        begun = time.monotonic()
        with subprocess.Popen(trial.line(night), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as child:
            try:
                child.wait(timeout=draw.random() * span * 1.1)
            except subprocess.TimeoutExpired:
                child.kill()
            ended = child.wait() == 0
        if ended:
            span = .8 * span + .2 * (time.monotonic() - begun)
            continue
        span = max(span, time.monotonic() - begun)
        killed += 1
        state = os.path.join(trial.store, "nightly", "state.json")
        stage = json.loads(read(state))["stage"] if os.path.exists(state) else "none"
        stages[stage] = stages.get(stage, 0) + 1
        go_on(trial, night, wanted, f"kill {killed} (stage {stage})")
    print(f"{killed} kills at random moments, by the stage under way: {stages}")


def check_term(base, night, wanted):
    """Asked to end: with the status of the signal, and the next call goes on."""
    for number in (signal.SIGTERM, signal.SIGINT):
        trial = base.copy_to("trial")
        with subprocess.Popen([*trial.line(night), "--progress", "json"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as child:
            child.stderr.readline()  # at work
            child.send_signal(number)
            child.stderr.read()
            expect(f"signal {number}: exit status", child.wait() in (0, 128 + number), child.returncode)
        go_on(trial, night, wanted, f"signal {number}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        subprocess.run([COMMAND, "generate", data, "--accounts", "600", "--ring-share", ".1", "--nights", "7", "--seed", "3",
                        "--night-folders", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        house = House(folder, "house", data)
        for night in NIGHTS[:2]:
            house.deliver(night)
            house.night(night)
        summary = house.summary(NIGHTS[1])
        expect("a second night", summary["compared"] and summary["rings"]["count"] > 0, summary["rings"])
        spoken = speak(house, NIGHTS[1])
        base = house.copy_to("base")
        base.deliver(NIGHTS[2])
        result = base.copy_to("result")
        result.night(NIGHTS[2])
        check_fed(result, NIGHTS[2], spoken)
        wanted = result.state()
        if WORDS:
            kill_at_moments(base, NIGHTS[2], wanted)
        else:
            if shim_works():
                kill_at_calls(base, NIGHTS[2], wanted, 3)
                kill_at_calls(at_feedback(base, NIGHTS[2]), NIGHTS[2], wanted, 2)
            check_elsewhere(base, NIGHTS[2])
            check_term(base, NIGHTS[2], wanted)
            house.deliver(NIGHTS[2])
            house.night(NIGHTS[2])
            clear_suspects(house, NIGHTS[2])
            check_feeds(house)
            check_quiet(house, NIGHTS[3])
            check_optional(house)
            check_bad_rows(house)
            check_done(house)
            check_backup(house)
            check_examples()
            check_lock(house)
            check_state_file(house)
            check_usage(house, folder)
    print("\n".join(failures) if failures else "ok")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
