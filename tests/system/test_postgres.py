#!/usr/bin/env python3
"""Rows from a PostgreSQL server that the test makes and ends itself: the store equals the one made of
the same rows as CSV; what fails leaves the store as it was, says where, and tells no password.

SPDX-License-Identifier: GPL-3.0-or-later"""
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import moments  # noqa: E402 pylint: disable=wrong-import-position
from server import Server, closed_port, skip  # noqa: E402 pylint: disable=wrong-import-position

COMMAND = os.path.abspath(sys.argv[1])
SECRET = "sesam-4711"
failures = []
checks = 0


def expect(name, holds, *shown):
    global checks
    checks += 1
    if not holds:
        failures.append(" ".join([name, *map(str, shown)])[:1500])


# ---- the command ------------------------------------------------------------------------------


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "HOME": "/nowhere", **more}


def run(*words, **environment):
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, env=clean_environment(**environment), timeout=3 * moments.LIMIT_S)


def ingest(store, mapping, *words, **environment):
    return run("ingest", store, "--mapping", mapping, "--quiet", "--format", "json", *words, **environment)


def good(name, done):
    expect(name, done.returncode == 0, done.returncode, done.stderr)
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout else {}


def bad(name, done, status, *words):
    expect(f"{name}: exit status", done.returncode == status, done.returncode, done.stderr)
    for word in words:
        expect(f"{name}: message without \"{word}\":", word in done.stderr, done.stderr)
    expect(f"{name}: more than one line", done.stderr.count("\n") <= 1, done.stderr)
    tell_no_secret(name, done)


def tell_no_secret(name, done):
    expect(f"{name} tells the password", SECRET not in done.stdout + done.stderr, done.stderr)


def content(store):
    found = {}
    for name in sorted(os.listdir(store)) if os.path.isdir(store) else []:
        path = os.path.join(store, name)
        if name != "lock" and os.path.isfile(path):
            with open(path, "rb") as file:
                found[name] = file.read()
    return found


class Place:
    """The folder of one test run: mappings and stores by name."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def mapping(self, name, *sources):
        with open(self.path(name + ".json"), "w", encoding="utf-8") as file:
            json.dump({"sources": sources}, file)
        return self.path(name + ".json")


USES = {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "account"},
        "dst": {"type": "device", "column": "device"}, "time": "ts"}
PAYS = {"name": "pays", "kind": "payment", "src": {"type": "account", "column": "payer"},
        "dst": {"type": "account", "column": "payee"}, "time": "ts", "amount": "amount",
        "currency_column": "currency", "key": "ref"}
OWNER = {"type": "account", "column": "account", "attributes": ["note"]}


def uses(query, name="logins"):
    return {"query": query, "name": name, "relations": [USES]}


# ---- the same rows ----------------------------------------------------------------------------

NASTY = ["plain", "with \"quotes\"", "two\nlines", "cr\r\nlf", "a\ttab", "back\\slash", "\\N", "\\n", "\\.",
         "", None, "caf\u00e9 \u4e2d\u6587 \U0001F600", "\ufeffmark", " blanks ", ",", "'", ";--", "\x01\x7f",
         "\\", "x" * 4000]


def login_rows():
    rows = []
    for number in range(200):
        note = NASTY[number % len(NASTY)]
        rows.append(("\ufefffirst" if number == 0 else f"a{number % 37}{note or ''}"[:900], f"d\t{number % 11}",
                     f"2026-03-{number % 28 + 1:02}T12:30:{number % 60:02}+05:30" if number % 7 else None, note))
    return rows


def payment_rows():
    return [(f"a{number % 41}", f"a{number % 13}", None if number % 9 == 0 else f"{number * 7}.{number % 100:02}",
             ("EUR", "JPY")[number % 2], f"2026-04-01 00:{number % 60:02}:00" if number % 5 else None,
             None if number % 3 else f"ref {number // 6}") for number in range(500)]


def write_csv(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return path


def load(server, table, rows):
    def literal(cell):
        return "NULL" if cell is None else "E'" + cell.replace("\\", "\\\\").replace("'", "''") + "'"
    server.psql(f"INSERT INTO {table} VALUES " +
                ",".join("(" + ",".join(map(literal, row)) + ")" for row in rows) + ";")


def same_rows(server, place):
    server.psql("CREATE TABLE logins (account text, device text, ts timestamptz, note text, n serial);"
                "CREATE TABLE payments (payer varchar, payee text, amount numeric, currency char(3), "
                "ts timestamp, ref text, n serial);")
    header = ["account", "device", "ts", "note"]
    load(server, "logins (account, device, ts, note)", login_rows())
    load(server, "payments (payer, payee, amount, currency, ts, ref)",
         [(a, b, amount, c, t, r) for a, b, amount, c, t, r in payment_rows()])
    files = [write_csv(place.path("logins.csv"), header, login_rows()),
             write_csv(place.path("payments.csv"), ["payer", "payee", "amount", "currency", "ts", "ref"],
                       payment_rows())]
    of_files = place.mapping("files", {"match": "logins.csv", "relations": [USES], "nodes": [OWNER]},
                             {"match": "payments.csv", "relations": [PAYS]})
    of_queries = place.mapping(
        "queries",
        {"query": "SELECT account, n, note, device, ts FROM logins ORDER BY n ; \n", "name": "logins",
         "relations": [USES], "nodes": [OWNER]},
        {"query": "TABLE payments ORDER BY n -- a comment", "relations": [PAYS]})
    expected = good("CSV", ingest(place.path("by-file"), of_files, *files))
    got = good("queries", ingest(place.path("by-query"), of_queries, server.address))
    expect("results differ", got == expected and got.get("rows") == 700, got, expected)
    expect("stores differ", content(place.path("by-query")) == content(place.path("by-file")))
    expect("verify", run("verify", place.path("by-query")).returncode == 0)
    again = good("again", ingest(place.path("by-query"), of_queries, server.address))
    expect("sent again", again.get("unchanged") is True, again)
    mixed = place.mapping("mixed", {"query": "TABLE logins", "relations": [USES], "nodes": [OWNER]},
                          {"match": "payments.csv", "relations": [PAYS]})
    got = good("a query and a file", ingest(place.path("mixed"), mixed, server.address, files[1]))
    expect("a query and a file", got.get("batch") == expected.get("batch"), got, expected)
    return of_queries


def profile(server, place, queries):
    done = run("ingest", "--mapping", queries, "--dry-run", "--format", "json", server.address)
    found = good("dry run", done)
    expect("dry run: rows", found.get("rows") == 700 and found.get("bad_rows") == 0, done.stdout[:300])
    source = found["sources"][0]
    names = [column["name"] for column in source["columns"]]
    expect("dry run: columns", names == ["account", "n", "note", "device", "ts"], names)
    expect("dry run: source", source.get("query") == "logins" and "match" not in source, source.get("query"))
    expect("dry run: kinds", [column["looks_like"] for column in source["columns"]] ==
           ["text", "integer", "text", "text", "time"])
    text = run("ingest", place.path("none"), "--mapping", queries, "--dry-run", server.address).stdout
    expect("dry run: text", "the query \"logins\"" in text and "the query \"sources[1]\"" in text, text)


# ---- one snapshot, progress, places -----------------------------------------------------------


LOCKED = "(SELECT pg_advisory_lock(4711)) AS held"
WAITING = "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ringscope' AND wait_event_type = 'Lock')"


def snapshot(server, place):
    server.psql("CREATE TABLE one (account text, device text, ts timestamptz); CREATE TABLE two (LIKE one);"
                "INSERT INTO one VALUES ('a', 'd', now()); INSERT INTO two VALUES ('b', 'd', now());")
    mapping = place.mapping("snapshot", uses(f"SELECT one.* FROM one, {LOCKED}", "one"), uses("TABLE two", "two"))
    words = [COMMAND, "ingest", place.path("snapshot"), "--mapping", mapping, "--quiet", "--format", "json"]
    with server.locked():
        child = subprocess.Popen([*words, server.address], stdout=subprocess.PIPE, text=True, env=clean_environment())
        expect("the query never waited", server.wait_until(WAITING))
        server.psql("INSERT INTO two SELECT 'late', 'd', now() FROM generate_series(1, 100)")
    output = child.communicate()[0]
    expect("one snapshot", child.returncode == 0 and json.loads(output)["rows"] == 2, output)


def progress(server, place):
    mapping = place.mapping("long", uses("SELECT 'a' || n % 1000 AS account, 'd' || n AS device, n AS ts "
                                         "FROM generate_series(1, 300000) AS n"))
    done = run("ingest", place.path("long"), "--mapping", mapping, "--progress", "json", server.address)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    rows = [line for line in lines if line["stage"] == "ingest"]
    expect("progress", rows and all(line["unit"] == "rows" for line in rows) and
           rows[-1]["done"] == 300000, done.stderr[-300:])
    expect("rows", "300,000" in done.stdout, done.stdout)


def places(server, place):
    server.psql("CREATE TABLE times AS SELECT 'a' || n AS account, E'd\\n' AS device, "
                "CASE WHEN n IN (17, 40) THEN 'infinity' ELSE '2026-01-01'::timestamptz END AS ts "
                "FROM generate_series(1, 50) AS n")
    mapping = place.mapping("times", uses("TABLE times"))
    bad("a bad row", ingest(place.path("times"), mapping, server.address), 3,
        "logins:17:3: column \"ts\": \"infinity\" is not a time")
    expect("a bad row leaves a store", not os.path.exists(place.path("times")))
    done = ingest(place.path("times"), mapping, "--rejects", place.path("bad.csv"), "--keep-rows", server.address)
    expect("rejects", done.returncode == 6 and json.loads(done.stdout)["rejected"] == 2, done.stderr)
    with open(place.path("bad.csv"), encoding="utf-8", newline="") as file:
        rejected = list(csv.reader(file))
    expect("rejected rows", [row[:3] for row in rejected[1:]] == [["logins", "17", "3"], ["logins", "40", "3"]] and
           rejected[1][4] == "a17\td\\n\tinfinity", rejected)
    zero = place.mapping("zero", uses("SELECT 'a' AS account, 'd' AS device, 7 / (500 - n) AS ts "
                                      "FROM generate_series(1, 1000) AS n"))
    bad("bad data", ingest(place.path("zero"), zero, server.address), 3,
        "logins: after row 499 the query failed: division by zero")


# ---- what is refused --------------------------------------------------------------------------


def refusals(server, place):
    store = place.path("refused")
    ringscope_queries = {
        "SELEC 1": ["logins: the database refuses the query: syntax error at or near \"SELEC\" (at character 1"],
        "SELECT account, device, ts FROM nowhere": ["relation \"nowhere\" does not exist", "SQLSTATE 42P01"],
        "SELECT 1; SELECT 2": ["multiple commands"],
        "SELECT 1) TO PROGRAM 'true' --": ["syntax error"],
        "DELETE FROM logins": ["the query gives no rows"],
        "": ["expected a text"],
        "DELETE FROM logins RETURNING account, device, ts": ["read-only"],
        "SELECT account, device, ts FROM logins WHERE n = $1": ["parameters"],
        "SELECT nextval('logins_n_seq') AS account, device, ts FROM logins": ["read-only"],
        "SELECT account, ts FROM logins": [
            "logins: the query gives no column \"device\" (it gives \"account\", \"ts\")"],
        "SELECT account, device, device, ts FROM logins": ["two columns \"device\""],
    }
    for query, words in ringscope_queries.items():
        mapping = place.mapping("refused", uses(query))
        bad(f"query {query!r}", ingest(store, mapping, server.address), 2, *words)
        expect(f"query {query!r} leaves a store", not os.path.exists(store))
    count = server.psql("SELECT count(*) FROM logins").stdout.strip()
    expect("rows were deleted", count == "200", count)
    fine = uses("TABLE logins")
    mappings = {
        "both": ({**fine, "match": "x"}, "\"match\" or \"query\", not both"),
        "format": ({**fine, "format": "csv"}, "\"format\" goes with \"match\""),
        "unnamed": ({"match": "x", "name": "y", "relations": [USES]}, "\"name\" goes with \"query\""),
        "files": ({"match": "x", "relations": [USES]}, "no source of the mapping has a \"query\" for postgresql://"),
    }
    for name, (source, word) in mappings.items():
        bad(name, ingest(store, place.mapping("refused", source), server.address), 2, word)
    bad("a name twice", ingest(store, place.mapping("refused", fine, fine), server.address), 2, "\"logins\" is taken")
    mapping = place.mapping("fine", fine)
    bad("two databases", ingest(store, mapping, server.address, "postgres://x/y"), 2, "two databases")
    bad("no STORE", run("ingest", f"postgresql://u:{SECRET}@h/d", "--mapping", mapping, "x.csv"), 2, "STORE")


# ---- connections and passwords ----------------------------------------------------------------


def passwords(server, place):
    server.psql(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'; GRANT SELECT ON logins TO reader;")
    mapping, host = place.mapping("fine", uses("TABLE logins")), f"127.0.0.1:{server.port}/postgres"
    with open(place.path("pgpass"), "w", encoding="utf-8") as file:
        file.write(f"127.0.0.1:{server.port}:*:reader:{SECRET}\n")
    os.chmod(place.path("pgpass"), 0o600)
    plain = f"postgresql://reader@{host}"
    ways = [("in the address", f"postgres://reader:{SECRET}@{host}", {}),
            ("as an option", f"postgresql://{host}?user=reader&password={SECRET}", {}),
            ("PGPASSWORD", plain, {"PGPASSWORD": SECRET}),
            ("a password file", plain, {"PGPASSFILE": place.path("pgpass")}),
            ("all from the environment", "postgresql://",
             {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGDATABASE": "postgres", "PGUSER": "reader",
              "PGPASSWORD": SECRET})]
    for number, (name, address, environment) in enumerate(ways):
        store = place.path(f"password-{number}")
        done = ingest(store, mapping, "--keep-rows", "--batch", "one", address, **environment)
        tell_no_secret(name, done)
        expect(name, good(name, done).get("rows") == 200, done.stdout)
        expect(f"{name}: the store holds the password",
               not any(SECRET.encode() in data or b"127.0.0.1" in data for data in content(store).values()))
    store = place.path("refused")
    bad("no password", ingest(store, mapping, plain), 1, "cannot connect to postgresql://reader@127.0.0.1:",
        "no password supplied")
    bad("a wrong password", ingest(store, mapping, f"postgres://reader:{SECRET}x@{host}"), 1,
        "password authentication failed")
    bad("no such database", ingest(store, mapping, f"postgres://reader:{SECRET}@127.0.0.1:{server.port}/none"), 1,
        "database \"none\" does not exist")
    bad("refused", ingest(store, mapping, f"postgresql://x:{SECRET}@127.0.0.1:{closed_port()}/y"), 1,
        "cannot connect to postgresql://x@127.0.0.1:", "refused")
    bad("no rights", ingest(store, place.mapping("theirs", uses("SELECT payer AS account, payee AS device, ts "
                                                               "FROM payments")),
                            f"postgres://reader:{SECRET}@{host}"), 2, "permission denied")
    for address in (f"postgresql://x:{SECRET}/y@h/z", f"postgresql://x:{SECRET}@@h/z", f"postgresql://x:%{SECRET}@h/z",
                    f"postgresql://x:12/3?{SECRET}@h/z", f"postgresql://h/z?password={SECRET}&what=x",
                    f"postgresql://x:{SECRET}@h:port/z"):
        bad(f"the address {address}", ingest(store, mapping, address), 2, "address cannot be read")
    expect("a store was left", not os.path.exists(store))


# ---- stopped ----------------------------------------------------------------------------------


def start_ingest(store, mapping, address):
    return subprocess.Popen([COMMAND, "ingest", store, "--mapping", mapping, "--quiet", address],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environment())


# Where FROM has generate_series itself, the server makes all rows before it sends the first.
ROWS = ("SELECT 'a' || n AS account, 'd' || n %% 9 AS device, NULL AS ts FROM "
        "(SELECT generate_series(1, %d) AS n) AS rows")
ENDLESS = ROWS % 20000000000
SILENT = f"SELECT 'a' AS account, 'd' AS device, NULL AS ts FROM {LOCKED}"
BUSY = "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ringscope' AND state = 'active')"
# More than lies in sockets and buffers on the way: some has been read.
STREAMING = "EXISTS (SELECT FROM pg_stat_progress_copy WHERE tuples_processed > 200000)"


def cancelled(server, place, store):
    before = content(store)
    for name, query, begun in (("a silent query", SILENT, WAITING), ("a stream", ENDLESS, STREAMING)):
        for number in (signal.SIGINT, signal.SIGTERM):
            mapping = place.mapping("endless", uses(query))
            with server.locked():
                child = start_ingest(store, mapping, server.address)
                expect(f"{name} runs", server.wait_until(begun))
                child.send_signal(number)
                try:  # nothing but the signal ends it
                    errors = child.communicate(timeout=moments.LIMIT_S)[1]
                except subprocess.TimeoutExpired:
                    child.kill()
                    errors = child.communicate()[1] + "it went on"
                expect(f"{name}, {number.name}", child.returncode == 128 + number, child.returncode, errors)
                expect(f"{name}: the server goes on", server.wait_until(f"NOT {BUSY}"))
            expect(f"{name}: the store has changed", content(store) == before)


def killed(server, place, store):
    before = content(store)
    # A backend that is ended while it sends rows cannot say why: this one has sent them.
    mapping = place.mapping("endless", uses(f"{ROWS % 300000} UNION ALL {SILENT}"))
    with server.locked():
        child = start_ingest(store, mapping, server.address)
        expect("rows were sent", server.wait_until(WAITING))
        server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringscope'")
        errors = child.communicate()[1]
    expect("a backend ended", child.returncode == 1 and "logins: after row" in errors and "57P01" in errors,
           child.returncode, errors)
    child = start_ingest(store, place.mapping("endless", uses(ENDLESS)), server.address)
    expect("the stream runs", server.wait_until(STREAMING))
    server.stop(signal.SIGQUIT)
    errors = child.communicate()[1]
    expect("the server was ended", child.returncode == 1 and "logins: " in errors and errors.count("\n") == 1,
           child.returncode, errors)
    expect("the store has changed", content(store) == before)
    expect("verify", run("verify", store).returncode == 0)


def main():
    folder = tempfile.mkdtemp(prefix="ringscope-pg-")
    place_folder = tempfile.mkdtemp(prefix="ringscope-pg-")
    server = None
    try:
        place = Place(place_folder)
        mapping = place.mapping("any", uses("SELECT 1"))
        if "made without libpq" in ingest(place.path("any"), mapping, "postgresql://x:y/z").stderr:
            skip("this build has no libpq")
        server = Server(folder)
        server.start()
        queries = same_rows(server, place)
        profile(server, place, queries)
        snapshot(server, place)
        progress(server, place)
        places(server, place)
        refusals(server, place)
        passwords(server, place)
        cancelled(server, place, place.path("by-query"))
        killed(server, place, place.path("by-query"))
    finally:
        if server is not None:
            server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(place_folder, ignore_errors=True)
    for failure in failures:
        print(failure)
    print(f"{checks} checks, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
