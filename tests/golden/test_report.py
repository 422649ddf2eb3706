#!/usr/bin/env python3
"""From rows to rings as a person and a program see them, with ids that mean harm.

Rows of a ring with hostile ids go in; the report, the risks, show and explain come out. Every id has
to come back byte for byte where a program reads, and harmless where a terminal does.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_report  # noqa: E402

HOSTILE = ["a\0b", "\0", "\"quoted\\\"", "comma,semi;tab\t", "line\nfeed\r\n", "\x1b[31mred\x1b[0m\x07",
           "<script>alert('x')</script>", "\u202eright to left\u202c", "\u2028\u2029\u0085", "\ufeff\uffff",
           "\u5f20\u4e09", "\U0001f469\u200d\U0001f469", "=cmd|' /C calc'!A0", "../../etc/passwd", "%s%n%x",
           "'; DROP TABLE accounts; --", "__proto__", "null", " ", "\u061cmark",
           "x\naccount,u1,0.999999,R-0000000000000,0.900000,0.900000,0.900000\n",
           "{\"id\":\"R-0000000000000\",", "R-0000000000000", "a:b:c"]
MAPPING = {"sources": [{"match": "*.jsonl", "relations": [
    {"name": "uses_device", "kind": "shared", "src": {"type": "account", "column": "account"},
     "dst": {"type": "device", "column": "device"}, "time": "ts"},
    {"name": "uses_ip", "kind": "shared", "as": "place", "src": {"type": "account", "column": "account"},
     "dst": {"type": "address", "column": "ip"}, "time": "ts"}]}]}
DANGER = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
failures = []


def fail(text):
    failures.append(text)


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != status:
        fail(f"{words}: exit status {done.returncode}, expected {status}: {done.stderr[-300:]!r}")
    return done.stdout.decode(), done.stderr.decode()


def rows():
    """Two devices and an address that 24 accounts share, among 600 accounts with their own."""
    for number, account in enumerate(HOSTILE):
        for day in range(3):
            yield {"account": account, "device": f"ring {number % 2}\n\x1b[2J", "ip": "10.0.0.1",
                   "ts": 1767225600 + 86400 * day + 60 * number}
    for number in range(600):
        yield {"account": f"u{number}", "device": f"own{number}", "ip": f"10.1.{number // 200}.{number % 200}",
               "ts": 1767225600 + 700 * number}


def prepare(folder, order):
    store = os.path.join(folder, "store" + order)
    events = list(rows())
    if order == "reversed":
        events.reverse()
    with open(os.path.join(folder, order + ".jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
    with open(os.path.join(folder, "mapping.json"), "w", encoding="utf-8") as file:
        json.dump(MAPPING, file)
    with open(os.path.join(folder, "black.csv"), "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["type", "id", "reason"], ["account", HOSTILE[2], "charge\x1bback"],
                                    ["account", "u7", "stolen"], ["account", "nobody", "missing"]])
    call("ingest", store, "--mapping", os.path.join(folder, "mapping.json"), "--keep-rows",
         os.path.join(folder, order + ".jsonl"))
    return store


def run(folder, store, name, *more):
    report, risks = os.path.join(folder, name + ".json"), os.path.join(folder, name + ".csv")
    call("run", store, "--blacklist", os.path.join(folder, "black.csv"), "--report", report, "--risks", risks,
         *more)
    return read(report), read(risks)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check_files(report, risks):
    parsed = json.loads(report)
    members = {m["id"] for c in parsed["clusters"] for m in c["members"]}
    if not set(HOSTILE) <= members:
        fail(f"not in the report: {set(HOSTILE) - members}")
    known = {m["id"] for c in parsed["clusters"] for m in c["members"] if m["known"]}
    if known != {HOSTILE[2]}:
        fail(f"known: {known}")
    lists = parsed["totals"]["lists"]["blacklist"]
    if (lists["known"], lists["missing"]) != (2, 1):
        fail(f"lists: {lists}")
    lines = list(csv.reader(io.StringIO(risks.decode(), newline="")))
    ids = {line[1] for line in lines if line[0] == "account"}
    if ids != set(HOSTILE) | {f"u{n}" for n in range(600)}:
        fail("the risks do not name every account once")
    if {len(line) for line in lines} != {7}:
        fail("a line of the risks has not seven fields")
    spoofed = [line for line in lines if line[:2] == ["account", "u1"]]
    if len(spoofed) != 1 or spoofed[0][2] == "0.999999":
        fail(f"u1: {spoofed}")
    return parsed


def check_harmless(name, text):
    found = DANGER.search(text)
    if found:
        fail(f"{name}: {found.group()!r} reaches the terminal: {text[max(0, found.start() - 30):][:80]!r}")


def check_show(store, parsed, report):
    ring = parsed["clusters"][0]
    text, _ = call("show", store)
    check_harmless("show", text)
    if ring["id"] not in text:
        fail("show does not list the best ring")
    text, _ = call("show", store, ring["id"], "--limit", "0")
    check_harmless("show RING", text)
    if ring["stability"] is None or f"came back in {int(20 * ring['stability'])} of 20 reruns" not in text:
        fail(f"show RING does not tell a stability of {ring['stability']}")
    for part in (ring["id"], r"a\x00b", r"\x1B[31mred", "\u5f20\u4e09", "<script>", "device ring 0\\x0A\\x1B[2J",
                 "forward.jsonl:", "known", ring["reasons"][0]["text"]):
        if part not in text:
            fail(f"show RING does not print {part!r}")
    text, _ = call("show", store, ring["id"], "--format", "json")
    if text.encode() not in report.replace(b"},\n{\"id\"", b"}\n{\"id\""):
        fail("show --format json is not the report's own line")
    text, _ = call("show", store, "--format", "json", "--top", "2")
    if [json.loads(line)["id"] for line in text.splitlines()] != [c["id"] for c in parsed["clusters"][:2]]:
        fail("show --top 2 --format json does not give the first two rings")
    for name in ("R-0000000000000", "\x1b[2J", ""):
        _, error = call("show", store, name, status=3)
        if "is not in report" not in error or "runs" not in error:
            fail(f"show of an unknown ring: {error!r}")
        check_harmless("show of an unknown ring", error.rstrip("\n"))


def check_explain(store, parsed):
    member = next(m for m in parsed["clusters"][0]["members"] if m["id"] == "a:b:c")
    for name in HOSTILE:
        if "\0" in name:
            continue  # no argument of a process can hold it
        text, _ = call("explain", store, "account:" + name)
        check_harmless(f"explain {name!r}", text)
    text, _ = call("explain", store, "account:a:b:c")
    for part in ("risk ", "spread ", "oddity ", parsed["clusters"][0]["id"], "uses_device", "seeds", "paths",
                 r"charge\x1Bback"):
        if part not in text:
            fail(f"explain does not print {part!r}: {text}")
    why = json.loads(call("explain", store, "account:a:b:c", "--format", "json")[0])
    if abs(why["risk"] - member["risk"]) > 1e-9 or why["ring"]["id"] != parsed["clusters"][0]["id"]:
        fail(f"explain and the report disagree: {why['risk']}, {member['risk']}")
    parts = 1 - (1 - why["spread"]) * (1 - why["oddity"]) * (1 - why["ring_score"])
    if abs(parts - why["risk"]) > 3e-6:
        fail(f"the parts make {parts}, the risk is {why['risk']}")
    split = why["spread_from"]
    if abs(split["risk"] - why["spread"]) > 1e-5 or not split["paths"] or split["seeds"][0]["id"] != HOSTILE[2]:
        fail(f"spread: {split}")
    if abs(split["covered"] + split["remainder"] - split["risk"]) > 1.6e-6:  # each is rounded
        fail(f"seeds and remainder do not sum to the spread: {split}")
    device, _ = call("explain", store, "device:own7")
    if "account u7" not in device:
        fail(f"explain of a thing does not name its user: {device}")
    for name, status in (("account:nobody", 3), ("nothing:x", 3), ("account", 2), (":x", 2), ("account:", 2)):
        call("explain", store, name, status=status)


def check_verify(store):
    """A changed byte in any file of a run is found and named."""
    call("verify", store)
    with open(os.path.join(store, "runs", "latest"), encoding="ascii") as file:
        folder = os.path.join(store, "runs", file.read().strip())
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        content = read(path)
        with open(path, "wb") as file:
            file.write(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:] if len(content) > 9 else b"x")
        _, error = call("verify", store, status=5)
        if name not in error or "runs" not in error:
            fail(f"verify of a damaged {name}: {error!r}")
        with open(path, "wb") as file:
            file.write(content)
    call("verify", store)


def main():
    with tempfile.TemporaryDirectory() as folder:
        store = prepare(folder, "forward")
        _, error = call("show", store, status=3)
        if "has no run yet" not in error:
            fail(f"show before any run: {error!r}")
        report, risks = run(folder, store, "one")
        try:
            check_report.check(os.path.join(folder, "one.json"))
        except ImportError:
            print("without python3-jsonschema: the schema is not checked")
        parsed = check_files(report, risks)
        if run(folder, store, "two", "--threads", "1") != (report, risks):
            fail("a second run, with one thread, gives other bytes")
        if run(folder, prepare(folder, "reversed"), "three") != (report, risks):
            fail("rows in another order give other bytes")
        if len(os.listdir(os.path.join(store, "runs"))) != 2:
            fail("a repeated run is kept twice")
        check_show(store, parsed, report)
        check_explain(store, parsed)
        check_verify(store)
    for text in failures:
        print(text)
    sys.exit(1 if failures else 0)


main()
