/* maintain.h - what keeps a store small and fit: forget a batch, merge what nights left behind.
 *
 * Each call takes the writer's lock and publishes one new manifest: a kill at any moment leaves the
 * store as it was or as it should be. Readers go on reading the snapshot they opened.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_MAINTAIN_H
#define RINGSCOPE_MAINTAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "text.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_drop_result {
    uint64_t row_count; /* as they were sent */
    uint64_t edge_count;
    uint64_t bytes_before; /* of the snapshot on disk */
    uint64_t bytes_after;
} rs_drop_result;

/* Forget batch `name`: its relations, attributes, rows and event keys are gone at once, ids that
 * nothing uses any more at the next compaction; the name may be used again. RS_ENOTFOUND: no such
 * store or batch. RS_EUSAGE: a compaction merged it with others. O(files). */
RS_API RS_MUST_USE rs_status rs_drop_batch(const char *store_path, const char *name,
                                           const rs_work *work, rs_drop_result *result,
                                           rs_error *err);

/* A node by the name of its type and its id. */
typedef struct rs_node_name {
    const char *type;
    rs_text id;
} rs_node_name;

typedef struct rs_compact_options {
    int64_t window_s; /* events older than this, counted back from as_of, go; 0: all stay */
    int64_t as_of;    /* Unix seconds, UTC; RS_NO_TIME: the latest event's */
    uint64_t keep;    /* so many of the latest batches are not merged with others */
    bool renumber;    /* number nodes by what they share, so that neighbours are close */
    bool reverse;     /* keep, for each target, its sources: look-ups by target */
    const rs_node_name *erased; /* these go, with all that names them; those unknown are passed */
    size_t erased_count;
} rs_compact_options;
#define RS_COMPACT_DEFAULTS                                                                        \
    {                                                                                              \
        .as_of = RS_NO_TIME, .renumber = true, .reverse = true                                     \
    }

typedef struct rs_compact_result {
    uint64_t edges_before;
    uint64_t edges_after;
    uint64_t nodes_before;
    uint64_t nodes_after;
    uint64_t bytes_before; /* of the snapshot on disk */
    uint64_t bytes_after;
    size_t merged_count; /* batches whose data now lie in one */
    int64_t cutoff;      /* events before it went; RS_NO_TIME: none was asked to */
} rs_compact_result;

/* Write the store anew: one segment a relation, one dictionary part a type, ids that nothing uses
 * any more dropped. Batches keep their names and digests, so what was sent is still known. Bounded
 * by work->memory_bytes, of which 23 bytes a node are taken (7 without renumber); RS_EUSAGE says
 * how much would do. RS_ENOTFOUND, RS_ELOCKED, RS_EINTERRUPTED (the store is as it was). */
RS_API RS_MUST_USE rs_status rs_compact(const char *store_path, const rs_compact_options *options,
                                        const rs_work *work, rs_compact_result *result,
                                        rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
