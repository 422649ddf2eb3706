/* store.h - read the compressed edge store: types, relations, ids, edges.
 *
 * A store is a directory of immutable files and one manifest that names them (docs/FORMAT.md).
 *
 * Life     rs_store_open takes a snapshot: later batches do not show in it -> rs_store_close
 * Nodes    each node type has its own dense numbers 0 .. node_count-1: batch after batch, in a
 * batch in byte order of the ids until a compaction numbers them anew
 * Memory   the manifest and block indexes; blocks are read when
 * asked for Threads  a store handle may be shared by threads for scans; a scan belongs to one
 * thread Trust    the files may be damaged or hostile: every length is checked before use;
 * RS_ECORRUPT names the file, the place, what was expected and what was found
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_STORE_H
#define RINGSCOPE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "text.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RS_NO_NODE   UINT32_MAX
#define RS_NO_TIME   INT64_MIN /* this edge has no time */
#define RS_NO_AMOUNT INT64_MIN /* this edge has no amount */

typedef struct rs_store rs_store; /* opaque: its layout may change in any release */

typedef enum rs_kind {
    RS_KIND_SHARED,   /* a thing or a place that several accounts may use */
    RS_KIND_PAYMENT,  /* money from src to dst */
    RS_KIND_ACTION,   /* an act on a target */
    RS_KIND_CONTENT,  /* a text that was posted */
    RS_KIND_IDENTITY, /* a verified identity: a hard link */
    RS_KIND_LINK      /* any other tie */
} rs_kind;
#define RS_KIND_COUNT 6

/* "shared", "payment", ...; the name in mappings, the manifest and stats. */
RS_API const char *rs_kind_name(rs_kind kind);

/* A relation as the store knows it. Two relations of one name differ in types or currency. */
typedef struct rs_relation_info {
    const char *name; /* as the mapping names it; lives as long as the store */
    rs_kind kind;
    bool place; /* kind shared, "as": "place" */
    uint32_t src_type;
    uint32_t dst_type;
    uint8_t decimals;     /* of amounts: 2 means that 100 is 1.00 */
    const char *currency; /* "" where the mapping names none */
    uint64_t edge_count;
    int64_t time_min; /* UTC seconds; RS_NO_TIME where no edge has a time */
    int64_t time_max;
} rs_relation_info;

typedef struct rs_type_info {
    const char *name;
    uint32_t node_count;
    bool subject; /* its nodes can be members of a ring */
} rs_type_info;

typedef struct rs_batch_info {
    const char *name;
    uint64_t sequence; /* 1, 2, ... in the order of commit */
    uint64_t row_count;
    uint64_t edge_count; /* as it was sent: what retention forgot is still counted */
    int64_t time_min;    /* of its events; RS_NO_TIME where none has a time */
    int64_t time_max;
    size_t home; /* the batch that a compaction merged it into; itself where none did */
} rs_batch_info;

/* What a node attribute holds over all its values. */
typedef enum rs_value_kind {
    RS_VALUE_INTEGER,
    RS_VALUE_DECIMAL,
    RS_VALUE_DATE,
    RS_VALUE_TEXT
} rs_value_kind;

typedef struct rs_attribute_info {
    const char *name;
    uint32_t type; /* the node type it describes */
    rs_value_kind kind;
    uint64_t value_count; /* over all batches: a node that two of them describe counts twice */
} rs_attribute_info;

/* Open the store at `path`. On RS_OK the caller owns *out and must close it; on failure *out is
 * untouched. RS_ENOTFOUND, RS_EIO, RS_ECORRUPT, RS_ENOMEM. Cost: the manifest and block indexes. */
RS_API RS_MUST_USE rs_status rs_store_open(rs_store **out, const char *path, rs_error *err);
RS_API void rs_store_close(rs_store *store);
/* Before any other call: look at the store as it was after the batch of that sequence, as if later
 * ones had not come; types and relations that only they have stay, empty. *mixed: a compaction
 * merged some of them with earlier ones, and nothing was changed. RS_EUSAGE (a later batch was
 * dropped since), RS_ENOMEM; the store can then only be closed. */
RS_API RS_MUST_USE rs_status rs_store_until(rs_store *store, uint64_t sequence, bool *mixed,
                                            rs_error *err);

RS_API size_t rs_store_type_count(const rs_store *store);
RS_API size_t rs_store_relation_count(const rs_store *store);
RS_API size_t rs_store_batch_count(const rs_store *store);
RS_API size_t rs_store_attribute_count(const rs_store *store);
/* Types stand in byte order of their names; relations in order of name, types, currency. */
RS_API rs_type_info rs_store_type(const rs_store *store, size_t type);
RS_API rs_relation_info rs_store_relation(const rs_store *store, size_t relation);
RS_API rs_batch_info rs_store_batch(const rs_store *store, size_t batch);
RS_API rs_attribute_info rs_store_attribute(const rs_store *store, size_t attribute);
/* The type of that name, or SIZE_MAX. */
RS_API size_t rs_store_type_named(const rs_store *store, const char *name);
/* Digest of the manifest's content, 32 hex digits: two snapshots of equal digest are equal. */
RS_API const char *rs_store_digest(const rs_store *store);
/* Bytes on disk that the snapshot uses: dictionary, relations, attributes, row provenance.
 * `reverse` is the part of `relations` that serves look-ups by target. */
typedef struct rs_store_size {
    uint64_t manifest, dictionary, relations, attributes, rows;
    uint64_t reverse;
} rs_store_size;
RS_API rs_store_size rs_store_bytes(const rs_store *store);

/* What a relation's edges take on disk, by column. `structure` is who points at whom and all that
 * files have beside their columns; time includes its precision. `reverse` serves look-ups by
 * target and holds `pair_count` distinct pairs. */
typedef struct rs_relation_size {
    uint64_t structure, time, amount;
    uint64_t reverse;
    uint64_t pair_count;
} rs_relation_size;
/* O(blocks) small reads; nothing is unpacked. */
RS_API RS_MUST_USE rs_status rs_store_relation_bytes(const rs_store *store, size_t relation,
                                                     rs_relation_size *size, rs_error *err);

/* The dense number of `id` among the nodes of `type`, or RS_NO_NODE. O(log n) block reads. */
RS_API RS_MUST_USE rs_status rs_store_find(const rs_store *store, size_t type, rs_text id,
                                           uint32_t *node, rs_error *err);

/* ---- edges, one run at a time ------------------------------------------------------------- */

/* Lent to the caller: valid until the next call on the same scan. All arrays have `count` entries.
 * Within one segment edges stand in order of (src, dst, time, amount); segments follow one another.
 */
typedef struct rs_edges {
    size_t count;
    const uint32_t *src;
    const uint32_t *dst;
    const int64_t *time; /* NULL: no edge of the run has one; else UTC seconds or RS_NO_TIME */
    const int64_t
        *amount; /* NULL: no edge of the run has one; else smallest unit or RS_NO_AMOUNT */
    const uint32_t
        *precision_s; /* seconds that a time may be off: 1, 3600, 86400; NULL: all are 1 */
    uint32_t batch;   /* index for rs_store_batch */
} rs_edges;

enum { RS_SCAN_TIME = 1, RS_SCAN_AMOUNT = 2 }; /* columns wanted beside src and dst */

typedef struct rs_scan rs_scan;
RS_API RS_MUST_USE rs_status rs_scan_open(rs_scan **out, const rs_store *store, size_t relation,
                                          unsigned columns, rs_error *err);
/* Before the first run: only the `share`-th of `shares` like shares of the blocks of each batch.
 * All of them give each edge once; scans of one store may be read side by side. */
RS_API void rs_scan_share(rs_scan *scan, size_t share, size_t shares);
/* The next run; an empty one (count 0) at the end. */
RS_API RS_MUST_USE rs_status rs_scan_next(rs_scan *scan, rs_edges *run, rs_error *err);
RS_API void rs_scan_close(rs_scan *scan);

/* ---- the edges of some nodes, by index ------------------------------------------------------- */

typedef enum rs_side {
    RS_SIDE_SRC, /* edges where the node is src */
    RS_SIDE_DST  /* edges where the node is dst */
} rs_side;

typedef struct rs_lookup_query {
    size_t relation;
    rs_side side;
    const uint32_t *nodes; /* lent until the look-up is closed; where they ascend a block that holds
                              edges of several is unpacked once */
    size_t node_count;
    unsigned columns; /* as for a scan */
} rs_lookup_query;

/* Reads the index and the blocks that hold the edges, nothing else. By dst that needs the reverse
 * files that a compaction writes; batches without them are read whole, for each node. A lookup
 * belongs to one thread. RS_EUSAGE where the relation has no such node. */
typedef struct rs_lookup rs_lookup;
RS_API RS_MUST_USE rs_status rs_lookup_open(rs_lookup **out, const rs_store *store,
                                            const rs_lookup_query *query, rs_error *err);
/* The next edges, all of one node, lent until the next call; an empty run (count 0) at the end.
 * Batch after batch, the nodes as they were given; those of a node and batch stand in order of
 * (src, dst, time, amount). */
RS_API RS_MUST_USE rs_status rs_lookup_next(rs_lookup *lookup, rs_edges *run, rs_error *err);
RS_API void rs_lookup_close(rs_lookup *lookup);

/* From numbers to ids, one block of the dictionary at a time. */
typedef struct rs_namer rs_namer;
RS_API RS_MUST_USE rs_status rs_namer_open(rs_namer **out, const rs_store *store, size_t type,
                                           rs_error *err);
/* The id of `node`, which is below the type's node count; lent until the next call. */
RS_API RS_MUST_USE rs_status rs_namer_name(rs_namer *namer, uint32_t node, rs_text *id,
                                           rs_error *err);
RS_API void rs_namer_close(rs_namer *namer);

/* ---- ids, all of a type, one at a time ---------------------------------------------------- */

typedef struct rs_names rs_names;
RS_API RS_MUST_USE rs_status rs_names_open(rs_names **out, const rs_store *store, size_t type,
                                           rs_error *err);
/* The next node and its id: every node once, part by part of the dictionary in byte order of the
 * ids, which need not be the order of their numbers; *node is RS_NO_NODE at the end. `id` is lent
 * until the next call. */
RS_API RS_MUST_USE rs_status rs_names_next(rs_names *names, uint32_t *node, rs_text *id,
                                           rs_error *err);
RS_API void rs_names_close(rs_names *names);

/* ---- node attributes ---------------------------------------------------------------------- */

typedef struct rs_values rs_values;
RS_API RS_MUST_USE rs_status rs_values_open(rs_values **out, const rs_store *store,
                                            size_t attribute, rs_error *err);
/* The next node that has the attribute, in ascending order, and its text; RS_NO_NODE at the end.
 * Where batches disagree the winner does not depend on their order: the latest time, then the
 * greatest bytes. */
RS_API RS_MUST_USE rs_status rs_values_next(rs_values *values, uint32_t *node, rs_text *text,
                                            rs_error *err);
RS_API void rs_values_close(rs_values *values);

/* ---- where an edge came from (batches ingested with keep_rows) ------------------------------ */

typedef struct rs_row_source {
    const char *file; /* as it was named when ingested; lives as long as the store */
    uint64_t line;    /* 1-based line at which the row starts */
    int64_t time;     /* of the edge, as in rs_edges */
    int64_t amount;
} rs_row_source;
/* The source of each edge src -> dst of `relation`, at most `capacity`; *count is how many there
 * are kept in all. A batch without rows gives none. */
RS_API RS_MUST_USE rs_status rs_store_row_sources(const rs_store *store, size_t relation,
                                                  uint32_t src, uint32_t dst, size_t capacity,
                                                  rs_row_source *sources, size_t *count,
                                                  rs_error *err);

/* Read every byte of the snapshot and check every checksum and invariant. RS_ECORRUPT with the
 * first finding; `damage_count` (may be NULL) counts all of them. */
RS_API RS_MUST_USE rs_status rs_store_verify(const char *path, const rs_work *work,
                                             uint64_t *damage_count, rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
