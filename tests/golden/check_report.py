#!/usr/bin/env python3
"""Is a report what docs/report.schema.json and docs/REPORT.md promise?

check_report.py REPORT...   exit status 0: all are, 1: one is not, 77: python3-jsonschema is missing

Beside the schema: what a grammar cannot say (weights that sum to exactly 1, order, counts that
agree), and that the text is the form that ringscope writes, so that grep and diff keep working.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import pathlib
import sys
from decimal import Decimal

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"


def no_repeats(pairs):
    """A key that stands twice in one object means something else to every reader."""
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
    return dict(pairs)


def load(path):
    text = pathlib.Path(path).read_bytes().decode("utf-8")  # strict
    return text, json.loads(text, parse_float=Decimal, object_pairs_hook=no_repeats)


def check_form(text):
    lines = text.split("\n")
    assert lines[0] == '{"report":"ringscope/1",', lines[0]
    assert lines[1].startswith('"run":{') and lines[2].startswith('"totals":{')
    assert lines[3].startswith('"gone":[') and lines[4] == '"clusters":[' and lines[-2:] == ["]}", ""]
    for line in lines[5:-2]:
        assert line.startswith('{"id":"R-'), line[:80]
    assert text.isprintable() or not [c for c in text if ord(c) < 32 and c != "\n"]


def check_cluster(cluster):
    where = cluster["id"]
    members = [(m["type"], m["id"]) for m in cluster["members"]]
    assert len(set(members)) == len(members), f"{where}: a member stands twice"
    things = [(t["type"], t["id"]) for t in cluster["things"]]
    assert len(set(things)) == len(things), f"{where}: a thing stands twice"
    assert sum(r["weight"] for r in cluster["reasons"]) == 1, f"{where}: weights do not sum to 1"
    weights = [r["weight"] for r in cluster["reasons"]]
    assert weights == sorted(weights, reverse=True), f"{where}: reasons out of order"
    for thing in cluster["things"]:
        assert thing["shared_by"] <= len(members), f"{where}: {thing}"
    for reason in cluster["reasons"]:
        assert reason["members"] <= len(members), f"{where}: {reason['text']}"
        for fact in reason["facts"]:
            users = [(fact["user_type"], user) for user in fact["users"]]
            assert len(set(users)) == len(users), f"{where}: a user stands twice"


def check_lineage(report):
    """Events add up, and a ring that goes on from an earlier one has its id."""
    clusters, gone, events = report["clusters"], report["gone"], report["totals"]["events"]
    ids = {c["id"] for c in clusters}
    assert events.pop("died") == len(gone)
    for event, count in events.items():
        assert count == sum(c["lineage"]["event"] == event for c in clusters), event
    for cluster in clusters:
        event, origins = cluster["lineage"]["event"], cluster["lineage"]["from"]
        assert (event == "born") == (not origins), cluster["id"]
        assert event in ("born", "split", "merged") or origins[0] == cluster["id"], cluster["id"]
    assert [g["id"] for g in gone] == sorted(g["id"] for g in gone), "gone rings out of order"
    assert not ids & {g["id"] for g in gone}, "a ring is there and gone"
    assert all(g["into"] is None or g["into"] in ids for g in gone), "a ring went where none is"


def check_sums(report):
    clusters, totals = report["clusters"], report["totals"]
    check_lineage(report)
    order = [(-c["score"], c["id"]) for c in clusters]
    assert order == sorted(order), "clusters out of order"
    scores = [c["score"] for c in clusters]
    ids = [c["id"] for c in clusters]
    assert totals["clusters"] == len(clusters)
    assert totals["suspects"] == sum(score >= Decimal("0.5") for score in scores)
    assert len(set(ids)) == len(ids), "an id stands twice"
    known = set()
    for cluster in clusters:
        check_cluster(cluster)
        members = {(m["type"], m["id"]) for m in cluster["members"]}
        assert not members & known, f"{cluster['id']}: a member of two rings"
        known |= members


def validator():
    import jsonschema

    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    # Decimal keeps every digit; to the schema it is a number like any other.
    checker = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "number", lambda _, value: isinstance(value, (int, Decimal)) and not isinstance(value, bool))
    strict = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=checker)
    return strict(schema, format_checker=jsonschema.FormatChecker())


def check(path, valid=None):
    """Raise an AssertionError, or a jsonschema.ValidationError, for a report that breaks a promise."""
    text, report = load(path)
    (valid or validator()).validate(report)
    check_form(text)
    check_sums(report)
    return report


def main(paths):
    try:
        valid = validator()
    except ImportError:
        print("skipped: python3-jsonschema is not installed", file=sys.stderr)
        return 77
    for path in paths:
        check(path, valid)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
