#!/usr/bin/env python3
"""The lists in a database, in a SQLite file and on a PostgreSQL server alike: what is imported comes out,
what is wrong leaves no trace, a run takes what counts, and what was known is known ever after.

SPDX-License-Identifier: GPL-3.0-or-later"""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import moments  # noqa: E402 pylint: disable=wrong-import-position
import server  # noqa: E402 pylint: disable=wrong-import-position

COMMAND = os.path.abspath(sys.argv[1])
SMALL = os.path.join(sys.argv[2], "datasets", "small")
WRITERS = 8
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


class Place:
    """A store and its database: None for the store's own file, or an address."""

    def __init__(self, folder, base, address):
        self.folder, self.store = folder, os.path.join(folder, "server" if address else "file")
        self.more = ["--db", address] if address else []
        shutil.copytree(base, self.store)

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        return path

    def do(self, command, verb, *words, **how):
        return run(command, verb, self.store, *words, *self.more, **how)

    def change(self, command, verb, *words, **how):
        return self.do(command, verb, *words, "--by", "anna", **how)

    def export(self, command="blacklist", *words):
        return self.do(command, "export", *words)

    def report(self, *words):
        path = self.path("report.json")
        run("run", self.store, "--report", path, "--quiet", *words, *self.more)
        with open(path, "rb") as file:
            return file.read()

    def head(self):
        with open(self.path("report.run.json"), encoding="utf-8") as file:
            return json.load(file).get("lists")


HEADER = "type,id,reason,strength,since,until,source\n"
NASTY = ["plain", "with \"quotes\"", "two\nlines", "a\ttab", "back\\slash", "\\N", "\\.", "caf\u00e9 \u4e2d\u6587 \U0001F600",
         " blanks ", ",", "';DROP TABLE rs_entry;--", "\x01\x7f", "x" * 4000, "Upper", "upper", "%", "$1"]


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def round_trip(place):
    rows = HEADER + "".join(f"account,{quoted(name)},{quoted(name)},0.25,2026-01-02T03:04:05Z,2099-12-31T23:59:59Z,s{n}\n"
                            for n, name in enumerate(NASTY))
    text = place.change("blacklist", "import", place.path("nasty.csv", rows))
    expect("new", f"{len(NASTY)} new" in text and "revision: 1" in text, text)
    out = place.export()
    lines = sorted(rows[len(HEADER):].split("Z,2099"))  # just as many, whatever the quotes
    expect("as many rows", len(out[len(HEADER):].split("Z,2099")) == len(lines))
    again = place.change("blacklist", "import", place.path("again.csv", out))
    expect("exported and imported again", f"0 new, 0 changed, {len(NASTY)} as they were" in again, again)
    objects = [json.loads(line) for line in place.export("blacklist", "--format", "json").splitlines()]
    expect("JSON", sorted(one["id"] for one in objects) == sorted(NASTY) == sorted(one["reason"] for one in objects))
    expect("in byte order", [one["id"].encode() for one in objects] == sorted(name.encode() for name in NASTY))
    expect("values", objects[0]["strength"] == .25 and objects[0]["since"] == "2026-01-02T03:04:05Z" and
           objects[0]["until"] == "2099-12-31T23:59:59Z", objects[0])
    array = place.path("array.json", json.dumps(objects))
    again = place.change("blacklist", "import", array)
    expect("an array", f"0 new, 0 changed, {len(NASTY)} as they were" in again, again)
    for name in NASTY:
        place.change("blacklist", "remove", f"account:{name}")
    expect("all removed", place.export() == HEADER, place.export())
    expect("as it was", place.export("blacklist", "--revision", "1") == out)


def refused(place):
    before = place.export(), place.export("blacklist", "--revision", "3")
    for text, said in (
            ("type,id\na,b\n", ":1:1: the header has no column \"reason\""),
            (HEADER + "account,a,r,,,,\naccount,,r,,,,\n", ":3:2: id is empty"),
            (HEADER + "account,a,r,1.5,,,\n", ":2:4: strength is out of range"),
            (HEADER + "account,a,r,,yesterday,,\n", ":2:5: since"),
            (HEADER + "account,a,r,,2026-02-01,2026-01-01,\n", ":2:6: until is not after since"),
            (HEADER + "account,a,r,,,2020-01-01,\n", ":2:6: until has passed"),
            (HEADER + "account,a,r,,,,x\naccount,b,r,,,,\naccount,a,other,,,,x\n", ":4:1: the row stands twice: line 2"),
            (HEADER + "account,a\0b,r,,,,\n", ":2:2: id has U+0000"),
            (HEADER + "account,a,r\n", ":2:"),
            (HEADER + "account," + "x" * 5000 + ",r,,,,\n", ":2:2: id is longer"),
            ('{"type":"account","id":"a","reason":"r"}\n{"type":"account","id":7}\n', ":2:24: expected a string"),
            ('[{"type":"account","id":"a","reason":"r"},\n{"type":"account","id":""}]', ":2:1: id is empty"),
            ('{"type":"account","id":"a","id":"b"}\n', ":1:28: key stands twice in this object"),
            ('{"type":"account","id":"a"\n', ":1:")):
        place.change("blacklist", "import", place.path("bad", text), status=3, say=said)
    place.change("blacklist", "import", place.path("none.csv"), status=2)
    place.do("blacklist", "import", place.path("bad"), status=2, say="--by WHO")
    place.change("blacklist", "add", "account:a", "--until", "2020-01-01", status=3, say="until has passed")
    place.change("blacklist", "add", "account:a", "--strength", "2", status=2, say="--strength is out of range")
    place.change("blacklist", "add", "account", status=2, say="TYPE:ID")
    place.change("blacklist", "remove", "account:nobody", status=3, say="is not on the blacklist")
    place.change("blacklist", "forget", "account:nobody", status=2, say="no verb \"forget\"")
    place.do("blacklist", "list", "--revision", "999", status=3, say="revision 999 is not there")
    expect("refused and changed", before == (place.export(), place.export("blacklist", "--revision", "3")))


def changes(place):
    place.change("blacklist", "add", "account:u1", "--reason", "first", "--source", "s")
    text = place.change("blacklist", "add", "account:u1", "--reason", "second", "--source", "s", "--dry-run")
    expect("tried", "0 new, 1 changed" in text and "was \"first\" 1 - -, is \"second\" 1 - -" in text, text)
    expect("a trial", "first" in place.export())
    text = place.change("blacklist", "add", "account:u1", "--reason", "second", "--source", "s", "--until", "2098-01-01")
    expect("changed", "0 new, 1 changed" in text and "first" not in place.export(), text)
    expect("to the end of the day", "2098-01-01T23:59:59Z" in place.export(), place.export())
    place.change("blacklist", "add", "account:u1", "--reason", "third", "--source", "t")
    text = place.change("whitelist", "add", "account:u1", "--reason", "no")
    expect("on both lists", "on both lists: 1" in text and "of s: \"second\"" in text and "of t: \"third\"" in text, text)
    expect("one source goes", "removed from the blacklist: 1" in
           place.change("blacklist", "remove", "account:u1", "--source", "t"))
    expect("the other stays", place.export().count("\n") == 2)
    place.change("blacklist", "add", "account:u2", "--since", "2030-01-01")
    expect("as of", "u2" not in place.export("blacklist", "--as-of", "2029-12-31") and
           "u2" in place.export("blacklist", "--as-of", "2030-01-01"))
    for name in ("u1", "u2"):
        place.change("blacklist", "remove", f"account:{name}")
    place.change("whitelist", "remove", "account:u1")


def runs(place):
    blacklist, whitelist = (os.path.join(SMALL, name) for name in ("blacklist.csv", "whitelist.csv"))
    bare = place.report()
    files = place.report("--blacklist", blacklist, "--whitelist", whitelist)
    expect("an empty database", place.head()["revision"] > 0 and bare != files)
    text = place.change("blacklist", "import", blacklist)
    revision = text.rpartition("revision: ")[2].strip()
    place.change("whitelist", "import", whitelist)
    expect("files and database differ", place.report() == files)
    first = place.head()
    known = [line.split(",")[1] for line in place.export().splitlines()[1:]]
    place.change("blacklist", "remove", f"account:{known[0]}")
    less = place.report()
    expect("one less", less != files and place.head()["head"] == first["head"] + 1)
    expect("as it was known", place.report("--revision", str(first["revision"])) == files)
    expect("the sidecar says so", place.head()["revision"] == first["revision"])
    expect("nothing was known", place.report("--revision", str(int(revision) - 1)) == bare)
    extra = place.path("extra.csv", f"type,id,reason\naccount,{known[0]},back for this run\n")
    expect("a file adds", place.report("--blacklist", extra) != less)
    expect("and is not kept", known[0] not in place.export() and place.report() == less)
    place.change("blacklist", "add", f"account:{known[0]}", "--since", "2020-01-01", "--until", "2021-01-01", "--expired")
    expect("an entry that has ended", place.report() == less)


def same_as_none(folder, base):
    """A store without a database, and with one in which nothing stands."""
    store = os.path.join(folder, "none")
    shutil.copytree(base, store)
    path = os.path.join(folder, "none.json")
    run("run", store, "--report", path, "--quiet")
    with open(path, "rb") as file:
        before = file.read()
    run("blacklist", "list", store)
    expect("reading makes no file", not os.path.exists(os.path.join(store, "lists.sqlite")))
    run("run", store, "--revision", "1", "--quiet", status=3, say="there is no database")
    run("blacklist", "add", store, "account:nobody", "--by", "a")
    run("blacklist", "remove", store, "account:nobody", "--by", "a")
    run("run", store, "--report", path, "--quiet")
    with open(path, "rb") as file:
        expect("an empty database changes the report", file.read() == before)


def of_a_file(place):
    """What a file can be, that is no ledger of ours."""
    database = os.path.join(place.store, "lists.sqlite")
    run("verify", place.store)
    with sqlite3.connect(database) as link:
        link.execute("UPDATE rs_meta SET value = '99' WHERE name = 'schema'")
    link.close()
    for words in (["run", place.store], ["blacklist", "list", place.store],
                  ["blacklist", "add", place.store, "account:a", "--by", "a"]):
        run(*words, status=5, say="schema 99 is not supported")
    foreign = place.path("foreign")
    with open(foreign, "wb") as file:
        file.write(b"no database at all" * 1000)
    run("blacklist", "list", place.store, "--db", foreign, status=5, say="not a database")
    run("blacklist", "list", place.store, "--db", place.path("absent"), status=3, say="there is no database")
    run("blacklist", "list", place.path("absent"), status=2)


def many_writers(place):
    """Each adds its own, one after the other; none is lost, none stands twice."""
    each = 12
    with_numbers = [[place.path(f"w{w}.{n}.csv", HEADER + f"account,w{w}-{n},r,,,,many\n") for n in range(each)]
                    for w in range(WRITERS)]
    before = place.do("blacklist", "list", "--limit", "0").count("\n")
    script = 'for file in "$@"; do "$COMMAND" blacklist import "$STORE" "$file" --by writer --quiet $MORE || exit 1; done'
    children = [subprocess.Popen(["sh", "-c", script, "sh", *files], stderr=subprocess.PIPE, text=True,
                                 env={**environment(), "COMMAND": COMMAND, "STORE": place.store,
                                      "MORE": " ".join(place.more)}) for files in with_numbers]
    for child in children:
        errors = child.communicate(timeout=3 * moments.LIMIT_S)[1]
        expect("a writer", child.returncode == 0, child.returncode, errors)
    listed = place.do("blacklist", "list", "--limit", "0")
    expect("rows of many writers", listed.count("\n") == before + each * WRITERS, listed.count("\n"), before)
    revisions = [line["added"] for line in map(json.loads, place.export("blacklist", "--format", "json").splitlines())
                 if line["source"] == "many"]
    expect("a revision each", len(set(revisions)) == each * WRITERS)


def killed(place):
    """An import that is killed leaves all of it or nothing."""
    rows = 20000
    path = place.path("large.csv", HEADER + "".join(f"account,k{n},r,,,,killed\n" for n in range(rows)))
    words = [COMMAND, "blacklist", "import", place.store, path, "--by", "a", *place.more]
    for percent in (10, 50, 80, 95):
        with open(path, "rb") as file:
            text = file.read()
        pipe = os.path.join(place.folder, "pipe")
        os.mkfifo(pipe)
        child = subprocess.Popen([pipe if word == path else word for word in words] + ["--format", "csv"],
                                 stdout=subprocess.DEVNULL, env=environment())
        with open(pipe, "wb") as file:
            file.write(text[:len(text) * percent // 100])
            file.flush()
            child.send_signal(signal.SIGKILL)
            child.wait()
        os.unlink(pipe)
        expect("killed while it read", "killed" not in place.export(), percent)
    children = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
                for _ in range(3)]
    for number, child in enumerate(children):
        try:
            child.wait(timeout=.1 + number * .15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    count = place.export().count(",killed\n")
    expect("killed at some moment", count in (0, rows), count)
    place.change("blacklist", "import", path)
    expect("imported after all", place.export().count(",killed\n") == rows)


def lost(place, postgres):
    """The server ends the connection while an import waits for its turn."""
    before = place.export()
    path = place.path("one.csv", HEADER + "account,lost,r,,,,\n")
    waiting = "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ringscope' AND wait_event_type = 'Lock')"
    holder = subprocess.Popen([os.path.join(postgres.bin, "psql"), "-h", postgres.folder, "-p", str(postgres.port), "-U",
                               "owner", "-d", "postgres", "-X", "-q", "-f", "-"], stdin=subprocess.PIPE, text=True,
                              user=postgres.user, cwd=postgres.folder)
    holder.stdin.write("BEGIN; LOCK TABLE rs_audit IN EXCLUSIVE MODE;\n")
    holder.stdin.flush()
    child = subprocess.Popen([COMMAND, "blacklist", "import", place.store, path, "--by", "a", *place.more],
                             stderr=subprocess.PIPE, text=True, env=environment())
    expect("it waits", postgres.wait_until(waiting))
    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringscope'")
    errors = child.communicate(timeout=moments.LIMIT_S)[1]
    expect("a lost connection", child.returncode == 1 and errors.count("\n") == 1, child.returncode, errors)
    holder.stdin.close()
    holder.wait()
    expect("and nothing was done", place.export() == before)


def every(place):
    round_trip(place)
    refused(place)
    changes(place)
    runs(place)
    many_writers(place)
    killed(place)


def main():
    folder = tempfile.mkdtemp(prefix="ringscope-lists-")
    server_folder = tempfile.mkdtemp(prefix="ringscope-pg-")
    postgres = None
    try:
        base = os.path.join(folder, "base")
        run("ingest", base, "--mapping", os.path.join(SMALL, "mapping.json"), "--quiet",
            *(os.path.join(SMALL, name) for name in sorted(os.listdir(SMALL)) if name.endswith(".csv.gz")))
        os.mkdir(os.path.join(folder, "one"))
        file = Place(os.path.join(folder, "one"), base, None)
        every(file)
        of_a_file(file)
        same_as_none(folder, base)
        try:
            if "made without libpq" in run("blacklist", "list", base, "--db", "postgresql://x:1/z", status=None):
                server.skip("this build has no libpq")
            postgres = server.Server(server_folder)
            postgres.start()
            os.mkdir(os.path.join(folder, "two"))
            place = Place(os.path.join(folder, "two"), base, postgres.address)
            every(place)
            lost(place, postgres)
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
