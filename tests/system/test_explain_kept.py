#!/usr/bin/env python3
"""explain answers from what the run kept exactly what it answers after building the network again:
for accounts, things and places, with batches, currencies, attributes, both lists and an as-of time.
What a run keeps is the same whatever the threads; damage in it is found; it may be left out.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

COMMAND, SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
MAPPING = {"subjects": ["account", "firm"], "sources": [
    {"match": "uses*.csv", "relations": [
        {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
         "dst": {"type": "device", "column": "device"}, "time": "ts"},
        {"name": "owner", "kind": "shared", "src": {"type": "device", "column": "device"},
         "dst": {"type": "firm", "column": "firm"}},
        {"name": "passport", "kind": "identity", "src": {"type": "account", "column": "account"},
         "dst": {"type": "document", "column": "document"}}]},
    {"match": "pays*.csv", "relations": [
        {"name": "pays", "kind": "payment", "src": {"type": "account", "column": "from"},
         "dst": {"type": "account", "column": "to"}, "amount": "amount", "currency_column": "currency",
         "time": "ts"}]},
    {"match": "nodes*.csv", "nodes": [
        {"type": "account", "column": "account", "attributes": ["visits"]}]}]}


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True)
    assert done.returncode == status, (words, done)
    return done.stdout + done.stderr


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def make_rows(draw, folder, batch):
    """Families, a hub, a crowd of payments; ids with colons, quotes and spaces."""
    uses, pays, nodes = ["account,device,firm,document,ts"], ["from,to,amount,currency,ts"], ["account,visits"]
    account = lambda i: f'a:{i}' if i % 3 else f'a "" {i}'
    for _ in range(400):
        i, at = draw.randrange(150), 1700000000 + draw.randrange(9) * 86400
        device = f"d{draw.choice([i // 4, draw.randrange(40), 0])}"
        firm = f"f{draw.randrange(6)}" if draw.random() < 0.1 else ""
        document = f"p{i // 2}" if draw.random() < 0.05 else ""
        uses.append(f'"{account(i)}",{device},{firm},{document},{at}')
        j = draw.choice([i, i // 5 * 5 + draw.randrange(5), draw.randrange(150)])
        pays.append(f'"{account(i)}","{account(j)}",{draw.randrange(1, 900)}.{draw.randrange(100):02},'
                    f'{draw.choice(["EUR", "USD"])},{at}')
        nodes.append(f'"{account(i)}",{draw.randrange(50)}')
    return [write(os.path.join(folder, f"{name}{batch}.csv"), lines)
            for name, lines in (("uses", uses), ("pays", pays), ("nodes", nodes))]


def names(store):
    latest = open(os.path.join(store, "runs", "latest"), encoding="ascii").read().strip()
    with open(os.path.join(store, "runs", latest, "risks.csv"), newline="", encoding="utf-8") as file:
        return os.path.join(store, "runs", latest), [f'{row["type"]}:{row["id"]}' for row in csv.DictReader(file)]


def check_same(store, draw, count):
    some = names(store)[1]
    draw.shuffle(some)
    kinds = {}
    for name in some:
        kinds.setdefault(name.split(":")[0], []).append(name)
    for of_kind in kinds.values():
        for name in of_kind[:count]:
            for form in ("text", "json"):
                kept = call("explain", store, name, "--format", form)
                assert kept == call("explain", store, name, "--format", form, "--from-store"), name
    return len(kinds)


def check_random(folder):
    for seed in range(3):
        draw = random.Random(seed)
        home = os.path.join(folder, f"random{seed}")
        os.mkdir(home)
        store, mapping = os.path.join(home, "store"), write(os.path.join(home, "map.json"), [json.dumps(MAPPING)])
        for batch in range(1 + seed):
            call("ingest", store, "--mapping", mapping, *make_rows(draw, home, batch))
        black = write(os.path.join(home, "black.csv"), ["type,id,reason", "account,a:1,\"it is, he\"", "device,d3,found",
                                                        "account,a:40,x"])
        white = write(os.path.join(home, "white.csv"), ["type,id,reason", "account,a:2,known"])
        words = ["--as-of", "1700400000"] if seed == 1 else []
        call("run", store, "--blacklist", black, "--whitelist", white, "--threads", "1", *words)
        assert check_same(store, draw, 12) >= 2
        files = sorted(glob.glob(names(store)[0] + "/*.bin"))
        before = [open(path, "rb").read() for path in files]
        assert {"counts.bin", "network.bin", "rings.bin"} <= {os.path.basename(path) for path in files}, files
        call("run", store, "--blacklist", black, "--whitelist", white, "--threads", "4", *words)
        assert before == [open(path, "rb").read() for path in sorted(glob.glob(names(store)[0] + "/*.bin"))]
        call("explain", store, "account:nobody", status=3)
        call("explain", store, "nothing:a:1", status=3)
    return store, black, white, mapping, home


def check_left_out(store, black, white):
    kept = call("explain", store, "account:a:1")
    call("run", store, "--blacklist", black, "--whitelist", white, "--no-network")
    assert [os.path.basename(path) for path in glob.glob(names(store)[0] + "/*.bin")] == ["rings.bin"]
    assert "OK" in call("verify", store)
    word = "the run kept no network: it was built again from the store\n"
    slow = call("explain", store, "account:a:1")
    assert word in slow and slow.replace(word, "") == kept
    call("run", store, "--blacklist", black, "--whitelist", white)
    assert call("explain", store, "account:a:1") == kept


def check_damage(store):
    sound = call("explain", store, "account:a:1")
    for name in ("counts.bin", "network.bin"):
        path = os.path.join(names(store)[0], name)
        whole = open(path, "rb").read()
        for at in range(0, len(whole), len(whole) // 60):
            with open(path, "r+b") as file:
                file.seek(at)
                file.write(bytes([whole[at] ^ 4]))
            done = subprocess.run([COMMAND, "explain", store, "account:a:1"], check=False, capture_output=True, text=True)
            assert (done.returncode == 0 and done.stdout == sound) or done.returncode == 5, (path, at, done)
            if at % 7 == 0:
                assert "R-03" in call("verify", store, status=5)
            open(path, "wb").write(whole)
        with open(path, "r+b") as file:
            file.truncate(len(whole) // 2)
        call("explain", store, "account:a:1", status=5)
        open(path, "wb").write(whole)
    folder = names(store)[0]
    for name in ("network.bin", "counts.bin", "risks.csv", "run.json"):
        path = os.path.join(folder, name)
        os.rename(path, path + ".away")
        done = subprocess.run([COMMAND, "explain", store, "account:a:1"], check=False, capture_output=True, text=True)
        assert done.returncode == 5 and f"{name}\"" in done.stderr and "No such file" in done.stderr, (name, done)
        os.rename(path + ".away", path)


def check_changed(store, mapping, home):
    before = call("explain", store, "account:a:1", "--format", "json")
    call("ingest", store, "--mapping", mapping, write(os.path.join(home, "uses9.csv"), ["account,device,firm,document,ts", "new,d1,,,1700000000"]))
    after = json.loads(call("explain", store, "account:a:1", "--format", "json"))
    assert after.pop("store_changed")
    assert json.loads(before) == dict(after, store_changed=False)
    assert "what follows is as the run saw it" in call("explain", store, "account:a:1")
    assert "looks at it as it is now" in call("explain", store, "account:a:1", "--from-store")


def check_small(folder):
    small = os.path.join(SOURCE, "datasets", "small")
    store = os.path.join(folder, "small")
    call("ingest", store, "--mapping", os.path.join(small, "mapping.json"), *sorted(glob.glob(small + "/*.csv.gz")))
    call("run", store, "--blacklist", os.path.join(small, "blacklist.csv"), "--whitelist", os.path.join(small, "whitelist.csv"))
    check_same(store, random.Random(1), 3)


def main():
    with tempfile.TemporaryDirectory() as folder:
        store, black, white, mapping, home = check_random(folder)
        check_left_out(store, black, white)
        check_damage(store)
        check_changed(store, mapping, home)
        check_small(folder)


main()
