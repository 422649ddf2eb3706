#!/usr/bin/env python3
"""erase takes a person out for good: of the dictionary, the relations, the attributes and every run
that is kept; all else says what it said.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

COMMAND = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.abspath(sys.argv[2]), "tests", "golden"))
import check_report  # noqa: E402

PERSON, OTHER = "ring, \"2\"\u00e9", "ring 3"
MAPPING = {"sources": [
    {"match": "uses*.csv", "relations": [
        {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
         "dst": {"type": "device", "column": "device"}, "time": "ts"}]},
    {"match": "nodes*.csv", "nodes": [{"type": "account", "column": "account", "attributes": ["age"]}]}]}


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == status, (words, status, done)
    return done.stdout + done.stderr


def write(path, head, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    return path


def prepare(folder):
    """Two batches, two runs; the person is in a ring, on a list, and has an attribute."""
    store, mapping = os.path.join(folder, "store"), os.path.join(folder, "map.json")
    with open(mapping, "w", encoding="utf-8") as file:
        json.dump(MAPPING, file)
    ring = [PERSON if i == 2 else f"ring {i}" for i in range(6)]
    rows = [(who, f"d{i % 2}", 1700000000 + 9 * i) for i, who in enumerate(ring)]
    rows += [(who, "common", 1700000000 + i) for i, who in enumerate(ring)]
    rows += [(f"u{i}", f"own{i}", 1700000000 + i) for i in range(400)]
    files = [write(os.path.join(folder, "uses.csv"), ["account", "device", "ts"], rows),
             write(os.path.join(folder, "nodes.csv"), ["account", "age"], [(who, 40) for who in ring])]
    call("ingest", store, "--mapping", mapping, "--batch", "one", *files)
    black = write(os.path.join(folder, "black.csv"), ["type", "id", "reason"],
                  [("account", PERSON, "x"), ("account", "ring 1", "y"), ("device", "d0", "z")])
    call("run", store, "--blacklist", black, "--whitelist", black)
    late = write(os.path.join(folder, "uses2.csv"), ["account", "device", "ts"],
                 [(PERSON, "new", 1700001000), (OTHER, "new", 1700001000)])
    call("ingest", store, "--mapping", mapping, "--batch", "two", late)
    call("run", store, "--blacklist", black)
    return store, mapping, late


def runs(store):
    folder = os.path.join(store, "runs")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name != "latest")


def text_of(path):
    if path.endswith((os.sep + "rings.bin", os.sep + "history.bin")):  # a head, and a zstd frame
        with open(path, "rb") as file:
            packed = file.read()[80:]
        if shutil.which("zstd") is None:
            return ""
        return subprocess.run(["zstd", "-dcq"], input=packed, check=True, capture_output=True).stdout.decode(
            errors="surrogateescape")
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def names(path):
    return [(row[0], row[1]) for row in csv.reader(text_of(path).splitlines())]


def spelled(name):
    return json.dumps(name, ensure_ascii=False)[1:-1]


def check_runs(store, before, stub):
    for folder, old in zip(runs(store), before):
        with open(os.path.join(folder, "risks.csv"), "rb") as file:  # lines go; the others stay as they are
            assert file.read() == b"".join(line for line in old["lines"]
                                           if not line.startswith(b'account,' + csv_of(PERSON) + b","))
        for name in os.listdir(folder):
            text = text_of(os.path.join(folder, name))
            assert spelled(PERSON) not in text and not (name.endswith(".bin") and PERSON in text), name
            assert name.endswith(".bin") or PERSON not in {who for row in csv.reader(text.splitlines())
                                                           for who in row}, name
        report = text_of(os.path.join(folder, "report.json"))
        assert report == old["report"].replace('"' + spelled(PERSON) + '"', f'"erased-{stub}"'), report
        assert "erased-" + stub in report
        try:
            check_report.check(os.path.join(folder, "report.json"))
        except ImportError:
            print("without python3-jsonschema: the schema is not checked")
        for name in ("risks.csv", "blacklist.csv"):
            assert names(os.path.join(folder, name)) == [n for n in old[name] if n != ("account", PERSON)], name
    call("verify", "--deep", store)


def csv_of(text):
    return b'"' + text.replace('"', '""').encode() + b'"'


def lines_of(path):
    with open(path, "rb") as file:
        return file.readlines()


def remember(store):
    return [{"lines": lines_of(os.path.join(folder, "risks.csv")),
             "report": text_of(os.path.join(folder, "report.json")),
             **{name: names(os.path.join(folder, name)) for name in ("risks.csv", "blacklist.csv")}}
            for folder in runs(store)]


def killed(store, folder):
    """Wherever it is killed the store is sound, and the same call again does what is left."""
    draw = random.Random(3)
    for i in range(12):
        victim = os.path.join(folder, f"victim{i}")
        shutil.copytree(store, victim)
        words = [COMMAND, "erase", victim, "account:" + PERSON, "--reason", "x"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            time.sleep(draw.random() * 0.06)
            child.send_signal(signal.SIGKILL)
        call("verify", "--deep", victim)
        done = subprocess.run(words, check=False, capture_output=True)
        assert done.returncode in (0, 3), done
        call("verify", "--deep", victim)
        call("explain", victim, "account:" + PERSON, status=3)
        for at, _, found in os.walk(os.path.join(victim, "runs")):
            for name in found:
                assert spelled(PERSON) not in text_of(os.path.join(at, name)), (at, name)
        events = [json.loads(line)["event"] for line in text_of(os.path.join(victim, "erasures.jsonl")).splitlines()]
        # A kill between the last run and the record leaves nobody for the second call, and a
        # beginning without its end: whatever was begun was done by then, as was seen above.
        assert events[0] == "begun" and events[-1] in ("done", "absent"), events
        assert "done" in events or events == ["begun", "begun", "absent"], events
        shutil.rmtree(victim)


def record_of(store):
    return [json.loads(line) for line in text_of(os.path.join(store, "erasures.jsonl")).splitlines()]


def nobody_in_the_older_run(folder):
    """A run that does not name the person stays byte for byte, and is no reason to stop."""
    store, mapping = os.path.join(folder, "days"), os.path.join(folder, "map.json")
    for day in "ab":
        rows = [(f"{day}{i}", f"own-{day}{i}", 1700000000 + i) for i in range(40)]
        path = write(os.path.join(folder, f"uses-{day}.csv"), ["account", "device", "ts"], rows)
        call("ingest", store, "--mapping", mapping, "--batch", day, path)
        call("run", store)
    old = [folder for folder in runs(store) if "b5" not in text_of(os.path.join(folder, "risks.csv"))]
    assert len(old) == 1
    before = {name: lines_of(os.path.join(old[0], name)) for name in os.listdir(old[0])}
    call("erase", store, "account:b5", "--reason", "x")
    assert {name: lines_of(os.path.join(old[0], name)) for name in os.listdir(old[0])} == before
    call("explain", store, "account:b5", status=3)
    assert all("b5," not in text_of(os.path.join(folder, "risks.csv")) for folder in runs(store))
    call("verify", "--deep", store)
    call("erase", store, "account:nope", "--reason", "x", status=3)
    # one that is damaged does not keep the others from being rewritten
    risks = os.path.join(old[0], "risks.csv")
    with open(risks, "a", encoding="utf-8") as file:
        file.write("x")
    call("erase", store, "account:b6", "--reason", "x", status=5)
    assert [line["event"] for line in record_of(store)[-2:]] == ["begun", "failed"]
    os.truncate(risks, os.path.getsize(risks) - 1)
    assert sum("b6," in text_of(os.path.join(folder, "risks.csv")) for folder in runs(store)) == 0


def record_says_how_it_ended(folder):
    """Done, nobody there, or failed; persons of one call stand in one line, each of them once."""
    store = os.path.join(folder, "days")
    call("erase", store, "account:nobody", "--reason", "x", status=3)
    assert [line["event"] for line in record_of(store)[-2:]] == ["begun", "absent"]
    with open(os.path.join(store, "lock"), "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        call("erase", store, "account:b7", "--reason", "x", status=4)
    assert [line["event"] for line in record_of(store)[-2:]] == ["begun", "failed"]
    result = json.loads(call("erase", store, "account:b7", "account:b8", "account:b7", "--reason", "x",
                             "--format", "json"))
    begun, done = record_of(store)[-2:]
    assert [node["stub"] for node in begun["nodes"]] == result["stubs"] and len(result["stubs"]) == 2, result
    assert done["event"] == "done" and done["relations"] == result["relations"] == 2, done


def opens(process, path):
    folder = f"/proc/{process}/fd"
    try:
        return any(os.path.realpath(os.path.join(folder, name)) == path for name in os.listdir(folder))
    except FileNotFoundError:
        return False


def overtaken(folder):
    """A run that read the store before somebody was erased does not bring them back afterwards."""
    store = os.path.join(folder, "days")
    held = os.open(os.path.realpath(os.path.join(store, "runs")), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # the run has opened the store when it asks for its place
    with subprocess.Popen([COMMAND, "run", store, "--as-of", "2023-11-15"], stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as child:
        while not opens(child.pid, os.path.realpath(os.path.join(store, "runs"))) and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGSTOP)
        os.close(held)
        call("erase", store, "account:b9", "--reason", "x")
        child.send_signal(signal.SIGCONT)
        error = child.communicate()[1].decode()
        assert child.returncode == 4 and "was erased from the store meanwhile" in error, (child.returncode, error)
    assert sorted(os.listdir(os.path.join(store, "runs"))) == sorted([*map(os.path.basename, runs(store)), "latest"])
    call("explain", store, "account:b9", status=3)
    call("verify", "--deep", store)
    call("run", store, "--as-of", "2023-11-15")


def main():
    with tempfile.TemporaryDirectory() as folder:
        store, mapping, late = prepare(folder)
        before, was = remember(store), json.loads(call("stats", store, "--format", "json"))
        assert len(before) == 2 and all(("account", PERSON) in old["risks.csv"] for old in before)
        latest = text_of(os.path.join(store, "runs", "latest"))
        killed(store, folder)
        nobody_in_the_older_run(folder)
        record_says_how_it_ended(folder)
        overtaken(folder)
        call("erase", store, "account:" + PERSON, status=2)  # no reason
        call("erase", store, "account", "--reason", "x", status=2)
        result = json.loads(call("erase", store, "account:" + PERSON, "--reason", "asked for it", "--format", "json"))
        assert (result["in_store"], result["relations"], result["runs"], result["files_left"]) == (1, 3, 2, 0), result
        check_runs(store, before, result["stubs"][0])
        assert text_of(os.path.join(store, "runs", "latest")) == latest
        now = json.loads(call("stats", store, "--format", "json"))
        assert now["edges"] == was["edges"] - 3, now
        assert [b["name"] for b in now["batches"]] == ["one", "two"]
        call("explain", store, "account:" + PERSON, status=3)
        assert call("show", store)
        text = text_of(os.path.join(store, "erasures.jsonl"))
        record = [json.loads(line) for line in text.splitlines()]
        assert [(r["event"], r["nodes"]) for r in record] == \
            [(event, [{"type": "account", "stub": result["stubs"][0]}]) for event in ("begun", "done")], record
        assert record[0]["reason"] == "asked for it" and record[1]["relations"] == 3 and "ring" not in text
        assert "nothing changed" in call("ingest", store, "--mapping", mapping, "--batch", "two", late)
        call("explain", store, "account:" + PERSON, status=3)
        call("drop-batch", store, "two")  # batches are still apart
        assert "neither the store" in call("erase", store, "account:" + PERSON, "--reason", "again", status=3)
        # one that the store holds no more, but a run does
        result = json.loads(call("erase", store, "device:new", "account:ring 1", "--reason", "x", "--format", "json"))
        assert result["in_store"] >= 1 and result["runs"] == 2, result
        assert all("ring 1" not in text_of(os.path.join(at, "report.json")) for at in runs(store))
        copy = os.path.join(folder, "copy")
        call("backup", store, copy)
        assert text_of(os.path.join(copy, "erasures.jsonl")) == text_of(os.path.join(store, "erasures.jsonl"))
        call("run", store)
        call("verify", "--deep", store)


main()
