#!/usr/bin/env python3
"""A second reader of stores, written from docs/FORMAT.md alone, slow and strict: whatever the document
does not allow is an error. It shares no code with the first.

    second_reader.py STORE            everything, one line each, sorted
    second_reader.py --rows STORE     the edges that have row sources, with file and line

Needs the modules zstandard and xxhash (Debian: python3-zstandard, python3-xxhash).

SPDX-License-Identifier: GPL-3.0-or-later"""
import os
import re
import struct
import sys

import xxhash
import zstandard

NONE_TIME = -1 << 63
NONE_AMOUNT = -1 << 63
KINDS = ["dictionary", "segment", "attribute", "rows", "reverse"]
ENDINGS = ["dict", "edges", "values", "rows", "back"]
VALUE_KINDS = ["integer", "decimal", "date", "text"]


class Damaged(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Damaged(what)


def hash64(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed & (1 << 64) - 1)


def hash128(data):
    return xxhash.xxh3_128_hexdigest(data)


class Bytes:
    """A run of bytes, read from its start."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "bytes end early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                need(byte != 0 or shift == 7, "a varint is longer than it needs to be")
                need(value < 1 << 64, "a varint of more than 64 bits")
                return value

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        need(self.at == len(self.data), f"{len(self.data) - self.at} bytes too many")


def unzstd(data, length):
    """One frame, of exactly that many bytes."""
    unpacked = zstandard.ZstdDecompressor().decompressobj()
    out = unpacked.decompress(data)
    need(unpacked.eof and not unpacked.unused_data, "not one whole zstd frame")
    need(len(out) == length, f"a frame of {len(out)} bytes, expected {length}")
    return out


def unzigzag(value):
    return value // 2 if value % 2 == 0 else -(value // 2) - 1


# ---- columns ----------------------------------------------------------------------------------


def read_bits(data, at, count):
    value = int.from_bytes(data[at // 8:(at + count + 7) // 8], "little") >> at % 8
    return value & (1 << count) - 1


def read_prefix(body, count):
    """Classes in four streams of canonical codes."""
    first, span = body.number("B"), body.number("B")
    need(span > 0 and first + span <= 65, "a span beyond the classes")
    if span == 1:
        return [first] * count
    packed_lengths = body.take((span + 1) // 2)
    lengths = [read_bits(packed_lengths, 4 * i, 4) for i in range(span)]
    need(span % 2 == 0 or packed_lengths[-1] >> 4 == 0, "the unused half is not 0")
    need(lengths[0] and lengths[-1] and max(lengths) <= 8, "code lengths")
    need(sum(256 >> one for one in lengths if one) == 256, "code lengths make no complete code")
    codes, code, before = {}, 0, 0
    for length, place in sorted((one, i) for i, one in enumerate(lengths) if one):
        code <<= length - before
        codes[length, code], before = first + place, length
        code += 1
    sizes, part, out = [body.number("H") for _ in range(4)], (count + 3) // 4, []
    for s, size in enumerate(sizes):
        stream, at = body.take(size), 0
        for _ in range(max(0, min((s + 1) * part, count) - s * part)):
            length, code = 0, 0
            while (length, code) not in codes:
                need(at < 8 * size and length < 8, "a stream ends early")
                length, code, at = length + 1, code << 1 | read_bits(stream, at, 1), at + 1
            out.append(codes[length, code])
        need(8 * size - at < 8 and read_bits(stream, at, -at % 8) == 0, "a stream ends late, or unused bits")
    return out


def read_rans(body, count):
    classes, frequencies = [], []
    for _ in range(body.number("B")):
        classes.append(body.number("B"))
        frequencies.append(body.number("H") + 1)
    need(classes == sorted(set(classes)) and all(one <= 64 for one in classes), "classes do not ascend")
    need(sum(frequencies) == 4096, "frequencies do not add up to 4096")
    starts = [sum(frequencies[:i]) for i in range(len(frequencies))]
    slots = [symbol for symbol, frequency in enumerate(frequencies) for _ in range(frequency)]
    words = body.number("I")
    states = [body.number("I") for _ in range(4)]
    stream = [body.number("H") for _ in range(words)]
    at, out = 0, []
    for i in range(count):
        state = states[i % 4]
        slot = state % 4096
        symbol = slots[slot]
        out.append(classes[symbol])
        state = frequencies[symbol] * (state // 4096) + slot - starts[symbol]
        if state < 65536:
            need(at < words, "words end early")
            state = state * 65536 + stream[at]
            at += 1
        states[i % 4] = state
    need(at == words and states == [65536] * 4, "words are left, or a state is not 65536")
    return out


def read_column(data, count, version):
    body = Bytes(data.take(data.number("I")))
    form = body.number("B")
    need(form in ((0, 1, 2) if version < 3 else (0, 2, 3, 4)), f"a column of form {form}")
    if form == 0:
        values = [body.number("Q")] * count
    elif form in (1, 3):
        values, classes = [], read_rans(body, count) if form == 1 else read_prefix(body, count)
        bits, at = body.rest(), 0
        need(len(bits) == (sum(max(0, one - 1) for one in classes) + 7) // 8, "bits of another length")
        for one in classes:
            if one == 0:
                values.append(0)
                continue
            values.append(1 << one - 1 | read_bits(bits, at, one - 1))
            at += one - 1
        need(read_bits(bits, at, -at % 8) == 0, "unused bits are not 0")
    elif form == 4:
        values, place = [body.number("Q")] * count, 0
        for _ in range(body.number("I")):
            place += body.varint()
            need(place < count, "a place beyond the column")
            values[place] = body.varint()
            place += 1
    else:
        length = body.number("I")
        plain = Bytes(unzstd(body.rest(), length))
        values = [plain.varint() for _ in range(count)]
        plain.end()
    body.end()
    return values


# ---- block files ------------------------------------------------------------------------------


class BlockFile:
    def __init__(self, path, kind, version, identity):
        with open(path, "rb") as file:
            self.data = data = file.read()
        need(len(data) >= 72, "too short")
        header = Bytes(data[:32])
        need(header.take(8) == b"RSBLOCKS", "no header")
        found = header.number("I")
        need(1 <= found <= version, f"version {found}")
        self.version = found
        need(header.number("I") == KINDS.index(kind), "another kind")
        need(header.number("Q") == identity, "another identity")
        need(header.number("Q") == hash64(data[:24]), "the header's checksum")
        footer = Bytes(data[-40:])
        at, length, checksum = (footer.number("Q") for _ in range(3))
        need(footer.number("Q") == hash64(data[-40:-16], identity), "the footer's checksum")
        need(footer.take(8) == b"RSFOOTER", "no footer")
        need(at >= 32 and at + length + 40 == len(data), "the index does not end at the footer")
        index = data[at:at + length]
        need(hash64(index, identity) == checksum, "the index's checksum")
        index = Bytes(index)
        self.meta = index.take(index.number("I"))
        self.blocks, start = [], 32
        for number in range(index.number("Q")):
            length, checksum = index.number("I"), index.number("Q")
            note = index.take(index.number("H"))
            block = data[start:start + length]
            need(hash64(block, identity + number) == checksum, f"the checksum of block {number}")
            self.blocks.append((note, block))
            start += length
        index.end()
        need(start == at, "blocks do not end at the index")


# ---- the manifest -----------------------------------------------------------------------------


def unquote(word):
    need(len(word) >= 2 and word[:1] == word[-1:] == b'"', "a name without quotes")
    return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda match: bytes([int(match.group(1), 16)]), word[1:-1])


FIELDS = {
    2: {"type": "count role name", "relation": "src dst kind as decimals edges first last name currency",
        "attribute": "type kind values name", "batch": "sequence home rows edges first last digest name",
        "source": "batch name", "file": "batch kind number bytes identity digest name"},
    1: {"batch": "sequence rows edges digest name", "file": "batch kind number bytes digest name"},
}
ORDER = ["type", "relation", "attribute", "batch", "source", "file"]


def read_manifest(path):
    with open(path, "rb") as file:
        data = file.read()
    match = re.fullmatch(rb"(ringscope-store (\d+)\n(?:.*\n)*)end ([0-9a-f]{32})\n", data)
    need(match, "no manifest")
    need(hash128(match.group(1)) == match.group(3).decode(), "the manifest's digest")
    version = int(match.group(2))
    need(1 <= version <= 3, f"version {version}")
    items = {kind: [] for kind in ORDER}
    lines = match.group(1).split(b"\n")[1:-1]
    need(re.fullmatch(rb"next \d+", lines[0]), "no line \"next\"")
    last = 0
    for line in lines[1:]:
        words = re.findall(rb'"[^"]*"|[^ ]+', line)
        need(b" ".join(words) == line, "words are not separated by one space")
        kind = words[0].decode()
        need(kind in ORDER and ORDER.index(kind) >= last, f"a line \"{kind}\" out of order")
        last = ORDER.index(kind)
        names = (FIELDS[1].get(kind) if version == 1 else None) or FIELDS[2][kind]
        names = names.split()
        need(len(names) == len(words) - 1, f"a line \"{kind}\" of {len(words) - 1} fields")
        item = dict(zip(names, words[1:]))
        for field, word in item.items():
            if field in ("name", "currency") and kind != "file":
                item[field] = unquote(word)
            elif field in ("role", "kind", "as", "digest", "name", "identity"):
                item[field] = word.decode()
            else:
                item[field] = None if word == b"-" else int(word)
        items[kind].append(item)
    check_orders(items)
    return version, items


def check_orders(items):
    types, relations = items["type"], items["relation"]
    need(types == sorted(types, key=lambda one: (one["role"] == "keys", one["name"])), "types are not sorted")
    need(relations == sorted(relations, key=lambda one: (one["name"], types[one["src"]]["name"],
                                                         types[one["dst"]]["name"], one["currency"])),
         "relations are not sorted")
    attributes = items["attribute"]
    need(attributes == sorted(attributes, key=lambda one: (types[one["type"]]["name"], one["name"])),
         "attributes are not sorted")
    batches = items["batch"]
    need(batches == sorted(batches, key=lambda one: one["sequence"]), "batches are not sorted")
    for batch in batches:
        home = batch.get("home")
        need(home is None or batches[home].get("home") is None, "a home that has a home")


def old_identity(batch, name):
    seed = hash64(bytes.fromhex(batch["digest"])[7::-1] + bytes.fromhex(batch["digest"])[:7:-1] +
                  struct.pack("<Q", batch["sequence"]))
    return hash64(name.encode(), seed)


# ---- what files hold --------------------------------------------------------------------------


def bits_for(count):
    return max(1, (count - 1).bit_length())


def packed(data, bits, count):
    need(len(data) == (bits * count + 7) // 8, "packed numbers of another length")
    need(read_bits(data, bits * count, -bits * count % 8) == 0, "unused bits are not 0")
    return [read_bits(data, bits * i, bits) for i in range(count)]


def read_ids(count, unpacked, block):
    data = Bytes(unzstd(block, unpacked))
    shared = [data.varint() for _ in range(count)]
    lengths = [data.varint() for _ in range(count)]
    ids, last = [], b""
    for one, length in zip(shared, lengths):
        need(one <= len(last) and one <= length, "more is shared than there is")
        last = last[:one] + data.take(length - one)
        ids.append(last)
    data.end()
    return ids


def read_dictionary(file):
    """Number -> id."""
    meta = Bytes(file.meta)
    first, total = meta.number("I"), meta.number("I")
    permuted = len(file.meta) == 12
    need(not permuted or (meta.number("I") == 1 and file.version >= 2), "what is this part?")
    meta.end()
    found, ids, block_of, told = {}, [], {}, []
    for number, (note, block) in enumerate(file.blocks):
        note = Bytes(note)
        count, unpacked = note.number("I"), note.number("I")
        if count == 0:
            need(permuted, "a block without ids")
            told.append((unpacked, block))
            note.end()
            continue
        need(count <= 4096 and not told, "a block of too many ids, or behind those of numbers")
        head = note.rest()
        places = range(len(ids), len(ids) + count)
        if permuted:
            cut = (bits_for(total) * count + 7) // 8
            places = packed(block[:cut], bits_for(total), count)
            block = block[cut:]
        part = read_ids(count, unpacked, block)
        need(part[0] == head, "the note's first id is another")
        for place, one in zip(places, part):
            need(place < total and first + place not in found, "a number beyond the part, or twice")
            found[first + place] = one
            block_of[place] = number
        ids += part
    need(all(one < other for one, other in zip(ids, ids[1:])), "ids do not ascend")
    need(len(ids) == total, "another number of ids")
    check_told(told, total, block_of, len(file.blocks) - len(told))
    return first, found


def check_told(told, total, block_of, blocks):
    """The blocks that say in which block each number stands."""
    at = 0
    for count, block in told:
        need(count == min(65536, total - at), "a block of numbers of another length")
        numbers = packed(block, bits_for(blocks), count)
        need(numbers == [block_of[at + i] for i in range(count)], "a number is said to stand elsewhere")
        at += count
    need(not told or at == total, "numbers are missing")


def read_edges(file, reverse):
    """(source, target, time, amount, precision), in order, and how many each block holds."""
    meta = Bytes(file.meta)
    need(meta.number("I") == reverse and meta.number("I") == 0, "another direction")
    total, first, last = meta.number("Q"), meta.number("q"), meta.number("q")
    meta.end()
    edges, counts = [], []
    for note, block in file.blocks:
        part = read_edge_block(Bytes(block), struct.unpack_from("<I", note)[0], file.version, reverse)
        need(len(note) == 16 and struct.unpack("<4I", note) ==
             (len(part), part[0][0], part[0][1], part[-1][0]), "a note that does not fit")
        edges += part
        counts.append(len(part))
    times = [edge[2] for edge in edges if edge[2] != NONE_TIME]
    need(len(edges) == total, "another number of edges")
    need((first, last) == ((min(times), max(times)) if times else (NONE_TIME, NONE_TIME)), "other times")
    need(edges == sorted(edges, key=lambda edge: edge[:4]), "edges do not ascend")
    return edges, counts


def read_edge_block(data, count, version, reverse):
    runs, flags, base = data.number("I"), data.number("B"), data.number("q")
    way = flags >> 3 & 3
    need(flags < 32 and (version >= 2 or way == 0) and not (reverse and flags & 7), f"flags {flags}")
    need(0 < runs <= count, "no runs, or more than edges")
    src, degree, head = (read_column(data, runs, version) for _ in range(3))
    gap = read_column(data, count - runs, version)
    time = read_column(data, count, version) if flags & 1 else [0] * count
    amount = read_column(data, count, version) if flags & 2 else [0] * count
    precision = read_column(data, count, version) if flags & 4 else [1] * count
    data.end()
    pairs, source, last_head, greatest = [], 0, 0, -1
    gaps = iter(gap)
    for i in range(runs):
        source += src[i]
        need(i == 0 or src[i] > 0, "two runs of one source")
        near = (0, last_head, source, 1 + greatest)[way]
        target = last_head = head[i] if way == 0 else (near + unzigzag(head[i])) % (1 << 64)
        pairs.append((source, target))
        for _ in range(degree[i] + 1 - 1):
            target += next(gaps, -1 << 70)
            pairs.append((source, target))
        greatest = max(greatest, target)
    need(len(pairs) == count and next(gaps, None) is None, "degrees and edges differ")
    need(all(0 <= one < 1 << 32 and 0 <= other < 1 << 32 for one, other in pairs), "a number beyond 32 bits")
    return [(one, other, base + time[i] - 1 if time[i] else NONE_TIME,
             unzigzag(amount[i] - 1) if amount[i] else NONE_AMOUNT, precision[i])
            for i, (one, other) in enumerate(pairs)]


def read_values(file):
    """(node, time, text)"""
    total, = struct.unpack("<Q", file.meta)
    values = []
    for note, block in file.blocks:
        count, length, first, last = struct.unpack("<4I", note)
        data = Bytes(block)
        base = data.number("q")
        gaps, times, lengths = (read_column(data, count, file.version) for _ in range(3))
        text = Bytes(unzstd(data.rest(), sum(lengths)))
        need(length == sum(lengths), "texts of another length")
        node, part = 0, []
        for i in range(count):
            node += gaps[i]
            part.append((node, base + times[i] - 1 if times[i] else NONE_TIME, text.take(lengths[i])))
        need((part[0][0], part[-1][0]) == (first, last), "a note that does not fit")
        values += part
    need(len(values) == total, "another number of values")
    need(all(one[0] < other[0] for one, other in zip(values, values[1:])), "nodes do not ascend")
    return values


def read_rows(file, counts, sources):
    """(name of the input file or None, line) of each edge."""
    need(len(file.meta) == 8 and struct.unpack("<Q", file.meta)[0] == sum(counts), "another number of edges")
    need([struct.unpack("<I", note)[0] for note, _ in file.blocks] == counts, "other blocks than the segment's")
    rows = []
    for (_, block), count in zip(file.blocks, counts):
        data = Bytes(block)
        numbers, lines = (read_column(data, count, file.version) for _ in range(2))
        data.end()
        for number, line in zip(numbers, lines):
            need(number < len(sources) or (number == len(sources) and line == 0), "a source beyond the last")
            rows.append((sources[number] if number < len(sources) else None, line))
    return rows


# ---- a store ----------------------------------------------------------------------------------


class Store:
    def __init__(self, path):
        self.path = path
        self.version, self.items = read_manifest(os.path.join(path, "MANIFEST"))
        self.ids = [{} for _ in self.items["type"]]
        self.edges = [[] for _ in self.items["relation"]]    # (edge, (file, line) or None)
        self.values = [{} for _ in self.items["attribute"]]
        self.files = {}
        for file in self.items["file"]:
            self.read_file(file)
        for relation, key in {(file["number"], file["batch"]): 0 for file in self.items["file"]
                              if file["kind"] == "segment"}:
            self.join(relation, key)
        self.check_counts()

    def read_file(self, item):
        path, batch = os.path.join(self.path, item["name"]), None
        try:
            need(re.fullmatch(rf"b\d{{8}}-\d{{4}}\.{ENDINGS[KINDS.index(item['kind'])]}", item["name"]), "its name")
            with open(path, "rb") as file:
                data = file.read()
            need(len(data) == item["bytes"] and hash128(data) == item["digest"], "its size or its digest")
            if item["batch"] is not None:
                batch = self.items["batch"][item["batch"]]
                need(batch.get("home") is None, "its batch has a home")
            identity = int(item["identity"], 16) if "identity" in item else old_identity(batch, item["name"])
            file = BlockFile(path, item["kind"], self.version, identity)
            if item["kind"] == "dictionary":
                self.add_ids(item, *read_dictionary(file))
            elif item["kind"] == "attribute":
                self.add_values(item, read_values(file))
            elif item["kind"] in ("segment", "reverse"):
                self.files[item["kind"], item["batch"], item["number"]] = \
                    read_edges(file, item["kind"] == "reverse")
            else:
                self.files["rows", item["batch"], item["number"]] = file
        except Damaged as error:
            raise Damaged(f"{item['name']}: {error}") from None

    def add_ids(self, item, first, found):
        ids = self.ids[item["number"]]
        keys = self.items["type"][item["number"]]["role"] == "keys"
        need(first >= max(ids, default=-1) + 1 and (keys or first == len(ids)), "numbers with a gap")
        need(not set(ids.values()) & set(found.values()), "an id of an earlier part")
        ids.update(found)

    def add_values(self, item, values):
        known = self.values[item["number"]]
        for node, time, text in values:
            known[node] = max(known.get(node, (NONE_TIME, b"")), (time, text))

    def sources_of(self, batch):
        numbers = [i for i, one in enumerate(self.items["batch"]) if i == batch or one.get("home") == batch]
        return [one["name"] for one in self.items["source"] if one["batch"] in numbers]

    def join(self, relation, batch):
        edges, counts = self.files["segment", batch, relation]
        rows = [None] * len(edges)
        if ("rows", batch, relation) in self.files:
            rows = read_rows(self.files["rows", batch, relation], counts, self.sources_of(batch))
        self.edges[relation] += zip(edges, rows)
        if ("reverse", batch, relation) in self.files:
            back, _ = self.files["reverse", batch, relation]
            need([edge[:2] for edge in back] == sorted({(edge[1], edge[0]) for edge in edges}),
                 "a reverse file of other pairs")

    def check_counts(self):
        for number, one in enumerate(self.items["type"]):
            need(one["role"] == "keys" or len(self.ids[number]) == one["count"], "another number of nodes")
        for relation, found in zip(self.items["relation"], self.edges):
            times = [edge[2] for edge, _ in found if edge[2] != NONE_TIME]
            need(relation["edges"] == len(found), "another number of edges")
            need((relation["first"], relation["last"]) == (min(times, default=None), max(times, default=None)),
                 "other times")
            for edge, _ in found:
                need(edge[0] in self.ids[relation["src"]] and edge[1] in self.ids[relation["dst"]], "no such node")

    def lines(self):
        types = self.items["type"]
        for one, ids in zip(types, self.ids):
            if one["role"] != "keys":
                yield from (f"node {one['name'].decode()} {name.hex()}" for name in ids.values())
        for relation, found in zip(self.items["relation"], self.edges):
            src, dst = self.ids[relation["src"]], self.ids[relation["dst"]]
            for edge, _ in found:
                yield (f"{relation['name'].decode()} {relation['currency'].decode()} {src[edge[0]].hex()} "
                       f"{dst[edge[1]].hex()} {edge[2]} {edge[4]} {edge[3]}")
        for attribute, values in zip(self.items["attribute"], self.values):
            ids = self.ids[attribute["type"]]
            for node, (_, text) in values.items():
                yield (f"value {attribute['name'].decode()} {VALUE_KINDS.index(attribute['kind'])} "
                       f"{ids[node].hex()} {text.hex()}")

    def row_lines(self):
        for relation, found in zip(self.items["relation"], self.edges):
            src, dst = self.ids[relation["src"]], self.ids[relation["dst"]]
            for edge, row in found:
                if row is not None and row[0] is not None:
                    yield (f"{row[0].decode()}:{row[1]} {relation['name'].decode()} {src[edge[0]].hex()} "
                           f"{dst[edge[1]].hex()}")


def main():
    words = [word for word in sys.argv[1:] if word != "--rows"]
    try:
        store = Store(words[0])
    except (Damaged, OSError) as error:
        sys.exit(f"second_reader: {error}")
    lines = store.row_lines() if "--rows" in sys.argv else store.lines()
    sys.stdout.write("".join(line + "\n" for line in sorted(lines)))


if __name__ == "__main__":
    main()
