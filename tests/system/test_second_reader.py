#!/usr/bin/env python3
"""The second reader, which knows docs/FORMAT.md alone, and the first agree: on the golden stores of every
version, on the example of the document itself, on stores that the command makes, compacts and drops
batches of; and on what is damaged.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import xxhash  # noqa: F401 pylint: disable=unused-import
    import zstandard  # noqa: F401 pylint: disable=unused-import
except ImportError:
    # Another Python may stand before the system's, whose packages are meant.
    if "RS_SYSTEM_PYTHON" in os.environ or not os.path.exists("/usr/bin/python3"):
        print("skipped: the modules zstandard and xxhash are not there")
        sys.exit(77)
    os.execve("/usr/bin/python3", ["/usr/bin/python3", *sys.argv], {**os.environ, "RS_SYSTEM_PYTHON": "1"})

COMMAND, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(SOURCE, "tests", "format"))
sys.dont_write_bytecode = True
import second_reader  # noqa: E402 pylint: disable=wrong-import-position

GOLDEN = os.path.join(SOURCE, "tests", "format", "golden")
failures = []


def expect(name, holds, *shown):
    if not holds:
        failures.append(" ".join([name, *map(str, shown)])[:800])


def run(*words, status=0):
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(map(str, words))}: exit status {done.returncode}: {done.stderr[-500:]}")
    return done


def golden():
    versions = [name for name in sorted(os.listdir(GOLDEN)) if os.path.isdir(os.path.join(GOLDEN, name))]
    expect("golden stores of three versions at least", len(versions) >= 3, versions)
    for name in versions:
        with open(os.path.join(GOLDEN, name + ".txt"), encoding="utf-8") as file:
            expected = sorted(file.read().splitlines())
        found = sorted(second_reader.Store(os.path.join(GOLDEN, name)).lines())
        expect(f"golden {name}", found == expected, sorted(set(found) ^ set(expected))[:4])


def example(folder):
    """The store of three edges, out of the document's text and hex dumps."""
    with open(os.path.join(SOURCE, "docs", "FORMAT.md"), encoding="utf-8") as file:
        text = file.read().split("## A store of three edges")[1]
    store = os.path.join(folder, "example")
    os.mkdir(store)
    blocks = re.findall(r"(?:`([\w.-]+)`[^`]*:|)\n\n```\n(.*?)```", text, re.S)
    for name, content in blocks:
        if content.startswith("ringscope-store"):
            name, data = "MANIFEST", content.encode()
        else:
            data = bytes.fromhex("".join(re.sub(r"^\w+: ((?:[0-9a-f]{2} )+).*$", r"\1", content, flags=re.M).split()))
        with open(os.path.join(store, name), "wb") as file:
            file.write(data)
    expect("the example's files", len(blocks) == 4, [name for name, _ in blocks])
    lines = sorted(second_reader.Store(store).lines())
    hexed = {name: name.encode().hex() for name in ("ann", "bob", "d1", "d2")}
    expect("the example", lines == sorted(
        [f"node account {hexed['ann']}", f"node account {hexed['bob']}", f"node device {hexed['d1']}",
         f"node device {hexed['d2']}"] +
        [f"uses  {hexed[a]} {hexed[b]} {1700000000 + 60 * i} 1 {-1 << 63}"
         for i, (a, b) in enumerate((("ann", "d1"), ("bob", "d1"), ("bob", "d2")))]), lines)
    expect("verify takes the example", run("verify", store, "--deep").stdout.startswith("OK"))


# ---- stores of the command --------------------------------------------------------------------

KEY = {"logins.csv": [("uses_device", "account", "device"), ("uses_address", "account", "ip")]}


def expected_rows(world):
    """file:line relation src dst, from the CSV; what the mapping makes of one file is enough."""
    for name, relations in KEY.items():
        with open(os.path.join(world, name), encoding="utf-8", newline="") as file:
            for line, row in enumerate(csv.DictReader(file), 2):
                for relation, src, dst in relations:
                    if row[src] and row[dst]:
                        yield f"{name}:{line} {relation} {row[src].encode().hex()} {row[dst].encode().hex()}"


def short_rows(store):
    """Without the folders of the files; those of KEY."""
    for line in second_reader.Store(store).row_lines():
        base = line[line.rindex("/", 0, line.index(" ")) + 1:] if "/" in line.split(" ", 1)[0] else line
        if base.split(":", 1)[0] in KEY:
            yield base


def made(folder):
    worlds, stores = [], os.path.join(folder, "store")
    for seed in (1, 2):
        world = os.path.join(folder, f"world-{seed}")
        run("generate", world, "--accounts", 700, "--seed", seed, "--quiet")
        worlds.append(world)
        files = [os.path.join(world, name + ".csv") for name in ("logins", "instruments", "payments")]
        run("ingest", stores, "--mapping", os.path.join(world, "mapping.json"), "--batch", f"night-{seed}",
            "--keep-rows", "--quiet", *files)
    expected = sorted(line for world in worlds for line in expected_rows(world))
    expect("the world is small", len(expected) > 2000, len(expected))
    expect("rows, appended", sorted(short_rows(stores)) == expected)
    lines = sorted(second_reader.Store(stores).lines())
    run("compact", stores, "--quiet")
    expect("lines, compacted", sorted(second_reader.Store(stores).lines()) == lines)
    expect("rows, compacted", sorted(short_rows(stores)) == expected)
    files = os.listdir(stores)
    expect("compaction wrote reverse files", any(name.endswith(".back") for name in files), files)
    run("run", stores, "--quiet", "--blacklist", os.path.join(worlds[0], "blacklist.csv"))
    world = os.path.join(folder, "world-3")
    run("generate", world, "--accounts", 500, "--seed", 3, "--quiet")
    run("ingest", stores, "--mapping", os.path.join(world, "mapping.json"), "--batch", "night-3", "--quiet",
        os.path.join(world, "payments.csv"))
    with_third = sorted(second_reader.Store(stores).lines())
    expect("a third night", len(with_third) > len(lines))
    run("drop-batch", stores, "night-3", "--quiet")
    edges = [line for line in lines if not line.startswith("node ")]
    expect("lines, the third dropped",
           [line for line in sorted(second_reader.Store(stores).lines()) if not line.startswith("node ")] == edges)
    run("compact", stores, "--quiet")
    expect("lines, compacted again", sorted(second_reader.Store(stores).lines()) == lines)
    return stores


# ---- damage -----------------------------------------------------------------------------------


def second_accepts(store):
    try:
        second_reader.Store(store)
        return True
    except (second_reader.Damaged, OSError):
        return False


def damage(folder):
    """What one reader refuses the other refuses; each byte that is changed is seen."""
    draw, store = random.Random(5), os.path.join(folder, "damaged")
    for golden_name in ("v1", "v2", "v3"):
        shutil.copytree(os.path.join(GOLDEN, golden_name), store)
        names = sorted(os.listdir(store))
        for _ in range(60):
            path = os.path.join(store, draw.choice(names))
            with open(path, "rb") as file:
                good = file.read()
            at = draw.randrange(len(good))
            with open(path, "wb") as file:
                file.write(good[:at] + bytes([good[at] ^ 1 << draw.randrange(8)]) + good[at + 1:])
            first = run("verify", store, "--deep", status=None).returncode
            expect(f"{golden_name}: {os.path.basename(path)} byte {at}: the first says {first}, the second accepts",
                   first == 5 and not second_accepts(store))
            with open(path, "wb") as file:
                file.write(good)
        expect(f"{golden_name} is whole again", second_accepts(store))
        shutil.rmtree(store)


def main():
    with tempfile.TemporaryDirectory() as folder:
        golden()
        example(folder)
        made(folder)
        damage(folder)
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


main()
