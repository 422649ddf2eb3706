"""both.py - a mapping with all that a store can hold: two relations, event keys, amounts, an attribute. Of
use*.csv (a,d,t,age) and pay*.csv (a,b,t,m,k).

SPDX-License-Identifier: GPL-3.0-or-later"""
MAPPING = {"sources": [
    {"match": "use*.csv", "relations": [
        {"name": "uses", "kind": "shared", "src": {"type": "account", "column": "a"},
         "dst": {"type": "device", "column": "d"}, "time": "t"}],
     "nodes": [{"type": "account", "column": "a", "attributes": ["age"]}]},
    {"match": "pay*.csv", "relations": [
        {"name": "pays", "kind": "payment", "src": {"type": "account", "column": "a"},
         "dst": {"type": "account", "column": "b"}, "time": "t", "amount": "m", "key": "k"}]}]}
