/* erase.h - take a person, or a thing, out of a store for good: dictionary, relations, attributes
 * and the runs that the store keeps, leaving a record without the id.
 *
 * The store itself is written anew without the node by rs_compact (maintain.h); here is what stands
 * beside it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_ERASE_H
#define RINGSCOPE_ERASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "maintain.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_erase_result {
    rs_compact_result compact;
    uint64_t found_count;    /* of the nodes: the others are not in the store */
    uint64_t leftover_count; /* files of before that a reader holds: the next writer removes them */
} rs_erase_result;

/* Write the store anew without the nodes and whatever names them: ids, relations, attributes.
 * Batches stay apart, as many as can, and known by name and digest, so that sending one again does
 * not bring anybody back. Nothing is written where no node is in the store. Errors and cost as
 * rs_compact. */
RS_API RS_MUST_USE rs_status rs_erase(const char *store_path, const rs_node_name *nodes,
                                      size_t count, const rs_work *work, rs_erase_result *result,
                                      rs_error *err);

/* What stands for an id from now on: says nothing of it. */
#define RS_STUB_LENGTH 16
typedef struct rs_stub {
    char text[RS_STUB_LENGTH + 1]; /* hex digits */
} rs_stub;

/* Rewrite every run that the store keeps and that names one of the `count` nodes: lists and risks
 * lose their lines, a report has "erased-STUB" for the id, so that its rings and sums stay what
 * they were; what explains the run is left out. Each run is replaced whole or not at all; its id
 * stays. *run_count counts them. RS_EIO, RS_ENOMEM, RS_ECORRUPT (a run is damaged: it is left as it
 * is), RS_EINTERRUPTED. */
RS_API RS_MUST_USE rs_status rs_runs_erase(const char *store_path, const rs_node_name *nodes,
                                           const rs_stub *stubs, size_t count, const rs_work *work,
                                           uint64_t *run_count, rs_error *err);

/* A line of the record STORE/erasures.jsonl. */
typedef struct rs_erasure {
    bool done; /* false: it begins */
    int64_t when_unix_s;
    const char *type;
    rs_stub stub;
    const char *reason;  /* when it begins; NULL else */
    uint64_t edge_count; /* when it is done: relations that went */
    uint64_t run_count;  /* and runs that were rewritten */
} rs_erasure;

/* Append to the record and sync it. RS_EIO, RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_erasure_note(const char *store_path, const rs_erasure *erasure,
                                             rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
