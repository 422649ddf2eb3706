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

typedef enum rs_erasure_event {
    RS_ERASURE_BEGUN,
    RS_ERASURE_DONE,
    RS_ERASURE_ABSENT, /* done, and there was nobody: nothing changed */
    RS_ERASURE_FAILED  /* it may have been done in part: to be made again */
} rs_erasure_event;

/* A call that erases, and a line of the record STORE/erasures.jsonl. */
typedef struct rs_erasure {
    rs_erasure_event event;
    int64_t when_unix_s;
    const rs_node_name *nodes; /* all different; the record has their types */
    const rs_stub *stubs;      /* one of each */
    size_t count;
    const char *reason;   /* when it begins */
    uint64_t found_count; /* of the nodes, in the store */
    uint64_t edge_count;  /* relations that went with them */
    uint64_t run_count;   /* runs that were rewritten */
} rs_erasure;

/* Rewrite every run that the store keeps and that names one of the nodes: lists and risks lose
 * their lines, a report has "erased-STUB" for the id, so that its rings and sums stay what they
 * were; what explains the run is left out. Each run is replaced whole or not at all; its id stays.
 * Then the record gets its last line: `erasure` comes out with event and run_count. A run that is
 * under way meanwhile is not kept. RS_EIO, RS_ENOMEM, RS_ECORRUPT (a run is damaged: it is left as
 * it is, the others are rewritten), RS_EINTERRUPTED. */
RS_API RS_MUST_USE rs_status rs_runs_erase(const char *store_path, rs_erasure *erasure,
                                           const rs_work *work, rs_error *err);

/* Append to the record and sync it. RS_EIO, RS_ENOMEM, RS_EINTERRUPTED. */
RS_API RS_MUST_USE rs_status rs_erasure_note(const char *store_path, const rs_erasure *erasure,
                                             const rs_work *work, rs_error *err);

/* Which erasures the record knows: another number after each. For rs_run_record, taken before the
 * store is opened. RS_EIO, RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_erasures_mark(const char *store_path, uint64_t *mark,
                                              rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
